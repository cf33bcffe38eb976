//! Everything at once for a while: puts of several sizes, gets, fan-out, streams and tables that come and go, leases,
//! retention that changes, and kill -9 now and then. Then all streams are deleted, and what the server holds has to come
//! back to what it was: memory, open files, disk.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Result;
use crate::api::{Api, Refused};
use crate::check::{Ledger, verify, write_until_stopped};
use crate::process::{disk_bytes, open_files, resident_mib};
use crate::random::Random;
use crate::scratch::Scratch;
use crate::server::{Program, Server};
use crate::subscription::{Said, Start, Subscription, consumers};

/// Between two kills, for a run of at least several of these.
const ROUND: Duration = Duration::from_secs(60);
/// At the least: a short run is killed too.
const ROUNDS_MIN: u32 = 3;
const WRITERS: u64 = 2;
const WRITER_PAUSE: Duration = Duration::from_millis(20);
/// The stream whose records are counted begins anew when it has so many.
const RECORDS_PER_STREAM: u64 = 300_000;
const CHURNERS: u64 = 2;
/// Sizes of records beside those that are counted.
const SIZES: [usize; 4] = [100, 3_000, 40_000, 600_000];
const LEASES: u64 = 40;
/// Time allowed for the server to come back to where it was.
const SETTLE_MAX: Duration = Duration::from_secs(90);
/// Resident memory that an idle server may hold after all this.
const MEMORY_MAX_MIB: f64 = 256.0;
/// Handles more than before the load: of segments that are kept open.
const FILES_MORE: usize = 64;
/// Room for segments when no stream is left: the tables' log and snapshots.
const SEGMENTS_MAX: u64 = 48 << 20;
/// Room for journals, with those that are ready.
const JOURNALS_MAX: u64 = 6 * (64 << 20);

/// State that all threads share.
struct Run {
    address: Mutex<SocketAddr>,
    stop: AtomicBool,
    done: AtomicU64,
    failure: Mutex<Option<crate::Failure>>,
}

impl Run {
    fn address(&self) -> Result<SocketAddr> {
        Ok(*self.address.lock().map_err(|_| "a thread panicked")?)
    }

    fn running(&self) -> bool {
        !self.stop.load(Ordering::Relaxed) && self.failure.lock().is_ok_and(|failure| failure.is_none())
    }

