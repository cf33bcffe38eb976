//! Files of another time or of another store in a directory: the start refuses, names the file, and changes nothing.

use std::collections::BTreeMap;
use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use headwater_host::disk::{Disk, SimDisk};
use headwater_store::conformance::{ALL, Seen, batch, contents, id, put};
use headwater_store::{Expect, Expected, LogStore, MetaStore, Position};
use headwater_store_embedded::EmbeddedStore;

use crate::support::{open, settle};

const JOURNAL: &str = "/data/journal";
const SEG: &str = "/data/seg";
const META: &str = "/data/meta";
const ROOT: &str = "/data";

/// All files of a disk.
pub(crate) fn files(disk: &SimDisk) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for dir in [ROOT, JOURNAL, SEG, META] {
        for name in disk.list(dir.as_ref()).unwrap() {
            let path = Path::new(dir).join(name);
            all.insert(path.clone(), disk.contents(&path).unwrap());
        }
    }
    all
}

pub(crate) fn write(disk: &SimDisk, path: &Path, bytes: &[u8]) {
    let _ = disk.remove(path);
    let file = disk.create(path).unwrap();
    file.write_all_at(&mut [IoSlice::new(bytes)], 0).unwrap();
    file.sync_data().unwrap();
    disk.sync_dir(path.parent().unwrap()).unwrap();
}

/// Empties a directory.
pub(crate) fn empty(disk: &SimDisk, dir: &str) {
    for name in disk.list(dir.as_ref()).unwrap() {
        disk.remove(&Path::new(dir).join(name)).unwrap();
    }
}

/// Replaces the files of a directory with those of another disk.
pub(crate) fn replace(disk: &SimDisk, dir: &str, by: &SimDisk) {
    empty(disk, dir);
    for name in by.list(dir.as_ref()).unwrap() {
        let path = Path::new(dir).join(name);
        write(disk, &path, &by.contents(&path).unwrap());
    }
}

async fn append(store: &EmbeddedStore, name: &str, tags: std::ops::Range<u64>) {
    let log = LogStore::open(store, &id(name)).await.unwrap();
    for tag in tags {
        log.append(put(tag, batch(tag, 2, 200)), Expect::Any).await.unwrap();
    }
}

pub(crate) async fn dump(store: &EmbeddedStore) -> Vec<(String, Vec<Seen>)> {
    let mut all = Vec::new();
    for name in LogStore::list(store, "").await.unwrap() {
        let log = LogStore::open(store, &name).await.unwrap();
        all.push((name.to_string(), contents(&*log, Position::START, ALL).await.unwrap()));
    }
    all
}

/// The same store at an earlier and at a later time, both stopped.
pub(crate) async fn two_times(seed: u64) -> (Arc<SimDisk>, Arc<SimDisk>) {
    let disk = SimDisk::new(seed);
    let store = open(&disk).unwrap();
    store.create(&[id("a"), id("b")]).await.unwrap();
    store.put("key", "first".into(), Expected::Absent).await.unwrap();
    append(&store, "a", 0..20).await;
    settle(&store).await;
    append(&store, "b", 0..10).await;
    drop(store);
    let earlier = disk.copy(seed);
    let store = open(&disk).unwrap();
    append(&store, "a", 20..50).await;
    settle(&store).await;
    store.create(&[id("c")]).await.unwrap();
    append(&store, "c", 0..20).await;
    settle(&store).await;
    append(&store, "a", 50..60).await;
    drop(store);
    (earlier, disk)
}

/// The start refuses and names this file; nothing is changed.
fn refused(disk: &Arc<SimDisk>, names: &str, what: &str) {
    write(disk, Path::new("/data/meta/0.snap.tmp"), b"not finished");
    let before = files(disk);
    let error = match open(disk) {
        Ok(_) => panic!("it starts: {what}"),
        Err(error) => error.to_string(),
    };
    assert!(error.contains(names), "'{error}' does not name {names}: {what}");
    assert!(error.contains("headwater repair --dry-run"), "{error}");
    assert!(files(disk) == before, "something was changed: {what}");
}

