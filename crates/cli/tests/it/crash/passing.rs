//! Streams that come and go.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use headwater_host::SeededRandom;
use serde_json::json;

use super::client::{Client, Outcome};
use super::shards::{check_map, list, read, settled};
use super::{STREAMS, below};

const NAMES: u64 = 4;

/// One life of a name.
#[derive(Debug)]
struct Life {
    shards: u64,
    /// By payload: the sequence number, if it was acknowledged.
    records: BTreeMap<String, Option<String>>,
}

/// State that a name may be in.
#[derive(Debug, Default)]
struct Name {
    life: Option<Life>,
    /// The last creation or deletion was not answered.
    doubtful: bool,
}

#[derive(Debug)]
pub(super) struct Passing {
    random: Arc<SeededRandom>,
    names: Vec<Name>,
    payload_next: u64,
    created: u64,
    deleted: u64,
}

fn name_of(at: usize) -> String {
    format!("passing-{at}")
}

impl Passing {
    pub(super) fn new(seed: u64) -> Self {
        let names = (0..NAMES).map(|_| Name::default()).collect();
        Self { random: SeededRandom::new(seed), names, payload_next: 0, created: 0, deleted: 0 }
    }

    /// Creates, writes and deletes until the server is gone.
    pub(super) fn run(&mut self, address: &str, stop: &AtomicBool) {
        let mut client = Client::new(address);
        while !stop.load(Ordering::Acquire) {
            let at = below(&self.random, NAMES) as usize;
            let outcome = if self.names[at].life.is_none() {
                self.create(&mut client, at)
            } else if below(&self.random, 4) == 0 {
                self.delete(&mut client, at)
            } else {
                self.put(&mut client, at)
            };
            match outcome {
                Outcome::Done(_) => {}
                // The stream is CREATING or DELETING still.
                Outcome::Refused(kind, _)
                    if kind == "ResourceInUseException" || kind == "ResourceNotFoundException" => {}
                Outcome::Refused(_, said) => panic!("{said}"),
                Outcome::Lost => return,
            }
        }
    }

    fn create(&mut self, client: &mut Client, at: usize) -> Outcome {
        let shards = 1 + below(&self.random, 3);
        let outcome = client.call("CreateStream", &json!({"StreamName": name_of(at), "ShardCount": shards}));
        let name = &mut self.names[at];
        if !matches!(outcome, Outcome::Refused(..)) {
            name.life = Some(Life { shards, records: BTreeMap::new() });
            name.doubtful = matches!(outcome, Outcome::Lost);
        }
        outcome
    }

    fn delete(&mut self, client: &mut Client, at: usize) -> Outcome {
        let outcome = client.call("DeleteStream", &json!({"StreamName": name_of(at)}));
        let name = &mut self.names[at];
        match &outcome {
            Outcome::Done(_) => {
                name.life = None;
                self.deleted += 1;
            }
            Outcome::Lost => name.doubtful = true,
            Outcome::Refused(..) => {}
        }
        outcome
    }

    fn put(&mut self, client: &mut Client, at: usize) -> Outcome {
        let payload = format!("passing record {}", self.payload_next);
        self.payload_next += 1;
        let data = base64_simd::STANDARD.encode_to_string(&payload);
        let input = json!({"StreamName": name_of(at), "PartitionKey": payload, "Data": data});
        let outcome = client.call("PutRecord", &input);
        let life = self.names[at].life.as_mut().expect("a stream that exists");
        match &outcome {
            Outcome::Done(body) => {
                let number = body["SequenceNumber"].as_str().unwrap().to_owned();
                life.records.insert(payload, Some(number));
            }
            Outcome::Lost => drop(life.records.insert(payload, None)),
            Outcome::Refused(..) => {}
        }
        outcome
    }

    /// After a restart: what was created and written is there, and what was deleted is not.
    pub(super) fn check(&mut self, client: &mut Client, what: &str) {
        let lasting = STREAMS.iter().map(|(name, _)| *name).chain([super::scaler::STREAM]);
        let mut there: Vec<_> = lasting.map(str::to_owned).collect();
        for (at, name) in self.names.iter_mut().enumerate() {
            let what = format!("{what}: {}", name_of(at));
            let found = settled(client, &name_of(at), &what);
            match (&mut name.life, found) {
                (None, None) => {}
                (None, Some(_)) => panic!("{what} was deleted and is there"),
                (Some(_), None) if name.doubtful => name.life = None,
                (Some(_), None) => panic!("{what} was created and is not there"),
                (Some(life), Some(summary)) => {
                    assert_eq!(summary["OpenShardCount"], life.shards, "{what}");
                    check_records(client, &name_of(at), life, &what);
                    there.push(name_of(at));
                    self.created += 1;
                }
            }
            name.doubtful = false;
        }
        let listed = client.ok("ListStreams", &json!({}));
        there.sort();
        assert_eq!(listed["StreamNames"], json!(there), "{what}");
    }

    pub(super) fn summary(&self) -> String {
        format!("{} passing streams checked, {} deleted", self.created, self.deleted)
    }
}

fn check_records(client: &mut Client, name: &str, life: &mut Life, what: &str) {
    let shards = list(client, name).expect("the server runs");
    check_map(&shards, what);
    let mut found = BTreeMap::new();
    for shard in &shards {
        let records = read(client, name, shard.id, None).expect("the server runs").records;
        for record in records {
            let payload = String::from_utf8_lossy(&record.data).into_owned();
            let sent = life.records.get(&payload);
            let sent = sent.unwrap_or_else(|| panic!("{what}: '{payload}' was not written into this stream"));
            let number = sent.as_ref().unwrap_or(&record.number);
            assert_eq!(
                *number, record.number,
                "{what}: '{payload}' has another number than was acknowledged"
            );
            let before = found.insert(payload, Some(record.number));
            assert!(before.is_none(), "{what}: {before:?} is there twice");
        }
    }
    for (payload, number) in &life.records {
        let lost = number.is_some() && !found.contains_key(payload);
        assert!(!lost, "{what}: '{payload}' was acknowledged as {number:?} and is lost");
    }
    // What was not answered is decided now.
    life.records = found;
}
