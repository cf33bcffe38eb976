//! A thousand subscriptions at once: what each costs, and how soon a record is everywhere.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;
use crate::api::Api;
use crate::figures::{Floor, median};
use crate::http::{Connection, Encoding, request};
use crate::load::percentile_us;
use crate::process::{Busy, Shares, resident_mib};
use crate::scratch::Scratch;
use crate::server::{Program, Server};
use crate::subscription::{Said, Start, Subscription, consumers};
use crate::workload::fresh_stream;

const CONSUMERS: usize = 20;
const SHARDS: usize = 50;
/// Puts of the paced load, a second; each record goes to the twenty consumers of its shard.
const PACED_RECORDS_PER_S: u64 = 500;
/// Records of one put of the unpaced load.
const BATCH: usize = 250;
const RECORD_BYTES: usize = 1024;
/// The time of the put stands at the beginning of the data, as digits: a multiple of three bytes, so that its base64
/// is the beginning of the record's.
const STAMP_BYTES: usize = 12;

/// Totals of what the readers have seen.
#[derive(Default)]
struct Seen {
    /// Subscriptions whose answers have begun.
    open: AtomicU64,
    records: AtomicU64,
    bytes: AtomicU64,
    latencies_us: Mutex<Vec<u32>>,
    keeping: AtomicBool,
    stop: AtomicBool,
}

/// Longest p99 from a put to its events with all subscriptions open.
const EVENT_P99_MS: Floor = Floor::Under(2.0);

/// Durations of a measurement.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    /// With all subscriptions open and nothing put.
    pub(crate) idle: Duration,
    /// Of each load.
    pub(crate) measure: Duration,
}

/// Figures of one measurement.
struct Measured {
    opening_ms: f64,
    each_kib: f64,
    idle_cpus: f64,
    p50_ms: f64,
    p99_ms: f64,
    paced_cpus: f64,
    paced_generator_cpus: f64,
    pushed_per_s: f64,
    flood_cpus: f64,
    flood_generator_cpus: f64,
    resident_mib: f64,
}

/// Paragraph and table for the document: medians of the rounds.
pub(crate) fn measure(program: &Program, work_dir: &Path, times: Times, rounds: usize) -> Result<String> {
    let mut measured = Vec::new();
    for round in 0..rounds {
        eprintln!("a thousand subscriptions, round {} of {rounds}", round + 1);
        measured.push(measure_once(program, work_dir, times)?);
    }
    render(&measured)
}

fn render(rounds: &[Measured]) -> Result<String> {
    let of = |value: fn(&Measured) -> f64| median(&rounds.iter().map(value).collect::<Vec<_>>());
    let mut text = String::new();
    writeln!(
        text,
        "{} subscriptions at once ({CONSUMERS} consumers of {SHARDS} shards, a connection each, HTTP/1.1):\n",
        CONSUMERS * SHARDS
    )?;
    writeln!(text, "| a thousand subscriptions | | floor |\n|---|---|---|")?;
    writeln!(text, "| to open all of them | {:.0} ms | |", of(|m| m.opening_ms))?;
    writeln!(text, "| resident memory of the server for each | {:.1} KiB | |", of(|m| m.each_kib))?;
    writeln!(text, "| processors while idle (heartbeats) | {:.3} | |", of(|m| m.idle_cpus))?;
    let p99_ms = of(|m| m.p99_ms);
    writeln!(
        text,
        "| put-to-event, {PACED_RECORDS_PER_S} records/s of 1 KiB, each pushed {CONSUMERS} times | p50 {:.2} ms, p99 \
         {p99_ms:.2} ms; server {:.2} processors, generator {:.2} | p99 {} |",
        of(|m| m.p50_ms),
        of(|m| m.paced_cpus),
        of(|m| m.paced_generator_cpus),
        EVENT_P99_MS.verdict(p99_ms, " ms")
    )?;
    let rate = of(|m| m.pushed_per_s);
    writeln!(
        text,
        "| as fast as it goes: 1 KiB records pushed | {rate:.0} records/s ({:.0} MB/s); server {:.2} processors, \
         generator {:.2} | |",
        rate * RECORD_BYTES as f64 / 1e6,
        of(|m| m.flood_cpus),
        of(|m| m.flood_generator_cpus)
    )?;
    writeln!(text, "| resident memory of the server after that | {:.0} MiB | |\n", of(|m| m.resident_mib))?;
    Ok(text)
}