/// Name of the case, the words that the refusal has to have, and the swap itself.
pub(crate) type Swap<'a> = (&'static str, &'static str, Box<dyn Fn(&SimDisk) + 'a>);

/// Every way to put files of two times of a store into one directory, which has the later ones.
pub(crate) fn swaps<'a>(earlier: &'a SimDisk, later: &'a SimDisk) -> Vec<Swap<'a>> {
    let newest = |disk: &SimDisk, dir: &str| disk.list(dir.as_ref()).unwrap().pop().unwrap();
    let witness = |disk: &SimDisk| {
        write(disk, "/data/TAIL".as_ref(), &earlier.contents("/data/TAIL".as_ref()).unwrap());
    };
    vec![
        (
            "no meta, no journal",
            "/data/journal",
            Box::new(move |disk| {
                empty(disk, META);
                empty(disk, JOURNAL);
            }),
        ),
        (
            "no meta, no journal, no witness",
            "/data/TAIL",
            Box::new(move |disk| {
                empty(disk, META);
                empty(disk, JOURNAL);
                disk.remove("/data/TAIL".as_ref()).unwrap();
            }),
        ),
        ("no meta", "/data/journal", Box::new(move |disk| empty(disk, META))),
        ("no journal", "/data/journal", Box::new(move |disk| empty(disk, JOURNAL))),
        (
            "earlier meta and journal",
            "/data/journal",
            Box::new(move |disk| {
                replace(disk, META, earlier);
                replace(disk, JOURNAL, earlier);
            }),
        ),
        (
            "earlier meta, journal and witness",
            "/data/seg",
            Box::new(move |disk| {
                replace(disk, META, earlier);
                replace(disk, JOURNAL, earlier);
                witness(disk);
            }),
        ),
        ("earlier journal", "/data/journal", Box::new(move |disk| replace(disk, JOURNAL, earlier))),
        (
            "earlier journal and witness",
            "/data/journal",
            Box::new(move |disk| {
                replace(disk, JOURNAL, earlier);
                witness(disk);
            }),
        ),
        ("earlier meta", "/data/", Box::new(move |disk| replace(disk, META, earlier))),
        ("earlier segments", "/data", Box::new(move |disk| replace(disk, SEG, earlier))),
        ("no segments", "/data", Box::new(move |disk| empty(disk, SEG))),
        (
            "earlier everything but the witness",
            "/data/",
            Box::new(move |disk| {
                for dir in [META, JOURNAL, SEG] {
                    replace(disk, dir, earlier);
                }
            }),
        ),
        ("no witness", "/data/TAIL", Box::new(move |disk| disk.remove("/data/TAIL".as_ref()).unwrap())),
        (
            "no format",
            "/data/FORMAT is missing",
            Box::new(move |disk| {
                disk.remove("/data/FORMAT".as_ref()).unwrap();
            }),
        ),
        (
            "nothing but the witness",
            "/data/FORMAT is missing, but /data/TAIL",
            Box::new(move |disk| {
                for dir in [META, JOURNAL, SEG] {
                    empty(disk, dir);
                }
                disk.remove("/data/FORMAT".as_ref()).unwrap();
            }),
        ),
        (
            "later snapshot in the earlier directory",
            "/data/",
            Box::new(move |disk| {
                for dir in [META, JOURNAL, SEG] {
                    replace(disk, dir, earlier);
                }
                let name = newest(later, META);
                let path = Path::new(META).join(name);
                write(disk, &path, &later.contents(&path).unwrap());
            }),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_another_time_are_refused() {
    let (earlier, later) = two_times(1).await;
    for (what, names, swap) in swaps(&earlier, &later) {
        let disk = later.copy(2);
        swap(&disk);
        refused(&disk, names, what);
    }
    // A copy of one moment is whole, however old.
    assert_eq!(dump(&open(&earlier).unwrap()).await.len(), 2);
    assert_eq!(dump(&open(&later).unwrap()).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_earlier_state_of_the_newest_journal_is_refused() {
    let disk = SimDisk::new(3);
    let store = open(&disk).unwrap();
    store.create(&[id("a")]).await.unwrap();
    append(&store, "a", 0..3).await;
    let earlier = disk.copy(3);
    append(&store, "a", 3..6).await;
    let journal = |disk: &SimDisk| {
        let mut names = disk.list(JOURNAL.as_ref()).unwrap().into_iter();
        // The file in use is the one that is not only zeros.
        let used = names.find(|name| {
            disk.contents(&Path::new(JOURNAL).join(name)).unwrap().iter().any(|byte| *byte != 0)
        });
        Path::new(JOURNAL).join(used.unwrap())
    };
    drop(store);
    let path = journal(&disk);
    write(&disk, &path, &earlier.contents(&path).unwrap());
    refused(&disk, path.to_str().unwrap(), "the newest journal as it was");
    let zeros = vec![0; earlier.contents(&path).unwrap().len()];
    write(&disk, &path, &zeros);
    refused(&disk, path.to_str().unwrap(), "the newest journal as if it had not been used");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_another_store_are_refused() {
    let (_, own) = two_times(4).await;
    let (_, other) = two_times(5).await;
    let expected = dump(&open(&own).unwrap()).await;
    let segments: Vec<String> =
        other.list(SEG.as_ref()).unwrap().into_iter().filter(|name| name.ends_with(".seg")).collect();
    for file in files(&other).keys() {
        // A file of the other store in the place of the own one, or beside.
        let disk = own.copy(4);
        write(&disk, file, &other.contents(file).unwrap());
        let index = file.extension().is_some_and(|ending| ending == "idx");
        let zeros = files(&other)[file].iter().all(|byte| *byte == 0);
        if index {
            // Derived data is made again, never believed.
            assert!(dump(&open(&disk).unwrap()).await == expected, "{}", file.display());
        } else if file.ends_with("FORMAT") {
            refused(&disk, "/data/", "another FORMAT");
        } else if !zeros && !file.ends_with("LOCK") {
            refused(&disk, file.to_str().unwrap(), "a file of another store");
        }
    }
    // Under a new number, where nothing is replaced.
    let disk = own.copy(4);
    for name in &segments {
        let mut bytes = other.contents(&Path::new(SEG).join(name)).unwrap();
        bytes[16..24].copy_from_slice(&0x77u64.to_le_bytes());
        bytes[8..12].fill(0);
        let crc = crc32c::crc32c(&bytes[..64]);
        bytes[8..12].copy_from_slice(&crc.to_le_bytes());
        write(&disk, &Path::new(SEG).join("0000000000000077.seg"), &bytes);
        refused(&disk, "/data/seg/0000000000000077.seg", "a segment of another store under a new number");
    }
    // One that seems to replace all of the own ones.
    let disk = own.copy(4);
    let mut bytes = other.contents(&Path::new(SEG).join(&segments[0])).unwrap();
    bytes[24..32].copy_from_slice(&0u64.to_le_bytes());
    bytes[32..40].copy_from_slice(&u64::MAX.to_le_bytes());
    bytes[8..12].fill(0);
    let crc = crc32c::crc32c(&bytes[..64]);
    bytes[8..12].copy_from_slice(&crc.to_le_bytes());
    write(&disk, &Path::new(SEG).join(&segments[0]), &bytes);
    refused(&disk, &segments[0], "a merged segment of another store");
}

/// Segments whose logs are deleted are explained by the journal, whenever the power fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn segments_of_deleted_logs_are_no_strangers() {
    let disk = SimDisk::new(6);
    let store = open(&disk).unwrap();
    store.create(&[id("a"), id("b")]).await.unwrap();
    append(&store, "a", 0..20).await;
    append(&store, "b", 0..20).await;
    settle(&store).await;
    LogStore::delete(&*store, &[id("a"), id("b")]).await.unwrap();
    drop(store);
    disk.crash();
    let store = open(&disk).unwrap();
    assert!(dump(&store).await.is_empty());
    store.maintain().unwrap();
    drop(store);
    open(&disk).unwrap();
}
