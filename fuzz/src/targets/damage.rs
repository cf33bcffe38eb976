//! Directories of a store, damaged as an input says, opened and read.
//!
//! # Format of an input
//! The first byte: its remainder by 3 is the mode, its quotient chooses the file.
//! 0. *Damage*: where (u16), up to 4 bytes that are flipped in there, the length that is left (u16, if there is one).
//!    So little is always noticed: what is read is what was written, or an error, or the end of the newest journal.
//! 1. *Patches*: where (u16), how many bytes (u8), these bytes; repeated. Then checksums are made right, which no
//!    disk does, so that what lies behind them is tested: whatever is found, nothing panics and memory is bounded.
//! 2. *Whole*: what follows is the file, checksums made right as well.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use headwater_host::disk::{Disk, SimDisk};
use headwater_host::{ManualClock, SeededRandom};
use headwater_store::conformance::{ALL, Seen, batch, contents, id, put};
use headwater_store::{Expect, Expected, LogStore, MetaStore, Position, StoreError};
use headwater_store_embedded::{EmbeddedStore, OpenError, Options, Repair, Sizes};
use headwater_types::Timestamp;

use super::mend;
use super::service::runtime;

/// The files of one kind: their directory and ending.
pub(super) type Kind = (&'static str, &'static str);

const LOGS: [&str; 2] = ["a", "b"];
const KEY: &str = "key/a";

/// A directory with segments, a snapshot and journals.
pub(crate) struct Base {
    disk: Arc<SimDisk>,
    /// Contents of each log.
    expected: Vec<Vec<Seen>>,
    /// Number of records of each that are not in the newest journal.
    settled: Vec<usize>,
    newest: PathBuf,
}

/// Damages a file of these kinds as `input` says, and checks what becomes of the store.
pub(super) fn run(kinds: &[Kind], input: &[u8]) {
    static BASE: OnceLock<Base> = OnceLock::new();
    let base = BASE.get_or_init(|| runtime().block_on(build()));
    let Some((&first, script)) = input.split_first() else { return };
    let files = files(&base.disk, kinds);
    let path = &files[usize::from(first / 3) % files.len()];
    let disk = base.disk.copy(1);
    let honest = first % 3 == 0;
    let edited = disk.edit(path, |bytes| match first % 3 {
        0 => damage(bytes, script),
        1 => {
            patch(bytes, script);
            mend::checksums(path, bytes);
        }
        _ => {
            *bytes = script.to_vec();
            mend::checksums(path, bytes);
        }
    });
    edited.expect("the file is there");
    runtime().block_on(async {
        // What recovery has mended is still so when it is done again.
        for _ in 0..2 {
            if honest {
                noticed(&disk, base, path).await;
            } else {
                survived(&disk).await;
            }
        }
    });
}

/// The bytes of the first file of this kind, for a seed.
pub(crate) fn directory(kind: Kind) -> Vec<u8> {
    let base = runtime().block_on(build());
    base.disk.contents(&files(&base.disk, &[kind])[0]).expect("the file is there")
}

fn open(disk: &Arc<SimDisk>) -> Result<Arc<EmbeddedStore>, OpenError> {
    EmbeddedStore::open(options(disk))
}

/// Everything small, so that little data goes through all there is.
fn options(disk: &Arc<SimDisk>) -> Options {
    let sizes = Sizes {
        journal_first_bytes: 4 << 10,
        journal_max_bytes: 16 << 10,
        ring_files: 1 << 20,
        commit_bytes: 16 << 10,
        queue_bytes: 1 << 20,
        cluster_bytes: 24 << 10,
        cluster_files: 3,
        merge_below_bytes: 64 << 10,
        merge_files: 3,
        run_bytes: 1 << 10,
        free_floor_bytes: 0,
        mark_after: Duration::from_secs(3600),
    };
    let clock = ManualClock::new(Timestamp::from_secs(1_700_000_000));
    let disk: Arc<dyn Disk> = disk.clone();
    // The same identity each time, so that files in the corpus are of this store.
    let random = SeededRandom::new(1);
    Options { sizes, random, background: false, ..Options::new(disk, "/data", clock) }
}

