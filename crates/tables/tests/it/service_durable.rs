//! Durability of tables: acknowledged changes are there after a restart, a crash, and whatever happens to snapshots.

use std::collections::BTreeMap;
use std::time::Duration;

use headwater_host::Random;
use headwater_host::SeededRandom;
use headwater_host::disk::{Faults, SimDisk};
use headwater_store::LogStore;
use headwater_store::memory::MemoryStore;
use headwater_tables::value::Item;
use headwater_tables::{IndexProjection, TablesError};

use crate::harness::{Engine, World, by_owner, delete, item, key, n, put, query, s};

/// Random writes, deletions of tables, reopenings and snapshots beside a map that says what must be there.
async fn against_a_model(mut world: World, seed: u64, steps: usize, crashes: bool) {
    let random = SeededRandom::new(seed);
    let below = |bound: u64| random.next_u64() % bound;
    let names = ["one", "two"];
    let mut model: BTreeMap<&str, BTreeMap<String, Item>> = BTreeMap::new();
    for step in 0..steps {
        let name = names[below(2) as usize];
        let table = key(name);
        if !model.contains_key(name) {
            world.create_with(name, |spec| spec.indexes = vec![by_owner(IndexProjection::All)]).await;
            model.insert(name, BTreeMap::new());
        }
        match below(100) {
            0 => {
                world.service.delete_table(&table).await.unwrap();
                world.settle();
                model.remove(name);
            }
            1..4 if crashes => world.crash().await,
            1..4 => world.reopen().await,
            4..6 => world.service.upkeep().await.unwrap(),
            // So that a snapshot may begin.
            6 => world.clock.advance(Duration::from_secs(61)),
            7..30 => {
                let pk = below(40).to_string();
                world.service.write(delete(&table, item([("pk", s(&pk))]))).await.unwrap();
                model.get_mut(name).unwrap().remove(&pk);
            }
            _ => {
                let mut writes = Vec::new();
                for _ in 0..=below(4) {
                    let pk = below(40).to_string();
                    let owner = below(3).to_string();
                    let one = item([
                        ("pk", s(&pk)),
                        ("owner", s(&owner)),
                        ("step", n(step as i64)),
                        ("pad", s(&"x".repeat(below(2000) as usize))),
                    ]);
                    model.get_mut(name).unwrap().insert(pk, one.clone());
                    writes.push(world.service.write(put(&table, one)));
                }
                // Together, so that several are in one batch; in order, because each is polled in turn.
                for write in writes {
                    write.await.unwrap();
                }
            }
        }
        tokio::task::yield_now().await;
    }
    if crashes {
        world.crash().await
    } else {
        world.reopen().await
    }
    for (name, wanted) in model {
        let table = key(name);
        let mut found = world.all(&table);
        found.sort_by_key(|item| item["pk"].clone());
        let mut all: Vec<_> = wanted.values().cloned().collect();
        all.sort_by_key(|item| item["pk"].clone());
        assert_eq!(found, all, "seed {seed}");
        let mut indexed = 0;
        for owner in ["0", "1", "2"] {
            let mut request = query(&table, owner, None);
            request.index = Some(by_owner(IndexProjection::All).name);
            let page = world.page(&request);
            assert!(page.items.iter().all(|item| item["owner"] == s(owner)));
            indexed += page.items.len();
        }
        assert_eq!(indexed, wanted.len(), "seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_and_snapshots_lose_nothing() {
    for seed in 0..20 {
        let engine = Engine::Memory(MemoryStore::new());
        let world = World::with(engine, |config| config.snapshot_after_bytes = 4096).await;
        against_a_model(world, seed, 400, false).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crashes_lose_nothing() {
    for seed in 0..10 {
        let engine = Engine::Disk(SimDisk::new(seed));
        let world = World::with(engine, |config| config.snapshot_after_bytes = 4096).await;
        against_a_model(world, seed, 200, true).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshots_keep_the_log_short() {
    let store = MemoryStore::new();
    let mut world =
        World::with(Engine::Memory(store.clone()), |config| config.snapshot_after_bytes = 10_000).await;
    let table = world.create("t-1").await;
    let journal = LogStore::list(&*store, "tables/journal").await.unwrap();
    let log = store.open(&journal[0]).await.unwrap();
    for i in 0..2000 {
        world.put(&table, item([("pk", s("only")), ("v", n(i))])).await;
        world.clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
    // The last snapshot may be under way.
    for _ in 0..100 {
        if log.bounds().start.get() > 1000 {
            break;
        }
        world.clock.advance(Duration::from_secs(61));
        world.put(&table, item([("pk", s("only")), ("v", n(2000))])).await;
        tokio::task::yield_now().await;
    }
    assert!(log.bounds().start.get() > 1000, "{:?}", log.bounds());
    assert!(LogStore::list(&*store, "tables/snapshot/").await.unwrap().len() <= 3);
    world.reopen().await;
    assert_eq!(world.all(&table).len(), 1);
    // The newest, the one before, and one that the service from before may be making.
    assert!(LogStore::list(&*store, "tables/snapshot/").await.unwrap().len() <= 3);
}

#[tokio::test]
async fn a_stranger_in_the_log_is_noticed() {
    let store = MemoryStore::new();
    let world = World::with(Engine::Memory(store.clone()), |_| {}).await;
    let table = world.create("t-1").await;
    let other = World::with(Engine::Memory(store.clone()), |_| {}).await;
    other.clock.advance(Duration::from_secs(1));
    other.put(&table, item([("pk", s("theirs"))])).await;
    let refused = world.service.write(put(&table, item([("pk", s("ours"))]))).await.unwrap_err();
    assert!(matches!(refused, TablesError::Store(_)), "{refused:?}");
    // It has read what they wrote, and goes on after it.
    world.put(&table, item([("pk", s("ours"))])).await;
    assert_eq!(world.all(&table).len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_durable_is_not_shown() {
    let mut world = World::on_disk(1).await;
    let Engine::Disk(disk) = world.engine.clone() else { unreachable!() };
    let table = world.create("t-1").await;
    world.put(&table, item([("pk", s("kept"))])).await;
    disk.set_faults(Faults { fail_syncs_of: Some("/journal/".into()), ..Faults::default() });
    let refused = world.service.write(put(&table, item([("pk", s("in doubt"))]))).await.unwrap_err();
    assert!(matches!(refused, TablesError::Store(_)), "{refused:?}");
    assert_eq!(world.all(&table), [item([("pk", s("kept"))])], "reads go on");
    disk.set_faults(Faults::default());
    assert!(world.service.write(put(&table, item([("pk", s("later"))]))).await.is_err(), "until a restart");
    world.crash().await;
    let found = world.all(&table).len();
    assert!(found == 1 || found == 2, "{found}");
    world.put(&table, item([("pk", s("later"))])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_and_serves_reads() {
    let mut world = World::on_disk(2).await;
    let Engine::Disk(disk) = world.engine.clone() else { unreachable!() };
    let table = world.create("t-1").await;
    world.put(&table, item([("pk", s("kept"))])).await;
    let used = disk.used_bytes(std::path::Path::new("/"));
    disk.set_faults(Faults { capacity_bytes: Some(used), ..Faults::default() });
    let mut refused = None;
    for i in 0..2000 {
        let one = item([("pk", s(&i.to_string())), ("v", s(&"x".repeat(100_000)))]);
        if let Err(error) = world.service.write(put(&table, one)).await {
            refused = Some(error);
            break;
        }
    }
    assert!(matches!(refused, Some(TablesError::Store(_))), "{refused:?}");
    let before = world.service.describe(&table).unwrap().items;
    disk.set_faults(Faults::default());
    world.crash().await;
    assert_eq!(world.service.describe(&table).unwrap().items, before);
}
