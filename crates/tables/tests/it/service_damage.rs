//! Damage takes the tables that it touched and no others, and never makes one go back in time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use headwater_host::{Random, SeededRandom};
use headwater_machine::conformance::{Fault, FaultyStore, Rot};
use headwater_store::memory::MemoryStore;
use headwater_store::{AppendBatch, Expect, LogStore, MetaStore, Position, ReadLimit};
use headwater_tables::value::Item;
use headwater_tables::{Get, TableKey, TableService, TablesError};

use crate::harness::{Engine, World, item, key, n, put, s, spec};
use crate::scratched::Scratched;

const JOURNAL: &str = "tables/journal";
const SNAPSHOTS: &str = "tables/snapshot/";

async fn world() -> (World, Arc<Scratched>) {
    let store = Scratched::new();
    (World::with(Engine::Scratched(store.clone()), |_| {}).await, store)
}

/// One with snapshots after so many bytes.
async fn world_with_copies(bytes: usize) -> (World, Arc<Scratched>) {
    let store = Scratched::new();
    let world =
        World::with(Engine::Scratched(store.clone()), |config| config.snapshot_after_bytes = bytes).await;
    (world, store)
}

/// End of the log.
async fn end(store: &Scratched) -> u64 {
    store.only(JOURNAL).await.1.end.get()
}

fn try_get(world: &World, table: &TableKey, pk: &str) -> Result<Option<Item>, TablesError> {
    let get = Get { table: table.clone(), key: item([("pk", s(pk))]), projection: None, consistent: true };
    world.service.get(&get).map(|got| got.item)
}

fn assert_lost<T: std::fmt::Debug>(result: Result<T, TablesError>) {
    assert!(matches!(result, Err(TablesError::Lost { .. })), "{result:?}");
}

fn names(world: &World) -> Vec<String> {
    let (names, _) = world.service.list(key("any").realm, None, 100).unwrap();
    names.iter().map(|name| name.as_str().to_owned()).collect()
}

fn row(pk: &str, v: i64) -> Item {
    item([("pk", s(pk)), ("v", n(v)), ("pad", s(&"x".repeat(400)))])
}

/// Has a snapshot made, and says which one it is.
async fn snapshot(world: &World, store: &Scratched, table: &TableKey) -> String {
    let newest = async || {
        let manifest = MetaStore::get(&*store.inner, "tables/root").await.unwrap().unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest.value).unwrap();
        manifest["snapshot"].as_u64()
    };
    let before = newest().await;
    for i in 0..100_000 {
        world.clock.advance(Duration::from_secs(61));
        world.put(table, row("pad", i)).await;
        match newest().await {
            Some(made) if before != Some(made) => return format!("{SNAPSHOTS}{made:016x}"),
            _ => tokio::task::yield_now().await,
        }
    }
    panic!("no snapshot was made");
}

