//! Want of room on the disk and of file descriptors.

use std::sync::Arc;
use std::time::Duration;

use headwater_host::{ManualClock, SeededRandom};
use headwater_machine::conformance::{Fault, FaultyStore};
use headwater_machine::{Handle, Names, Options, Substrate};
use headwater_store::LogStore;
use headwater_store::memory::MemoryStore;
use headwater_types::Timestamp;

use crate::toy::{Answer, Command, Registers};

fn add(key: &str, pad: usize) -> Command {
    Command::Add { key: key.into(), by: 1, lasts: None, pad }
}

async fn open(store: &Arc<FaultyStore>, clock: &Arc<ManualClock>) -> Handle<Registers> {
    let random = SeededRandom::new(1);
    let substrate = Substrate { logs: store.clone(), meta: store.clone(), clock: clock.clone(), random };
    let options = Options::new(Names::new("toy").unwrap());
    Handle::open(Registers::default(), substrate, options).await.unwrap()
}

fn world() -> (Arc<FaultyStore>, Arc<ManualClock>) {
    (FaultyStore::over(MemoryStore::new()), ManualClock::new(Timestamp::from_secs(1_700_000_000)))
}

#[tokio::test]
async fn growth_is_refused_while_the_next_snapshot_would_not_fit_and_removal_is_not() {
    let (store, clock) = world();
    let handle = open(&store, &clock).await;
    for key in ["a", "b", "c"] {
        handle.ask(add(key, 5000)).await.unwrap();
    }
    store.set_room(10_000);
    let refused = handle.ask(add("d", 10)).await;
    assert_eq!(refused.unwrap(), Answer::NoRoom);
    assert!(handle.report().lacks_room);
    store.settle().await;
    // The journal was made as short as it can be.
    let journal = LogStore::open(&*store, &Names::new("toy").unwrap().journal).await.unwrap();
    assert_eq!((journal.bounds().start.get(), journal.bounds().end.get()), (3, 3));
    assert_eq!(LogStore::list(&*store, "toy/snapshot/").await.unwrap().len(), 1, "there is no room for two");
    // Together with what makes room, before it and behind it.
    let remove = |key: &str| handle.ask(Command::Remove { key: key.into() });
    let (first, refused, last) = tokio::join!(remove("a"), handle.ask(add("d", 10)), remove("b"));
    assert_eq!((first.unwrap(), last.unwrap()), (Answer::Value(1), Answer::Value(1)));
    assert_eq!(refused.unwrap(), Answer::NoRoom);
    assert_eq!(handle.ask(Command::Remove { key: "c".into() }).await.unwrap(), Answer::Value(1));
    assert_eq!(handle.ask(add("d", 10)).await.unwrap(), Answer::Value(1), "there is room for the rest");
    // What was removed leaves the store, too: a while later, for this is work.
    store.set_room(100);
    clock.advance(Duration::from_secs(61));
    assert_eq!(handle.ask(add("e", 10)).await.unwrap(), Answer::NoRoom);
    store.settle().await;
    assert_eq!((journal.bounds().start.get(), journal.bounds().end.get()), (7, 7));
    handle.close().await;
    assert_eq!(open(&store, &clock).await.state().unwrap().registers.len(), 1);
}

/// Asks until there is room, for at most so many seconds; says whether there was.
async fn ask_for(
    handle: &Handle<Registers>,
    store: &FaultyStore,
    clock: &ManualClock,
    secs: u64,
    ask: &Command,
) -> bool {
    for _ in 0..=secs {
        if handle.ask(ask.clone()).await.unwrap() != Answer::NoRoom {
            return true;
        }
        store.settle().await;
        clock.advance(Duration::from_secs(1));
        store.settle().await;
    }
    false
}

async fn fill(handle: &Handle<Registers>) -> usize {
    for i in 0.. {
        if handle.ask(add(&format!("{i}"), 5000)).await.unwrap() == Answer::NoRoom {
            return i;
        }
    }
    unreachable!("the disk gets full")
}

