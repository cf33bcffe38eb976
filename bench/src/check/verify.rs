//! Reads a whole stream back and holds it against the ledger.

use std::collections::HashMap;
use std::net::SocketAddr;

use serde_json::{Value, json};

use super::digest::Digest;
use super::ledger::{Entry, Fate, Ledger};
use crate::Result;
use crate::api::Api;

#[derive(Debug, PartialEq)]
pub(crate) struct Verified {
    pub(crate) acknowledged: u64,
    /// Stored although no answer came: allowed, and at most what was sent.
    pub(crate) unacknowledged: u64,
    /// Of everything that is stored.
    pub(crate) digest: Digest,
}

/// Fails with the first thing that is lost, doubled, out of order, changed or in the wrong place.
pub(crate) fn verify(address: SocketAddr, stream: &str, ledger: &Ledger) -> Result<Verified> {
    let mut seen = Seen::default();
    let mut api = Api::open(address)?;
    // Ids grow, so parents come before their children and a key's records in the order of their puts.
    for shard in api.shards(stream)? {
        let mut iterator = Some(api.iterator(stream, &shard, "TRIM_HORIZON")?);
        while let Some(at) = iterator {
            let answer = api.call("GetRecords", &json!({ "ShardIterator": at }))?;
            let records = answer["Records"].as_array().ok_or("GetRecords without Records")?;
            records.iter().try_for_each(|record| seen.add(&shard, record))?;
            let at_the_end = records.is_empty() && answer["MillisBehindLatest"] == 0;
            let next = answer["NextShardIterator"].as_str();
            iterator = next.filter(|_| !at_the_end).map(str::to_owned);
        }
    }
    seen.settle(&ledger.entries)
}

/// Shard and sequence number of a record that was found.
struct Place {
    shard: String,
    sequence: String,
}

#[derive(Default)]
struct Seen {
    /// Numbers found, by writer.
    found: HashMap<u64, Vec<bool>>,
    digest: Digest,
    /// Of every record, to compare with what the answer to its put said.
    places: HashMap<(u64, u64), Place>,
}

impl Seen {
    fn add(&mut self, shard: &str, record: &Value) -> Result<()> {
        let sequence = record["SequenceNumber"].as_str().ok_or("a record without SequenceNumber")?;
        let (writer, number) = self.digest.add(record).map_err(|failure| format!("{shard}: {failure}"))?;
        let found = self.found.entry(writer).or_default();
        let at = number as usize;
        found.resize(found.len().max(at + 1), false);
        found[at] = true;
        let place = Place { shard: shard.to_owned(), sequence: sequence.to_owned() };
        self.places.insert((writer, number), place);
        Ok(())
    }

    fn settle(mut self, entries: &[Entry]) -> Result<Verified> {
        let mut verified = Verified { acknowledged: 0, unacknowledged: 0, digest: Digest::default() };
        for Entry { writer, first, count, fate } in entries {
            for number in *first..first + count {
                let found = self.found.get_mut(writer).and_then(|found| found.get_mut(number as usize));
                let present = found.is_some_and(std::mem::take);
                match fate {
                    Fate::Acknowledged { .. } if !present => {
                        return Err(format!(
                            "record {number} of writer {writer} was acknowledged and is lost"
                        )
                        .into());
                    }
                    Fate::Acknowledged { .. } => verified.acknowledged += 1,
                    Fate::InDoubt => verified.unacknowledged += u64::from(present),
                }
            }
            if let Fate::Acknowledged { shard, sequence } = fate
                && let Some(place) = self.places.get(&(*writer, *first))
                && (place.shard != *shard || place.sequence != *sequence)
            {
                return Err(format!(
                    "record {first} of writer {writer} was acknowledged as {shard} {sequence} \
                     and is at {} {}",
                    place.shard, place.sequence
                )
                .into());
            }
        }
        for (writer, found) in &self.found {
            if let Some(number) = found.iter().position(|left| *left) {
                return Err(format!("record {number} of writer {writer} was never sent").into());
            }
        }
        Ok(Verified { digest: self.digest, ..verified })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::record;

    fn stored(number: u64) -> Value {
        json!({
            "Data": base64_simd::STANDARD.encode_to_string(record::data(1, number)),
            "PartitionKey": record::key(1, number),
            "SequenceNumber": number.to_string(),
        })
    }

    fn sent(first: u64, count: u64, acknowledged: bool) -> Entry {
        let fate = match acknowledged {
            true => Fate::Acknowledged { shard: "s".into(), sequence: first.to_string() },
            false => Fate::InDoubt,
        };
        Entry { writer: 1, first, count, fate }
    }

    fn check(numbers: &[u64], entries: &[Entry], expected: std::result::Result<(u64, u64), &str>) {
        let mut seen = Seen::default();
        let added = numbers.iter().try_for_each(|number| seen.add("s", &stored(*number)));
        let outcome = added.and_then(|()| seen.settle(entries));
        match (outcome, expected) {
            (Ok(verified), Ok(expected)) => {
                assert_eq!((verified.acknowledged, verified.unacknowledged), expected);
            }
            (Err(failure), Err(expected)) => {
                assert!(failure.to_string().contains(expected), "{failure} instead of {expected}");
            }
            (outcome, expected) => panic!("{outcome:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn what_the_ledger_allows_and_forbids() {
        check(&[0, 1, 2], &[sent(0, 2, true), sent(2, 1, true)], Ok((3, 0)));
        check(&[0, 2], &[sent(0, 1, true), sent(1, 2, false)], Ok((1, 1)));
        check(&[0], &[sent(0, 2, true)], Err("record 1 of writer 1 was acknowledged and is lost"));
        check(&[0, 0], &[sent(0, 1, true)], Err("comes after record 0"));
        check(&[16, 0], &[sent(0, 17, true)], Err("comes after record 16"));
        check(&[0, 5], &[sent(0, 1, true)], Err("was never sent"));
    }

    #[test]
    fn changed_bytes_and_moved_records_are_noticed() {
        let mut seen = Seen::default();
        let mut changed = stored(0);
        changed["Data"] = json!(base64_simd::STANDARD.encode_to_string("1 0 something else"));
        assert!(seen.add("s", &changed).unwrap_err().to_string().contains("other bytes"));
        let mut seen = Seen::default();
        seen.add("elsewhere", &stored(0)).unwrap();
        assert!(seen.settle(&[sent(0, 1, true)]).unwrap_err().to_string().contains("and is at elsewhere"));
    }
}
