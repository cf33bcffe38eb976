//! Gathers the answer of a read within its limits: the one place that knows how a batch is cut.

use crate::{Bounds, Position, ReadBatch, ReadLimit, StoredBatch};

/// Takes stored batches in order of position and keeps what the reader asked for.
#[derive(Debug)]
pub struct ReadCollector {
    next: Position,
    records_left: u32,
    bytes_left: usize,
    full: bool,
    batches: Vec<StoredBatch>,
}

impl ReadCollector {
    /// For a read from `from`, which the caller has already moved up to the log's start.
    pub fn new(from: Position, limit: ReadLimit) -> Self {
        Self {
            next: from,
            records_left: limit.records.max(1),
            bytes_left: limit.bytes,
            full: false,
            batches: Vec::new(),
        }
    }

    /// Position at which the read goes on.
    pub fn next(&self) -> Position {
        self.next
    }

    /// True once a limit was reached: further batches are not taken.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// True while nothing was taken.
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Records that still fit.
    pub fn records_left(&self) -> u32 {
        if self.full { 0 } else { self.records_left }
    }

    /// Encoded bytes that still fit.
    pub fn bytes_left(&self) -> usize {
        if self.full { 0 } else { self.bytes_left }
    }

    /// Takes of `batch` what lies at or after the read's position and within its limits.
    pub fn push(&mut self, batch: StoredBatch) {
        let count = batch.records.count();
        let skip = self.next.get().saturating_sub(batch.first.get()).min(u64::from(count)) as u32;
        if self.full || skip == count {
            return;
        }
        let take = self.fitting(&batch, skip);
        self.full = take < count - skip;
        let Some(records) = batch.records.slice(skip, take) else { return };
        let first = batch.first.plus(u64::from(skip));
        self.next = first.plus(u64::from(take));
        self.records_left -= take;
        self.bytes_left = self.bytes_left.saturating_sub(records.bytes().len());
        self.full |= self.records_left == 0 || self.bytes_left == 0;
        self.batches.push(StoredBatch { first, arrival: batch.arrival, records });
    }

    /// The answer.
    pub fn finish(self, bounds: Bounds) -> ReadBatch {
        ReadBatch { batches: self.batches, next: self.next, bounds }
    }

    /// Number of records after the first `skip` that fit: at least one if the answer is empty so far.
    fn fitting(&self, batch: &StoredBatch, skip: u32) -> u32 {
        let most = (batch.records.count() - skip).min(self.records_left);
        if skip == 0 && most == batch.records.count() && batch.records.bytes().len() <= self.bytes_left {
            return most;
        }
        let mut taken = 0;
        let mut bytes = 0;
        for (i, len) in batch.records.encoded_lens().enumerate() {
            if (i as u32) < skip {
                continue;
            }
            let first_of_all = taken == 0 && self.batches.is_empty();
            if taken == most || (bytes + len > self.bytes_left && !first_of_all) {
                break;
            }
            taken += 1;
            bytes += len;
        }
        taken
    }
}
