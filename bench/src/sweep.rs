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
use crate::figures::{Floor, median, percent, thousands};
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
    /// Least rate at the largest number of connections, in percent of the best.
    floor: Option<Floor>,
}

const SWEEPS: [Sweep; 2] = [
    Sweep {
        title: "PutRecord 1 KiB",
        records: None,
        connections: &[1, 4, 16, 64, 256, 1024, 4096],
        floor: Some(Floor::AtLeast(80.0)),
    },
    Sweep {
        title: "PutRecords 500 x 1 KiB",
        records: Some(500),
        connections: &[1, 2, 4, 16, 64, 256, 1024],
        floor: None,
    },
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

/// Figures of one number of connections in one round.
struct Point {
    records_per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
    longest_ms: f64,
    refused_percent: f64,
    least: f64,
    most: f64,
    server_cpus: f64,
    resident_mib: f64,
}

/// Tables for the document: medians of the rounds.
pub(crate) fn measure(program: &Program, work_dir: &Path, time: Duration, rounds: usize) -> Result<String> {
    raise_file_limit()?;
    let mut text = String::from(
        "Past saturation: ever more connections, each of which sends again as soon as it is answered. \"Refused\" are \
         answers that say that the server is busy; \"of one connection\" is the fewest and the most requests of a \
         connection that were served.\n\n",
    );
    for sweep in &SWEEPS {
        let mut points: Vec<Vec<Point>> = sweep.connections.iter().map(|_| Vec::new()).collect();
        for round in 0..rounds {
            eprintln!("past saturation: {}, round {} of {rounds}", sweep.title, round + 1);
            let scratch = Scratch::new(work_dir, "sweep")?;
            let server = Server::start(program, scratch.path())?;
            let stream = fresh_stream("sweep");
            Api::open(server.address)?.create_stream(&stream, SHARDS)?;
            let requests = requests(server.address, &stream, sweep.records);
            for (connections, points) in sweep.connections.iter().zip(&mut points) {
                points.push(point(&server, &requests, sweep, *connections, time)?);
            }
            server.kill()?;
        }
        render(&mut text, sweep, &points)?;
    }
    Ok(text)
}

fn point(
    server: &Server,
    requests: &[Vec<u8>],
    sweep: &Sweep,
    connections: usize,
    time: Duration,
) -> Result<Point> {
    let busy = Busy::now(Some(server.pid()))?;
    let (mut seen, took) = run(server.address, requests, connections, time)?;
    let shares = busy.until(&Busy::now(Some(server.pid()))?);
    let ms = |us: u32| f64::from(us) / 1e3;
    let p50 = percentile_us(&mut seen.latencies_us, 0.5);
    let p99 = percentile_us(&mut seen.latencies_us, 0.99);
    let (least, most) = seen.of_one.unwrap_or((0, 0));
    Ok(Point {
        records_per_s: seen.served as f64 * sweep.records.unwrap_or(1) as f64 / took.as_secs_f64(),
        p50_ms: ms(p50),
        p99_ms: ms(p99),
        longest_ms: ms(seen.latencies_us.last().copied().unwrap_or(0)),
        refused_percent: percent(seen.refused as f64, (seen.served + seen.refused).max(1) as f64),
        least: least as f64,
        most: most as f64,
        server_cpus: shares.server.unwrap_or(f64::NAN),
        resident_mib: resident_mib(server.pid())?,
    })
}

fn render(text: &mut String, sweep: &Sweep, points: &[Vec<Point>]) -> Result<()> {
    writeln!(
        text,
        "| {}: connections | records/s | p50 | p99 | longest | refused | of one connection | server | resident |",
        sweep.title
    )?;
    writeln!(text, "|---|---|---|---|---|---|---|---|---|")?;
    let mut rates = Vec::new();
    for (connections, rounds) in sweep.connections.iter().zip(points) {
        let of = |value: fn(&Point) -> f64| median(&rounds.iter().map(value).collect::<Vec<_>>());
        rates.push((*connections, of(|point| point.records_per_s)));
        writeln!(
            text,
            "| {connections} | {:.0} | {:.2} ms | {:.1} ms | {:.0} ms | {:.1} % | {:.0} to {:.0} | {:.2} cpus | {:.0} MiB |",
            of(|point| point.records_per_s),
            of(|point| point.p50_ms),
            of(|point| point.p99_ms),
            of(|point| point.longest_ms),
            of(|point| point.refused_percent),
            of(|point| point.least),
            of(|point| point.most),
            of(|point| point.server_cpus),
            of(|point| point.resident_mib)
        )?;
    }
    writeln!(text)?;
    if let Some(floor) = sweep.floor
        && let Some(verdict) = verdict(floor, &rates)
    {
        writeln!(text, "{verdict}\n")?;
    }
    Ok(())
}

/// The rate at the most connections against the best one; pairs are connections and records a second.
fn verdict(floor: Floor, rates: &[(usize, f64)]) -> Option<String> {
    let (most, rate) = rates.last()?;
    let (at, peak) = rates.iter().max_by(|one, other| one.1.total_cmp(&other.1))?;
    let share = percent(*rate, *peak);
    Some(format!(
        "With {most} connections {share:.1} % of the peak of {} records/s with {at}: {}.",
        thousands(*peak),
        floor.verdict(share, " %")
    ))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_rate_is_judged_against_the_best() {
        let said = verdict(Floor::AtLeast(80.0), &[(1, 4000.0), (256, 40_000.0), (4096, 31_000.0)]).unwrap();
        assert_eq!(
            said,
            "With 4096 connections 77.5 % of the peak of 40,000 records/s with 256: at least 80 %: **missed**."
        );
        assert!(verdict(Floor::AtLeast(80.0), &[(1, 1.0), (2, 2.0)]).unwrap().contains("reached"));
        assert!(verdict(Floor::AtLeast(80.0), &[]).is_none());
    }
}
