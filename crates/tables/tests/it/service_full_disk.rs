//! Tables fill the disk, say so while their journal can still be made shorter, and give the room back.

use std::sync::Arc;
use std::time::Duration;

use headwater_host::disk::{Faults, SimDisk};
use headwater_host::{Clock, SystemClock};
use headwater_store::{LogStore, StoreError};
use headwater_tables::value::Item;
use headwater_tables::{TableChange, TableKey, TablesError};

use crate::harness::{Engine, START, World, delete, item, put, s};

const CAPACITY: u64 = 1_500_000;
/// Looks, some milliseconds apart, after which what is waited for does not come: the store works in real time.
const TRIES_MAX: usize = 6000;

async fn world() -> (World, Arc<SimDisk>) {
    let disk = SimDisk::new(1);
    disk.set_faults(full());
    let world =
        World::with(Engine::BusyDisk(disk.clone()), |config| config.snapshot_after_bytes = 50_000).await;
    (world, disk)
}

fn full() -> Faults {
    Faults { capacity_bytes: Some(CAPACITY), ..Faults::default() }
}

async fn try_put(world: &World, table: &TableKey, pk: usize) -> Result<(), TablesError> {
    let one = item([("pk", s(&pk.to_string())), ("v", s(&"x".repeat(3000)))]);
    world.service.write(put(table, one)).await.map(drop)
}

fn is_full(result: &Result<(), TablesError>) -> bool {
    match result {
        Ok(()) => false,
        Err(TablesError::Store(StoreError::NoSpace(_))) => true,
        Err(error) => panic!("{error}"),
    }
}

/// Lets snapshots and the store do what they have to.
async fn rest(world: &World) {
    world.clock.advance(Duration::from_secs(61));
    SystemClock::new().sleep(Duration::from_millis(5)).await;
}

/// Deletes an item. The clock that is moved leaves the store no time to make room in its journals before it gives up, so
/// what a slow machine has not done yet is waited for.
async fn remove(world: &World, table: &TableKey, key: Item) {
    for _ in 0..1000 {
        match world.service.write(delete(table, key.clone())).await {
            Ok(_) => return,
            Err(TablesError::Store(StoreError::NoSpace(_) | StoreError::Busy)) => {
                SystemClock::new().sleep(Duration::from_millis(5)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("a deletion is refused");
}

/// Puts items until they are refused; says how many there are.
async fn fill(world: &World, table: &TableKey, from: usize) -> usize {
    for pk in from..2000 {
        if is_full(&try_put(world, table, pk).await) {
            return pk;
        }
        rest(world).await;
    }
    panic!("the disk never gets full");
}

async fn journal_start(world: &World) -> u64 {
    let store = world.store().unwrap();
    let journal = LogStore::list(&*store, "tables/journal").await.unwrap().remove(0);
    LogStore::open(&*store, &journal).await.unwrap().bounds().start.get()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_empties_when_items_are_deleted() {
    let (mut world, disk) = world().await;
    let table = world.create("t-1").await;
    let (mut from, mut there, start) = (0, 0, journal_start(&world).await);
    for round in 0..3 {
        let (mut end, mut tries) = (fill(&world, &table, from).await, 0);
        // What the round before deleted may still be leaving the disk.
        while (there + end - from) * 3000 <= CAPACITY as usize / 12 {
            rest(&world).await;
            end = fill(&world, &table, end).await;
            tries += 1;
            assert!(tries < TRIES_MAX, "{there} items and {end}, round {round}");
        }
        there += end - from;
        let mut tries = 0;
        while world.store().unwrap().is_full() {
            rest(&world).await;
            tries += 1;
            assert!(tries < TRIES_MAX, "there is room for a snapshot, round {round}");
        }
        assert_eq!(world.all(&table).len(), there);
        for pk in from..end {
            let key = item([("pk", s(&pk.to_string()))]);
            remove(&world, &table, key).await;
        }
        there -= end - from;
        if round == 1 {
            world.close().await;
            disk.crash();
            disk.set_faults(full());
            world.try_reopen().await.unwrap();
            assert_eq!(world.all(&table).len(), there);
        }
        from = end;
        let mut tries = 0;
        while is_full(&try_put(&world, &table, from).await) {
            rest(&world).await;
            tries += 1;
            assert!(tries < TRIES_MAX, "room does not come back, round {round}");
        }
    }
    assert!(journal_start(&world).await > start, "the journal is shorter");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_few_items_that_change_never_fill_the_disk() {
    let (world, _disk) = world().await;
    let table = world.create("t-1").await;
    for i in 0..400 {
        assert!(!is_full(&try_put(&world, &table, i % 7).await), "write {i}");
        assert!(!is_full(
            &world.service.write(put(&table, item([("pk", s(&(i % 7).to_string()))]))).await.map(drop)
        ));
        if i % 10 == 0 {
            rest(&world).await;
        }
    }
    assert!(journal_start(&world).await > 400);
}

/// Streams take what is left: tables wait, deletions go on, and it ends when the streams' room is given back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_others_filled_lets_deletions_through() {
    let (world, _disk) = world().await;
    let table = world.create("t-1").await;
    for pk in 0..20 {
        try_put(&world, &table, pk).await.unwrap();
    }
    let store = world.store().unwrap();
    let other = headwater_store::LogId::new("other").unwrap();
    store.create(std::slice::from_ref(&other)).await.unwrap();
    let log = LogStore::open(&*store, &other).await.unwrap();
    loop {
        let mut records = headwater_types::RecordBatchBuilder::default();
        records.push(headwater_types::Record { key: "", explicit_hash_key: None, data: &[7; 3000] });
        let records = records.finish().unwrap();
        let batch = headwater_store::AppendBatch { arrival: START, records, frees: false };
        match log.append(batch, headwater_store::Expect::Any).await {
            Ok(_) => SystemClock::new().sleep(Duration::from_millis(1)).await,
            Err(StoreError::NoSpace(_)) => break,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(is_full(&try_put(&world, &table, 20).await));
    assert!(world.service.lacks_room());
    // What adds nothing to a table goes through, so that it can be given up; what adds something does not.
    let tags = |value: &str| [("team".to_owned(), value.to_owned())].into();
    assert!(is_full(&world.service.tag(&table, tags("blue")).await));
    for protected in [true, false] {
        let change = TableChange { deletion_protection: Some(protected), ..TableChange::default() };
        world.service.update_table(&table, change).await.unwrap();
    }
    for pk in 0..10 {
        remove(&world, &table, item([("pk", s(&pk.to_string()))])).await;
    }
    LogStore::delete(&*store, &[other]).await.unwrap();
    let mut tries = 0;
    while is_full(&try_put(&world, &table, 20).await) {
        rest(&world).await;
        tries += 1;
        assert!(tries < TRIES_MAX, "room does not come back");
    }
    assert_eq!(world.all(&table).len(), 11);
}
