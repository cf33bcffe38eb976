//! Activity of a shard since the server started, for monitoring.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use headwater_types::{Position, Timestamp};
use parking_lot::Mutex;

use crate::measure::{Measures, ShardMetric};
use crate::traffic::{Amount, Totals};

/// Window of polls: the worst of this one and the one before is told, so that readers that poll in turn are all seen.
const POLLS_WINDOW_MS: u64 = 30_000;
/// A shard that was not polled for so long has no pollers: how far the last one was behind means nothing any more.
const POLLERS_GONE_AFTER_MS: u64 = 300_000;

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
    polls: Mutex<Polls>,
    /// Position of each open subscription.
    readers: Mutex<Vec<Weak<AtomicU64>>>,
    /// For enhanced monitoring.
    pub(crate) measures: Measures<ShardMetric>,
}

/// Lag of GetRecords, window by window.
#[derive(Debug, Default)]
struct Polls {
    newest_at: Timestamp,
    window_began: Timestamp,
    worst_ms: u64,
    worst_before_ms: u64,
}

impl Polls {
    fn add(&mut self, now: Timestamp, behind_ms: u64) {
        let windows = now.millis_since(self.window_began) / POLLS_WINDOW_MS;
        if windows > 0 {
            // Of what was said before the window that ended only now, nothing is left.
            self.worst_before_ms = if windows == 1 { self.worst_ms } else { 0 };
            (self.window_began, self.worst_ms) = (now, 0);
        }
        self.worst_ms = self.worst_ms.max(behind_ms);
        self.newest_at = now;
    }

    /// The worst of late; `None` if nobody polls.
    fn worst_ms(&self, now: Timestamp) -> Option<u64> {
        let polled = self.newest_at > Timestamp::default();
        let current = polled && now.millis_since(self.newest_at) <= POLLERS_GONE_AFTER_MS;
        current.then_some(self.worst_ms.max(self.worst_before_ms))
    }
}

/// Position of a subscription; counted in the shard's reports until it is dropped.
#[derive(Debug)]
pub(crate) struct Reader(Arc<AtomicU64>);

impl Reader {
    /// The first position that was not read.
    pub(crate) fn position(&self) -> Position {
        // Only positions are stored.
        Position::new(self.0.load(Ordering::Relaxed)).unwrap_or(Position::MAX)
    }

    pub(crate) fn advance(&self, to: Position) {
        self.0.store(to.get(), Ordering::Relaxed);
    }
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
    /// Worst lag of GetRecords behind the newest record of late, in milliseconds; `None` if nobody calls it.
    pub polls_behind_ms: Option<u64>,
    /// The first record that some open subscription has not been sent; `None` if there is no subscription.
    pub slowest_subscription: Option<Position>,
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

    pub(crate) fn polled(&self, now: Timestamp, millis_behind_latest: u64) {
        self.polls.lock().add(now, millis_behind_latest);
        self.measured_age(millis_behind_latest);
    }

    /// Records the lag of a reader when it was given something, or nothing.
    pub(crate) fn measured_age(&self, millis_behind_latest: u64) {
        self.measures.add(&[(ShardMetric::IteratorAgeMilliseconds, millis_behind_latest as f64)]);
    }

    /// A subscription that begins here; it is counted until the reader is dropped.
    pub(crate) fn subscribed(&self, at: Position) -> Reader {
        let position = Arc::new(AtomicU64::new(at.get()));
        let mut readers = self.readers.lock();
        readers.retain(|reader| reader.strong_count() > 0);
        readers.push(Arc::downgrade(&position));
        Reader(position)
    }

    /// Traffic that writers asked for, of which rates are made.
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

    pub(crate) fn report(&self, now: Timestamp) -> ShardReport {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let readers = self.readers.lock();
        let open: Vec<_> = readers.iter().filter_map(Weak::upgrade).map(Reader).collect();
        drop(readers);
        ShardReport {
            records_in: count(&self.records_in),
            bytes_in: count(&self.bytes_in),
            records_out: count(&self.records_out),
            bytes_out: count(&self.bytes_out),
            throttled_writes: count(&self.throttled_writes),
            throttled_reads: count(&self.throttled_reads),
            polls_behind_ms: self.polls.lock().worst_ms(now),
            slowest_subscription: open.iter().map(Reader::position).min(),
            subscriptions: u32::try_from(open.len()).unwrap_or(u32::MAX),
        }
    }
}
