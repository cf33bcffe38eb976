//! Payloads: bulk in a log, positions in the state, and a low-water mark that never overtakes what is needed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use headwater_host::{ManualClock, SeededRandom};
use headwater_machine::conformance::FaultyStore;
use headwater_machine::{
    Changes, EncodeError, Handle, Machine, MachineError, Misfit, Names, Options, Payloads, Stored, Substrate,
};
use headwater_store::memory::MemoryStore;
use headwater_store::{LogId, MetaStore};
use headwater_types::{Position, Timestamp};

const START: Timestamp = Timestamp::from_secs(1_700_000_000);

/// Keys, and where what they stand for is.
#[derive(Debug)]
struct Shelf;

enum Ask {
    Put(u8, Position),
    Take(u8),
}

impl Machine for Shelf {
    const NAME: &'static str = "shelf";
    const FORMAT: u32 = 1;
    type State = BTreeMap<u8, Position>;
    type Staged = bool;
    type Command = Ask;
    type Answer = Option<Position>;
    type Change = (u8, Option<Position>);
    type Cursor = ();

    fn initial_state(&self) -> Self::State {
        BTreeMap::new()
    }

    fn decide(&self, state: &Self::State, ask: Ask, changes: &mut Changes<'_, Self>) -> Option<Position> {
        *changes.staged = true;
        match ask {
            Ask::Put(key, at) => changes.record([(key, Some(at))]).unwrap(),
            Ask::Take(key) => changes.record([(key, None)]).unwrap(),
        }
        match ask {
            Ask::Put(key, _) | Ask::Take(key) => state.get(&key).copied(),
        }
    }

    fn must_wait(&self, staged: &bool, _: &Ask) -> bool {
        *staged
    }

    fn apply(&self, state: &mut Self::State, (key, at): Self::Change) -> Result<(), Misfit> {
        match at {
            Some(at) => state.insert(key, at),
            None => state.remove(&key),
        };
        Ok(())
    }

    fn encode(&self, _: &Self::State, changes: &[Self::Change], to: &mut Vec<u8>) -> Result<(), EncodeError> {
        for (key, at) in changes {
            to.push(*key);
            to.extend_from_slice(&at.map_or(u64::MAX, Position::get).to_be_bytes());
        }
        Ok(())
    }

    fn decode(&self, record: &[u8]) -> Result<Vec<Self::Change>, Misfit> {
        let (changes, []) = record.as_chunks::<9>() else { return Err(Misfit::Malformed("cut".into())) };
        let read = |change: &[u8; 9]| {
            let (key, at) = change.split_first().unwrap();
            (*key, Position::new(u64::from_be_bytes(at.try_into().unwrap())))
        };
        Ok(changes.iter().map(read).collect())
    }

    fn snapshot(&self, state: &Self::State, _: Option<&()>, _: usize) -> (Vec<Self::Change>, Option<()>) {
        (state.iter().map(|(key, at)| (*key, Some(*at))).collect(), None)
    }

    fn size_bytes(&self, state: &Self::State) -> usize {
        state.len() * 64
    }

    fn low_water(&self, state: &Self::State) -> Option<Position> {
        state.values().min().copied()
    }

    fn payload_of(&self, ask: &Ask) -> Option<Position> {
        match ask {
            Ask::Put(_, at) => Some(*at),
            Ask::Take(_) => None,
        }
    }
}

struct World {
    store: Arc<FaultyStore>,
    clock: Arc<ManualClock>,
    payloads: Arc<Payloads>,
    handle: Handle<Shelf>,
}

impl World {
    async fn over(engine: &Arc<MemoryStore>, clock: &Arc<ManualClock>) -> Self {
        let store = FaultyStore::over(engine.clone());
        let id = LogId::new("shelf/payloads").unwrap();
        let payloads = Payloads::open(&*store, &id, clock.clone()).await.unwrap();
        let random = SeededRandom::new(1);
        let substrate = Substrate { logs: store.clone(), meta: store.clone(), clock: clock.clone(), random };
        let names = Names::new("shelf").unwrap();
        let options =
            Options { payloads: Some(payloads.clone()), snapshot_after_bytes: 200, ..Options::new(names) };
        let handle = Handle::open(Shelf, substrate, options).await.unwrap();
        Self { store, clock: clock.clone(), payloads, handle }
    }

    async fn put(&self, key: u8) -> Position {
        let stored = self.payloads.append(&[&[key; 100]]).await.unwrap();
        self.handle.ask_holding(Ask::Put(key, stored.first), vec![stored.hold]).await.unwrap();
        stored.first
    }

    async fn take(&self, key: u8) {
        self.handle.ask(Ask::Take(key)).await.unwrap();
    }

    async fn settle(&self) {
        for _ in 0..3 {
            self.clock.advance(Duration::from_secs(1));
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        }
    }
}

#[tokio::test]
async fn payloads_are_released_when_nothing_refers_to_them() {
    let (engine, clock) = (MemoryStore::new(), ManualClock::new(START));
    let world = World::over(&engine, &clock).await;
    let (first, second) = (world.put(1).await, world.put(2).await);
    assert_eq!(world.payloads.read(first).await.unwrap().unwrap(), [1; 100][..]);
    world.take(1).await;
    world.settle().await;
    assert_eq!(world.payloads.read(first).await.unwrap(), None);
    assert_eq!(world.payloads.read(second).await.unwrap().unwrap(), [2; 100][..]);
    world.take(2).await;
    world.settle().await;
    let (start, end) = world.payloads.bounds();
    assert_eq!(start, end, "all of it is given back");
}

