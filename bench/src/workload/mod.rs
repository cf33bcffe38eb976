//! The work of the benchmark table, each against any server.

mod get;
mod latency;
mod put;

pub(crate) use latency::{Latencies, Reading};
pub(crate) use put::Put;

use crate::Result;
use crate::http::Encoding;
use crate::leases;
use crate::load::{Load, Tally, Window};
use crate::target::Target;

#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Work {
    /// PutRecords, 500 records of 1 KiB, 4 connections
    PutRecordsLarge,
    /// The same in CBOR
    PutRecordsLargeCbor,
    /// PutRecords, 100 records of 100 bytes, 4 connections
    PutRecordsSmall,
    /// PutRecord, 1 KiB, 16 connections
    PutRecord,
    /// PutRecord, 1 KiB, 256 connections
    #[value(name = "put-record-256")]
    PutRecord256,
    /// GetRecords, 4 readers over 1 KiB records
    GetRecords,
    /// The same in CBOR
    GetRecordsCbor,
    /// From before the put is sent until a reader that polls without pause has the record
    PutToGet,
    /// From before the put is sent until a subscriber has the record
    PutToEvent,
    /// UpdateItem with Expected, 16 clients that renew a lease each
    UpdateLease,
    /// UpdateItem with a ConditionExpression, 16 clients that renew a lease each
    UpdateLeaseExpression,
}

pub(crate) const SHARDS: usize = 4;
/// Shards of a paced load: enough that what AWS's limits let through keeps a server visibly busy.
const PACED_SHARDS: usize = 128;
const LEASE_CLIENTS: usize = 16;

impl Work {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Work::PutRecordsLarge => "PutRecords 500 x 1 KiB, 4 connections",
            Work::PutRecordsLargeCbor => "PutRecords 500 x 1 KiB, 4 connections, CBOR",
            Work::PutRecordsSmall => "PutRecords 100 x 100 B, 4 connections",
            Work::PutRecord => "PutRecord 1 KiB, 16 connections",
            Work::PutRecord256 => "PutRecord 1 KiB, 256 connections",
            Work::GetRecords => "GetRecords, 4 readers, 1 KiB records",
            Work::GetRecordsCbor => "GetRecords, 4 readers, 1 KiB records, CBOR",
            Work::PutToGet => "put-to-get, one writer, one reader polling without pause",
            Work::PutToEvent => "put-to-event, one writer, one subscriber",
            Work::UpdateLease => "UpdateItem, 16 clients, a lease each, Expected",
            Work::UpdateLeaseExpression => "UpdateItem, 16 clients, a lease each, ConditionExpression",
        }
    }

    pub(crate) fn put(self) -> Option<Put> {
        let put = |records, record_bytes, connections, encoding, paced_requests_per_s| {
            Some(Put { records, record_bytes, connections, encoding, paced_requests_per_s })
        };
        // Paced, each shard gets half of its 1000 records a second, or of single records 62.
        let batches = |records: usize| (PACED_SHARDS * 500 / records) as f64;
        match self {
            Work::PutRecordsLarge => put(Some(500), 1024, 4, Encoding::Json, batches(500)),
            Work::PutRecordsLargeCbor => put(Some(500), 1024, 4, Encoding::Cbor, batches(500)),
            Work::PutRecordsSmall => put(Some(100), 100, 4, Encoding::Json, batches(100)),
            Work::PutRecord => put(None, 1024, 16, Encoding::Json, 8000.0),
            Work::PutRecord256 => put(None, 1024, 256, Encoding::Json, 8000.0),
            Work::GetRecords
            | Work::GetRecordsCbor
            | Work::PutToGet
            | Work::PutToEvent
            | Work::UpdateLease
            | Work::UpdateLeaseExpression => None,
        }
    }

    /// Data in each record that is counted; `None` where that is not what is moved.
    pub(crate) fn record_bytes(self) -> Option<usize> {
        match self {
            Work::GetRecords | Work::GetRecordsCbor => Some(get::RECORD_BYTES),
            _ => self.put().map(|put| put.record_bytes),
        }
    }

    /// Requests a second of [`Load::Paced`], where there is such a load.
    pub(crate) fn paced_requests_per_s(self) -> Option<f64> {
        match self {
            Work::GetRecords | Work::GetRecordsCbor => Some(get::PACED_CALLS_PER_S),
            _ => self.put().map(|put| put.paced_requests_per_s),
        }
    }

    /// True if it is latencies that count.
    pub(crate) fn is_latency(self) -> bool {
        matches!(self, Work::PutToGet | Work::PutToEvent)
    }

    /// Creates a stream or table for itself, then measures.
    pub(crate) fn run(
        self,
        to: impl Into<Target>,
        load: Load,
        window: Window,
        server: Option<u32>,
    ) -> Result<Tally> {
        let target = to.into();
        if let Some(put) = self.put() {
            return put.run(target, load, window, server);
        }
        let latency = |reading| latency::run(target.address, reading, window, server);
        let leases = |form| leases::run(target.address, LEASE_CLIENTS, form, false, window, server);
        match self {
            Work::PutToGet => latency(Reading::Polling).map(Latencies::into_tally),
            Work::PutToEvent => latency(Reading::Subscribed).map(Latencies::into_tally),
            Work::UpdateLease => leases(leases::Form::Legacy),
            Work::UpdateLeaseExpression => leases(leases::Form::Expression),
            Work::GetRecordsCbor => get::run(target, Encoding::Cbor, load, window, server),
            _ => get::run(target, Encoding::Json, load, window, server),
        }
    }
}

/// A stream name that no earlier run on the same server has used.
pub(crate) fn fresh_stream(prefix: &str) -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{prefix}-{:x}", since.as_nanos())
}
