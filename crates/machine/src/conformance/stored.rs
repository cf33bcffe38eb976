//! Stored state that cannot be read: damage, and formats of other versions.

use std::sync::Arc;

use headwater_host::Clock;
use headwater_store::{Expected, LogId, LogStore};
use headwater_types::Position;

use super::durable::manifest;
use super::{Draw, Engine, FaultyStore, Model, Rot, Subject, TICK, World, clock, names, options};
use crate::error::MachineError;
use crate::machine::Machine;
use crate::manifest::LAYOUT;
use crate::options::Options;

pub(super) async fn damage_is_refused_or_contained_and_told<S: Subject, E: Engine>(
    subject: &S,
    fresh: &impl AsyncFn() -> Arc<E>,
) {
    let (engine, clock) = (fresh().await, clock());
    let no_snapshots = || Options { snapshot_after_bytes: usize::MAX, ..options() };
    let store = FaultyStore::over(engine.clone());
    let world = World::over(subject, store, &clock, 0, no_snapshots()).await.expect("opened");
    let mut model = Model::new(subject);
    for seed in 0..40 {
        world.handle.ask(subject.command(&mut Draw::new(seed))).await.expect("done");
        model.run(seed, clock.now());
    }
    world.handle.close().await;
    let log = LogStore::open(&*engine, &names().journal).await.expect("the journal");
    let middle = Position::new(log.bounds().end.get() / 2).expect("a position");
    for reads_as in [None, Some(b"\xff\xffrot".to_vec())] {
        let store = FaultyStore::over(engine.clone());
        store.rot(Rot { log: names().journal.to_string(), at: middle, reads_as: reads_as.clone() });
        let opened = World::over(subject, store, &clock, 1, no_snapshots()).await;
        match opened {
            Err(MachineError::Damaged { machine, cause }) => {
                assert!(!subject.contains_damage(), "the machine says that it contains damage: {cause}");
                assert_eq!(machine, S::Machine::NAME);
                assert!(cause.contains(&format!("positions {middle} to")), "{cause}");
            }
            Err(error) => panic!("{error}"),
            Ok(world) => {
                assert!(subject.contains_damage(), "damage was passed over without a word");
                assert!(subject.tells_damage(&world.handle), "{reads_as:?}: damage is not told");
                world.kill().await;
            }
        }
    }
    // Nothing was changed by those who saw damage.
    let world = World::open(subject, &engine, &clock, 2).await.expect("opened");
    assert_eq!(world.contents(subject), model.contents(clock.now()));
    world.handle.close().await;
}

pub(super) async fn a_damaged_snapshot_is_replaced_by_the_one_before<S: Subject, E: Engine>(
    subject: &S,
    fresh: &impl AsyncFn() -> Arc<E>,
) {
    let (engine, clock) = (fresh().await, clock());
    let world = World::open(subject, &engine, &clock, 0).await.expect("opened");
    let mut model = Model::new(subject);
    let mut newest = None;
    for seed in 0..2000 {
        let now = clock.now();
        model.wake(now);
        world.handle.ask(subject.command(&mut Draw::new(seed))).await.expect("done");
        model.run(seed, now);
        world.store.settle().await;
        if seed % 10 == 9 {
            clock.advance(TICK);
            world.store.settle().await;
        }
        let manifest = manifest(subject, &*engine).await;
        if manifest.previous.is_some_and(|previous| previous.snapshot.is_some()) {
            newest = manifest.newest.snapshot;
            break;
        }
    }
    world.handle.close().await;
    let newest = newest.expect("two snapshots were made");
    let log: LogId = names().snapshot(newest).expect("a name");
    for reads_as in [None, Some(b"\xff\xffrot".to_vec())] {
        let store = FaultyStore::over(engine.clone());
        store.rot(Rot { log: log.to_string(), at: Position::START, reads_as });
        let world = World::over(subject, store, &clock, 1, options()).await.expect("opened");
        assert_eq!(world.contents(subject), model.contents(clock.now()));
        world.kill().await;
    }
    // One that is not there at all is no better.
    LogStore::delete(&*engine, &[log]).await.expect("deleted");
    let world = World::open(subject, &engine, &clock, 2).await.expect("opened");
    assert_eq!(world.contents(subject), model.contents(clock.now()));
    world.kill().await;
}

pub(super) async fn formats_that_are_not_read_are_refused_by_name<S: Subject, E: Engine>(
    subject: &S,
    fresh: &impl AsyncFn() -> Arc<E>,
) {
    let (engine, clock) = (fresh().await, clock());
    World::open(subject, &engine, &clock, 0).await.expect("opened").handle.close().await;
    let key = names().manifest;
    let stored = engine.get(&key).await.expect("read").expect("a manifest");
    let mut version = stored.version;
    let current = manifest(subject, &*engine).await;
    assert_eq!((current.layout, current.format), (LAYOUT, S::Machine::FORMAT));
    for (layout, format) in [(LAYOUT, 0), (LAYOUT, u32::MAX), (LAYOUT + 1, S::Machine::FORMAT)] {
        let foreign = crate::Manifest { layout, format, ..current.clone() };
        let text = foreign.encode().expect("text");
        version = engine.put(&key, text.clone(), Expected::Version(version)).await.expect("put");
        let Err(refused) = World::open(subject, &engine, &clock, 1).await else {
            panic!("layout {layout}, format {format} was opened")
        };
        let said = refused.to_string();
        assert!(matches!(refused, MachineError::Format { .. }), "{said}");
        assert!(said.contains(S::Machine::NAME), "{said}");
        let number = if layout == LAYOUT { format } else { layout };
        assert!(said.contains(&number.to_string()), "{said}");
        let after = engine.get(&key).await.expect("read").expect("a manifest");
        assert_eq!(after.value, text, "what is refused is left as it is");
    }
}

pub(super) async fn a_journal_that_is_shorter_than_it_was_is_refused<S: Subject, E: Engine>(
    subject: &S,
    fresh: &impl AsyncFn() -> Arc<E>,
) {
    let (engine, clock) = (fresh().await, clock());
    let world = World::open(subject, &engine, &clock, 0).await.expect("opened");
    for seed in 0..20 {
        world.handle.ask(subject.command(&mut Draw::new(seed))).await.expect("done");
    }
    world.handle.snapshot(false).await.expect("a snapshot");
    world.handle.close().await;
    // As if an older copy of the journal had been put in its place.
    LogStore::delete(&*engine, &[names().journal]).await.expect("deleted");
    let opened = World::open(subject, &engine, &clock, 1).await;
    assert!(matches!(opened.err(), Some(MachineError::Damaged { .. })), "it was opened without a word");
    // For repair a machine that contains damage is opened, and once the loss is accepted it is as any other.
    let store = FaultyStore::over(engine.clone());
    let repairing = Options { contains_cut: true, ..options() };
    let repaired = World::over(subject, store, &clock, 2, repairing).await;
    assert_eq!(repaired.is_ok(), subject.contains_damage(), "the machine decides");
    let Ok(repaired) = repaired else { return };
    assert_eq!(repaired.handle.report().damage.len(), 1, "it is told");
    repaired.handle.snapshot(true).await.expect("a snapshot that stands alone");
    repaired.handle.close().await;
    let world = World::open(subject, &engine, &clock, 3).await.expect("opened");
    for seed in 0..20 {
        world.handle.ask(subject.command(&mut Draw::new(seed))).await.expect("done");
    }
    let contents = world.contents(subject);
    world.handle.close().await;
    let world = World::open(subject, &engine, &clock, 4).await.expect("opened");
    assert_eq!(world.contents(subject), contents);
}
