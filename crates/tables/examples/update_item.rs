//! Measures updates of items: `cargo run --release -p headwater-tables --example update_item -- [UPDATES] [TOGETHER]`.
//!
//! Leases as KCL renews them, a conditional update of an item of 300 bytes each, in a store in memory and on one thread: the
//! processor time is that of deciding, encoding, applying and answering.

mod memory;

use std::time::Duration;

use headwater_host::{Clock, SystemClock};
use headwater_tables::expression::{Condition, ConditionPlace, Placeholders, Update};
use headwater_tables::value::{AttributeValue, Item};
use headwater_tables::{Action, SNAPSHOT_AFTER_BYTES, TableKey, Write};

use memory::Anything;

const LEASES: usize = 1000;

fn main() -> Anything<()> {
    let mut given = std::env::args().skip(1).map(|number| number.parse::<usize>());
    let updates = given.next().transpose()?.unwrap_or(200_000);
    let together = given.next().transpose()?.unwrap_or(64);
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(run(updates, together))
}

fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn key(lease: usize) -> Item {
    Item::from([("leaseKey".to_owned(), text(format!("shardId-{lease:012}")))])
}

/// A renewal: the counter is as it was read, and becomes one more.
fn renewal(table: &TableKey, lease: usize, counter: usize) -> Anything<Write> {
    let number = |number: usize| number.to_string().parse().map(AttributeValue::N);
    let values =
        Item::from([(":new".to_owned(), number(counter + 1)?), (":old".to_owned(), number(counter)?)]);
    let mut placeholders = Placeholders::new(None, Some(values))?;
    let condition = Condition::parse(ConditionPlace::Condition, "leaseCounter = :old", &mut placeholders)?;
    let update = Some(Update::parse("SET leaseCounter = :new", &mut placeholders)?);
    let action = Action::Update { key: key(lease), update };
    let (table, condition) = (table.clone(), Some(condition));
    Ok(Write { table, action, condition, give_failed: false, give_collection: false })
}

async fn run(updates: usize, together: usize) -> Anything<()> {
    let clock = SystemClock::new();
    let service = memory::service(clock.clone(), SNAPSHOT_AFTER_BYTES).await?;
    let table = memory::create(&service, "leases", "leaseKey").await?;
    for lease in 0..LEASES {
        let mut item = key(lease);
        item.insert("leaseCounter".into(), AttributeValue::N("0".parse()?));
        item.insert("leaseOwner".into(), text("6b0c8f5e-3f0e-4a6f-9c80-6d9a6f3f0a11"));
        item.insert("checkpoint".into(), text("49590338271490256608559692538361571095921575989136588898"));
        item.insert("checkpointSubSequenceNumber".into(), AttributeValue::N("0".parse()?));
        item.insert("startingHashKey".into(), text("0"));
        item.insert("endingHashKey".into(), text("340282366920938463463374607431768211455"));
        let action = Action::Put(item);
        let (table, condition) = (table.clone(), None);
        service.write(Write { table, action, condition, give_failed: false, give_collection: false }).await?;
    }
    let (began, cpu_began) = (clock.elapsed(), cpu()?);
    let mut tasks = Vec::new();
    for task in 0..together {
        let (service, table) = (service.clone(), table.clone());
        tasks.push(async move {
            let mut done = 0;
            for i in 0..updates / together {
                // Each task has leases of its own.
                let (lease, counter) = (task + together * (i % (LEASES / together)), i / (LEASES / together));
                let write = renewal(&table, lease, counter).map_err(|error| error.to_string())?;
                service.write(write).await.map_err(|error| error.to_string())?;
                done += 1;
            }
            Ok::<usize, String>(done)
        });
    }
    let handles: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
    let mut done = 0;
    for handle in handles {
        done += handle.await??;
    }
    let (took, cpu_took) = (clock.elapsed() - began, cpu()? - cpu_began);
    let each = |took: Duration| took.as_secs_f64() * 1e6 / done as f64;
    println!("{done} updates, {together} together: {:.2} us of the processor each", each(cpu_took));
    println!("{:.2} us each by the clock", each(took));
    service.close().await;
    Ok(())
}

/// Processor time of this thread.
fn cpu() -> Anything<Duration> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let first = stat.split(' ').next().ok_or("no figures")?;
    Ok(Duration::from_nanos(first.parse()?))
}
