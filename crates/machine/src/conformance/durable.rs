//! Durability: acknowledged changes are there after restarts, snapshots and crashes at any write.

use std::sync::Arc;

use futures_util::future::join_all;
use headwater_store::{LogStore, MetaStore, StoreError};
use headwater_types::{Position, Timestamp};

use super::{Draw, Engine, Fault, FaultyStore, Model, Subject, TICK, World, clock, names, options};
use crate::error::MachineError;
use crate::manifest::Manifest;

/// Commands that are sent together.
const BURST: u64 = 4;

/// A command that was sent, and what came of it.
struct Sent {
    seed: u64,
    at: Timestamp,
    end: End,
}

enum End {
    Acknowledged(String),
    /// It was not done; of several records the first may be there.
    Refused,
    /// Perhaps it was done.
    Unknown,
}

impl<S: Subject> World<S> {
    /// Sends commands together, in order.
    async fn burst(&self, subject: &S, seeds: impl Iterator<Item = u64>, sent: &mut Vec<Sent>) {
        let at = headwater_host::Clock::now(&*self.clock);
        let seeds: Vec<u64> = seeds.collect();
        let commands = seeds.iter().map(|seed| subject.command(&mut Draw::new(*seed)));
        let answers = join_all(commands.map(|command| self.handle.ask(command))).await;
        for (seed, answer) in seeds.into_iter().zip(answers) {
            let end = match answer {
                Ok(answer) => End::Acknowledged(subject.answer(&answer)),
                Err(MachineError::Store(
                    StoreError::Conflict | StoreError::Busy | StoreError::NoSpace(_) | StoreError::Invalid(_),
                )) => End::Refused,
                Err(MachineError::Store(_)) => End::Unknown,
                Err(MachineError::Stopped { .. } | MachineError::NotOwner { .. }) => End::Refused,
                Err(error) => panic!("command {seed}: {error}"),
            };
            sent.push(Sent { seed, at, end });
        }
    }
}

/// Records of unknown end that are tried.
const UNKNOWN_MAX: usize = 24;

/// Fails unless the contents, and all answers, are those of the acknowledged commands in order, with some of the records of
/// those whose end is unknown: the first so many of them.
fn check<S: Subject>(subject: &S, sent: &[Sent], contents: &str, now: Timestamp, context: &str) {
    let unknown = sent.iter().filter(|sent| !matches!(sent.end, End::Acknowledged(_))).count();
    let mut seen = Vec::new();
    for done in 0..=(unknown * 4).min(UNKNOWN_MAX) {
        let (mut model, mut left, mut differs) = (Model::new(subject), done, None);
        for Sent { seed, at, end } in sent {
            model.wake(*at);
            match end {
                End::Acknowledged(answer) => {
                    let expected = model.run(*seed, *at).0;
                    if *answer != expected {
                        differs = Some(format!("command {seed} was answered {answer} instead of {expected}"));
                        break;
                    }
                }
                End::Refused | End::Unknown => {
                    if left > 0 && (matches!(end, End::Unknown) || model.records_of(*seed, *at) > 1) {
                        left -= model.run_partly(*seed, *at, left);
                    }
                }
            }
        }
        let expected = model.contents(now);
        match differs {
            None if expected == contents => return,
            None => seen.push(format!("with {done} records of unknown end there should be {expected}")),
            Some(differs) => seen.push(format!("with {done} records of unknown end {differs}")),
        }
    }
    panic!("{context}: there is {contents}\n{}", seen.join("\n"));
}

pub(super) async fn a_batch_decides_as_one_after_the_other<S: Subject, E: Engine>(
    subject: &S,
    fresh: &impl AsyncFn() -> Arc<E>,
) {
    let (engine, clock) = (fresh().await, clock());
    let mut world = World::open(subject, &engine, &clock, 0).await.expect("opened");
    let mut sent = Vec::new();
    for round in 0..12 {
        world.burst(subject, (0..20).map(|i| round * 100 + i), &mut sent).await;
        clock.advance(TICK);
        world.store.settle().await;
        let now = headwater_host::Clock::now(&*clock);
        check(subject, &sent, &world.contents(subject), now, &format!("round {round}"));
        let version = world.handle.report().version;
        if round % 3 == 2 {
            world.handle.close().await;
            world = World::open(subject, &engine, &clock, round).await.expect("opened again");
            check(subject, &sent, &world.contents(subject), now, &format!("opened after round {round}"));
            assert!(world.handle.report().version >= version, "versions never go back");
        }
    }
    assert!(sent.iter().all(|sent| matches!(sent.end, End::Acknowledged(_))), "nothing has failed");
    world.handle.close().await;
}

