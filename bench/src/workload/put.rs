//! Puts: a few prebuilt requests a connection, sent in turn.

use super::{PACED_SHARDS, SHARDS, fresh_stream};
use crate::Result;
use crate::api::Api;
use crate::http::{Connection, Encoding, request};
use crate::load::{Load, Tally, Window, Worker, closed_loop, paced};
use crate::payload;
use crate::random::Random;
use crate::target::Target;

/// Enough different requests that the data is not in the first-level cache, few enough to build quickly.
const REQUESTS_PER_CONNECTION: u64 = 8;

#[derive(Clone, Copy)]
pub(crate) struct Put {
    /// Records in a PutRecords, or `None` for PutRecord.
    pub(crate) records: Option<usize>,
    pub(crate) record_bytes: usize,
    pub(crate) connections: u64,
    pub(crate) encoding: Encoding,
    /// Of all connections together, where the load is paced.
    pub(crate) paced_requests_per_s: f64,
}

impl Put {
    pub(crate) fn request_bytes(&self) -> usize {
        self.records.unwrap_or(1) * self.record_bytes
    }

    pub(crate) fn run(
        &self,
        target: Target,
        load: Load,
        window: Window,
        server: Option<u32>,
    ) -> Result<Tally> {
        let stream = fresh_stream("put");
        let shards = if load == Load::Paced { PACED_SHARDS } else { SHARDS };
        Api::open(target)?.create_stream(&stream, shards)?;
        let putters = self.putters(target, &stream)?;
        match load {
            Load::Closed => closed_loop(putters, window, server),
            Load::Paced => closed_loop(paced(putters, self.paced_requests_per_s), window, server),
        }
    }

    /// Puts that many requests over one connection.
    pub(super) fn store(&self, target: Target, stream: &str, requests: usize, load: Load) -> Result<()> {
        let putter = self.putter(target, stream, 0)?;
        let mut putter: Box<dyn Worker> = match load {
            Load::Closed => Box::new(putter),
            Load::Paced => Box::new(paced(vec![putter], self.paced_requests_per_s).remove(0)),
        };
        for _ in 0..requests {
            putter.wait();
            putter.step()?;
        }
        Ok(())
    }

    pub(crate) fn putters(&self, to: impl Into<Target>, stream: &str) -> Result<Vec<Putter>> {
        let target = to.into();
        (0..self.connections).map(|seed| self.putter(target, stream, seed)).collect()
    }

    fn putter(&self, target: Target, stream: &str, seed: u64) -> Result<Putter> {
        let mut random = Random::new(seed << 32 | 0x5eed);
        let requests = (0..REQUESTS_PER_CONNECTION)
            .map(|_| match self.records {
                Some(records) => {
                    let body =
                        payload::put_records(stream, records, self.record_bytes, self.encoding, &mut random);
                    request(target, "PutRecords", self.encoding, &body)
                }
                None => {
                    let body = payload::put_record(stream, self.record_bytes, &mut random);
                    request(target, "PutRecord", Encoding::Json, &body)
                }
            })
            .collect();
        let connection = Connection::open(target.address)?;
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