    /// Does something over and over. A connection that ends is a kill; an answer that refuses is a failure.
    fn repeat(&self, mut work: impl FnMut(SocketAddr) -> Result<()>) {
        while self.running() {
            match self.address().and_then(&mut work) {
                Ok(()) => drop(self.done.fetch_add(1, Ordering::Relaxed)),
                Err(failure) if failure.is::<Refused>() => {
                    if let Ok(mut first) = self.failure.lock() {
                        first.get_or_insert(failure);
                    }
                }
                Err(_) => thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    fn failed(&self) -> Result<()> {
        match self.failure.lock().map_err(|_| "a thread panicked")?.take() {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }
}

pub(crate) fn run(program: &Program, work: &Path, time: Duration, seed: u64) -> Result<()> {
    let scratch = Scratch::new(work, "mixed-soak")?;
    let mut random = Random::new(seed);
    let mut server = Server::start(program, scratch.path())?;
    prepare(server.address)?;
    let before = (open_files(server.pid())?, resident_mib(server.pid())?);
    let run = Run {
        address: Mutex::new(server.address),
        stop: AtomicBool::new(false),
        done: AtomicU64::new(0),
        failure: Mutex::new(None),
    };
    let rounds = (time.as_secs_f64() / ROUND.as_secs_f64()).ceil().max(ROUNDS_MIN.into()) as u32;
    let counted = thread::scope(|scope| {
        for churner in 0..CHURNERS {
            let (run, mut random) = (&run, Random::new(random.next()));
            let mut number = 0;
            scope.spawn(move || {
                run.repeat(|address| {
                    number += 1;
                    churn(address, &format!("churn-{churner}-{number}"), &mut random)
                });
            });
        }
        let (run_leases, mut round) = (&run, 0);
        scope.spawn(move || {
            run_leases.repeat(|address| {
                round += 1;
                leases(address, round)
            });
        });
        let outcome = rounds_of_load(program, scratch.path(), &run, &mut server, rounds, time / rounds);
        run.stop.store(true, Ordering::Relaxed);
        outcome
    });
    run.failed()?;
    let counted = counted?;
    delete_all(server.address)?;
    let held = settle(&server, scratch.path(), before.0)?;
    println!(
        "mixed soak: {counted} counted records all there, {} pieces of other work, {rounds} kills; {held} (before: {} \
         files, {:.0} MiB)",
        run.done.load(Ordering::Relaxed),
        before.0,
        before.1
    );
    Ok(())
}

fn prepare(address: SocketAddr) -> Result<()> {
    let mut api = Api::open(address)?;
    let table = json!({
        "TableName": "leases", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{ "AttributeName": "leaseKey", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "leaseKey", "KeyType": "HASH" }],
    });
    api.call_table("CreateTable", &table)?;
    api.create_stream("before", 4)?;
    Ok(())
}

/// Writes what is counted, kills, and counts.
fn rounds_of_load(
    program: &Program,
    directory: &Path,
    run: &Run,
    server: &mut Server,
    rounds: u32,
    time: Duration,
) -> Result<u64> {
    let mut total = 0;
    let mut acknowledged = RECORDS_PER_STREAM;
    let mut stream = String::new();
    let mut ledger = Mutex::new(Ledger::create(&directory.join("ledger"))?);
    for round in 1..=rounds {
        if acknowledged >= RECORDS_PER_STREAM {
            let mut api = Api::open(server.address)?;
            if !stream.is_empty() {
                api.call("DeleteStream", &json!({ "StreamName": stream }))?;
                total += acknowledged;
            }
            stream = format!("counted-{round}");
            api.create_stream(&stream, 4)?;
            ledger = Mutex::new(Ledger::create(&directory.join("ledger"))?);
        }
        let (address, stop) = (server.address, AtomicBool::new(false));
        thread::scope(|scope| {
            let writing =
                scope.spawn(|| write_until_stopped(address, &stream, WRITERS, WRITER_PAUSE, &ledger, &stop));
            let until = Instant::now() + time;
            while Instant::now() < until && !writing.is_finished() && run.running() {
                thread::sleep(Duration::from_millis(20));
            }
            let killed = server.stop_hard();
            stop.store(true, Ordering::Relaxed);
            killed?;
            writing.join().map_err(|_| "the writers panicked")?
        })?;
        *server = Server::start(program, directory)?;
        *run.address.lock().map_err(|_| "a thread panicked")? = server.address;
        let ledger = ledger.lock().map_err(|_| "a writer panicked")?;
        acknowledged = verify(server.address, &stream, &ledger)?.acknowledged;
        eprintln!(
            "round {round} of {rounds}: {acknowledged} records all there, {} MiB resident, {} files, {} MiB on the disk",
            resident_mib(server.pid())? as u64,
            open_files(server.pid())?,
            disk_bytes(&directory.join("data"))? >> 20
        );
        if !run.running() {
            break;
        }
    }
    Ok(total + acknowledged)
}

/// The life of a stream: puts of all sizes, gets, a subscription, a longer retention and a shorter one, the end.
fn churn(address: SocketAddr, stream: &str, random: &mut Random) -> Result<()> {
    let mut api = Api::open(address)?;
    let shards = random.between(1, 5);
    api.create_stream(stream, shards as usize)?;
    let mut stored = 0;
    for size in SIZES {
        let data = base64_simd::STANDARD.encode_to_string(vec![b'm'; size]);
        let count = (1_000_000 / size as u64).min(random.between(1, 200));
        let records: Vec<Value> =
            (0..count).map(|key| json!({ "Data": data, "PartitionKey": key.to_string() })).collect();
        api.call("PutRecords", &json!({ "StreamName": stream, "Records": records }))?;
        stored += count;
    }
    let mut read = 0;
    for shard in api.shards(stream)? {
        let mut iterator = api.iterator(stream, &shard, "TRIM_HORIZON")?;
        loop {
            let answer = api.call("GetRecords", &json!({ "ShardIterator": iterator }))?;
            let records = answer["Records"].as_array().ok_or("GetRecords without Records")?.len() as u64;
            read += records;
            if records == 0 && answer["MillisBehindLatest"] == 0 {
                break;
            }
            iterator = answer["NextShardIterator"].as_str().ok_or("an open shard ends")?.to_owned();
        }
    }
    if read != stored {
        return Err(format!("{read} records were read of {stored} in {stream}").into());
    }
    let consumer = consumers(&mut api, stream, 1)?.remove(0);
    let shard = api.shards(stream)?.remove(0);
    let mut subscription = Subscription::open(address, &consumer, &shard, &Start::Horizon)?;
    if let Said::Exception(name) = subscription.next()? {
        return Err(format!("{name} in the stream").into());
    }
    drop(subscription);
    for (operation, hours) in [("IncreaseStreamRetentionPeriod", 48), ("DecreaseStreamRetentionPeriod", 24)] {
        let ask = json!({ "StreamName": stream, "RetentionPeriodHours": hours });
        // A change takes its time, in which another is refused.
        until_free(|| api.call(operation, &ask))?;
    }
    until_free(|| api.call("DeleteStream", &json!({ "StreamName": stream, "EnforceConsumerDeletion": true })))
}

/// Tries until the stream is not in use.
fn until_free(mut call: impl FnMut() -> Result<Value>) -> Result<()> {
    let started = Instant::now();
    loop {
        let failure = match call() {
            Ok(_) => return Ok(()),
            Err(failure) => failure,
        };
        let busy =
            failure.downcast_ref::<Refused>().is_some_and(|refused| refused.body.contains("ResourceInUse"));
        if !busy || started.elapsed() > SETTLE_MAX {
            return Err(failure);
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Leases as KCL keeps them, and a table that comes and goes.
fn leases(address: SocketAddr, round: u64) -> Result<()> {
    let mut api = Api::open(address)?;
    for lease in 0..LEASES {
        let update = json!({
            "TableName": "leases", "Key": { "leaseKey": { "S": format!("lease-{lease}") } },
            "UpdateExpression": "ADD leaseCounter :one SET leaseOwner = :owner, filler = :filler",
            "ExpressionAttributeValues": {
                ":one": { "N": "1" }, ":owner": { "S": format!("worker-{round}") }, ":filler": { "S": "p".repeat(300) },
            },
        });
        api.call_table("UpdateItem", &update)?;
    }
    let scanned = api.call_table("Scan", &json!({ "TableName": "leases" }))?;
    if scanned["Count"] != LEASES {
        return Err(format!("{} leases instead of {LEASES}", scanned["Count"]).into());
    }
    Ok(())
}

/// Deletes all streams.
fn delete_all(address: SocketAddr) -> Result<()> {
    let mut api = Api::open(address)?;
    let started = Instant::now();
    loop {
        let listed = api.call("ListStreams", &json!({ "Limit": 100 }))?;
        let names: Vec<String> = listed["StreamNames"]
            .as_array()
            .ok_or("ListStreams without StreamNames")?
            .iter()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect();
        if names.is_empty() {
            return Ok(());
        }
        if started.elapsed() > SETTLE_MAX {
            return Err(format!("streams are not gone: {names:?}").into());
        }
        for name in names {
            let ask = json!({ "StreamName": name, "EnforceConsumerDeletion": true });
            match api.call("DeleteStream", &ask) {
                Err(failure) if !failure.is::<Refused>() => return Err(failure),
                // Refused while it is being deleted, or is gone.
                _ => {}
            }
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// Waits until the server holds little, or fails with what it holds.
fn settle(server: &Server, directory: &Path, files_before: usize) -> Result<String> {
    let started = Instant::now();
    let data = directory.join("data");
    loop {
        thread::sleep(Duration::from_secs(1));
        let (files, memory) = (open_files(server.pid())?, resident_mib(server.pid())?);
        let (segments, journals) = (disk_bytes(&data.join("seg"))?, disk_bytes(&data.join("journal"))?);
        let held = format!(
            "{files} files open, {memory:.0} MiB resident, {} MiB in segments, {} MiB in journals",
            segments >> 20,
            journals >> 20
        );
        let well = files <= files_before + FILES_MORE
            && memory <= MEMORY_MAX_MIB
            && segments <= SEGMENTS_MAX
            && journals <= JOURNALS_MAX;
        if well {
            return Ok(held);
        }
        if started.elapsed() > SETTLE_MAX {
            return Err(format!(
                "the server does not let go: {held}; at most {} files, {MEMORY_MAX_MIB} MiB of memory, {} MiB and {} MiB \
                 on the disk were expected",
                files_before + FILES_MORE,
                SEGMENTS_MAX >> 20,
                JOURNALS_MAX >> 20
            )
            .into());
        }
    }
}