async fn build() -> Base {
    let disk = SimDisk::new(1);
    let store = open(&disk).expect("a new store");
    let names = LOGS.map(id);
    store.create(&names).await.expect("new logs");
    store.put(KEY, "value".into(), Expected::Absent).await.expect("a new key");
    let mut settled = Vec::new();
    for tag in 0..16u64 {
        let log = LogStore::open(&*store, &names[tag as usize % 2]).await.expect("a log");
        log.append(put(tag, batch(tag, 2, 150)), Expect::Any).await.expect("room for it");
        if tag == 7 {
            store.rotate().await.expect("a journal");
            store.maintain().expect("a segment");
        }
        if tag == 11 {
            store.rotate().await.expect("a journal");
            settled = read(&store).await.iter().map(|log| log.as_ref().map_or(0, Vec::len)).collect();
        }
    }
    let expected = read(&store).await.into_iter().map(|log| log.expect("what was written")).collect();
    drop(store);
    let newest = |path: &PathBuf| {
        // Spares have later names and are not in use: their first frame is not their own.
        let bytes = disk.contents(path).expect("a journal");
        let id = path.file_stem().and_then(|stem| u64::from_str_radix(stem.to_str()?, 16).ok());
        id == bytes.get(20..24).map(|half| u32::from_le_bytes(half.try_into().expect("4 bytes")).into())
    };
    let journals = files(&disk, &[("/data/journal", ".log")]);
    let newest = journals.into_iter().filter(newest).max().expect("a journal is in use");
    Base { disk, expected, settled, newest }
}

async fn read(store: &EmbeddedStore) -> Vec<Result<Vec<Seen>, StoreError>> {
    let mut all = Vec::new();
    for name in LOGS {
        let log = match LogStore::open(store, &id(name)).await {
            Ok(log) => log,
            Err(error) => {
                all.push(Err(error));
                continue;
            }
        };
        all.push(contents(&*log, Position::START, ALL).await);
    }
    all
}

fn files(disk: &SimDisk, kinds: &[Kind]) -> Vec<PathBuf> {
    let of_kind = |(directory, ending): &Kind| {
        let names = disk.list(Path::new(directory)).expect("the directory is there").into_iter();
        let named = names.filter(|name| name.ends_with(ending)).map(|name| Path::new(directory).join(name));
        named.collect::<Vec<_>>()
    };
    kinds.iter().flat_map(of_kind).collect()
}

fn number(script: &mut &[u8]) -> Option<usize> {
    let (bytes, rest) = script.split_first_chunk()?;
    *script = rest;
    Some(u16::from_le_bytes(*bytes).into())
}

fn damage(bytes: &mut Vec<u8>, mut script: &[u8]) {
    let Some(at) = number(&mut script) else { return };
    let (flips, mut rest) = script.split_at(script.len().min(4));
    for (byte, flip) in bytes.iter_mut().skip(at).zip(flips) {
        *byte ^= flip;
    }
    if let Some(len) = number(&mut rest) {
        bytes.truncate(len);
    }
}

fn patch(bytes: &mut [u8], mut script: &[u8]) {
    while let Some(at) = number(&mut script) {
        let Some((&len, rest)) = script.split_first() else { return };
        let (new, rest) = rest.split_at(rest.len().min(len.into()));
        for (byte, new) in bytes.iter_mut().skip(at).zip(new) {
            *byte = *new;
        }
        script = rest;
    }
}

/// The store does not open, or a read says that data is damaged, or all is there that was acknowledged; of the newest
/// journal it may take what is at the end for torn.
async fn noticed(disk: &Arc<SimDisk>, base: &Base, path: &Path) {
    let store = match open(disk) {
        Ok(store) => store,
        Err(error) => {
            assert!(error.to_string().contains("/data"), "{error} names no file");
            return;
        }
    };
    for ((found, expected), settled) in read(&store).await.into_iter().zip(&base.expected).zip(&base.settled)
    {
        match found {
            Ok(found) if *path == base.newest => {
                assert!(
                    found.len() >= *settled && expected.starts_with(&found),
                    "other data than was written"
                );
            }
            Ok(found) => assert!(found == *expected, "other data than was written"),
            Err(StoreError::Corrupt(text)) => assert!(text.contains("/data"), "{text} names no file"),
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// Whatever is found, the store can be used or says why not.
async fn survived(disk: &Arc<SimDisk>) {
    let store = match open(disk) {
        Ok(store) => store,
        // What is refused can be repaired, or is refused by the repair too.
        Err(_) => match Repair::plan(options(disk)).and_then(Repair::apply) {
            Ok(_) => open(disk).expect("what was repaired starts"),
            Err(error) => {
                assert!(error.to_string().contains("/data"), "{error} names no file");
                return;
            }
        },
    };
    let _ = read(&store).await;
    let _ = store.get(KEY).await;
    let _ = MetaStore::list(&*store, "").await;
    for name in LogStore::list(&*store, "").await.unwrap_or_default() {
        let Ok(log) = LogStore::open(&*store, &name).await else { continue };
        let bounds = log.bounds();
        assert!(bounds.start <= bounds.end, "{name}: {bounds:?}");
        let _ = log.position_at(Timestamp::from_millis(5)).await;
        let _ = log.append(put(100, batch(100, 1, 10)), Expect::Any).await;
    }
    let _ = store.rotate().await;
    let _ = store.maintain();
    let _ = read(&store).await;
}
