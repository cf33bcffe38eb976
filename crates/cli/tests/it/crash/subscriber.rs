//! Somebody who is subscribed to shards of the lasting streams: what is pushed is never taken back, comes once and in
//! order, and a continuation number of before a kill goes on after it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use headwater_host::SeededRandom;
use headwater_wire::event_stream::Frame;
use serde_json::{Value, json};

use super::check::Checker;
use super::client::{Client, Outcome, request};
use super::progress::Progress;
use super::shards::{self, list, shard_id};
use super::writer::{Place, State, Writer, origin};
use super::{STREAMS, below};

pub(super) const CONSUMER: &str = "watcher";

/// Records that were pushed of one shard.
#[derive(Debug, Default)]
struct Pushed {
    continuation: Option<String>,
    numbers: Vec<String>,
    ended: bool,
}

#[derive(Debug)]
pub(super) struct Subscriber {
    random: Arc<SeededRandom>,
    pushed: HashMap<(usize, u32), Pushed>,
    /// Seen since the last check: writer, number, place.
    seen: Vec<(usize, usize, Place)>,
    resumed: u64,
}

impl Subscriber {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: SeededRandom::new(seed), pushed: HashMap::new(), seen: Vec::new(), resumed: 0 }
    }

    /// Follows one shard after the other until the server is gone: first of all those that were begun before it was
    /// killed.
    pub(super) fn run(&mut self, address: &str, stop: &AtomicBool, progress: &Progress) {
        let mut client = Client::new(address);
        let begun = self.pushed.iter().filter(|(_, pushed)| !pushed.ended);
        // The last is taken first: one that can be resumed.
        let mut begun: Vec<_> = begun.map(|(at, pushed)| (pushed.continuation.is_some(), *at)).collect();
        begun.sort_by_key(|(can_resume, _)| *can_resume);
        while !stop.load(Ordering::Acquire) {
            let next = begun.pop().map(|(_, at)| at).or_else(|| self.another(&mut client));
            let Some((stream, shard)) = next else { return };
            let consumer = json!({"StreamARN": arn(stream), "ConsumerName": CONSUMER});
            let Outcome::Done(found) = client.call("DescribeStreamConsumer", &consumer) else { return };
            let consumer = &found["ConsumerDescription"]["ConsumerARN"];
            // A server that is killed ends it with any error.
            if self.follow(address, consumer, (stream, shard), stop, progress).is_err() {
                return;
            }
        }
    }

    /// Is there a subscription that a server before this one began and that can go on?
    pub(super) fn can_resume(&self) -> bool {
        self.pushed.values().any(|pushed| !pushed.ended && pushed.continuation.is_some())
    }

    /// A shard of which nothing was pushed yet.
    fn another(&self, client: &mut Client) -> Option<(usize, u32)> {
        let stream = below(&self.random, STREAMS.len() as u64) as usize;
        let shards = list(client, STREAMS[stream].0)?;
        let untouched = shards.iter().filter(|shard| !self.pushed.contains_key(&(stream, shard.id)));
        let untouched: Vec<_> = untouched.map(|shard| shard.id).collect();
        (!untouched.is_empty())
            .then(|| (stream, untouched[below(&self.random, untouched.len() as u64) as usize]))
    }

    fn follow(
        &mut self,
        address: &str,
        consumer: &Value,
        (stream, shard): (usize, u32),
        stop: &AtomicBool,
        progress: &Progress,
    ) -> std::io::Result<()> {
        let at_or_after = ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"][below(&self.random, 2) as usize];
        let pushed = self.pushed.entry((stream, shard)).or_default();
        let start = match &pushed.continuation {
            Some(number) => json!({"Type": at_or_after, "SequenceNumber": number}),
            None => json!({"Type": "TRIM_HORIZON"}),
        };
        let input = json!({"ConsumerARN": consumer, "ShardId": shard_id(shard), "StartingPosition": start});
        let mut connection = TcpStream::connect(address)?;
        connection.set_read_timeout(Some(Duration::from_millis(50)))?;
        connection.write_all(request(address, "SubscribeToShard", &input.to_string()).as_bytes())?;
        let mut frames = Frames::open(connection, stop)?;
        if pushed.continuation.is_some() {
            self.resumed += 1;
            progress.resumed.add();
        }
        while let Some(event) = frames.next(stop)? {
            for record in event["Records"].as_array().unwrap() {
                let number = record["SequenceNumber"].as_str().unwrap().to_owned();
                let last = pushed.numbers.last();
                assert!(
                    last.is_none_or(|last| *last < number),
                    "{number} of {shard} was pushed after {last:?}"
                );
                let data = base64_simd::STANDARD.decode_to_vec(record["Data"].as_str().unwrap()).unwrap();
                let (writer, count) = origin(&data).expect("a record that was written");
                pushed.numbers.push(number.clone());
                self.seen.push((writer, count, Place { shard, number }));
            }
            match event["ContinuationSequenceNumber"].as_str() {
                Some(number) => {
                    pushed.continuation = Some(number.to_owned());
                    progress.pushed.add();
                }
                None => {
                    assert!(!event["ChildShards"].as_array().unwrap().is_empty());
                    pushed.ended = true;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Checks that records pushed before the kill are where they were.
    pub(super) fn check(&mut self, checker: &Checker, writers: &[Writer], what: &str) {
        for (writer, count, place) in self.seen.drain(..) {
            assert!(checker.decided(writer, count));
            let state = &writers[writer].sent[count].state;
            assert!(
                *state == State::Stored(place.clone()),
                "{what}: record {count} of writer {writer} was pushed at {place:?} before the kill and is now {state:?}"
            );
        }
    }

    /// Checks that the records pushed of each shard are those stored there, from its beginning on and without a gap.
    pub(super) fn check_all(&self, client: &mut Client, what: &str) {
        for (&(stream, shard), pushed) in &self.pushed {
            let found = shards::read(client, STREAMS[stream].0, shard, None).expect("the server runs");
            let stored = found.records.iter().map(|record| &record.number);
            assert!(stored.clone().count() >= pushed.numbers.len(), "{what}: shard {shard} of {stream}");
            let same = stored.zip(&pushed.numbers).all(|(stored, pushed)| stored == pushed);
            assert!(same, "{what}: what was pushed of shard {shard} of {stream} has a gap");
            let all = found.records.len() == pushed.numbers.len();
            assert!(!pushed.ended || (all && found.ended.is_some()), "{what}: shard {shard} ended too early");
        }
    }

    pub(super) fn summary(&self) -> String {
        let records: usize = self.pushed.values().map(|pushed| pushed.numbers.len()).sum();
        format!("{records} records pushed, {} subscriptions resumed", self.resumed)
    }

    pub(super) fn resumed(&self) -> u64 {
        self.resumed
    }
}

pub(super) fn arn(stream: usize) -> String {
    format!("arn:aws:kinesis:us-east-1:000000000000:stream/{}", STREAMS[stream].0)
}

/// The events of an answer in chunks.
struct Frames {
    connection: BufReader<TcpStream>,
    body: Vec<u8>,
    taken: usize,
}

impl Frames {
    fn open(connection: TcpStream, stop: &AtomicBool) -> std::io::Result<Self> {
        let mut frames = Self { connection: BufReader::new(connection), body: Vec::new(), taken: 0 };
        let status = frames.line(stop)?;
        if !status.starts_with("HTTP/1.1 200") {
            return Err(ErrorKind::Other.into());
        }
        while !frames.line(stop)?.trim().is_empty() {}
        Ok(frames)
    }

    /// The next event; `None` at the end.
    fn next(&mut self, stop: &AtomicBool) -> std::io::Result<Option<Value>> {
        loop {
            self.body.drain(..self.taken);
            self.taken = 0;
            if let Some((frame, len)) = Frame::parse(&self.body).expect("frames are whole and right") {
                self.taken = len;
                match (frame.header(":message-type"), frame.header(":event-type")) {
                    (Some("event"), Some("SubscribeToShardEvent")) => {
                        return Ok(Some(serde_json::from_slice(frame.payload).unwrap()));
                    }
                    (Some("event"), Some("initial-response")) => continue,
                    other => panic!("{other:?}: {}", String::from_utf8_lossy(frame.payload)),
                }
            }
            let size =
                usize::from_str_radix(self.line(stop)?.trim(), 16).map_err(|_| ErrorKind::InvalidData)?;
            if size == 0 {
                return Ok(None);
            }
            let mut chunk = vec![0; size + 2];
            self.connection.get_ref().set_read_timeout(Some(Duration::from_secs(20)))?;
            self.connection.read_exact(&mut chunk)?;
            self.connection.get_ref().set_read_timeout(Some(Duration::from_millis(50)))?;
            self.body.extend_from_slice(&chunk[..size]);
        }
    }

    /// A line, however long it takes, unless the round is over.
    fn line(&mut self, stop: &AtomicBool) -> std::io::Result<String> {
        let mut line = Vec::new();
        loop {
            match self.connection.read_until(b'\n', &mut line) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => return Ok(String::from_utf8_lossy(&line).into_owned()),
                Err(error) if error.kind() == ErrorKind::WouldBlock && !stop.load(Ordering::Acquire) => {}
                Err(error) => return Err(error),
            }
        }
    }
}
