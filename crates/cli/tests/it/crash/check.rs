//! Compares what can be read with what the writers were told.

use std::collections::{BTreeMap, HashMap};

use super::STREAMS;
use super::client::Client;
use super::shards::{self, Found, Record, Shard};
use super::writer::{Place, State, Writer, origin};

/// Progress of reading and checking a shard.
#[derive(Debug, Default)]
struct Progress {
    after: Option<String>,
    ended: bool,
}

#[derive(Debug)]
pub(super) struct Checker {
    progress: [BTreeMap<u32, Progress>; STREAMS.len()],
    /// The newest record of each stream, writer and key, for the order.
    newest: HashMap<(usize, usize, usize), (usize, String)>,
    /// By writer: everything before this number has been decided.
    decided: Vec<usize>,
    acknowledged: u64,
    unanswered: u64,
    unanswered_stored: u64,
}

impl Checker {
    pub(super) fn new(writers: usize) -> Self {
        Self {
            progress: Default::default(),
            newest: HashMap::new(),
            decided: vec![0; writers],
            acknowledged: 0,
            unanswered: 0,
            unanswered_stored: 0,
        }
    }

    /// Reads what has been written since the last check. Nobody writes meanwhile.
    pub(super) fn check(
        &mut self,
        client: &mut Client,
        writers: &mut [Writer],
        maps: &[Vec<Shard>],
        what: &str,
    ) {
        for (stream, map) in maps.iter().enumerate() {
            // Parents have lower ids than their children.
            for shard in map {
                let progress = self.progress[stream].entry(shard.id).or_default();
                if progress.ended {
                    continue;
                }
                let found = read(client, stream, shard, progress.after.as_deref(), map, what);
                progress.ended = found.ended.is_some();
                progress.after =
                    found.records.last().map(|last| last.number.clone()).or(progress.after.take());
                for record in found.records {
                    self.take(writers, stream, shard, record, what);
                }
            }
        }
        for (id, writer) in writers.iter_mut().enumerate() {
            for (number, sent) in writer.sent.iter_mut().enumerate().skip(self.decided[id]) {
                match &sent.state {
                    State::Stored(_) => {}
                    State::Unknown => {
                        sent.state = State::Absent;
                        self.unanswered += 1;
                    }
                    State::Acknowledged(place) => {
                        panic!(
                            "{what}: record {number} of writer {id} was acknowledged at {place:?} and is lost"
                        )
                    }
                    State::Absent => unreachable!("nothing is decided twice"),
                }
            }
            self.decided[id] = writer.sent.len();
        }
    }

    /// One record that has not been read since the server was killed.
    fn take(&mut self, writers: &mut [Writer], stream: usize, shard: &Shard, record: Record, what: &str) {
        let Record { number, data } = record;
        let place = Place { shard: shard.id, number };
        let (id, count) =
            origin(&data).unwrap_or_else(|| panic!("{what}: nobody wrote what is at {place:?}"));
        let what = format!("{what}: record {count} of writer {id}, at {place:?} of stream {stream},");
        assert!(count < writers[id].sent.len(), "{what} was never sent");
        assert!(data == writers[id].payload(count), "{what} has other bytes than were sent");
        let sent = &writers[id].sent[count];
        assert_eq!(sent.stream, stream, "{what} was sent to another stream");
        if let Some(key) = writers[id].hash_key(sent) {
            assert!((shard.start..=shard.end).contains(&key), "{what} does not belong into {shard:?}");
        }
        match &sent.state {
            State::Acknowledged(told) => {
                assert_eq!(*told, place, "{what} is not where it was acknowledged");
                self.acknowledged += 1;
            }
            State::Unknown => {
                self.unanswered += 1;
                self.unanswered_stored += 1;
            }
            State::Stored(first) => panic!("{what} is also at {first:?}"),
            State::Absent => panic!("{what} was not there after an earlier restart"),
        }
        let newest = self.newest.insert((stream, id, sent.key), (count, place.number.clone()));
        if let Some((before, number)) = newest {
            assert!(before < count && number < place.number, "{what} comes after record {before}, {number}");
        }
        writers[id].sent[count].state = State::Stored(place);
    }

    /// Reads everything from the beginning: it is what was found piece by piece.
    pub(super) fn check_all(&self, client: &mut Client, writers: &[Writer], maps: &[Vec<Shard>], what: &str) {
        let mut count = 0;
        for (stream, map) in maps.iter().enumerate() {
            for shard in map {
                let found = read(client, stream, shard, None, map, what);
                for Record { number, data } in found.records {
                    let place = Place { shard: shard.id, number };
                    let (id, at) = origin(&data).unwrap_or_else(|| panic!("{what}: nonsense at {place:?}"));
                    let same = writers[id].sent[at].state == State::Stored(place.clone())
                        && data == writers[id].payload(at);
                    assert!(same, "{what}: record {at} of writer {id} is not at {place:?} as it was before");
                    count += 1;
                }
            }
        }
        // No place is in the ledger twice, so equal numbers mean equal sets.
        assert_eq!(count, self.stored(), "{what}: records that were there are gone");
    }

    pub(super) fn stored(&self) -> u64 {
        self.acknowledged + self.unanswered_stored
    }

    /// Has it been checked what became of this record?
    pub(super) fn decided(&self, writer: usize, number: usize) -> bool {
        number < self.decided[writer]
    }

    pub(super) fn summary(&self) -> String {
        let shards: usize = self.progress.iter().map(BTreeMap::len).sum();
        format!(
            "{} records acknowledged, {} of {} unanswered ones stored, in {shards} shards",
            self.acknowledged, self.unanswered_stored, self.unanswered
        )
    }
}

/// Reads a shard, and checks what its end says.
fn read(
    client: &mut Client,
    stream: usize,
    shard: &Shard,
    after: Option<&str>,
    map: &[Shard],
    what: &str,
) -> Found {
    let found = shards::read(client, STREAMS[stream].0, shard.id, after).expect("the server runs");
    let numbers = after.into_iter().chain(found.records.iter().map(|record| record.number.as_str()));
    assert!(numbers.is_sorted_by(|a, b| a < b), "{what}: {shard:?} is not in order");
    let children: Vec<_> =
        map.iter().filter(|child| child.parents.contains(&shard.id)).map(|child| child.id).collect();
    let expected = shard.closed.then_some(children);
    assert_eq!(found.ended, expected, "{what}: the end of {shard:?}");
    found
}