fn measure_once(program: &Program, work_dir: &Path, times: Times) -> Result<Measured> {
    let scratch = Scratch::new(work_dir, "fan-out")?;
    let server = Server::start(program, scratch.path())?;
    let (address, pid) = (server.address, server.pid());
    let mut api = Api::open(address)?;
    let stream = fresh_stream("fan-out");
    api.create_stream(&stream, SHARDS)?;
    let shards = api.shards(&stream)?;
    let consumers = consumers(&mut api, &stream, CONSUMERS)?;
    let before_mib = resident_mib(pid)?;
    let seen = Seen::default();
    let started = Instant::now();
    let measured = thread::scope(|scope| -> Result<Measured> {
        // Readers end with the measurement, however it ends.
        let _stop = StopAtEnd(&seen.stop);
        let mut readers = Vec::new();
        // Each by its own thread, as that many clients would: an answer begins a moment after its request.
        for consumer in &consumers {
            for shard in &shards {
                let seen = &seen;
                readers.push(scope.spawn(move || -> Result<()> {
                    let subscription = Subscription::open(address, consumer, shard, &Start::Latest)?;
                    seen.open.fetch_add(1, Ordering::Relaxed);
                    listen(subscription, seen, started)
                }));
            }
        }
        while seen.open.load(Ordering::Relaxed) < readers.len() as u64 {
            if readers.iter().any(thread::ScopedJoinHandle::is_finished) {
                return Err("a subscription could not be opened".into());
            }
            thread::sleep(Duration::from_millis(1));
        }
        let subscribing = started.elapsed();
        thread::sleep(times.idle.min(Duration::from_secs(2)));
        let idle_mib = resident_mib(pid)?;
        let idle = Busy::now(Some(pid))?;
        thread::sleep(times.idle);
        let idle = idle.until(&Busy::now(Some(pid))?);

        seen.keeping.store(true, Ordering::Relaxed);
        let busy = Busy::now(Some(pid))?;
        let put = paced(address, &stream, times.measure, started)?;
        thread::sleep(Duration::from_millis(500));
        let paced = busy.until(&Busy::now(Some(pid))?);
        seen.keeping.store(false, Ordering::Relaxed);
        let pushed = seen.records.swap(0, Ordering::Relaxed);
        if pushed != put * CONSUMERS as u64 {
            return Err(format!("{put} records were put and {pushed} pushed to {CONSUMERS} consumers").into());
        }
        let mut latencies = std::mem::take(&mut *seen.latencies_us.lock().map_err(|_| "a reader panicked")?);
        let (p50, p99) = (percentile_us(&mut latencies, 0.5), percentile_us(&mut latencies, 0.99));

        seen.bytes.store(0, Ordering::Relaxed);
        let busy = Busy::now(Some(pid))?;
        let flood_started = Instant::now();
        let put = flood(address, &stream, times.measure, started)?;
        let caught_up = catch_up(&seen, put * CONSUMERS as u64)?;
        let flood_time = flood_started.elapsed();
        let flooded = busy.until(&Busy::now(Some(pid))?);
        let peak_mib = resident_mib(pid)?;
        seen.stop.store(true, Ordering::Relaxed);

        for reader in readers {
            reader.join().map_err(|_| "a reader panicked")??;
        }
        let server_cpus = |shares: &Shares| shares.server.unwrap_or(f64::NAN);
        Ok(Measured {
            opening_ms: subscribing.as_secs_f64() * 1e3,
            each_kib: (idle_mib - before_mib) * 1024.0 / (CONSUMERS * SHARDS) as f64,
            idle_cpus: server_cpus(&idle),
            p50_ms: f64::from(p50) / 1e3,
            p99_ms: f64::from(p99) / 1e3,
            paced_cpus: server_cpus(&paced),
            paced_generator_cpus: paced.own,
            pushed_per_s: caught_up as f64 / flood_time.as_secs_f64(),
            flood_cpus: server_cpus(&flooded),
            flood_generator_cpus: flooded.own,
            resident_mib: peak_mib,
        })
    })?;
    server.kill()?;
    Ok(measured)
}

struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Reads until told to stop, which the next heartbeat lets it notice.
fn listen(mut subscription: Subscription, seen: &Seen, started: Instant) -> Result<()> {
    while !seen.stop.load(Ordering::Relaxed) {
        let Said::Event(event) = subscription.next()? else { return Err("a subscription ended".into()) };
        let now_us = started.elapsed().as_micros() as u64;
        let opening = b"\"Data\":\"";
        let mut latencies = Vec::new();
        let mut records = 0;
        for at in memchr::memmem::find_iter(event, opening) {
            records += 1;
            let stamp = &event[at + opening.len()..][..STAMP_BYTES / 3 * 4];
            let stamp = base64_simd::STANDARD.decode_to_vec(stamp)?;
            let sent_us: u64 = std::str::from_utf8(&stamp)?.parse()?;
            latencies.push(now_us.saturating_sub(sent_us) as u32);
        }
        if records > 0 && seen.keeping.load(Ordering::Relaxed) {
            seen.latencies_us.lock().map_err(|_| "another reader panicked")?.extend(latencies);
        }
        seen.records.fetch_add(records, Ordering::Relaxed);
        seen.bytes.fetch_add(event.len() as u64, Ordering::Relaxed);
    }
    Ok(())
}

fn record(started: Instant) -> String {
    let mut data = format!("{:012}", started.elapsed().as_micros()).into_bytes();
    data.resize(RECORD_BYTES, b'x');
    base64_simd::STANDARD.encode_to_string(data)
}

/// Puts single records at a steady rate; how many there were.
fn paced(address: SocketAddr, stream: &str, time: Duration, started: Instant) -> Result<u64> {
    let mut connection = Connection::open(address)?;
    let begun = Instant::now();
    let mut put = 0;
    while begun.elapsed() < time {
        let due = Duration::from_micros(put * 1_000_000 / PACED_RECORDS_PER_S);
        thread::sleep(due.saturating_sub(begun.elapsed()));
        let data = record(started);
        let body = format!(r#"{{"StreamName":"{stream}","PartitionKey":"{put}","Data":"{data}"}}"#);
        let bytes = request(address, "PutRecord", Encoding::Json, body.as_bytes());
        connection.call(&bytes)?.expect_ok("PutRecord")?;
        put += 1;
    }
    Ok(put)
}

/// Puts batches without pause; how many records there were.
fn flood(address: SocketAddr, stream: &str, time: Duration, started: Instant) -> Result<u64> {
    let mut connection = Connection::open(address)?;
    let begun = Instant::now();
    let mut put = 0;
    while begun.elapsed() < time {
        let data = record(started);
        let records: Vec<String> = (0..BATCH)
            .map(|i| format!(r#"{{"PartitionKey":"{}","Data":"{data}"}}"#, put as usize + i))
            .collect();
        let body = format!(r#"{{"StreamName":"{stream}","Records":[{}]}}"#, records.join(","));
        let bytes = request(address, "PutRecords", Encoding::Json, body.as_bytes());
        connection.call(&bytes)?.expect_ok("PutRecords")?;
        put += BATCH as u64;
    }
    Ok(put)
}

/// Waits until all records have come.
fn catch_up(seen: &Seen, expected: u64) -> Result<u64> {
    let mut last = (0, Instant::now());
    loop {
        let records = seen.records.load(Ordering::Relaxed);
        if records >= expected {
            return Ok(records);
        }
        if records > last.0 {
            last = (records, Instant::now());
        }
        if last.1.elapsed() > Duration::from_secs(30) {
            return Err(format!("{records} of {expected} records were pushed, and no more come").into());
        }
        thread::sleep(Duration::from_millis(1));
    }
}
