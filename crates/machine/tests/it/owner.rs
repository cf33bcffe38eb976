//! One machine: its answers, its timers, its budget, its damage.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use headwater_host::disk::SimDisk;
use headwater_host::{Clock, ManualClock, SeededRandom};
use headwater_machine::conformance::{Fault, FaultyStore};
use headwater_machine::{
    Handle, LeaseOptions, MachineError, Manifest, Names, Options, SnapshotWish, StateVersion, Substrate,
};
use headwater_store::memory::MemoryStore;
use headwater_store::{LogStore, MetaStore, StoreError};
use headwater_store_embedded::EmbeddedStore;
use headwater_types::Timestamp;

use crate::toy::{Answer, Command, Registers};

const START: Timestamp = Timestamp::from_secs(1_700_000_000);

fn add(key: &str, by: i64) -> Command {
    Command::Add { key: key.into(), by, lasts: None, pad: 0 }
}

fn options() -> Options<Registers> {
    Options::new(Names::new("toy").unwrap())
}

async fn open(
    store: &Arc<FaultyStore>,
    clock: &Arc<ManualClock>,
    options: Options<Registers>,
) -> Handle<Registers> {
    // No two processes draw the same numbers.
    static OPENED: AtomicU64 = AtomicU64::new(0);
    let random = SeededRandom::new(OPENED.fetch_add(1, Ordering::Relaxed));
    let substrate = Substrate { logs: store.clone(), meta: store.clone(), clock: clock.clone(), random };
    Handle::open(Registers::default(), substrate, options).await.unwrap()
}

fn world() -> (Arc<FaultyStore>, Arc<ManualClock>) {
    (FaultyStore::over(MemoryStore::new()), ManualClock::new(START))
}

async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_answer_fails_only_if_its_own_append_failed() {
    let (store, clock) = world();
    // One record an append.
    let handle = open(&store, &clock, Options { append_bytes: 1, ..options() }).await;
    // Each of them decides in a batch of its own or not: what counts is the append.
    let commands =
        ["a", "b", "c", "d"].map(|key| Command::Each(vec![(format!("{key}1"), 1), (format!("{key}2"), 1)]));
    store.fail_after(5, Fault::Refused);
    let answers = join_all(commands.map(|command| handle.ask(command))).await;
    let done: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(done, [true, true, false, true]);
    let keys: Vec<String> = handle.state().unwrap().registers.keys().cloned().collect();
    assert_eq!(keys, ["a1", "a2", "b1", "b2", "c1", "d1", "d2"], "the first half of c was durable before");
}

#[tokio::test]
async fn a_command_that_panics_is_refused_alone_and_leaves_nothing() {
    let (store, clock) = world();
    let handle = open(&store, &clock, options()).await;
    let commands = [add("a", 1), Command::Panic, add("a", 2), Command::Read { key: "a".into() }];
    let answers = join_all(commands.map(|command| handle.ask(command))).await;
    assert_eq!(*answers[0].as_ref().unwrap(), Answer::Value(1));
    assert!(matches!(answers[1], Err(MachineError::Panicked { machine: "registers" })), "{:?}", answers[1]);
    assert_eq!(*answers[2].as_ref().unwrap(), Answer::Value(3), "what it had staged is not seen");
    assert_eq!(*answers[3].as_ref().unwrap(), Answer::Value(3));
}

#[tokio::test]
async fn a_state_at_its_budget_refuses_to_grow_and_nothing_else() {
    let (store, clock) = world();
    let handle = open(&store, &clock, Options { budget_bytes: 200, ..options() }).await;
    assert_eq!(handle.ask(add("a", 1)).await.unwrap(), Answer::Value(1));
    assert_eq!(handle.ask(add("b", 1)).await.unwrap(), Answer::Value(1));
    // Together, so that what is decided and not yet applied counts.
    let both = join_all([add("c", 1), add("d", 1)].map(|command| handle.ask(command))).await;
    assert_eq!(*both[0].as_ref().unwrap(), Answer::Value(1));
    assert_eq!(*both[1].as_ref().unwrap(), Answer::Full);
    assert_eq!(handle.ask(add("a", 1)).await.unwrap(), Answer::Value(2), "what does not grow is done");
    assert_eq!(handle.ask(Command::Remove { key: "b".into() }).await.unwrap(), Answer::Value(1));
    assert_eq!(handle.ask(add("d", 1)).await.unwrap(), Answer::Value(1));
    assert!(handle.report().size_bytes <= 200);
}

