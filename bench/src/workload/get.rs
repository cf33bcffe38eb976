//! GetRecords: each reader walks its own shard from the horizon to the end, again and again.
//!
//! The iterator is moved as a consumer would move it. A pass ends with the first empty answer, because
//! not every server says truly how far behind a reader is.

use serde_json::json;

use super::{PACED_SHARDS, Put, SHARDS, fresh_stream};
use crate::Result;
use crate::api::Api;
use crate::http::{Connection, Encoding, request};
use crate::load::{Load, Tally, Window, Worker, closed_loop, paced};
use crate::target::Target;

/// Size of every record.
pub(super) const RECORD_BYTES: usize = 1024;
/// Calls a second of all paced readers: four of the five that a shard allows.
pub(super) const PACED_CALLS_PER_S: f64 = 4.0 * PACED_SHARDS as f64;
/// Records of a paced call: four of them are 1.6 of the 2 MiB/s that a shard allows.
const PACED_LIMIT: usize = 400;
/// Put before paced readers start, a second: half of what the shards allow.
const PACED_PUTS_PER_S: f64 = PACED_SHARDS as f64;

pub(super) fn run(
    target: Target,
    encoding: Encoding,
    load: Load,
    window: Window,
    server: Option<u32>,
) -> Result<Tally> {
    let stream = fresh_stream("get");
    // About 50 MiB a shard for readers without a pause, several full answers a pass; a few answers for paced ones.
    let (shards, requests, limit) = match load {
        Load::Closed => (SHARDS, 400, None),
        Load::Paced => (PACED_SHARDS, PACED_SHARDS * PACED_LIMIT * 3 / 500, Some(PACED_LIMIT)),
    };
    let mut api = Api::open(target)?;
    api.create_stream(&stream, shards)?;
    let put = Put {
        records: Some(500),
        record_bytes: RECORD_BYTES,
        connections: 1,
        encoding: Encoding::Json,
        paced_requests_per_s: PACED_PUTS_PER_S,
    };
    put.store(target, &stream, requests, load)?;
    let readers = api.shards(&stream)?.into_iter().map(|shard| {
        let ask = json!({ "StreamName": stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON" });
        let rewind = request(target, "GetShardIterator", Encoding::Json, ask.to_string().as_bytes());
        let connection = Connection::open(target.address)?;
        Ok(Reader { target, connection, encoding, limit, rewind, iterator: None })
    });
    let readers = readers.collect::<Result<Vec<_>>>()?;
    match load {
        Load::Closed => closed_loop(readers, window, server),
        Load::Paced => closed_loop(paced(readers, PACED_CALLS_PER_S), window, server),
    }
}

struct Reader {
    target: Target,
    connection: Connection,
    encoding: Encoding,
    limit: Option<usize>,
    rewind: Vec<u8>,
    iterator: Option<String>,
}

impl Worker for Reader {
    fn step(&mut self) -> Result<u64> {
        let Some(iterator) = self.iterator.take() else {
            let answer = self.connection.call(&self.rewind)?;
            answer.expect_ok("GetShardIterator")?;
            self.iterator = Some(text_of(answer.body, "\"ShardIterator\":\"")?);
            return Ok(0);
        };
        let body = match self.encoding {
            Encoding::Json => json_body(&iterator, self.limit),
            Encoding::Cbor => cbor_body(&iterator, self.limit)?,
        };
        let answer = self.connection.call(&request(self.target, "GetRecords", self.encoding, &body))?;
        answer.expect_ok("GetRecords")?;
        let (records, next) = match self.encoding {
            Encoding::Json => (count_records(answer.body), text_of(answer.body, "\"NextShardIterator\":\"")),
            Encoding::Cbor => (count_cbor_records(answer.body), cbor_iterator(answer.body)),
        };
        if records > 0 {
            self.iterator = Some(next?);
        }
        Ok(records)
    }
}

/// The bytes of a GetRecords without a limit.
pub(super) fn get_records(to: impl Into<Target>, iterator: &str) -> Vec<u8> {
    request(to, "GetRecords", Encoding::Json, &json_body(iterator, None))
}

fn json_body(iterator: &str, limit: Option<usize>) -> Vec<u8> {
    let limit = limit.map_or(String::new(), |limit| format!(r#","Limit":{limit}"#));
    format!(r#"{{"ShardIterator":"{iterator}"{limit}}}"#).into_bytes()
}

fn cbor_body(iterator: &str, limit: Option<usize>) -> Result<Vec<u8>> {
    let mut body = minicbor::Encoder::new(Vec::new());
    body.map(1 + u64::from(limit.is_some()))?.str("ShardIterator")?.str(iterator)?;
    if let Some(limit) = limit {
        body.str("Limit")?.u64(limit as u64)?;
    }
    Ok(body.into_writer())
}

pub(super) fn count_records(body: &[u8]) -> u64 {
    memchr::memmem::find_iter(body, b"\"SequenceNumber\":").count() as u64
}

/// Counts the keys with their heads: a text of 14 bytes.
fn count_cbor_records(body: &[u8]) -> u64 {
    memchr::memmem::find_iter(body, b"\x6eSequenceNumber").count() as u64
}

/// The text behind `opening`, up to its quote. Iterators hold nothing that JSON would escape.
pub(super) fn text_of(body: &[u8], opening: &str) -> Result<String> {
    let at = memchr::memmem::find(body, opening.as_bytes()).ok_or("an answer without an iterator")?;
    let rest = &body[at + opening.len()..];
    let end = memchr::memchr2(b'"', b'\\', rest).ok_or("an iterator without an end")?;
    if rest[end] == b'\\' {
        return Err("an iterator with an escape, which this generator does not read".into());
    }
    Ok(std::str::from_utf8(&rest[..end])?.to_owned())
}

fn cbor_iterator(body: &[u8]) -> Result<String> {
    let key = b"\x71NextShardIterator";
    let at = memchr::memmem::find(body, key).ok_or("an answer without an iterator")?;
    Ok(minicbor::Decoder::new(&body[at + key.len()..]).str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_encodings_give_records_and_iterator() {
        let json =
            br#"{"NextShardIterator":"AAA=","Records":[{"SequenceNumber":"1"},{"SequenceNumber":"2"}]}"#;
        assert_eq!(count_records(json), 2);
        assert_eq!(text_of(json, "\"NextShardIterator\":\"").unwrap(), "AAA=");
        let cbor = b"\xa2\x71NextShardIterator\x64AAA=\x67Records\x81\xa1\x6eSequenceNumber\x611";
        assert_eq!(count_cbor_records(cbor), 1);
        assert_eq!(cbor_iterator(cbor).unwrap(), "AAA=");
        assert!(cbor_iterator(b"\xa0").is_err());
    }

    #[test]
    fn a_limit_is_asked_for_in_both_encodings() {
        assert_eq!(json_body("A", Some(7)), br#"{"ShardIterator":"A","Limit":7}"#);
        assert_eq!(json_body("A", None), br#"{"ShardIterator":"A"}"#);
        assert_eq!(cbor_body("A", Some(7)).unwrap(), b"\xa2\x6dShardIterator\x61A\x65Limit\x07");
    }
}
