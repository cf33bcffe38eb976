//! Two processes for one machine.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use headwater_host::{Clock, ManualClock};
use headwater_store::{LogStore, StoreError};
use parking_lot::Mutex;

use super::{Draw, Engine, FaultyStore, Model, Subject, TICK, World, clock, names, options};
use crate::error::{MachineError, Result};
use crate::handle::Handle;
use crate::lease::Owners;
use crate::machine::Machine;
use crate::options::{LeaseOptions, Options};

pub(super) async fn two_owners_lose_and_double_nothing<S: Subject, E: Engine>(
    subject: &S,
    fresh: &impl AsyncFn() -> Arc<E>,
) {
    for seed in 0..4 {
        let (engine, clock) = (fresh().await, clock());
        let mut worlds = Vec::new();
        for number in 0..2 {
            worlds.push(World::open(subject, &engine, &clock, seed * 2 + number).await.expect("opened"));
        }
        let log = LogStore::open(&*engine, &names().journal).await.expect("the journal");
        let (mut model, mut draw, mut refused) = (Model::new(subject), Draw::new(seed), 0);
        for step in 0..60 {
            let world = &worlds[draw.below(2) as usize];
            let (number, now) = (seed * 1000 + step, clock.now());
            model.wake(now);
            let before = log.bounds().end;
            let answer = loop {
                match world.handle.ask(subject.command(&mut Draw::new(number))).await {
                    Ok(answer) => break answer,
                    Err(MachineError::Store(StoreError::Conflict)) => refused += 1,
                    Err(error) => panic!("seed {seed}, step {step}: {error}"),
                }
            };
            // An owner that was not refused yet may answer from what it knows, but then it changes nothing.
            if log.bounds().end > before {
                assert_eq!(subject.answer(&answer), model.run(number, now).0, "seed {seed}, step {step}");
                assert_eq!(world.contents(subject), model.contents(now), "seed {seed}, step {step}");
            }
            if step % 10 == 9 {
                clock.advance(TICK);
                for world in &worlds {
                    world.store.settle().await;
                }
            }
        }
        assert!(refused > 5, "seed {seed}: the one that was behind was refused {refused} times");
        for world in worlds {
            world.handle.close().await;
        }
        let last = World::open(subject, &engine, &clock, 99).await.expect("opened");
        assert_eq!(last.contents(subject), model.contents(clock.now()), "seed {seed}");
        last.kill().await;
    }
}

/// Processes that can reach each other.
struct Neighbours<M: Machine>(Mutex<HashMap<String, Handle<M>>>);

impl<M: Machine> std::fmt::Debug for Neighbours<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Neighbours").finish_non_exhaustive()
    }
}

#[async_trait]
impl<M: Machine> Owners<M> for Neighbours<M> {
    async fn ask(&self, owner: &str, command: M::Command) -> Result<M::Answer> {
        let handle = self.0.lock().get(owner).cloned();
        match handle {
            Some(handle) => handle.ask(command).await,
            None => Err(MachineError::NotOwner { machine: M::NAME, owner: None }),
        }
    }
}

/// Duration of leases in these cases.
const LASTS: Duration = Duration::from_secs(9);

async fn with_lease<S: Subject>(
    subject: &S,
    name: &str,
    store: Arc<FaultyStore>,
    clock: &Arc<ManualClock>,
    neighbours: &Arc<Neighbours<S::Machine>>,
) -> World<S> {
    let lease = LeaseOptions { owner: name.to_owned(), lasts: LASTS, owners: Some(neighbours.clone()) };
    let options = Options { lease: Some(lease), ..options() };
    let seed = name.len() as u64;
    let world = World::over(subject, store, clock, seed, options).await.expect("opened");
    neighbours.0.lock().insert(name.to_owned(), world.handle.clone());
    world
}

/// Runs both until neither has anything to do: one's work may give the other some.
async fn both_settle<S: Subject>(first: &World<S>, second: &World<S>) {
    for world in [first, second, first, second] {
        world.store.settle().await;
    }
}

pub(super) async fn a_lease_moves_with_everything_acknowledged<S: Subject, E: Engine>(
    subject: &S,
    fresh: &impl AsyncFn() -> Arc<E>,
) {
    let (engine, clock) = (fresh().await, clock());
    let neighbours = Arc::new(Neighbours(Mutex::default()));
    let mut model = Model::new(subject);
    let mut run = async |world: &World<S>, seed: u64| {
        let now = clock.now();
        model.wake(now);
        let answer = world.handle.ask(subject.command(&mut Draw::new(seed))).await;
        let answer = answer.unwrap_or_else(|error| panic!("command {seed}: {error}"));
        assert_eq!(subject.answer(&answer), model.run(seed, now).0, "command {seed}");
        model.contents(now)
    };
    let first = with_lease(subject, "first", FaultyStore::over(engine.clone()), &clock, &neighbours).await;
    let second = with_lease(subject, "second", FaultyStore::over(engine.clone()), &clock, &neighbours).await;
    assert!(first.handle.report().is_owner && !second.handle.report().is_owner);
    assert!(
        matches!(second.handle.state(), Err(MachineError::NotOwner { owner: Some(owner), .. }) if owner == "first")
    );
    // Passed on to the owner, while it renews.
    for seed in 0..12 {
        let world = if seed % 2 == 0 { &first } else { &second };
        let expected = run(world, seed).await;
        assert_eq!(first.contents(subject), expected);
        clock.advance(TICK);
        both_settle(&first, &second).await;
    }
    // An owner that cannot renew serves no reads when its lease has run out, and the other one takes over.
    first.store.crash();
    for _ in 0..12 {
        clock.advance(TICK);
        both_settle(&first, &second).await;
    }
    assert!(matches!(first.handle.state(), Err(MachineError::NotOwner { .. })), "its lease has run out");
    assert!(second.handle.report().is_owner);
    for seed in 100..112 {
        let expected = run(&second, seed).await;
        assert_eq!(second.contents(subject), expected);
    }
    // One that closes gives the lease up.
    let third = with_lease(subject, "third", FaultyStore::over(engine.clone()), &clock, &neighbours).await;
    run(&third, 200).await;
    second.handle.close().await;
    for _ in 0..4 {
        clock.advance(TICK);
        third.store.settle().await;
    }
    assert!(third.handle.report().is_owner, "it had not to wait for the lease to run out");
    let expected = run(&third, 201).await;
    assert_eq!(third.contents(subject), expected);
    neighbours.0.lock().clear();
    third.kill().await;
}
