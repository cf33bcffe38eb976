//! Put-to-get and put-to-event: one writer sends a record and waits until a reader has it, which polls without pause
//! or is subscribed.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::fresh_stream;
use super::get::{count_records, get_records, text_of};
use crate::Result;
use crate::api::Api;
use crate::http::{Connection, Encoding, request};
use crate::load::{Tally, Window};
use crate::process::Busy;
use crate::random::Random;
use crate::subscription::{Said, Start, Subscription, consumers};

const RECORD_BYTES: usize = 1024;
const ARRIVAL_DEADLINE: Duration = Duration::from_secs(10);
/// The writer waits up to this long before each put, so that it does not fall into step with the polls.
const JITTER_US: u64 = 500;

pub(crate) struct Latencies(Tally);

impl Latencies {
    pub(crate) fn into_tally(self) -> Tally {
        self.0
    }
}

/// Way in which the reader comes by the records.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    Polling,
    Subscribed,
}

pub(crate) fn run(
    address: SocketAddr,
    reading: Reading,
    window: Window,
    server: Option<u32>,
) -> Result<Latencies> {
    let stream = fresh_stream("latency");
    let mut api = Api::open(address)?;
    api.create_stream(&stream, 1)?;
    let shard = api.shards(&stream)?.swap_remove(0);
    let stop = AtomicBool::new(false);
    let expected = AtomicU64::new(0);
    let (arrived, arrivals) = channel();
    let reader: Box<dyn FnOnce() -> Result<()> + Send> = match reading {
        Reading::Polling => {
            let iterator = api.iterator(&stream, &shard, "LATEST")?;
            let (expected, stop) = (&expected, &stop);
            Box::new(move || read(address, iterator, expected, arrived, stop))
        }
        Reading::Subscribed => {
            let consumer = consumers(&mut api, &stream, 1)?.swap_remove(0);
            let subscription = Subscription::open(address, &consumer, &shard, &Start::Latest)?;
            let (expected, stop) = (&expected, &stop);
            Box::new(move || listen(subscription, expected, arrived, stop))
        }
    };
    thread::scope(|scope| {
        let reader = scope.spawn(reader);
        let written = write(address, &stream, window, server, &expected, &arrivals);
        stop.store(true, Ordering::Relaxed);
        // What stopped the reader explains why the writer waited in vain.
        reader.join().map_err(|_| "the reader panicked")??;
        written.map(Latencies)
    })
}

fn write(
    address: SocketAddr,
    stream: &str,
    window: Window,
    server: Option<u32>,
    expected: &AtomicU64,
    arrivals: &Receiver<(u64, Instant)>,
) -> Result<Tally> {
    let mut connection = Connection::open(address)?;
    let mut random = Random::new(3);
    let filler = random.bytes(RECORD_BYTES - MARK_BYTES);
    let mut latencies_us = Vec::new();
    let warm = Instant::now() + window.warm_up;
    let mut measured = None;
    let mut number = 0;
    loop {
        if measured.is_none() && Instant::now() >= warm {
            measured = Some((Instant::now(), Busy::now(server)?));
        }
        if measured.as_ref().is_some_and(|(since, _)| since.elapsed() >= window.measure) {
            break;
        }
        number += 1;
        let data = base64_simd::STANDARD.encode_to_string([mark(number).as_bytes(), &filler].concat());
        let body = format!(r#"{{"StreamName":"{stream}","PartitionKey":"k","Data":"{data}"}}"#);
        let bytes = request(address, "PutRecord", Encoding::Json, body.as_bytes());
        expected.store(number, Ordering::Release);
        thread::sleep(Duration::from_micros(random.between(0, JITTER_US)));
        let sent = Instant::now();
        connection.call(&bytes)?.expect_ok("PutRecord")?;
        let (which, at) = arrivals
            .recv_timeout(ARRIVAL_DEADLINE)
            .map_err(|_| format!("the reader has not seen record {number}"))?;
        if which != number {
            return Err(format!("the reader saw record {which} when {number} was due").into());
        }
        if measured.is_some() {
            latencies_us.push(at.duration_since(sent).as_micros() as u32);
        }
    }
    let (since, before) = measured.ok_or("nothing was measured")?;
    let elapsed = since.elapsed();
    Ok(Tally {
        records: latencies_us.len() as u64,
        requests: latencies_us.len() as u64,
        elapsed,
        latencies_us,
        shares: before.until(&Busy::now(server)?),
    })
}

fn read(
    address: SocketAddr,
    mut iterator: String,
    expected: &AtomicU64,
    arrived: Sender<(u64, Instant)>,
    stop: &AtomicBool,
) -> Result<()> {
    let mut connection = Connection::open(address)?;
    while !stop.load(Ordering::Relaxed) {
        let answer = connection.call(&get_records(address, &iterator))?;
        let at = Instant::now();
        answer.expect_ok("GetRecords")?;
        note(answer.body, at, expected, &arrived)?;
        iterator = text_of(answer.body, "\"NextShardIterator\":\"")?;
    }
    Ok(())
}

fn listen(
    mut subscription: Subscription,
    expected: &AtomicU64,
    arrived: Sender<(u64, Instant)>,
    stop: &AtomicBool,
) -> Result<()> {
    // Ends with the heartbeat after the last put at the latest.
    while !stop.load(Ordering::Relaxed) {
        match subscription.next()? {
            Said::Event(event) => note(event, Instant::now(), expected, &arrived)?,
            Said::Exception(name) => return Err(format!("{name} in the stream").into()),
            Said::End => return Err("the subscription ended".into()),
        }
    }
    Ok(())
}

/// Tells the writer that its record has come, if the answer holds one.
fn note(answer: &[u8], at: Instant, expected: &AtomicU64, arrived: &Sender<(u64, Instant)>) -> Result<()> {
    let records = count_records(answer);
    if records > 0 {
        let number = expected.load(Ordering::Acquire);
        let opening = format!("\"Data\":\"{}", base64_simd::STANDARD.encode_to_string(mark(number)));
        if records != 1 || memchr::memmem::find(answer, opening.as_bytes()).is_none() {
            return Err(format!("{records} records came when record {number} was due").into());
        }
        // The writer may have given up already; then nobody waits.
        let _ = arrived.send((number, at));
    }
    Ok(())
}

/// A multiple of three, so that the base64 of the mark is the beginning of the base64 of the record.
const MARK_BYTES: usize = 12;

fn mark(number: u64) -> String {
    format!("{number:012}")
}