#[tokio::test]
async fn a_record_that_is_too_long_is_the_machines_to_refuse() {
    let (store, clock) = world();
    let handle = open(&store, &clock, Options { record_bytes_max: 100, ..options() }).await;
    let long = Command::Add { key: "a".into(), by: 1, lasts: None, pad: 200 };
    // Together, so that what was refused could be left in the batch.
    let answers = join_all([long, add("a", 1)].map(|command| handle.ask(command))).await;
    assert_eq!(*answers[0].as_ref().unwrap(), Answer::TooLong);
    assert_eq!(*answers[1].as_ref().unwrap(), Answer::Value(1));
    handle.close().await;
    assert_eq!(open(&store, &clock, options()).await.state().unwrap().registers["a"].value, 1);
}

#[tokio::test]
async fn a_machine_is_woken_when_it_is_due() {
    let (store, clock) = world();
    let handle = open(&store, &clock, options()).await;
    for (key, seconds) in [("a", 10), ("b", 10), ("c", 10), ("d", 3600)] {
        let lasts = Some(Duration::from_secs(seconds));
        handle.ask(Command::Add { key: key.into(), by: 1, lasts, pad: 0 }).await.unwrap();
    }
    settle().await;
    let count = || handle.state().unwrap().registers.len();
    clock.advance(Duration::from_secs(9));
    settle().await;
    assert_eq!(count(), 4);
    clock.advance(Duration::from_secs(1));
    settle().await;
    assert_eq!(count(), 1, "the third one, too, though two are done at a time");
    // Its time is longer than a sleep.
    for _ in 0..60 {
        clock.advance(Duration::from_secs(60));
        settle().await;
    }
    assert_eq!(count(), 0);
}

#[tokio::test]
async fn what_is_due_and_cannot_be_done_is_tried_again_later() {
    let (store, clock) = world();
    let handle = open(&store, &clock, options()).await;
    let lasts = Some(Duration::from_secs(10));
    handle.ask(Command::Add { key: "a".into(), by: 1, lasts, pad: 0 }).await.unwrap();
    store.fail_after(0, Fault::Refused);
    clock.advance(Duration::from_secs(10));
    settle().await;
    assert!(store.has_failed());
    assert_eq!(handle.state().unwrap().registers.len(), 1);
    clock.advance(Duration::from_secs(1));
    settle().await;
    assert_eq!(handle.state().unwrap().registers.len(), 0);
}

#[tokio::test]
async fn a_long_poll_is_woken_by_what_is_applied() {
    let (store, clock) = world();
    let handle = open(&store, &clock, options()).await;
    let seen = handle.state().unwrap().version();
    let polling = tokio::spawn({
        let handle = handle.clone();
        async move { handle.moved_past(seen).await }
    });
    settle().await;
    assert!(!polling.is_finished());
    handle.ask(add("a", 1)).await.unwrap();
    assert_eq!(polling.await.unwrap().unwrap(), StateVersion(seen.0 + 1));
    let polling = tokio::spawn({
        let handle = handle.clone();
        async move { handle.moved_past(StateVersion(seen.0 + 1)).await }
    });
    settle().await;
    handle.close().await;
    assert!(matches!(polling.await.unwrap(), Err(MachineError::Stopped { .. })));
    assert!(matches!(handle.ask(add("a", 1)).await, Err(MachineError::Stopped { .. })));
}

#[tokio::test]
async fn an_unavailable_machine_says_why() {
    let (store, clock) = world();
    let random = SeededRandom::new(1);
    let substrate = Substrate { logs: store.clone(), meta: store, clock, random };
    let cause = MachineError::Damaged { machine: "registers", cause: "position 7".into() };
    let handle = Handle::unavailable(Registers::default(), &substrate, cause);
    assert!(handle.ask(add("a", 1)).await.unwrap_err().to_string().contains("position 7"));
    assert!(handle.state().unwrap_err().to_string().contains("position 7"));
    assert!(handle.report().trouble.is_some());
}

