//! Counters of the store, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters and gauges. Reading them costs nothing and waits for nobody.
#[derive(Debug, Default)]
pub struct StoreStats {
    /// Commits made durable.
    pub commits: AtomicU64,
    /// Microseconds spent in their `fdatasync`, in all.
    pub sync_micros: AtomicU64,
    /// Records appended.
    pub records: AtomicU64,
    /// Encoded bytes of these records.
    pub record_bytes: AtomicU64,
    /// Pieces of work that wait for a commit now.
    pub queue_depth: AtomicU64,
    /// Their bytes.
    pub queue_bytes: AtomicU64,
    /// Logs that exist.
    pub logs: AtomicU64,
    /// Segments that exist.
    pub segments: AtomicU64,
    /// Bytes of segments and their indexes, holes not counted.
    pub segment_bytes: AtomicU64,
    /// Bytes of journal files, whether used or prepared.
    pub journal_bytes: AtomicU64,
    /// Frames that failed their checksum, when read or clustered.
    pub corrupt_frames: AtomicU64,
    /// Bytes the scrubber has read.
    pub scrubbed_bytes: AtomicU64,
    /// Failures of the background work; it tries again.
    pub background_failures: AtomicU64,
}

impl StoreStats {
    /// Bytes on the disk.
    pub fn disk_bytes(&self) -> u64 {
        self.segment_bytes.load(Ordering::Relaxed) + self.journal_bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn set(counter: &AtomicU64, count: u64) {
        counter.store(count, Ordering::Relaxed);
    }
}
