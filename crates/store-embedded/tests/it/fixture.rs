//! Directories that earlier versions wrote are read as they were.
//!
//! A fixture is never changed. A new format version gets a new one, written by
//! `HEADWATER_WRITE_FIXTURE=1 cargo test -p headwater-store-embedded --test it what_is_written_is_read`
//! after `VERSION` was raised.

use std::fmt::Write as _;
use std::io::IoSlice;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use headwater_host::SystemClock;
use headwater_host::disk::{Disk, Faults, SimDisk, SystemDisk};
use headwater_store::conformance::{ALL, batch, contents, id, put};
use headwater_store::{Expect, Expected, LogStore, MetaStore, Position};
use headwater_store_embedded::{EmbeddedStore, Options};

use crate::support::{self, settle, small};
use crate::swaps::{files, write as write_file};

const VERSION: u32 = 2;

fn fixture(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/v{version}"))
}

fn open(dir: &Path) -> std::sync::Arc<EmbeddedStore> {
    let options = Options::new(SystemDisk::new(), dir, SystemClock::new());
    EmbeddedStore::open(Options { sizes: small(false), background: false, ..options }).unwrap()
}

/// Everything in a store, as text.
async fn dump(store: &EmbeddedStore) -> String {
    let mut text = String::new();
    for name in LogStore::list(store, "").await.unwrap() {
        let log = LogStore::open(store, &name).await.unwrap();
        writeln!(text, "{name}: {:?}", log.bounds()).unwrap();
        for (position, arrival, key, hash, data) in contents(&*log, Position::START, ALL).await.unwrap() {
            writeln!(text, "  {position} {arrival} {key} {hash:?} {}", data.escape_ascii()).unwrap();
        }
    }
    for (key, value) in MetaStore::list(store, "").await.unwrap() {
        writeln!(text, "{key} = {:?} {}", value.version, value.value.escape_ascii()).unwrap();
    }
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_version_is_read() {
    let disk = SystemDisk::new();
    for version in 1..=VERSION {
        let from = fixture(version);
        let dir = tempfile::tempdir().unwrap();
        for part in ["", "journal", "seg", "meta"] {
            disk.create_dir_all(&dir.path().join(part)).unwrap();
            for name in disk.list(&from.join(part)).unwrap() {
                let file = disk.open(&from.join(part).join(&name)).unwrap();
                let mut bytes = vec![0; file.len().unwrap() as usize];
                file.read_at(&mut bytes, 0).unwrap();
                let copy = disk.create(&dir.path().join(part).join(&name)).unwrap();
                copy.write_all_at(&mut [IoSlice::new(&bytes)], 0).unwrap();
            }
        }
        let expected = disk.open(&dir.path().join("expected.txt")).unwrap();
        let mut bytes = vec![0; expected.len().unwrap() as usize];
        expected.read_at(&mut bytes, 0).unwrap();
        let store = open(dir.path());
        assert!(dump(&store).await == String::from_utf8(bytes).unwrap(), "version {version}");
        let log = LogStore::open(&*store, &id("open")).await.unwrap();
        log.append(put(1, batch(1, 1, 1)), Expect::Tail(log.bounds().end)).await.unwrap();
        settle(&store).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_is_read() {
    let temporary = tempfile::tempdir().unwrap();
    let keep = std::env::var_os("HEADWATER_WRITE_FIXTURE").is_some();
    let dir = if keep { fixture(VERSION) } else { temporary.path().join("v") };
    let text = write(&dir).await;
    assert!(dump(&open(&dir)).await == text, "what was written is what is read");
    let disk = SystemDisk::new();
    let file = disk.create(&dir.join("expected.txt")).unwrap();
    file.write_all_at(&mut [IoSlice::new(text.as_bytes())], 0).unwrap();
    disk.remove(&dir.join("LOCK")).unwrap();
}

/// Fills a directory with something of everything, and says what is in it.
async fn write(dir: &Path) -> String {
    let store = open(dir);
    let names = [id("open"), id("sealed"), id("trimmed"), id("deleted")];
    store.create(&names).await.unwrap();
    let version = store.put("key/a", Bytes::from_static(b"first"), Expected::Absent).await.unwrap();
    for tag in 0..40u64 {
        let log = LogStore::open(&*store, &names[tag as usize % 4]).await.unwrap();
        let len = if tag == 9 { 5000 } else { 60 };
        log.append(put(1_700_000_000_000 + tag, batch(tag, 1 + tag as u32 % 3, len)), Expect::Any)
            .await
            .unwrap();
        if tag == 15 || tag == 27 {
            settle(&store).await;
        }
    }
    store.put("key/a", Bytes::from_static(b"second"), Expected::Version(version)).await.unwrap();
    let gone = store.put("key/gone", Bytes::from_static(b"gone"), Expected::Absent).await.unwrap();
    store.put("key/b", Bytes::from_static(b"\x00\xff"), Expected::Absent).await.unwrap();
    MetaStore::delete(&*store, "key/gone", gone).await.unwrap();
    LogStore::open(&*store, &names[1]).await.unwrap().seal().await.unwrap();
    LogStore::open(&*store, &names[2]).await.unwrap().trim(Position::new(9).unwrap()).await.unwrap();
    LogStore::delete(&*store, &names[3..]).await.unwrap();
    dump(&store).await
}

/// The fixture of a version on a simulated disk, and what it holds.
pub(crate) fn on_simulated_disk(version: u32) -> (std::sync::Arc<SimDisk>, String) {
    let system = SystemDisk::new();
    let disk = SimDisk::new(1);
    let mut expected = String::new();
    for part in ["", "journal", "seg", "meta"] {
        let (from, to) = (fixture(version).join(part), Path::new("/data").join(part));
        disk.create_dir_all(&to).unwrap();
        for name in system.list(&from).unwrap() {
            let file = system.open(&from.join(&name)).unwrap();
            let mut bytes = vec![0; file.len().unwrap() as usize];
            file.read_at(&mut bytes, 0).unwrap();
            if name == "expected.txt" {
                expected = String::from_utf8(bytes).unwrap();
            } else {
                write_file(&disk, &to.join(&name), &bytes);
            }
        }
    }
    (disk, expected)
}

/// Directories of format 1 are taken over once, however often the power fails meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_takeover_is_repeated() {
    let (old, expected) = on_simulated_disk(1);
    let format = |disk: &SimDisk| String::from_utf8(disk.contents("/data/FORMAT".as_ref()).unwrap()).unwrap();
    for step in 0.. {
        let disk = old.copy(step);
        disk.set_faults(Faults { halt_at: Some(step), ..Faults::default() });
        let opened = support::open(&disk);
        let halted = disk.has_halted();
        drop(opened);
        disk.crash();
        let store = support::open(&disk).unwrap_or_else(|error| panic!("{error}, step {step}"));
        assert!(dump(&store).await == expected, "step {step}");
        let taken_over = format(&disk);
        assert!(taken_over.starts_with("headwater store, format 2\nidentity "), "{taken_over}");
        assert_eq!(taken_over.matches("adopted segment").count(), 2, "{taken_over}");
        drop(store);
        let store = support::open(&disk).unwrap();
        settle(&store).await;
        assert!(dump(&store).await == expected, "step {step}, settled");
        assert_eq!(format(&disk), taken_over, "once");
        drop(store);
        // What has no identity and was not there is refused.
        let segment = files(&old)
            .into_iter()
            .find(|(path, bytes)| path.extension().is_some_and(|ending| ending == "seg") && bytes[4] == 1);
        let mut bytes = segment.expect("it had segments").1;
        bytes[16] = 0x55;
        bytes[8..12].fill(0);
        let crc = crc32c::crc32c(&bytes[..64]);
        bytes[8..12].copy_from_slice(&crc.to_le_bytes());
        write_file(&disk, "/data/seg/0000000000000055.seg".as_ref(), &bytes);
        let error = support::open(&disk).unwrap_err().to_string();
        assert!(error.contains("0000000000000055.seg is of format 1"), "{error}");
        if !halted {
            assert!(step > 8, "there were {step} steps");
            break;
        }
    }
}