#[tokio::test]
async fn a_state_that_cannot_be_read_anew_is_not_given_out_until_it_can() {
    let (store, clock) = world();
    let handle = open(&store, &clock, options()).await;
    let other = open(&store, &clock, options()).await;
    other.ask(add("theirs", 1)).await.unwrap();
    // The append is refused, and then reading everything anew fails at its first write.
    store.fail_after(1, Fault::Refused);
    assert!(handle.ask(add("ours", 1)).await.is_err());
    assert!(handle.state().is_err(), "it may be old");
    assert_eq!(handle.ask(add("ours", 1)).await.unwrap(), Answer::Value(1));
    assert_eq!(handle.state().unwrap().registers.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_loses_nothing_acknowledged() {
    for seed in 0..6 {
        let disk = SimDisk::new(seed);
        let clock = ManualClock::new(START);
        let mut expected = Vec::new();
        for round in 0..5 {
            let mut engine = headwater_store_embedded::Options::new(disk.clone(), "/machine", clock.clone());
            engine.background = false;
            let store = EmbeddedStore::open(engine).unwrap();
            let random = SeededRandom::new(seed * 100 + round);
            let substrate =
                Substrate { logs: store.clone(), meta: store.clone(), clock: clock.clone(), random };
            let options = Options { snapshot_after_bytes: 500, stretch_bytes: 100, ..options() };
            let handle = Handle::open(Registers::default(), substrate, options).await.unwrap();
            let found: Vec<(String, i64)> = {
                let state = handle.state().unwrap();
                state.registers.iter().map(|(key, register)| (key.clone(), register.value)).collect()
            };
            assert_eq!(found, expected, "seed {seed}, round {round}");
            for i in 0..30 {
                handle.ask(add(&format!("k{}", (i * 7 + round) % 20), i as i64)).await.unwrap();
            }
            let state = handle.state().unwrap();
            expected = state.registers.iter().map(|(key, register)| (key.clone(), register.value)).collect();
            drop(state);
            disk.crash();
            handle.close().await;
            tokio::task::spawn_blocking(move || store.close()).await.unwrap();
            clock.advance(Duration::from_secs(1));
        }
        assert!(clock.now() > START);
    }
}

/// Numbers of the snapshots that the manifest names.
async fn snapshots(store: &FaultyStore) -> (Option<u64>, Option<Option<u64>>) {
    let stored = store.get("toy/manifest").await.unwrap().unwrap();
    let manifest = Manifest::decode::<Registers>(&stored.value).unwrap();
    (manifest.newest.snapshot, manifest.previous.map(|previous| previous.snapshot))
}

#[tokio::test]
async fn a_snapshot_is_made_when_the_machine_wishes_and_never_when_it_does_not() {
    let (store, clock) = world();
    let handle = open(&store, &clock, Options { snapshot_after_bytes: 1, ..options() }).await;
    let run = async |wish| {
        *handle.machine().wish.lock() = wish;
        for _ in 0..3 {
            handle.ask(add("a", 1)).await.unwrap();
            settle().await;
        }
        snapshots(&store).await
    };
    assert_eq!(run(SnapshotWish::Never).await, (None, None));
    let (first, before) = run(SnapshotWish::Now).await;
    assert!(first.is_some() && before == Some(None), "the one before was none");
    let (second, before) = run(SnapshotWish::Now).await;
    assert_eq!((second != first, before), (true, Some(first)));
    let (third, before) = run(SnapshotWish::Alone).await;
    assert_eq!((third != second, before), (true, None));
    assert_eq!(LogStore::list(&*store, "toy/snapshot/").await.unwrap().len(), 1);
    handle.close().await;
    assert_eq!(open(&store, &clock, options()).await.state().unwrap().registers["a"].value, 12);
}

#[tokio::test]
async fn what_a_machine_records_when_it_is_closed_is_the_last_thing() {
    let (store, clock) = world();
    let random = SeededRandom::new(1);
    let substrate = Substrate { logs: store.clone(), meta: store.clone(), clock: clock.clone(), random };
    let machine = Registers { notes_its_end: true, ..Registers::default() };
    let handle = Handle::open(machine, substrate, options()).await.unwrap();
    handle.ask(add("a", 1)).await.unwrap();
    handle.close().await;
    let handle = open(&store, &clock, options()).await;
    assert_eq!(handle.state().unwrap().registers["closed"].value, 1);
}

#[tokio::test]
async fn a_snapshot_on_request_is_there_when_it_returns() {
    let (store, clock) = world();
    let handle = open(&store, &clock, options()).await;
    handle.ask(add("a", 1)).await.unwrap();
    handle.snapshot(false).await.unwrap();
    let (first, _) = snapshots(&store).await;
    assert!(first.is_some());
    handle.ask(add("a", 1)).await.unwrap();
    store.fail_after(0, Fault::Refused);
    assert!(handle.snapshot(true).await.is_err());
    assert_eq!(snapshots(&store).await.0, first);
    // In the midst of commands, and with nothing kept beside it.
    let (before, made, after) =
        tokio::join!(handle.ask(add("a", 1)), handle.snapshot(true), handle.ask(add("a", 1)));
    assert_eq!((before.unwrap(), after.unwrap()), (Answer::Value(3), Answer::Value(4)));
    made.unwrap();
    assert_eq!(snapshots(&store).await.1, None);
    let journal = LogStore::open(&*store, &Names::new("toy").unwrap().journal).await.unwrap();
    assert_eq!(journal.bounds().end.get() - journal.bounds().start.get(), 1, "what came after it");
}

#[tokio::test]
async fn a_reload_finds_what_is_stored() {
    let (store, clock) = world();
    let handle = open(&store, &clock, options()).await;
    handle.ask(add("a", 1)).await.unwrap();
    open(&store, &clock, options()).await.ask(add("a", 1)).await.unwrap();
    assert_eq!(handle.state().unwrap().registers["a"].value, 1, "nobody has told it");
    handle.refresh().await.unwrap();
    assert_eq!(handle.state().unwrap().registers["a"].value, 2);
    handle.close().await;
    assert!(matches!(handle.refresh().await, Err(MachineError::Stopped { .. })));
}

#[tokio::test]
async fn an_owner_that_cannot_renew_for_a_while_comes_back() {
    let (store, clock) = world();
    let lasts = Duration::from_secs(9);
    let lease = LeaseOptions { owner: "only".into(), lasts, owners: None };
    let handle = open(&store, &clock, Options { lease: Some(lease), ..options() }).await;
    handle.ask(add("a", 1)).await.unwrap();
    for _ in 0..4 {
        store.fail_after(0, Fault::Refused);
        clock.advance(Duration::from_secs(3));
        store.settle().await;
        assert!(store.has_failed(), "it has tried");
    }
    assert!(matches!(handle.state(), Err(MachineError::NotOwner { owner: None, .. })));
    assert!(matches!(handle.ask(add("a", 1)).await, Err(MachineError::NotOwner { owner: None, .. })));
    clock.advance(Duration::from_secs(3));
    store.settle().await;
    assert_eq!(handle.state().unwrap().registers["a"].value, 1);
    assert_eq!(handle.ask(add("a", 1)).await.unwrap(), Answer::Value(2));
}

/// Adds until so many additions were acknowledged.
async fn add_until(handle: Handle<Registers>, key: &'static str, times: i64) {
    let mut done = 0;
    while done < times {
        match handle.ask(add(key, 1)).await {
            Ok(Answer::Value(_)) => done += 1,
            Ok(other) => panic!("{other:?}"),
            Err(MachineError::Store(StoreError::Conflict)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn owners_at_the_same_time_lose_and_double_nothing() {
    let clock = ManualClock::new(START);
    let mut engine = headwater_store_embedded::Options::new(SimDisk::new(1), "/machine", clock.clone());
    engine.background = false;
    let store = FaultyStore::over(EmbeddedStore::open(engine).unwrap());
    let small = || Options { snapshot_after_bytes: 2000, stretch_bytes: 50, ..options() };
    let (one, other) = (open(&store, &clock, small()).await, open(&store, &clock, small()).await);
    let mut tasks = Vec::new();
    for handle in [&one, &other] {
        for key in ["a", "b", "a", "c"] {
            tasks.push(tokio::spawn(add_until(handle.clone(), key, 50)));
        }
    }
    for task in tasks {
        task.await.unwrap();
    }
    one.close().await;
    other.close().await;
    let last = open(&store, &clock, options()).await;
    let state = last.state().unwrap();
    let values: Vec<i64> = state.registers.values().map(|register| register.value).collect();
    assert_eq!(values, [200, 100, 100]);
}
