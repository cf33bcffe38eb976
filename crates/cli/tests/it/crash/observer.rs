//! A reader beside the writers: what it has seen must never be taken back.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use headwater_host::SeededRandom;

use super::check::Checker;
use super::client::Client;
use super::shards::{list, read};
use super::writer::{Place, State, Writer, origin};
use super::{STREAMS, below};

#[derive(Debug)]
pub(super) struct Observer {
    random: Arc<SeededRandom>,
    /// By stream and shard, the newest record seen.
    after: HashMap<(usize, u32), String>,
    /// Seen since the last check: writer, number, place.
    seen: Vec<(usize, usize, Place)>,
    observed: usize,
}

impl Observer {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: SeededRandom::new(seed), after: HashMap::new(), seen: Vec::new(), observed: 0 }
    }

    /// Reads until the server is gone.
    pub(super) fn run(&mut self, address: &str, stop: &AtomicBool) {
        let mut client = Client::new(address);
        while !stop.load(Ordering::Acquire) {
            let stream = below(&self.random, STREAMS.len() as u64) as usize;
            let Some(shards) = list(&mut client, STREAMS[stream].0) else { return };
            for shard in shards.iter().filter(|shard| !shard.closed) {
                let after = self.after.get(&(stream, shard.id)).map(String::as_str);
                let Some(found) = read(&mut client, STREAMS[stream].0, shard.id, after) else { return };
                for record in found.records {
                    let (writer, count) = origin(&record.data).expect("a record that was written");
                    self.after.insert((stream, shard.id), record.number.clone());
                    self.seen.push((writer, count, Place { shard: shard.id, number: record.number }));
                }
            }
        }
    }

    /// Checks that records seen before the kill are where they were.
    pub(super) fn check(&mut self, checker: &Checker, writers: &[Writer], what: &str) {
        for (writer, count, place) in self.seen.drain(..) {
            assert!(checker.decided(writer, count));
            let state = &writers[writer].sent[count].state;
            assert!(
                *state == State::Stored(place.clone()),
                "{what}: record {count} of writer {writer} was read at {place:?} before the kill and is now {state:?}"
            );
            self.observed += 1;
        }
    }

    pub(super) fn observed(&self) -> usize {
        self.observed
    }
}
