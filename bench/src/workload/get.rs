//! GetRecords: each reader walks its own shard from the horizon to the end, again and again.
//!
//! The iterator is moved as a consumer would move it. A pass ends with the first empty answer, because
//! not every server says truly how far behind a reader is.

use std::net::SocketAddr;

use serde_json::json;

use super::{Put, SHARDS, fresh_stream};
use crate::Result;
use crate::api::Api;
use crate::http::{Connection, Encoding, request};
use crate::load::{Tally, Window, Worker, closed_loop};

/// About 50 MiB a shard: several full answers a pass.
const REQUESTS_TO_STORE: usize = 400;

pub(crate) fn run(address: SocketAddr, window: Window, server: Option<u32>) -> Result<Tally> {
    let stream = fresh_stream("get");
    let mut api = Api::open(address)?;
    api.create_stream(&stream, SHARDS)?;
    let put = Put { records: Some(500), record_bytes: 1024, connections: 1, encoding: Encoding::Json };
    let mut putter = put.putters(address, &stream)?.remove(0);
    for _ in 0..REQUESTS_TO_STORE {
        putter.step()?;
    }
    let readers: Result<Vec<_>> = api
        .shards(&stream)?
        .iter()
        .map(|shard| {
            let ask = json!({ "StreamName": stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON" });
            let rewind = request(address, "GetShardIterator", Encoding::Json, ask.to_string().as_bytes());
            Ok(Reader { address, connection: Connection::open(address)?, rewind, iterator: None })
        })
        .collect();
    closed_loop(readers?, window, server)
}

struct Reader {
    address: SocketAddr,
    connection: Connection,
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
        let answer = self.connection.call(&get_records(self.address, &iterator))?;
        answer.expect_ok("GetRecords")?;
        let records = count_records(answer.body);
        if records > 0 {
            self.iterator = Some(text_of(answer.body, "\"NextShardIterator\":\"")?);
        }
        Ok(records)
    }
}

pub(super) fn get_records(address: SocketAddr, iterator: &str) -> Vec<u8> {
    let body = format!(r#"{{"ShardIterator":"{iterator}"}}"#);
    request(address, "GetRecords", Encoding::Json, body.as_bytes())
}

pub(super) fn count_records(body: &[u8]) -> u64 {
    memchr::memmem::find_iter(body, b"\"SequenceNumber\":").count() as u64
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
