//! Writers that remember what they sent and what they were told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use headwater_host::{Random, SeededRandom};
use serde_json::{Value, json};

use super::client::{Client, Outcome};
use super::progress::Progress;
use super::shards::parse_id;
use super::{STREAMS, below};

/// Keys of one writer in one stream; the last is routed by its MD5, the others by an explicit hash key.
const KEYS: usize = 3;

/// Place of a record in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) shard: u32,
    pub(super) number: String,
}

/// Fate of a record that was sent, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// No answer yet, or none at all.
    Unknown,
    Acknowledged(Place),
    /// It was read after the server had been killed.
    Stored(Place),
    /// Its put got no answer, and it was not there after the server had been killed.
    Absent,
}

#[derive(Debug)]
pub(super) struct Sent {
    pub(super) stream: usize,
    pub(super) key: usize,
    len: usize,
    pub(super) state: State,
}

#[derive(Debug)]
pub(super) struct Writer {
    id: usize,
    random: Arc<SeededRandom>,
    hash_keys: [[u128; KEYS]; STREAMS.len()],
    /// By number of the record.
    pub(super) sent: Vec<Sent>,
}

impl Writer {
    pub(super) fn new(id: usize, seed: u64) -> Self {
        let random = SeededRandom::new(seed);
        let key = || u128::from(random.next_u64()) << 64 | u128::from(random.next_u64());
        let hash_keys = std::array::from_fn(|_| std::array::from_fn(|_| key()));
        Self { id, random, hash_keys, sent: Vec::new() }
    }

    /// The hash key of a record, if it is known here.
    pub(super) fn hash_key(&self, sent: &Sent) -> Option<u128> {
        (sent.key + 1 < KEYS).then(|| self.hash_keys[sent.stream][sent.key])
    }

    /// The bytes of a record.
    pub(super) fn payload(&self, number: usize) -> Vec<u8> {
        let mut data = format!("{}/{number}/", self.id).into_bytes();
        let head = data.len();
        data.resize(head + self.sent[number].len, 0);
        SeededRandom::new((self.id as u64) << 40 | number as u64).fill(&mut data[head..]);
        data
    }

    /// Writes until the server is gone.
    pub(super) fn run(&mut self, address: &str, stop: &AtomicBool, progress: &Progress) {
        let mut client = Client::new(address);
        while !stop.load(Ordering::Acquire) {
            let stream = below(&self.random, STREAMS.len() as u64) as usize;
            let from = self.sent.len();
            let many = below(&self.random, 2) == 0;
            let count = if many { 1 + below(&self.random, 40) } else { 1 };
            for _ in 0..count {
                let key = below(&self.random, KEYS as u64) as usize;
                self.sent.push(Sent { stream, key, len: self.length(), state: State::Unknown });
            }
            let name = STREAMS[stream].0;
            let outcome = if many {
                let records: Vec<_> = (from..self.sent.len()).map(|number| self.entry(number)).collect();
                client.call("PutRecords", &json!({"StreamName": name, "Records": records}))
            } else {
                let mut input = self.entry(from);
                input["StreamName"] = name.into();
                client.call("PutRecord", &input)
            };
            match outcome {
                Outcome::Done(body) if many => {
                    assert_eq!(body["FailedRecordCount"], 0, "{body}");
                    let answers = body["Records"].as_array().unwrap();
                    assert_eq!(answers.len(), self.sent.len() - from);
                    self.sent[from..]
                        .iter_mut()
                        .zip(answers)
                        .for_each(|(sent, answer)| acknowledge(sent, answer));
                }
                Outcome::Done(body) => acknowledge(&mut self.sent[from], &body),
                Outcome::Refused(_, said) => {
                    panic!("a put was refused, whatever the stream goes through: {said}")
                }
                Outcome::Lost => return,
            }
            progress.stored.add();
        }
    }

    /// Mostly small, now and then large enough to fill a journal.
    fn length(&self) -> usize {
        let end = match below(&self.random, 150) {
            0 => 300_000,
            1..=5 => 20_000,
            _ => 300,
        };
        below(&self.random, end) as usize
    }

    fn entry(&self, number: usize) -> Value {
        let sent = &self.sent[number];
        let data = base64_simd::STANDARD.encode_to_string(self.payload(number));
        let mut entry = json!({"Data": data, "PartitionKey": format!("{}/{}", self.id, sent.key)});
        if let Some(key) = self.hash_key(sent) {
            entry["ExplicitHashKey"] = key.to_string().into();
        }
        entry
    }
}

fn acknowledge(sent: &mut Sent, answer: &Value) {
    let number = answer["SequenceNumber"].as_str().unwrap().to_owned();
    sent.state = State::Acknowledged(Place { shard: parse_id(&answer["ShardId"]), number });
}

/// The writer and the number of a record, from its bytes.
pub(super) fn origin(data: &[u8]) -> Option<(usize, usize)> {
    let mut parts = data.splitn(3, |&byte| byte == b'/').map(|part| std::str::from_utf8(part).ok());
    Some((parts.next()??.parse().ok()?, parts.next()??.parse().ok()?))
}
