//! Each answer follows the append that it rests on.

use futures_util::future::join;
use headwater_machine::conformance::{Fault, FaultyStore};
use headwater_store::StoreError;
use headwater_store::memory::MemoryStore;
use headwater_tables::limits::APPEND_BYTES;
use headwater_tables::{TableKey, TablesError, Write};

use crate::harness::{Engine, World, item, put, s};

/// More than half of what is appended in one piece.
fn many(table: &TableKey, keys: std::ops::Range<usize>) -> Vec<Write> {
    let writes: Vec<Write> = keys.map(|key| large(table, &key.to_string())).collect();
    assert!(writes.len() * 400_000 > APPEND_BYTES / 2);
    writes
}

fn large(table: &TableKey, pk: &str) -> Write {
    put(table, item([("pk", s(pk)), ("v", s(&"x".repeat(400_000)))]))
}

async fn world() -> (World, TableKey, std::sync::Arc<FaultyStore>) {
    let store = FaultyStore::over(MemoryStore::new());
    let world = World::with(Engine::Faulty(store.clone()), |_| {}).await;
    let table = world.create("t-1").await;
    (world, table, store)
}

fn assert_busy<T: std::fmt::Debug>(result: Result<T, TablesError>) {
    assert!(matches!(result, Err(TablesError::Store(StoreError::Busy))), "{result:?}");
}

#[tokio::test]
async fn a_write_whose_append_was_durable_is_answered_so_though_the_next_append_fails() {
    let (mut world, table, store) = world().await;
    store.fail_after(1, Fault::Refused);
    let first = world.service.write_each(many(&table, 0..12));
    let second = world.service.write_each(many(&table, 100..112));
    let (first, second) = join(first, second).await;
    assert_eq!(first.unwrap().len(), 12, "it is durable");
    assert_busy(second);
    assert_eq!(world.all(&table).len(), 12);
    // And goes on.
    world.put(&table, item([("pk", s("after"))])).await;
    world.reopen().await;
    assert_eq!(world.all(&table).len(), 13, "applied is what is stored");
}

#[tokio::test]
async fn what_was_decided_on_an_append_that_failed_is_not_appended() {
    let (mut world, table, store) = world().await;
    store.fail_after(0, Fault::Refused);
    let first = world.service.write_each(many(&table, 0..12));
    // It changes nothing because of the first, which is then not there.
    let same = world.service.write(large(&table, "3"));
    let second = world.service.write_each(many(&table, 0..12));
    let ((first, same), second) = join(join(first, same), second).await;
    assert_busy(first);
    assert_busy(same);
    assert_busy(second);
    world.reopen().await;
    assert_eq!(world.all(&table).len(), 0);
}

#[tokio::test]
async fn an_answer_that_rests_on_nothing_new_is_given_though_the_append_fails() {
    let (world, table, store) = world().await;
    let there = || put(&table, item([("pk", s("there"))]));
    world.service.write(there()).await.unwrap();
    store.fail_after(0, Fault::Refused);
    let unchanged = world.service.write(there());
    let failing = world.service.write(put(&table, item([("pk", s("new"))])));
    let (unchanged, failing) = join(unchanged, failing).await;
    unchanged.unwrap();
    assert_busy(failing);
}
