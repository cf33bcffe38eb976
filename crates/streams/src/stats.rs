//! What was done with a shard since the server started: for whoever watches it.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use headwater_types::Timestamp;

use crate::measure::{Measures, ShardMetric};
use crate::traffic::{Amount, Totals};

/// Counters of one shard. Each is right by itself; together they are not of one moment.
#[derive(Debug, Default)]
pub(crate) struct ShardStats {
    records_in: AtomicU64,
    bytes_in: AtomicU64,
    records_out: AtomicU64,
    bytes_out: AtomicU64,
    throttled_writes: AtomicU64,
    throttled_bytes: AtomicU64,
    throttled_reads: AtomicU64,
    /// Of the newest read, with the time of that read; the epoch before the first.
    iterator_age_ms: AtomicU64,
    read_at: AtomicU64,
    subscriptions: AtomicU32,
    /// For enhanced monitoring.
    pub(crate) measures: Measures<ShardMetric>,
}

/// The counters as they were at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShardReport {
    /// Records stored.
    pub records_in: u64,
    /// Bytes of data and partition keys stored.
    pub bytes_in: u64,
    /// Records read, pushed ones included.
    pub records_out: u64,
    /// Bytes of data and partition keys read.
    pub bytes_out: u64,
    /// Records refused over the write rate.
    pub throttled_writes: u64,
    /// Calls refused over the read rate.
    pub throttled_reads: u64,
    /// How far the newest read was behind the newest record, and when that read was; `None` before the first.
    pub iterator_age: Option<(u64, Timestamp)>,
    /// Open subscriptions.
    pub subscriptions: u32,
}

impl ShardStats {
    pub(crate) fn wrote(&self, records: u64, bytes: u64) {
        self.records_in.fetch_add(records, Ordering::Relaxed);
        self.bytes_in.fetch_add(bytes, Ordering::Relaxed);
        self.measures.add(&[
            (ShardMetric::IncomingBytes, bytes as f64),
            (ShardMetric::IncomingRecords, records as f64),
            (ShardMetric::WriteProvisionedThroughputExceeded, 0.0),
        ]);
    }

    pub(crate) fn read(&self, records: u64, bytes: u64) {
        self.records_out.fetch_add(records, Ordering::Relaxed);
        self.bytes_out.fetch_add(bytes, Ordering::Relaxed);
        self.measures.add(&[
            (ShardMetric::OutgoingBytes, bytes as f64),
            (ShardMetric::OutgoingRecords, records as f64),
            (ShardMetric::ReadProvisionedThroughputExceeded, 0.0),
        ]);
    }

    pub(crate) fn throttled_writes(&self, records: u64, bytes: u64) {
        self.throttled_writes.fetch_add(records, Ordering::Relaxed);
        self.throttled_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.measures.add(&[(ShardMetric::WriteProvisionedThroughputExceeded, records as f64)]);
    }

    pub(crate) fn throttled_read(&self) {
        self.throttled_reads.fetch_add(1, Ordering::Relaxed);
        self.measures.add(&[(ShardMetric::ReadProvisionedThroughputExceeded, 1.0)]);
    }

    pub(crate) fn iterator_age(&self, now: Timestamp, millis_behind_latest: u64) {
        self.iterator_age_ms.store(millis_behind_latest, Ordering::Relaxed);
        self.read_at.store(now.as_millis(), Ordering::Release);
        self.measures.add(&[(ShardMetric::IteratorAgeMilliseconds, millis_behind_latest as f64)]);
    }

    pub(crate) fn subscribed(&self) {
        self.subscriptions.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn unsubscribed(&self) {
        self.subscriptions.fetch_sub(1, Ordering::Relaxed);
    }

    /// What writers asked for, of which rates are made.
    pub(crate) fn written(&self) -> Totals {
        let amount = |records: &AtomicU64, bytes: &AtomicU64| Amount {
            records: records.load(Ordering::Relaxed),
            bytes: bytes.load(Ordering::Relaxed),
        };
        Totals {
            stored: amount(&self.records_in, &self.bytes_in),
            refused: amount(&self.throttled_writes, &self.throttled_bytes),
        }
    }

    pub(crate) fn report(&self) -> ShardReport {
        let read_at = self.read_at.load(Ordering::Acquire);
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ShardReport {
            records_in: count(&self.records_in),
            bytes_in: count(&self.bytes_in),
            records_out: count(&self.records_out),
            bytes_out: count(&self.bytes_out),
            throttled_writes: count(&self.throttled_writes),
            throttled_reads: count(&self.throttled_reads),
            iterator_age: (read_at > 0)
                .then(|| (count(&self.iterator_age_ms), Timestamp::from_millis(read_at))),
            subscriptions: self.subscriptions.load(Ordering::Relaxed),
        }
    }
}