#[tokio::test]
async fn a_disk_that_a_machine_alone_has_filled_empties_when_half_of_it_is_removed() {
    for capacity in [100_000, 101_000, 103_000, 107_000, 113_000, 300_000] {
        let (store, clock) = world();
        store.set_capacity(capacity);
        let handle = open(&store, &clock).await;
        let there = fill(&handle).await;
        assert!(there as u64 * 5000 > capacity / 3, "{there} of {capacity}");
        for i in there / 2..there {
            handle.ask(Command::Remove { key: format!("{i}") }).await.unwrap();
        }
        // Each of those that are left changes, again and again.
        for i in 0..4 * there {
            let change = add(&format!("{}", i % (there / 2)), 5000 + i);
            assert!(ask_for(&handle, &store, &clock, 3, &change).await, "change {i} of {capacity}");
        }
        store.settle().await;
        handle.close().await;
        let again = open(&store, &clock).await;
        assert_eq!(again.state().unwrap().registers.len(), there / 2);
    }
}

#[tokio::test]
async fn two_generations_are_kept_again_once_there_is_room() {
    let (store, clock) = world();
    store.set_capacity(100_000);
    let handle = open(&store, &clock).await;
    let there = fill(&handle).await;
    let snapshots = async || LogStore::list(&*store, "toy/snapshot/").await.unwrap().len();
    store.settle().await;
    assert_eq!(snapshots().await, 1);
    for i in 3..there {
        handle.ask(Command::Remove { key: format!("{i}") }).await.unwrap();
    }
    // A snapshot, and then one that finds room for two.
    for _ in 0..2 {
        handle.snapshot(false).await.unwrap();
    }
    assert_eq!(snapshots().await, 2);
    assert!(store.taken_bytes() < 40_000, "{}", store.taken_bytes());
}

#[tokio::test]
async fn a_snapshot_that_found_no_room_is_tried_again_when_there_is() {
    let (store, clock) = world();
    store.set_capacity(100_000);
    let handle = open(&store, &clock).await;
    let other = headwater_store::LogId::new("other").unwrap();
    store.create(std::slice::from_ref(&other)).await.unwrap();
    let log = LogStore::open(&*store, &other).await.unwrap();
    for i in 0..4 {
        handle.ask(add(&format!("{i}"), 5000)).await.unwrap();
    }
    // Streams take the rest.
    let mut records = headwater_types::RecordBatchBuilder::default();
    records.push(headwater_types::Record { key: "", explicit_hash_key: None, data: &[7; 70_000] });
    let batch = headwater_store::AppendBatch {
        arrival: Timestamp::from_secs(1_700_000_000),
        records: records.finish().unwrap(),
        frees: false,
    };
    log.append(batch, headwater_store::Expect::Any).await.unwrap();
    for _ in 0..100 {
        assert_eq!(handle.ask(add("9", 5000)).await.unwrap(), Answer::NoRoom);
        store.settle().await;
        clock.advance(Duration::from_secs(1));
        store.settle().await;
    }
    let taken = store.taken_bytes();
    assert!(taken < 92_000, "nothing of snapshots that found no room is left: {taken}");
    LogStore::delete(&*store, &[other]).await.unwrap();
    clock.advance(Duration::from_secs(2));
    store.settle().await;
    assert_eq!(LogStore::list(&*store, "toy/snapshot/").await.unwrap().len(), 1, "nobody has asked for it");
    assert_eq!(handle.ask(add("9", 5000)).await.unwrap(), Answer::Value(1));
}

#[tokio::test]
async fn a_machine_is_opened_without_files_for_its_manifest() {
    let (store, clock) = world();
    let handle = open(&store, &clock).await;
    handle.ask(add("a", 1)).await.unwrap();
    handle.close().await;
    // The journal is there; the manifest is written next.
    store.fail_after(1, Fault::NoFiles);
    let handle = open(&store, &clock).await;
    assert!(store.has_failed());
    assert_eq!(handle.ask(add("a", 1)).await.unwrap(), Answer::Value(2));
    handle.snapshot(false).await.unwrap();
}
