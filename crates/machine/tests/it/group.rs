//! Groups: many members, one journal.

use std::sync::Arc;
use std::time::Duration;

use headwater_host::{ManualClock, SeededRandom};
use headwater_machine::conformance::{FaultyStore, Rot};
use headwater_machine::{Group, Handle, MemberAnswer, MemberCommand, Names, Options, Substrate};
use headwater_store::LogStore;
use headwater_store::memory::MemoryStore;
use headwater_types::{Position, Timestamp};

use crate::toy::{Answer, Command, Registers};

const START: Timestamp = Timestamp::from_secs(1_700_000_000);

fn add(id: &str, by: i64, lasts: Option<Duration>) -> MemberCommand<Command> {
    MemberCommand::decide(id, Command::Add { key: "r".into(), by, lasts, pad: 0 })
}

fn value(value: i64) -> MemberAnswer<Answer> {
    MemberAnswer::Answered(Answer::Value(value))
}

async fn open(store: &Arc<FaultyStore>, clock: &Arc<ManualClock>) -> Handle<Group<Registers>> {
    let random = SeededRandom::new(1);
    let substrate = Substrate { logs: store.clone(), meta: store.clone(), clock: clock.clone(), random };
    let options = Options::new(Names::new("toys").unwrap());
    Handle::open(Group::new(Registers::default()), substrate, options).await.unwrap()
}

async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_member_is_there_from_its_first_change_to_its_last() {
    let (store, clock) = (FaultyStore::over(MemoryStore::new()), ManualClock::new(START));
    let handle = open(&store, &clock).await;
    let read = MemberCommand::decide("a", Command::Read { key: "r".into() });
    assert_eq!(handle.ask(read).await.unwrap(), MemberAnswer::Answered(Answer::Missing));
    assert_eq!(handle.state().unwrap().len(), 0, "asking makes no member");
    assert_eq!(handle.ask(add("a", 1, None)).await.unwrap(), value(1));
    assert_eq!(handle.ask(add("b", 1, None)).await.unwrap(), value(1));
    assert_eq!(handle.state().unwrap().len(), 2);
    let remove = MemberCommand::decide("a", Command::Remove { key: "r".into() });
    assert_eq!(handle.ask(remove).await.unwrap(), value(1));
    assert_eq!(handle.state().unwrap().len(), 1, "it is empty");
    assert_eq!(handle.ask(MemberCommand::forget("b")).await.unwrap(), MemberAnswer::Forgotten);
    assert_eq!(handle.state().unwrap().len(), 0);
    assert_eq!(handle.report().size_bytes, 0);
    let long = "x".repeat(1 << 16);
    assert_eq!(handle.ask(add(&long, 1, None)).await.unwrap(), MemberAnswer::IdTooLong);
}

#[tokio::test]
async fn a_watch_is_woken_by_its_member_and_by_no_other() {
    let (store, clock) = (FaultyStore::over(MemoryStore::new()), ManualClock::new(START));
    let handle = open(&store, &clock).await;
    let watching = |id: &'static str| {
        let mut watch = handle.machine().watch(id);
        tokio::spawn(async move { watch.changed().await })
    };
    let (a, b) = (watching("a"), watching("b"));
    settle().await;
    handle.ask(add("a", 1, None)).await.unwrap();
    a.await.unwrap();
    settle().await;
    assert!(!b.is_finished());
    handle.ask(add("b", 1, None)).await.unwrap();
    b.await.unwrap();
}

#[tokio::test]
async fn each_member_is_woken_when_it_is_due() {
    let (store, clock) = (FaultyStore::over(MemoryStore::new()), ManualClock::new(START));
    let handle = open(&store, &clock).await;
    for i in 0..600 {
        handle.ask(add(&format!("m{i}"), 1, Some(Duration::from_secs(5)))).await.unwrap();
    }
    handle.ask(add("late", 1, Some(Duration::from_secs(50)))).await.unwrap();
    handle.ask(add("never", 1, None)).await.unwrap();
    clock.advance(Duration::from_secs(5));
    settle().await;
    assert_eq!(handle.state().unwrap().len(), 2);
    clock.advance(Duration::from_secs(45));
    settle().await;
    assert_eq!(handle.state().unwrap().len(), 1);
}

#[tokio::test]
async fn damage_of_a_member_is_its_own() {
    let (engine, clock) = (MemoryStore::new(), ManualClock::new(START));
    let store = FaultyStore::over(engine.clone());
    let handle = open(&store, &clock).await;
    for id in ["a", "b", "a", "b"] {
        handle.ask(add(id, 1, None)).await.unwrap();
    }
    handle.close().await;
    let journal = LogStore::list(&*engine, "toys/journal").await.unwrap().remove(0);
    // An entry of `b` that is no record of it.
    let mut entry = vec![1, 0, 1, b'b', 0, 0, 0, 3];
    entry.extend_from_slice(b"rot");
    let store = FaultyStore::over(engine.clone());
    let at = Position::new(1).unwrap();
    store.rot(Rot { log: journal.to_string(), at, reads_as: Some(entry) });
    let handle = open(&store, &clock).await;
    assert_eq!(handle.ask(add("a", 1, None)).await.unwrap(), value(3));
    let refused = handle.ask(add("b", 1, None)).await.unwrap();
    assert!(matches!(refused, MemberAnswer::Damaged(_)), "{refused:?}");
    assert_eq!(handle.ask(MemberCommand::forget("b")).await.unwrap(), MemberAnswer::Forgotten);
    assert_eq!(handle.ask(add("b", 7, None)).await.unwrap(), value(7), "it begins anew");
    handle.close().await;
    let handle = open(&store, &clock).await;
    assert_eq!(handle.ask(add("b", 1, None)).await.unwrap(), value(8));
}

#[tokio::test]
async fn a_hundred_thousand_idle_members_are_one_task_and_a_few_logs() {
    let (engine, clock) = (MemoryStore::new(), ManualClock::new(START));
    let store = FaultyStore::over(engine.clone());
    let handle = open(&store, &clock).await;
    for chunk in (0..100_000).collect::<Vec<_>>().chunks(200) {
        let commands = chunk.iter().map(|i| handle.ask(add(&format!("member-{i}"), 1, None)));
        for answer in futures_util::future::join_all(commands).await {
            assert_eq!(answer.unwrap(), value(1));
        }
    }
    assert_eq!(handle.state().unwrap().len(), 100_000);
    assert!(LogStore::list(&*engine, "").await.unwrap().len() <= 4);
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 1);
    assert!(handle.report().size_bytes < 100_000 * 256);
    handle.close().await;
    let handle = open(&store, &clock).await;
    assert_eq!(handle.state().unwrap().len(), 100_000);
}
