//! Puts: a few prebuilt requests a connection, sent in turn.

use std::net::SocketAddr;

use super::{SHARDS, fresh_stream};
use crate::Result;
use crate::api::Api;
use crate::http::{Connection, Encoding, request};
use crate::load::{Tally, Window, Worker, closed_loop};
use crate::payload;
use crate::random::Random;

/// Enough different requests that the data is not in the first-level cache, few enough to build quickly.
const REQUESTS_PER_CONNECTION: u64 = 8;

#[derive(Clone, Copy)]
pub(crate) struct Put {
    /// Records in a PutRecords, or `None` for PutRecord.
    pub(crate) records: Option<usize>,
    pub(crate) record_bytes: usize,
    pub(crate) connections: u64,
    pub(crate) encoding: Encoding,
}

impl Put {
    pub(crate) fn request_bytes(&self) -> usize {
        self.records.unwrap_or(1) * self.record_bytes
    }

    pub(crate) fn run(&self, address: SocketAddr, window: Window, server: Option<u32>) -> Result<Tally> {
        let stream = fresh_stream("put");
        Api::open(address)?.create_stream(&stream, SHARDS)?;
        closed_loop(self.putters(address, &stream)?, window, server)
    }

    pub(crate) fn putters(&self, address: SocketAddr, stream: &str) -> Result<Vec<Putter>> {
        (0..self.connections).map(|seed| self.putter(address, stream, seed)).collect()
    }

    fn putter(&self, address: SocketAddr, stream: &str, seed: u64) -> Result<Putter> {
        let mut random = Random::new(seed << 32 | 0x5eed);
        let requests = (0..REQUESTS_PER_CONNECTION)
            .map(|_| match self.records {
                Some(records) => {
                    let body =
                        payload::put_records(stream, records, self.record_bytes, self.encoding, &mut random);
                    request(address, "PutRecords", self.encoding, &body)
                }
                None => {
                    let body = payload::put_record(stream, self.record_bytes, &mut random);
                    request(address, "PutRecord", Encoding::Json, &body)
                }
            })
            .collect();
        let connection = Connection::open(address)?;
        Ok(Putter { connection, requests, next: 0, records: self.records, encoding: self.encoding })
    }
}

pub(crate) struct Putter {
    connection: Connection,
    requests: Vec<Vec<u8>>,
    next: usize,
    records: Option<usize>,
    encoding: Encoding,
}

impl Worker for Putter {
    fn step(&mut self) -> Result<u64> {
        let answer = self.connection.call(&self.requests[self.next])?;
        self.next = (self.next + 1) % self.requests.len();
        let Some(records) = self.records else {
            answer.expect_ok("PutRecord")?;
            return Ok(1);
        };
        answer.expect_ok("PutRecords")?;
        if !none_failed(answer.body, self.encoding) {
            return Err("PutRecords did not say FailedRecordCount 0".into());
        }
        Ok(records as u64)
    }
}

/// Looks at both ends of the answer, where servers put the count.
fn none_failed(body: &[u8], encoding: Encoding) -> bool {
    const NEAR: usize = 120;
    let says_zero = |part: &[u8]| {
        let name = b"FailedRecordCount";
        let Some(at) = memchr::memmem::find(part, name) else { return false };
        let rest = &part[at + name.len()..];
        match encoding {
            Encoding::Json => rest.starts_with(b"\":0,") || rest.starts_with(b"\":0}"),
            Encoding::Cbor => rest.first() == Some(&0),
        }
    };
    says_zero(&body[..body.len().min(NEAR)]) || says_zero(&body[body.len().saturating_sub(NEAR)..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_records_are_noticed_at_either_end() {
        let check = |body: &str, expected| assert_eq!(none_failed(body.as_bytes(), Encoding::Json), expected);
        check(r#"{"FailedRecordCount":0,"Records":[]}"#, true);
        check(r#"{"Records":[],"FailedRecordCount":0}"#, true);
        check(r#"{"Records":[],"FailedRecordCount":3}"#, false);
        check(r#"{"Records":[]}"#, false);
        assert!(none_failed(b"\xbfqFailedRecordCount\x00\xff", Encoding::Cbor));
        assert!(!none_failed(b"\xbfqFailedRecordCount\x01\xff", Encoding::Cbor));
    }
}
