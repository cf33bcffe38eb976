//! Writers that note every answer and stop at the first broken connection.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::ledger::{Entry, Fate, Ledger};
use super::record;
use crate::Result;
use crate::api::{Api, Refused};
use crate::random::Random;

const RECORDS_LIMIT: u64 = 100;

/// Runs `writers` writers, which pause between their puts, until `stop` is set or the server goes away. An answer that refuses anything is
/// a failure; a connection that ends is not.
pub(crate) fn write_until_stopped(
    address: SocketAddr,
    stream: &str,
    writers: u64,
    pause: Duration,
    ledger: &Mutex<Ledger>,
    stop: &AtomicBool,
) -> Result<()> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..writers)
            .map(|writer| scope.spawn(move || write(address, stream, writer, pause, ledger, stop)))
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a writer panicked")?)
    })
}

fn write(
    address: SocketAddr,
    stream: &str,
    writer: u64,
    pause: Duration,
    ledger: &Mutex<Ledger>,
    stop: &AtomicBool,
) -> Result<()> {
    let Ok(mut api) = Api::open(address) else { return Ok(()) };
    let mut first = lock(ledger)?.next(writer);
    let mut random = Random::new(writer ^ first);
    while !stop.load(Ordering::Relaxed) {
        let count = random.between(1, RECORDS_LIMIT + 1);
        let records: Vec<Value> = (first..first + count)
            .map(|number| {
                let data = base64_simd::STANDARD.encode_to_string(record::data(writer, number));
                json!({ "Data": data, "PartitionKey": record::key(writer, number) })
            })
            .collect();
        let fate = match api.call("PutRecords", &json!({ "StreamName": stream, "Records": records })) {
            Ok(answer) => acknowledged(&answer, count)?,
            Err(failure) if failure.is::<Refused>() => return Err(failure),
            Err(_) => Fate::InDoubt,
        };
        let ended = fate == Fate::InDoubt;
        lock(ledger)?.add(Entry { writer, first, count, fate })?;
        if ended {
            break;
        }
        first += count;
        thread::sleep(pause);
    }
    Ok(())
}

fn acknowledged(answer: &Value, count: u64) -> Result<Fate> {
    let records = answer["Records"].as_array().ok_or("PutRecords without Records")?;
    if answer["FailedRecordCount"] != 0 || records.len() as u64 != count {
        return Err(format!("PutRecords did not take all records: {answer}").into());
    }
    let text = |name: &str| records[0][name].as_str().map(str::to_owned).ok_or("a record without a number");
    Ok(Fate::Acknowledged { shard: text("ShardId")?, sequence: text("SequenceNumber")? })
}

fn lock(ledger: &Mutex<Ledger>) -> Result<std::sync::MutexGuard<'_, Ledger>> {
    ledger.lock().map_err(|_| "another writer panicked".into())
}
