//! Damage is found before anybody reads it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use headwater_host::disk::{Disk, SimDisk};
use headwater_store::conformance::{batch, id, put};
use headwater_store::{Expect, LogStore, Position};
use headwater_store_embedded::EmbeddedStore;

use crate::support::{open, settle};

/// Reads everything, and returns how much that was.
pub(crate) fn pass(store: &EmbeddedStore, turn: u64) -> u64 {
    let mut scrub = store.scrub(turn);
    let mut bytes = 0;
    while let Some(read) = scrub.step().unwrap() {
        bytes += read;
    }
    bytes
}

fn named(disk: &SimDisk, dir: &str, ending: &str) -> Vec<PathBuf> {
    let names = disk.list(dir.as_ref()).unwrap();
    names.iter().filter(|name| name.ends_with(ending)).map(|name| Path::new(dir).join(name)).collect()
}

/// Two segments, a snapshot, and a journal that is full.
async fn prepare(seed: u64) -> (Arc<SimDisk>, Arc<EmbeddedStore>) {
    let disk = SimDisk::new(seed);
    let store = open(&disk).unwrap();
    let names = [id("a"), id("b")];
    store.create(&names).await.unwrap();
    for tag in 0..24u64 {
        let log = LogStore::open(&*store, &names[tag as usize % 2]).await.unwrap();
        log.append(put(tag, batch(tag, 2, 150)), Expect::Any).await.unwrap();
        if tag == 7 || tag == 15 {
            settle(&store).await;
        }
    }
    store.rotate().await.unwrap();
    // The opening of the next makes the one before a full one.
    let log = LogStore::open(&*store, &names[0]).await.unwrap();
    log.append(put(30, batch(30, 1, 10)), Expect::Any).await.unwrap();
    (disk, store)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_byte_is_found_wherever_it_is_and_no_longer_told_when_it_is_mended() {
    let (disk, store) = prepare(1).await;
    assert!(pass(&store, 0) > 8_000, "all of it is read");
    assert_eq!(store.damaged_places(), 0);
    let mut files = named(&disk, "/data/seg", ".seg");
    files.extend(named(&disk, "/data/seg", ".idx"));
    files.extend(named(&disk, "/data/meta", ".snap").pop());
    assert_eq!(files.len(), 5);
    for path in files {
        let len = disk.contents(&path).unwrap().len();
        for (turn, at) in (0..len).step_by(37).enumerate() {
            disk.edit(&path, |bytes| bytes[at] ^= 4).unwrap();
            pass(&store, turn as u64);
            assert!(store.damaged_places() > 0, "byte {at} of {}", path.display());
            let told = store.stats().corrupt_frames.load(Ordering::Relaxed);
            pass(&store, turn as u64);
            assert_eq!(store.stats().corrupt_frames.load(Ordering::Relaxed), told, "each place is told once");
            disk.edit(&path, |bytes| bytes[at] ^= 4).unwrap();
            pass(&store, turn as u64);
            assert_eq!(store.damaged_places(), 0, "byte {at} of {}", path.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_byte_is_found_in_a_journal_that_waits_to_be_clustered() {
    let (disk, store) = prepare(2).await;
    let mut found = 0;
    for path in named(&disk, "/data/journal", ".log") {
        let bytes = disk.contents(&path).unwrap();
        let Some(at) = bytes.windows(5).position(|window| window == b"20/0:") else { continue };
        disk.edit(&path, |bytes| bytes[at] ^= 4).unwrap();
        pass(&store, 0);
        assert_eq!(store.damaged_places(), 1);
        disk.edit(&path, |bytes| bytes[at] ^= 4).unwrap();
        pass(&store, 0);
        assert_eq!(store.damaged_places(), 0);
        found += 1;
    }
    assert_eq!(found, 1, "the record is in one journal");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_is_forgotten_with_its_segment_and_what_is_trimmed_is_none() {
    let (disk, store) = prepare(3).await;
    let path = named(&disk, "/data/seg", ".seg").remove(0);
    let len = disk.contents(&path).unwrap().len();
    disk.edit(&path, |bytes| bytes[len - 10] ^= 4).unwrap();
    // A pass is under way when the segment goes.
    let mut scrub = store.scrub(0);
    scrub.step().unwrap();
    pass(&store, 0);
    assert_eq!(store.damaged_places(), 1);
    for name in ["a", "b"] {
        let log = LogStore::open(&*store, &id(name)).await.unwrap();
        log.trim(Position::new(8).unwrap()).await.unwrap();
    }
    store.maintain().unwrap();
    assert!(disk.contents(&path).is_err(), "the pass under way does not hold it");
    assert_eq!(store.damaged_places(), 0);
    while scrub.step().unwrap().is_some() {}
    assert_eq!(store.damaged_places(), 0);
}
