//! Space and files follow what is alive.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use headwater_host::disk::{Disk, SimDisk};
use headwater_store::conformance::{ALL, batch, contents, id, put};
use headwater_store::{Expect, LogStore, Position, ShardLog};
use headwater_store_embedded::EmbeddedStore;

use crate::support::{open, settle};

async fn log(store: &EmbeddedStore, name: &str) -> Arc<dyn ShardLog> {
    store.create(&[id(name)]).await.unwrap();
    LogStore::open(store, &id(name)).await.unwrap()
}

async fn append(log: &dyn ShardLog, tag: u64, len: usize) {
    log.append(put(tag, batch(tag, 1, len)), Expect::Any).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_log_beside_a_large_one_that_is_deleted_keeps_few_files() {
    let disk = SimDisk::new(30);
    let store = open(&disk).unwrap();
    let small = log(&store, "small").await;
    let large = log(&store, "large").await;
    for tag in 0..62 {
        append(&*small, tag, 300).await;
        append(&*large, tag, 90_000).await;
        settle(&store).await;
    }
    assert!(store.stats().segments.load(Ordering::Relaxed) > 50, "what is alive in them is not little");
    let expected = contents(&*small, Position::START, ALL).await.unwrap();
    LogStore::delete(&*store, &[id("large")]).await.unwrap();
    settle(&store).await;
    let segments = store.stats().segments.load(Ordering::Relaxed);
    assert!(segments < 6, "{segments} segments for 20 KB");
    let used = disk.used_bytes("/data/seg".as_ref());
    assert!(used < 60_000, "{used} bytes are used for 20 KB");
    assert_eq!(contents(&*small, Position::START, ALL).await.unwrap(), expected);
    drop((small, large, store));
    disk.crash();
    let store = open(&disk).unwrap();
    let small = LogStore::open(&*store, &id("small")).await.unwrap();
    assert_eq!(contents(&*small, Position::START, ALL).await.unwrap(), expected);
}

/// Extents too small for a hole stay until the segment is rewritten.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_that_wastes_more_than_is_alive_in_it_is_rewritten() {
    let disk = SimDisk::new(31);
    let store = open(&disk).unwrap();
    let kept = log(&store, "kept").await;
    append(&*kept, 0, 100_000).await;
    let names: Vec<_> = (0..40).map(|i| id(&format!("gone/{i}"))).collect();
    store.create(&names).await.unwrap();
    for (tag, name) in names.iter().enumerate() {
        append(&*LogStore::open(&*store, name).await.unwrap(), tag as u64, 20_000).await;
    }
    settle(&store).await;
    let expected = contents(&*kept, Position::START, ALL).await.unwrap();
    let before = disk.used_bytes("/data/seg".as_ref());
    assert!(before > 800_000, "{before}");
    LogStore::delete(&*store, &names).await.unwrap();
    settle(&store).await;
    let used = disk.used_bytes("/data/seg".as_ref());
    assert!(used < 120_000, "{used} bytes are used for 100 KB");
    assert_eq!(contents(&*kept, Position::START, ALL).await.unwrap(), expected);
    drop((kept, store));
    disk.crash();
    let store = open(&disk).unwrap();
    let kept = LogStore::open(&*store, &id("kept")).await.unwrap();
    assert_eq!(contents(&*kept, Position::START, ALL).await.unwrap(), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trimmed_and_deleted_records_of_many_logs_leave_nothing_behind() {
    let disk = SimDisk::new(32);
    let store = open(&disk).unwrap();
    for round in 0..20u64 {
        let name = format!("log/{round}");
        let log = log(&store, &name).await;
        for tag in 0..10 {
            append(&*log, tag, 5_000).await;
        }
        settle(&store).await;
        log.trim(Position::new(9).unwrap()).await.unwrap();
        if round % 2 == 0 {
            LogStore::delete(&*store, &[id(&name)]).await.unwrap();
        }
        settle(&store).await;
    }
    // Ten records of 5 KB are alive; the oldest records of a segment that is alive stay until it is merged.
    let used = disk.used_bytes("/data/seg".as_ref());
    assert!(used < 10 * 55_000, "{used}");
    for round in (1..20).step_by(2) {
        let log = LogStore::open(&*store, &id(&format!("log/{round}"))).await.unwrap();
        assert_eq!(contents(&*log, Position::START, ALL).await.unwrap().len(), 1);
        LogStore::delete(&*store, &[id(&format!("log/{round}"))]).await.unwrap();
    }
    settle(&store).await;
    assert_eq!(disk.used_bytes("/data/seg".as_ref()), 0);
}

/// A frame whose header is damaged cannot be copied: its segment stays as it is, and the others are merged without it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_segment_is_left_alone_and_its_neighbours_are_merged() {
    let disk = SimDisk::new(33);
    let store = open(&disk).unwrap();
    let log = log(&store, "log").await;
    for tag in 0..2 {
        append(&*log, tag, 500).await;
        settle(&store).await;
    }
    let newest = disk.list("/data/seg".as_ref()).unwrap().pop().unwrap();
    assert!(newest.ends_with(".seg"), "{newest}");
    disk.edit(&std::path::Path::new("/data/seg").join(newest), |bytes| bytes[70] ^= 1).unwrap();
    for tag in 2..30 {
        append(&*log, tag, 500).await;
        settle(&store).await;
    }
    assert_eq!(store.damaged_places(), 1);
    let segments = store.stats().segments.load(Ordering::Relaxed);
    assert!(segments < 8, "{segments} segments");
    assert_eq!(contents(&*log, Position::new(2).unwrap(), ALL).await.unwrap().len(), 28);
    log.trim(Position::new(2).unwrap()).await.unwrap();
    settle(&store).await;
    assert_eq!(store.damaged_places(), 0, "it is gone");
}