pub(super) async fn snapshots_are_made_while_changes_go_on<S: Subject, E: Engine>(
    subject: &S,
    fresh: &impl AsyncFn() -> Arc<E>,
) {
    let (engine, clock) = (fresh().await, clock());
    let world = World::open(subject, &engine, &clock, 0).await.expect("opened");
    world.store.hold_snapshots();
    let (mut sent, mut snapshots, mut last) = (Vec::new(), 0, None);
    for step in 0..2000 {
        world.burst(subject, (0..2).map(|i| step * 10 + i), &mut sent).await;
        // Between any two stretches of a snapshot there are changes.
        world.store.let_snapshot_go_on(1);
        world.store.settle().await;
        let manifest = manifest(subject, &*engine).await;
        if manifest.newest.snapshot != last {
            last = manifest.newest.snapshot;
            snapshots += 1;
            // As another process would find it just now. It keeps this one's next snapshot from being taken for its own.
            let now = headwater_host::Clock::now(&*clock);
            let beside = World::open(subject, &engine, &clock, 1000 + step).await.expect("opened beside it");
            check(subject, &sent, &beside.contents(subject), now, &format!("after snapshot {snapshots}"));
            beside.kill().await;
        }
        if snapshots == 3 {
            break;
        }
    }
    assert_eq!(snapshots, 3, "snapshots are made");
    let log = LogStore::open(&*engine, &names().journal).await.expect("the journal");
    assert!(log.bounds().start > Position::START, "the journal is trimmed");
    world.kill().await;
    let world = World::open(subject, &engine, &clock, 5).await.expect("opened");
    let now = headwater_host::Clock::now(&*clock);
    check(subject, &sent, &world.contents(subject), now, "after snapshots");
    world.kill().await;
}

/// The manifest as it is stored.
pub(super) async fn manifest<S: Subject>(_: &S, engine: &dyn MetaStore) -> Manifest {
    let stored = engine.get(&names().manifest).await.expect("read").expect("there is a manifest");
    Manifest::decode::<S::Machine>(&stored.value).expect("a manifest")
}

pub(super) async fn a_crash_anywhere_loses_nothing<S: Subject, E: Engine>(
    subject: &S,
    fresh: &impl AsyncFn() -> Arc<E>,
) {
    for fault in Fault::ALL {
        for after in 0.. {
            let (engine, clock) = (fresh().await, clock());
            let store = FaultyStore::over(engine.clone());
            store.fail_after(after, fault);
            let context = format!("{fault:?} after {after} writes");
            let mut sent = Vec::new();
            let opened = World::over(subject, store.clone(), &clock, after, options()).await;
            if let Ok(world) = opened {
                for burst in 0..24 {
                    let first = after * 1000 + burst * BURST;
                    world.burst(subject, first..first + BURST, &mut sent).await;
                    clock.advance(TICK);
                    world.store.settle().await;
                }
                world.kill().await;
            }
            let has_failed = store.has_failed();
            let world = World::open(subject, &engine, &clock, after + 1).await;
            let world = world.unwrap_or_else(|error| panic!("{context}: {error}"));
            let now = headwater_host::Clock::now(&*clock);
            check(subject, &sent, &world.contents(subject), now, &context);
            // It goes on from there, and what is left over is gone.
            let snapshots = LogStore::list(&*engine, &names().snapshots).await.expect("listed").len();
            assert!(snapshots <= 2, "{context}: {snapshots} snapshots");
            world.burst(subject, 1..1 + BURST, &mut sent).await;
            check(subject, &sent, &world.contents(subject), now, &format!("{context}, going on"));
            world.kill().await;
            if !has_failed {
                assert!(after > 20, "{after} writes are too few to tell");
                break;
            }
        }
    }
}
