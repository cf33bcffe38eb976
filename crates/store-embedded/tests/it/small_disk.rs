//! Disks of which the journals would take most: they fill up, say so, and empty again.

use std::sync::Arc;

use headwater_host::SystemClock;
use headwater_host::disk::{Disk, Faults, SimDisk};
use headwater_store::conformance::{ALL, Seen, batch, contents, id, put};
use headwater_store::{AppendBatch, Expect, Expected, LogStore, MetaStore, Position, ShardLog, StoreError};
use headwater_store_embedded::{EmbeddedStore, Options};

use crate::support::small;

/// Appends until the disk is full. Every refusal has to say so.
async fn fill(store: &EmbeddedStore, log: &dyn ShardLog, len: usize) -> u64 {
    for tag in 0..5_000 {
        if let Err(error) = log.append(put(tag, batch(tag, 1, len)), Expect::Any).await {
            assert!(matches!(error, StoreError::NoSpace(_)), "{error:?} at record {tag} of {len} bytes");
            return tag;
        }
        store.maintain().unwrap();
    }
    panic!("the disk never gets full");
}

fn options(disk: &Arc<SimDisk>) -> Options {
    let mut sizes = small(false);
    sizes.ring_files = 4;
    let disk: Arc<dyn Disk> = disk.clone();
    Options { sizes, background: false, ..Options::new(disk, "/data", SystemClock::new()) }
}

async fn seen(log: &dyn ShardLog) -> Vec<Seen> {
    contents(log, Position::START, ALL).await.unwrap()
}

/// Fills a disk of this size with records of this size, makes room by deleting, and goes on.
async fn fills_up_and_empties(capacity: u64, len: usize) {
    let what = format!("{capacity} bytes, records of {len}");
    let disk = SimDisk::new(capacity);
    let full = Faults { capacity_bytes: Some(capacity), ..Faults::default() };
    disk.set_faults(full.clone());
    let store = EmbeddedStore::open(options(&disk)).unwrap();
    store.create(&[id("kept"), id("victim"), id("frees")]).await.unwrap();
    let kept = LogStore::open(&*store, &id("kept")).await.unwrap();
    for tag in 0..5 {
        kept.append(put(tag, batch(tag, 1, 500)), Expect::Any).await.unwrap();
    }
    let expected = seen(&*kept).await;
    for round in 0..3 {
        let victim = LogStore::open(&*store, &id("victim")).await.unwrap();
        let records = fill(&store, &*victim, len).await;
        assert!(records * len as u64 > capacity / 3, "{records} records fill it: {what}, round {round}");
        let held = seen(&*victim).await;
        assert_eq!(held.len() as u64, records, "{what}");
        // Control goes on, and as much of it as the deletion of some streams takes.
        for step in 0..20 {
            let key = format!("key/{round}/{step}");
            MetaStore::put(&*store, &key, vec![1; 100].into(), Expected::Absent).await.unwrap();
        }
        // So do records that make room in the end.
        let frees = AppendBatch { frees: true, ..put(7, batch(7, 1, 100)) };
        let freed = LogStore::open(&*store, &id("frees")).await.unwrap();
        freed.append(frees, Expect::Any).await.unwrap_or_else(|error| panic!("{error:?}: {what}"));
        store.create(&[id(&format!("new/{round}"))]).await.unwrap();
        assert!(seen(&*victim).await == held, "{what}");
        if round == 1 {
            victim.trim(victim.bounds().end).await.unwrap();
        } else {
            LogStore::delete(&*store, &[id("victim")]).await.unwrap();
            store.create(&[id("victim")]).await.unwrap();
        }
        store.maintain().unwrap();
        kept.append(put(9, batch(9, 1, 1)), Expect::Any)
            .await
            .unwrap_or_else(|error| panic!("{error:?}: {what}"));
    }
    assert!(seen(&*kept).await.starts_with(&expected));
    let victim = LogStore::open(&*store, &id("victim")).await.unwrap();
    fill(&store, &*victim, len).await;
    let held = seen(&*victim).await;
    drop((kept, victim, store));
    disk.crash();
    disk.set_faults(full);
    let store = EmbeddedStore::open(options(&disk)).unwrap_or_else(|error| panic!("{error}: {what}"));
    let victim = LogStore::open(&*store, &id("victim")).await.unwrap();
    assert!(seen(&*victim).await == held, "{what}");
    LogStore::delete(&*store, &[id("victim")]).await.unwrap();
    store.maintain().unwrap();
    let kept = LogStore::open(&*store, &id("kept")).await.unwrap();
    kept.append(put(9, batch(9, 1, 1)), Expect::Any)
        .await
        .unwrap_or_else(|error| panic!("{error:?}: {what}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_disk_that_is_full_says_so_and_goes_on_when_streams_are_deleted_or_trimmed() {
    for capacity in [150_000, 290_000, 710_000, 1_300_000] {
        for len in [1_000, 3_500, 9_000] {
            fills_up_and_empties(capacity, len).await;
        }
    }
}

/// Somebody else takes all that was left, while much waits to be clustered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deletion_gets_through_when_nothing_at_all_is_left() {
    let disk = SimDisk::new(40);
    let store = EmbeddedStore::open(options(&disk)).unwrap();
    store.create(&[id("kept"), id("victim")]).await.unwrap();
    let kept = LogStore::open(&*store, &id("kept")).await.unwrap();
    let victim = LogStore::open(&*store, &id("victim")).await.unwrap();
    for tag in 0..60 {
        kept.append(put(tag, batch(tag, 1, 100)), Expect::Any).await.unwrap();
        victim.append(put(tag, batch(tag, 1, 3_000)), Expect::Any).await.unwrap();
        store.maintain().unwrap();
    }
    victim.append(put(11, batch(11, 1, 3_000)), Expect::Any).await.unwrap();
    store.rotate().await.unwrap();
    let expected = seen(&*kept).await;
    let used = disk.used_bytes("/data".as_ref());
    disk.set_faults(Faults { capacity_bytes: Some(used), ..Faults::default() });
    store.maintain().unwrap();
    let refused = kept.append(put(12, batch(12, 1, 10)), Expect::Any).await;
    assert!(matches!(refused, Err(StoreError::NoSpace(_))), "{refused:?}");
    assert!(store.is_full());
    LogStore::delete(&*store, &[id("victim")]).await.unwrap();
    kept.trim(Position::new(5).unwrap()).await.unwrap();
    store.maintain().unwrap();
    kept.append(put(12, batch(12, 1, 10)), Expect::Any).await.unwrap();
    assert!(!store.is_full());
    assert!(seen(&*kept).await.starts_with(&expected[5..]));
}

#[tokio::test]
async fn room_is_told_from_the_last_look_only_where_there_is_plenty() {
    let disk = SimDisk::new(5);
    let sized = |gib: u64| Faults { capacity_bytes: Some(gib << 30), ..Faults::default() };
    disk.set_faults(sized(100));
    let store = EmbeddedStore::open(options(&disk)).unwrap();
    // It was looked at when the store was opened; others take room meanwhile.
    disk.set_faults(sized(1));
    assert!(LogStore::has_room(&*store, 2 << 30), "by what was seen");
    assert!(!LogStore::has_room(&*store, 95 << 30), "too near to what was seen: it is looked again");
    store.maintain().unwrap();
    assert!(!LogStore::has_room(&*store, 2 << 30), "a look shows it");
    assert!(LogStore::has_room(&*store, 100 << 20));
}