#[tokio::test]
async fn a_payload_is_held_until_its_command_is_answered() {
    let (engine, clock) = (MemoryStore::new(), ManualClock::new(START));
    let world = World::over(&engine, &clock).await;
    let stored = world.payloads.append(&[b"held"]).await.unwrap();
    world.put(1).await;
    world.take(1).await;
    world.settle().await;
    assert!(world.payloads.read(stored.first).await.unwrap().is_some());
    world.handle.ask_holding(Ask::Put(9, stored.first), vec![stored.hold]).await.unwrap();
    world.settle().await;
    assert!(world.payloads.read(stored.first).await.unwrap().is_some());
    // One that no command came for goes with the next mark.
    drop(world.payloads.append(&[b"orphan"]).await.unwrap());
    world.take(9).await;
    world.settle().await;
    let (start, end) = world.payloads.bounds();
    assert_eq!(start, end);
}

#[tokio::test]
async fn an_owner_that_was_replaced_releases_nothing() {
    let (engine, clock) = (MemoryStore::new(), ManualClock::new(START));
    let old = World::over(&engine, &clock).await;
    old.put(1).await;
    let new = World::over(&engine, &clock).await;
    let kept = new.put(2).await;
    // It does not know of 2, and would release everything if it were asked.
    assert!(matches!(old.handle.ask(Ask::Take(1)).await, Err(MachineError::Store(_))));
    old.take(1).await;
    old.settle().await;
    assert!(new.payloads.read(kept).await.unwrap().is_some());
    // A payload that the other owner has released before its command came.
    let stored = new.payloads.append(&[b"late"]).await.unwrap();
    old.take(2).await;
    old.settle().await;
    let late = stored.first;
    let mut refused = new.handle.ask_holding(Ask::Put(3, late), vec![stored.hold]).await;
    if let Err(MachineError::Store(_)) = refused {
        refused = new.handle.ask(Ask::Put(3, late)).await;
    }
    assert!(matches!(refused, Err(MachineError::PayloadReleased { .. })), "{refused:?}");
}

#[tokio::test]
async fn the_mark_survives_snapshots_and_restarts() {
    let (engine, clock) = (MemoryStore::new(), ManualClock::new(START));
    let world = World::over(&engine, &clock).await;
    for round in 0..40 {
        world.put(round).await;
        if round >= 3 {
            world.take(round - 3).await;
        }
        world.settle().await;
    }
    let manifest = engine.get("shelf/manifest").await.unwrap().unwrap();
    let manifest = headwater_machine::Manifest::decode::<Shelf>(&manifest.value).unwrap();
    assert!(manifest.newest.low_water.is_some_and(|mark| mark > 0), "{manifest:?}");
    let (start, _) = world.payloads.bounds();
    assert_eq!(start, Position::new(37).unwrap());
    world.handle.close().await;
    let world = World::over(&engine, &clock).await;
    let positions: Vec<Position> = world.handle.state().unwrap().values().copied().collect();
    for at in positions {
        assert!(world.payloads.read(at).await.unwrap().is_some());
    }
    let late = world.handle.ask(Ask::Put(3, Position::new(5).unwrap())).await;
    assert!(matches!(late, Err(MachineError::PayloadReleased { .. })), "{late:?}");
    assert!(!world.store.has_crashed());
    assert!(engine.get("shelf/lease").await.unwrap().is_none());
}

#[tokio::test]
async fn a_command_that_waited_while_its_payload_was_released_is_refused() {
    let (engine, clock) = (MemoryStore::new(), ManualClock::new(START));
    let other = World::over(&engine, &clock).await;
    other.put(1).await;
    let world = World::over(&engine, &clock).await;
    let mut stored = Vec::new();
    for _ in 0..2 {
        stored.push(world.payloads.append(&[b"late"]).await.unwrap());
    }
    // It knows nothing of these two.
    other.take(1).await;
    other.settle().await;
    let ask = |key, Stored { first, hold }| world.handle.ask_holding(Ask::Put(key, first), vec![hold]);
    let [one, two] = <[Stored; 2]>::try_from(stored).unwrap();
    // The first meets the other's changes; the second waits behind it, and holds its payload.
    let (one, two) = tokio::join!(ask(1, one), ask(2, two));
    assert!(matches!(one, Err(MachineError::Store(_))), "{one:?}");
    assert!(matches!(two, Err(MachineError::PayloadReleased { .. })), "{two:?}");
}

#[tokio::test]
async fn the_mark_is_read_from_the_journal_alone() {
    let (engine, clock) = (MemoryStore::new(), ManualClock::new(START));
    let world = World::over(&engine, &clock).await;
    let first = world.put(1).await;
    world.put(2).await;
    world.take(1).await;
    world.settle().await;
    world.handle.close().await;
    let manifest = engine.get("shelf/manifest").await.unwrap().unwrap();
    let manifest = headwater_machine::Manifest::decode::<Shelf>(&manifest.value).unwrap();
    assert_eq!(manifest.newest.snapshot, None);
    let world = World::over(&engine, &clock).await;
    let late = world.handle.ask(Ask::Put(3, first)).await;
    assert!(matches!(late, Err(MachineError::PayloadReleased { .. })), "{late:?}");
}
