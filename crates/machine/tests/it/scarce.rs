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
    // The journal was made as short as it can be, with an earlier snapshot to fall back on.
    let journal = LogStore::open(&*store, &Names::new("toy").unwrap().journal).await.unwrap();
    assert_eq!((journal.bounds().start.get(), journal.bounds().end.get()), (3, 3));
    assert_eq!(LogStore::list(&*store, "toy/snapshot/").await.unwrap().len(), 2);
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
