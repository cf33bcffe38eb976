//! A load sweep past saturation: ever more connections, each sending as fast as it is answered. Past the point where
//! the machine is busy, throughput should stay where it is and latency should grow no faster than the number of those
//! who wait; what cannot be served should be refused with an answer that says so.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;
use crate::api::Api;
use crate::http::{Connection, Encoding, request};
use crate::load::percentile_us;
use crate::payload;
use crate::process::{Busy, resident_mib};
use crate::random::Random;
use crate::scratch::Scratch;
use crate::server::{Program, Server};
use crate::workload::{SHARDS, fresh_stream};

const RECORD_BYTES: usize = 1024;
/// Different requests, shared by all connections.
const REQUESTS: u64 = 16;
/// Before somebody who was refused tries again, as SDKs do.
const BACK_OFF: Duration = Duration::from_millis(20);
/// Stack of a thread that only sends and receives.
const STACK_BYTES: usize = 64 * 1024;

/// Requests to send, and the numbers of connections that send them.
struct Sweep {
    title: &'static str,
    /// Records in a PutRecords, or `None` for PutRecord.
    records: Option<usize>,
    connections: &'static [usize],
}

const SWEEPS: [Sweep; 2] = [
    Sweep { title: "PutRecord 1 KiB", records: None, connections: &[1, 4, 16, 64, 256, 1024, 4096] },
    Sweep { title: "PutRecords 500 x 1 KiB", records: Some(500), connections: &[1, 2, 4, 16, 64, 256, 1024] },
];

/// Results of one number of connections.
#[derive(Default)]
struct Seen {
    served: u64,
    /// Answers that say that the server is busy: 503, or all or some records throttled.
    refused: u64,
    latencies_us: Vec<u32>,
    /// The fewest and the most requests of one connection: how fair it was.
    of_one: Option<(u64, u64)>,
}

/// A table for the document.
pub(crate) fn measure(program: &Program, work_dir: &Path, time: Duration) -> Result<String> {
    raise_file_limit()?;
    let mut text = String::from(
        "Past saturation: ever more connections, each of which sends again as soon as it is answered. \"Refused\" are \
         answers that say that the server is busy; \"of one connection\" is the fewest and the most requests of a \
         connection that were served.\n\n",
    );
    for sweep in &SWEEPS {
        writeln!(
            text,
            "| {}: connections | records/s | p50 | p99 | longest | refused | of one connection | server | resident |",
            sweep.title
        )?;
        writeln!(text, "|---|---|---|---|---|---|---|---|---|")?;
        let scratch = Scratch::new(work_dir, "sweep")?;
        let server = Server::start(program, scratch.path())?;
        let stream = fresh_stream("sweep");
        Api::open(server.address)?.create_stream(&stream, SHARDS)?;
        let requests = requests(server.address, &stream, sweep.records);
        for &connections in sweep.connections {
            eprintln!("{}, {connections} connections", sweep.title);
            let busy = Busy::now(Some(server.pid()))?;
            let (mut seen, took) = run(server.address, &requests, connections, time)?;
            let shares = busy.until(&Busy::now(Some(server.pid()))?);
            let ms = |us: u32| f64::from(us) / 1e3;
            let (p50, p99) =
                (percentile_us(&mut seen.latencies_us, 0.5), percentile_us(&mut seen.latencies_us, 0.99));
            let longest = seen.latencies_us.last().copied().unwrap_or(0);
            let all = (seen.served + seen.refused).max(1);
            let (least, most) = seen.of_one.unwrap_or((0, 0));
            writeln!(
                text,
                "| {connections} | {:.0} | {:.2} ms | {:.1} ms | {:.0} ms | {:.1} % | {least} to {most} | {:.2} cpus | {:.0} MiB |",
                seen.served as f64 * sweep.records.unwrap_or(1) as f64 / took.as_secs_f64(),
                ms(p50),
                ms(p99),
                ms(longest),
                seen.refused as f64 * 100.0 / all as f64,
                shares.server.unwrap_or(f64::NAN),
                resident_mib(server.pid())?,
            )?;
        }
        writeln!(text)?;
        server.kill()?;
    }
    Ok(text)
}

/// The connections of both sides need files; the server sees to its own.
fn raise_file_limit() -> Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(())
}

fn requests(address: SocketAddr, stream: &str, records: Option<usize>) -> Vec<Vec<u8>> {
    let mut random = Random::new(11);
    (0..REQUESTS)
        .map(|_| match records {
            Some(records) => {
                let body = payload::put_records(stream, records, RECORD_BYTES, Encoding::Json, &mut random);
                request(address, "PutRecords", Encoding::Json, &body)
            }
            None => {
                let body = payload::put_record(stream, RECORD_BYTES, &mut random);
                request(address, "PutRecord", Encoding::Json, &body)
            }
        })
        .collect()
}

fn run(
    address: SocketAddr,
    requests: &[Vec<u8>],
    connections: usize,
    time: Duration,
) -> Result<(Seen, Duration)> {
    let (warm, stop) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        let mut threads = Vec::with_capacity(connections);
        for number in 0..connections {
            let (warm, stop) = (&warm, &stop);
            let work = move || work(address, requests, number, warm, stop);
            threads.push(thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work)?);
        }
        thread::sleep(time / 4);
        warm.store(true, Ordering::Relaxed);
        let started = Instant::now();
        thread::sleep(time);
        let took = started.elapsed();
        stop.store(true, Ordering::Relaxed);
        let mut all = Seen::default();
        for thread in threads {
            let seen = thread.join().map_err(|_| "a connection's thread panicked")??;
            all.served += seen.served;
            all.refused += seen.refused;
            all.latencies_us.extend(seen.latencies_us);
            let (least, most) = all.of_one.unwrap_or((u64::MAX, 0));
            all.of_one = Some((least.min(seen.served), most.max(seen.served)));
        }
        Ok((all, took))
    })
}

fn work(
    address: SocketAddr,
    requests: &[Vec<u8>],
    number: usize,
    warm: &AtomicBool,
    stop: &AtomicBool,
) -> Result<Seen> {
    let mut connection = Connection::open(address)?;
    let mut seen = Seen::default();
    for request in requests.iter().cycle().skip(number) {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let sent = Instant::now();
        let answer = connection.call(request)?;
        let latency_us = sent.elapsed().as_micros() as u32;
        let throttled = memchr::memmem::find(answer.body, b"ProvisionedThroughputExceeded").is_some();
        let refused = answer.status == 503 || throttled;
        if !refused {
            answer.expect_ok("a put")?;
        }
        if warm.load(Ordering::Relaxed) && !stop.load(Ordering::Relaxed) {
            if refused {
                seen.refused += 1;
            } else {
                seen.served += 1;
                seen.latencies_us.push(latency_us);
            }
        }
        if refused {
            // A 503 may close the connection.
            connection = Connection::open(address)?;
            thread::sleep(BACK_OFF);
        }
    }
    Ok(seen)
}