/// Makes records that have this in them unreadable.
async fn scratch(store: &Scratched, text: &str) {
    for id in LogStore::list(&*store.inner, JOURNAL).await.unwrap() {
        let log = store.inner.open(&id).await.unwrap();
        let limit = ReadLimit { records: 10_000, bytes: 1 << 30 };
        for batch in log.read(Position::START, limit).await.unwrap().batches {
            for (i, record) in batch.records.records().enumerate() {
                if String::from_utf8_lossy(record.data).contains(text) {
                    store.scratch(JOURNAL, batch.first.get() + i as u64);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_hole_in_the_log_takes_only_the_tables_that_it_touched() {
    let (mut world, store) = world().await;
    let (hurt, well) = (world.create("hurt").await, world.create("well").await);
    world.put(&hurt, row("a", 1)).await;
    world.put(&well, row("a", 1)).await;
    world.put(&hurt, row("HURT", 2)).await;
    for v in 0..20 {
        world.put(&well, row("a", v)).await;
    }
    for is_scratched in [true, false] {
        if is_scratched {
            scratch(&store, "HURT").await;
        } else {
            store.mend();
        }
        world.reopen().await;
        assert_eq!(names(&world), ["hurt", "well"]);
        assert_eq!(world.service.describe(&hurt).unwrap().key, hurt);
        assert_eq!(world.get(&well, item([("pk", s("a"))])), Some(row("a", 19)));
        world.put(&well, row("b", 1)).await;
        assert_eq!(world.service.losses().are_there(), is_scratched);
        if is_scratched {
            assert_lost(try_get(&world, &hurt, "a"));
            assert_lost(world.service.write(put(&hurt, row("b", 1))).await);
            assert_lost(world.service.tag(&hurt, Default::default()).await);
            let losses = world.service.losses();
            assert_eq!((losses.tables.len(), losses.whole, losses.nameless, losses.unknown), (1, 1, 0, None));
            assert!(losses.tables[0].1.contains("a scratch"), "{}", losses.tables[0].1);
            // It is known that no other table is missing.
            assert!(matches!(world.service.describe(&key("none")), Err(TablesError::TableNotFound(_))));
            world.create("new").await;
            world.service.delete_table(&key("new")).await.unwrap();
            world.settle();
        } else {
            assert_eq!(
                world.get(&hurt, item([("pk", s("HURT"))])),
                Some(row("HURT", 2)),
                "a file that is put back mends it"
            );
        }
    }
}

#[tokio::test]
async fn a_table_that_lost_something_can_be_deleted_and_made_again() {
    let (mut world, store) = world().await;
    let (hurt, well) = (world.create("hurt").await, world.create("well").await);
    world.put(&hurt, row("HURT", 1)).await;
    for v in 0..20 {
        world.put(&well, row("a", v)).await;
    }
    scratch(&store, "HURT").await;
    world.reopen().await;
    assert_lost(try_get(&world, &hurt, "a"));
    world.service.delete_table(&hurt).await.unwrap();
    world.settle();
    world.create("hurt").await;
    for _ in 0..2 {
        assert_eq!(try_get(&world, &hurt, "a").unwrap(), None);
        assert!(!world.service.losses().are_there());
        world.reopen().await;
    }
}

#[tokio::test]
async fn a_table_whose_creation_was_lost_is_not_said_to_be_free() {
    let (mut world, store) = world().await;
    let well = world.create("well").await;
    let hurt = world.create("hurt").await;
    for v in 0..20 {
        world.put(&well, row("a", v)).await;
    }
    world.put(&hurt, row("a", 1)).await;
    scratch(&store, "\"hurt\"").await;
    world.reopen().await;
    assert_eq!(names(&world), ["well"]);
    assert_eq!(world.get(&well, item([("pk", s("a"))])), Some(row("a", 19)));
    assert_lost(world.service.describe(&hurt));
    assert_lost(world.service.create_table(&hurt, spec()).await);
    let losses = world.service.losses();
    assert_eq!((losses.nameless, losses.unknown), (1, None));
    world.service.accept_losses().await.unwrap();
    world.create("hurt").await;
    assert_eq!(try_get(&world, &hurt, "a").unwrap(), None);
}

#[tokio::test]
async fn a_hole_at_the_end_takes_all_tables_until_the_loss_is_accepted() {
    let (mut world, store) = world().await;
    let (one, two) = (world.create("one").await, world.create("two").await);
    world.put(&one, row("a", 1)).await;
    let at = end(&store).await;
    world.put(&two, row("a", 1)).await;
    world.service.close().await;
    for position in at..end(&store).await {
        store.scratch(JOURNAL, position);
    }
    for _ in 0..2 {
        world.reopen().await;
        assert_eq!(names(&world), ["one", "two"]);
        assert_lost(try_get(&world, &one, "a"));
        assert_lost(try_get(&world, &two, "a"));
        assert_lost(world.service.describe(&key("none")));
        assert_lost(world.service.create_table(&key("new"), spec()).await);
        assert_eq!(world.service.losses().tables.len(), 2);
    }
    world.service.accept_losses().await.unwrap();
    for _ in 0..2 {
        assert!(!world.service.losses().are_there());
        assert_eq!(try_get(&world, &one, "a").unwrap(), Some(row("a", 1)));
        assert_eq!(try_get(&world, &two, "a").unwrap(), None, "lost");
        // The damage is not in the log any more.
        world.reopen().await;
    }
    world.put(&two, row("a", 2)).await;
    world.reopen().await;
    assert_eq!(try_get(&world, &two, "a").unwrap(), Some(row("a", 2)));
    assert_eq!(store.only(SNAPSHOTS).await.1.start.get(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_copy_is_replaced_by_the_one_before_and_the_log() {
    for second in [false, true] {
        let (mut world, store) = world_with_copies(20_000).await;
        let table = world.create("t-1").await;
        world.put(&table, row("a", 1)).await;
        let mut damaged = snapshot(&world, &store, &table).await;
        if second {
            world.put(&table, row("b", 2)).await;
            damaged = snapshot(&world, &store, &table).await;
        }
        store.scratch(&damaged, 1);
        world.put(&table, row("c", 3)).await;
        world.reopen().await;
        assert!(!world.service.losses().are_there(), "{:?}", world.service.losses());
        assert_eq!(try_get(&world, &table, "a").unwrap(), Some(row("a", 1)));
        assert_eq!(try_get(&world, &table, "b").unwrap(), second.then(|| row("b", 2)));
        assert_eq!(try_get(&world, &table, "c").unwrap(), Some(row("c", 3)));
        snapshot(&world, &store, &table).await;
        world.reopen().await;
        let snapshots = LogStore::list(&*store.inner, SNAPSHOTS).await.unwrap();
        assert!(
            snapshots.iter().all(|snapshot| snapshot.to_string() != damaged),
            "a new one has taken its place"
        );
        assert_eq!(try_get(&world, &table, "c").unwrap(), Some(row("c", 3)));
    }
}

#[tokio::test]
async fn the_only_copy_damaged_takes_the_tables_beside_the_hole() {
    let (mut world, store) = world().await;
    let tables: Vec<TableKey> = {
        let mut tables = Vec::new();
        for name in ["t-1", "t-2", "t-3", "t-4", "t-5"] {
            tables.push(world.create(name).await);
        }
        tables
    };
    for table in &tables {
        world.put(table, row("a", 1)).await;
    }
    // Makes a snapshot of which there is no earlier one.
    let at = end(&store).await;
    world.put(&tables[0], row("b", 1)).await;
    world.service.close().await;
    for position in at..end(&store).await {
        store.scratch(JOURNAL, position);
    }
    world.reopen().await;
    world.service.accept_losses().await.unwrap();
    world.reopen().await;
    let (snapshot, bounds) = store.only(SNAPSHOTS).await;
    // Counts, then a record for each table.
    assert_eq!(bounds.end.get(), 6);
    store.scratch(&snapshot, 3);
    world.reopen().await;
    let losses = world.service.losses();
    assert!(losses.unknown.is_some());
    assert_eq!(
        (losses.whole, losses.tables.len()),
        (3, 1),
        "one is not there, the one before it is in doubt"
    );
    let served = tables.iter().filter(|table| try_get(&world, table, "a").is_ok()).count();
    assert_eq!(served, 3);
}

/// Random writes to tables of which a model says what must be there, and random damage.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_is_whole_or_it_is_not_served() {
    let (mut served, mut refused) = (0, 0);
    for seed in 0..60 {
        let random = SeededRandom::new(seed);
        let below = |bound: u64| random.next_u64() % bound;
        let (mut world, store) = world_with_copies([3000, 30_000, 10_000_000][below(3) as usize]).await;
        let mut model: BTreeMap<String, BTreeMap<String, Item>> = BTreeMap::new();
        for step in 0..150 {
            let name = format!("t-{}", below(5));
            let table = key(&name);
            if !model.contains_key(&name) {
                world.create(&name).await;
                model.insert(name.clone(), BTreeMap::new());
            }
            match below(60) {
                0 => {
                    world.service.delete_table(&table).await.unwrap();
                    world.settle();
                    model.remove(&name);
                }
                1 => world.reopen().await,
                2 => world.clock.advance(Duration::from_secs(61)),
                3 => world.service.upkeep().await.unwrap(),
                _ => {
                    let pk = below(5).to_string();
                    world.put(&table, row(&pk, step)).await;
                    model.get_mut(&name).unwrap().insert(pk.clone(), row(&pk, step));
                }
            }
            tokio::task::yield_now().await;
        }
        if below(2) == 0 {
            world.service.close().await;
        }
        for _ in 0..=below(2) {
            let logs = LogStore::list(&*store.inner, "tables/").await.unwrap();
            let id = &logs[below(logs.len() as u64) as usize];
            let bounds = store.inner.open(id).await.unwrap().bounds();
            let (start, end) = (bounds.start.get(), bounds.end.get());
            let at = start + below((end - start).max(1));
            for position in at..at + 1 + below(6) {
                store.scratch(&id.to_string(), position);
            }
        }
        world.reopen().await;
        for accepted in [false, true] {
            for (name, wanted) in &model {
                match world.service.describe(&key(name)) {
                    Ok(_) => {}
                    Err(TablesError::Lost { .. }) => {
                        refused += 1;
                        continue;
                    }
                    Err(error) if accepted => {
                        assert!(matches!(error, TablesError::TableNotFound(_)), "{error}");
                        continue;
                    }
                    Err(error) => panic!("seed {seed}: {name}: {error}"),
                }
                match try_get(&world, &key(name), "0") {
                    Err(error) => {
                        assert_lost(Err::<(), _>(error));
                        refused += 1;
                    }
                    Ok(_) if accepted => {}
                    Ok(_) => {
                        served += 1;
                        let mut found = world.all(&key(name));
                        found.sort_by_key(|item| item["pk"].clone());
                        assert_eq!(
                            found,
                            wanted.values().cloned().collect::<Vec<_>>(),
                            "seed {seed}: {name}"
                        );
                    }
                }
            }
            if !accepted {
                world.service.accept_losses().await.unwrap();
                store.mend();
                assert!(!world.service.losses().are_there());
            }
        }
    }
    assert!(served > 50 && refused > 20, "{served} tables served, {refused} refused");
}

#[tokio::test]
async fn records_that_are_none_are_damage() {
    let record = |data: &[u8]| {
        let mut builder = headwater_types::RecordBatchBuilder::default();
        builder.push(headwater_types::Record { key: "", explicit_hash_key: None, data });
        AppendBatch { arrival: crate::harness::START, records: builder.finish().unwrap(), frees: false }
    };
    let append = async |store: &MemoryStore, data: &[u8]| {
        let journal = LogStore::list(store, JOURNAL).await.unwrap();
        store.open(&journal[0]).await.unwrap().append(record(data), Expect::Any).await.unwrap();
    };
    // Of a table that is not there.
    let store = MemoryStore::new();
    let mut world = World::with(Engine::Memory(store.clone()), |_| {}).await;
    let table = world.create("t-1").await;
    append(&store, br#"[{"put":[1,{"pk":{"S":"a"}}]}]"#).await;
    world.reopen().await;
    assert_eq!(world.service.losses().nameless, 1);
    assert_eq!(try_get(&world, &table, "a").unwrap(), None, "others are served");

    // Not a record at all.
    let store = MemoryStore::new();
    let mut world = World::with(Engine::Memory(store.clone()), |_| {}).await;
    world.create("t-1").await;
    append(&store, b"[{\"put\"").await;
    world.reopen().await;
    assert_lost(try_get(&world, &table, "a"));

    // Nothing that says where the tables are.
    let store = MemoryStore::new();
    let mut world = World::with(Engine::Memory(store.clone()), |_| {}).await;
    let manifest = store.get("tables/root").await.unwrap().unwrap();
    let expected = headwater_store::Expected::Version(manifest.version);
    store.put("tables/root", "nonsense".into(), expected).await.unwrap();
    assert!(matches!(world.try_reopen().await.unwrap_err(), TablesError::Damaged(_)));
}

#[tokio::test]
async fn an_accepted_loss_is_seen_once_it_is_durable() {
    let store = FaultyStore::over(MemoryStore::new());
    let mut world = World::with(Engine::Faulty(store.clone()), |_| {}).await;
    let table = world.create("leases").await;
    for pk in ["a", "b"] {
        world.put(&table, item([("pk", s(pk))])).await;
    }
    world.close().await;
    let journal = headwater_store::LogId::new(JOURNAL).unwrap();
    let end = LogStore::open(&*store, &journal).await.unwrap().bounds().end;
    let at = Position::new(end.get() - 1).unwrap();
    store.rot(Rot { log: JOURNAL.into(), at, reads_as: None });
    world.reopen().await;
    let get = Get { table: table.clone(), key: item([("pk", s("a"))]), projection: None, consistent: true };
    let is_refused = |world: &World| world.service.get(&get).is_err();
    assert!(is_refused(&world));
    // At first it cannot be made durable.
    store.hold_snapshots();
    for fails in [true, false] {
        let service = world.service.clone();
        let accepting = tokio::spawn(async move { service.accept_losses().await });
        store.settle().await;
        assert!(is_refused(&world), "it is not durable yet");
        if fails {
            store.fail_after(0, Fault::Refused);
        }
        store.let_snapshot_go_on(if fails { 1 } else { 100 });
        assert_eq!(accepting.await.unwrap().is_err(), fails);
        assert_eq!(is_refused(&world), fails);
    }
    assert!(!world.service.losses().are_there());
}

#[tokio::test]
async fn a_log_that_is_shorter_than_it_was_is_repaired() {
    use headwater_store::Expected;
    let store = MemoryStore::new();
    let mut world = World::with(Engine::Memory(store.clone()), |_| {}).await;
    let tables = [world.create("one").await, world.create("two").await];
    for table in &tables {
        world.put(table, item([("pk", s("a"))])).await;
    }
    world.close().await;
    let end =
        LogStore::open(&*store, &headwater_store::LogId::new(JOURNAL).unwrap()).await.unwrap().bounds().end;
    let manifest = store.get("tables/root").await.unwrap().unwrap();
    let mut text: serde_json::Value = serde_json::from_slice(&manifest.value).unwrap();
    text["settled"] = (end.get() + 7).into();
    let longer = serde_json::to_vec(&text).unwrap();
    store.put("tables/root", longer.into(), Expected::Version(manifest.version)).await.unwrap();
    assert!(matches!(world.try_reopen().await.unwrap_err(), TablesError::Damaged(_)));
    for accepts in [false, true] {
        let substrate = headwater_tables::Substrate {
            logs: store.clone(),
            meta: store.clone(),
            clock: world.clock.clone(),
            random: SeededRandom::new(9),
            metrics: Arc::default(),
        };
        let service = TableService::open_for_repair(substrate, world.config.clone()).await.unwrap();
        let losses = service.losses();
        assert_eq!((losses.tables.len(), losses.whole), (2, 0));
        assert!(losses.cause().unwrap().contains("7 records or more are missing"), "{losses:?}");
        if accepts {
            service.accept_losses().await.unwrap();
        }
        service.close().await;
        assert_eq!(world.try_reopen().await.is_ok(), accepts, "looking changes nothing");
    }
    world.reopen().await;
    for table in &tables {
        assert_eq!(world.all(table).len(), 1);
    }
    world.create("three").await;
}
