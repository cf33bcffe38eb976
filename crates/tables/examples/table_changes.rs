//! Measures how long readers wait while a table changes:
//! `cargo run --release -p headwater-tables --example table_changes -- [ITEMS]`.
//!
//! A thread reads one item again and again. Its longest wait is, but for the scheduler, the longest time for which a change
//! holds the lock of all tables. In a store in memory.

mod memory;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use headwater_host::{Clock, SystemClock};
use headwater_tables::value::{AttributeValue, Item};
use headwater_tables::{
    Action, Get, IndexChange, IndexProjection, IndexScope, IndexSpec, Status, TableChange, TableKey,
    TableName, TableService, Write,
};

use memory::Anything;

fn main() -> Anything<()> {
    let items = std::env::args().nth(1).map(|number| number.parse()).transpose()?.unwrap_or(1_000_000);
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?.block_on(run(items))
}

fn key(pk: usize) -> Item {
    Item::from([("pk".to_owned(), AttributeValue::S(format!("{pk:08}")))])
}

/// A thread that reads an item and keeps its longest wait, in microseconds.
struct Reader {
    longest_us: Arc<AtomicU64>,
    ends: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

impl Reader {
    fn new(service: Arc<TableService>, clock: Arc<dyn Clock>, get: Get) -> Self {
        let (longest_us, ends) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let thread = std::thread::spawn({
            let (longest_us, ends) = (longest_us.clone(), ends.clone());
            move || {
                while !ends.load(Ordering::Relaxed) {
                    let began = clock.elapsed();
                    let found = service.get(&get).is_ok_and(|got| got.item.is_some());
                    assert!(found, "the item is there");
                    longest_us.fetch_max((clock.elapsed() - began).as_micros() as u64, Ordering::Relaxed);
                }
            }
        });
        Self { longest_us, ends, thread }
    }

    /// The longest wait since the last time.
    fn tell(&self, what: &str) {
        let longest_us = self.longest_us.swap(0, Ordering::Relaxed);
        println!("{what}: longest wait of a reader {:.3} ms", longest_us as f64 / 1000.0);
    }
}

async fn run(items: usize) -> Anything<()> {
    let clock = SystemClock::new();
    let service = memory::service(clock.clone(), usize::MAX).await?;
    let (big, small) =
        (memory::create(&service, "big", "pk").await?, memory::create(&service, "small", "pk").await?);
    let put = |table: &TableKey, pk: usize| {
        let mut item = key(pk);
        item.insert("owner".into(), AttributeValue::S(format!("owner-{:04}", pk % 1000)));
        let (table, action) = (table.clone(), Action::Put(item));
        Write { table, action, condition: None, give_failed: false, give_collection: false }
    };
    service.write(put(&small, 0)).await?;
    for from in (0..items).step_by(1000) {
        service.write_each((from..items.min(from + 1000)).map(|pk| put(&big, pk)).collect()).await?;
    }
    let get = Get { table: small, key: key(0), projection: None, consistent: true };
    let reader = Reader::new(service.clone(), clock.clone(), get);
    clock.sleep(Duration::from_secs(1)).await;
    reader.tell("nothing else");
    service.tag(&big, [("team".to_owned(), "blue".to_owned())].into()).await?;
    reader.tell("a tag");
    let name = TableName::new("by-owner").ok_or("no name")?;
    let spec = IndexSpec {
        name: name.clone(),
        scope: IndexScope::Global,
        schema: memory::schema("owner"),
        projection: IndexProjection::All,
        throughput: None,
    };
    for (what, change) in [
        ("an index that is created", IndexChange::Create(spec)),
        ("an index that is deleted", IndexChange::Delete(name)),
    ] {
        let began = clock.elapsed();
        service.update_table(&big, TableChange { indexes: vec![change], ..TableChange::default() }).await?;
        settle(&service, &*clock, &big).await?;
        println!("{what} takes {:?}", clock.elapsed() - began);
        reader.tell(what);
    }
    service.delete_table(&big).await?;
    service.upkeep().await?;
    clock.sleep(Duration::from_secs(2)).await;
    reader.tell("a table that is deleted");
    reader.ends.store(true, Ordering::Relaxed);
    reader.thread.join().map_err(|_| "the reader has failed")?;
    service.close().await;
    Ok(())
}

/// Returns when a table is active again.
async fn settle(service: &TableService, clock: &dyn Clock, table: &TableKey) -> Anything<()> {
    while service.describe(table)?.status != Status::Active {
        clock.sleep(Duration::from_millis(10)).await;
    }
    // Freeing goes on behind the answer.
    clock.sleep(Duration::from_secs(2)).await;
    Ok(())
}
