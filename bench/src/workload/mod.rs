//! The work of the benchmark table, each against any server.

mod get;
mod latency;
mod put;

use std::net::SocketAddr;

pub(crate) use latency::{Latencies, Reading};
pub(crate) use put::Put;

use crate::Result;
use crate::http::Encoding;
use crate::load::{Tally, Window};

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Work {
    /// PutRecords, 500 records of 1 KiB, 4 connections
    PutRecordsLarge,
    /// The same in CBOR
    PutRecordsLargeCbor,
    /// PutRecords, 100 records of 100 bytes, 4 connections
    PutRecordsSmall,
    /// PutRecord, 1 KiB, 16 connections
    PutRecord,
    /// GetRecords, 4 readers over 1 KiB records
    GetRecords,
    /// From before the put is sent until a reader that polls without pause has the record
    PutToGet,
    /// From before the put is sent until a subscriber has the record
    PutToEvent,
}

pub(crate) const SHARDS: usize = 4;

impl Work {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Work::PutRecordsLarge => "PutRecords 500 x 1 KiB, 4 connections",
            Work::PutRecordsLargeCbor => "PutRecords 500 x 1 KiB, 4 connections, CBOR",
            Work::PutRecordsSmall => "PutRecords 100 x 100 B, 4 connections",
            Work::PutRecord => "PutRecord 1 KiB, 16 connections",
            Work::GetRecords => "GetRecords, 4 readers, 1 KiB records",
            Work::PutToGet => "put-to-get, one writer, one reader polling without pause",
            Work::PutToEvent => "put-to-event, one writer, one subscriber",
        }
    }

    pub(crate) fn put(self) -> Option<Put> {
        let put = |records, record_bytes, connections, encoding| {
            Some(Put { records, record_bytes, connections, encoding })
        };
        match self {
            Work::PutRecordsLarge => put(Some(500), 1024, 4, Encoding::Json),
            Work::PutRecordsLargeCbor => put(Some(500), 1024, 4, Encoding::Cbor),
            Work::PutRecordsSmall => put(Some(100), 100, 4, Encoding::Json),
            Work::PutRecord => put(None, 1024, 16, Encoding::Json),
            Work::GetRecords | Work::PutToGet | Work::PutToEvent => None,
        }
    }

    /// True if it is latencies that count.
    pub(crate) fn is_latency(self) -> bool {
        matches!(self, Work::PutToGet | Work::PutToEvent)
    }

    /// Creates a stream for itself, then measures.
    pub(crate) fn run(self, address: SocketAddr, window: Window, server: Option<u32>) -> Result<Tally> {
        match (self.put(), self) {
            (Some(put), _) => put.run(address, window, server),
            (None, Work::PutToGet) => {
                latency::run(address, Reading::Polling, window, server).map(Latencies::into_tally)
            }
            (None, Work::PutToEvent) => {
                latency::run(address, Reading::Subscribed, window, server).map(Latencies::into_tally)
            }
            (None, _) => get::run(address, window, server),
        }
    }
}

/// A stream name that no earlier run on the same server has used.
pub(crate) fn fresh_stream(prefix: &str) -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{prefix}-{:x}", since.as_nanos())
}
