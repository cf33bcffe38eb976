//! The memory that events of all subscriptions may hold until they have been sent.
//!
//! # Constraints
//! A client that does not read keeps what it was handed, for as long as its subscription lasts. However many such
//! clients there are, the others go on: an event of up to [`FREE_KIB`] needs no room, so a subscription that finds none
//! sends smaller events instead of waiting. Only a record that is larger than that has to wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::future::BoxFuture;
use headwater_types::limits::{KIB, SUBSCRIPTION_EVENT_BYTES};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::encryption::ServedBatch;

/// Size up to which an event needs no room, in KiB.
pub(super) const FREE_KIB: u32 = 64;
/// Sizes of the read for an event, and for one that has to do without room.
pub(super) const FULL: EventSize = EventSize { records: 1000, bytes: SUBSCRIPTION_EVENT_BYTES };
pub(super) const SMALL: EventSize = EventSize { records: 128, bytes: 32 * KIB };
/// Text around a record in an answer, in bytes: names, its number, its time.
const RECORD_OVERHEAD_BYTES: usize = 224;

/// Largest read for one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EventSize {
    pub(super) records: u32,
    pub(super) bytes: usize,
}

impl EventSize {
    /// Size of the event once it is encoded, as long as no key has to be escaped.
    pub(super) const fn kib(self) -> u32 {
        ((self.bytes / 3 * 4 + RECORD_OVERHEAD_BYTES * (self.records as usize + 4)) / KIB + 1) as u32
    }
}

/// Memory that events may take. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EventBudget {
    /// One permit a KiB.
    kib: Arc<Semaphore>,
    total_kib: u32,
    waiting: Arc<AtomicU32>,
}

/// Room for one event, given back when it is dropped.
pub type Reserved = OwnedSemaphorePermit;

impl EventBudget {
    /// Room for this many bytes.
    pub fn new(bytes: usize) -> Self {
        let total_kib = u32::try_from(bytes / KIB).unwrap_or(u32::MAX).max(1);
        let kib = Arc::new(Semaphore::new(total_kib as usize));
        Self { kib, total_kib, waiting: Arc::default() }
    }

    /// True if somebody waits for room.
    pub fn is_scarce(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Room for so many KiB, if there is some and nobody waits for it.
    pub(super) fn try_reserve(&self, kib: u32) -> Option<Reserved> {
        self.kib.clone().try_acquire_many_owned(kib.min(self.total_kib)).ok()
    }

    /// Waits for room, for all of it if that is less than what is asked for.
    pub(super) fn reserve(&self, kib: u32) -> BoxFuture<'static, Option<Reserved>> {
        let (semaphore, kib) = (self.kib.clone(), kib.min(self.total_kib));
        let waiting = Waiting::new(self.waiting.clone());
        Box::pin(async move {
            // Never closed.
            let reserved = semaphore.acquire_many_owned(kib).await.ok();
            drop(waiting);
            reserved
        })
    }

    /// True if no more than this can ever be reserved.
    pub(super) fn is_all(&self, kib: usize) -> bool {
        kib >= self.total_kib as usize
    }
}

struct Waiting(Arc<AtomicU32>);

impl Waiting {
    fn new(count: Arc<AtomicU32>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Length of an answer in JSON with these records, or a little more, if no key has to be escaped. Looks at no record.
pub fn usual_encoded_len(batches: &[ServedBatch]) -> usize {
    let lens = batches.iter().map(|batch| {
        let (bytes, count) = (batch.records.plain_bytes() as usize, batch.records.count() as usize);
        bytes.div_ceil(3) * 4 + count * (RECORD_OVERHEAD_BYTES + 4)
    });
    4 * RECORD_OVERHEAD_BYTES + lens.sum::<usize>()
}

/// Length of an answer in JSON with these records, or a little less: base64 of the data, keys with their escapes, and
/// the text around them.
pub fn encoded_len(batches: &[ServedBatch]) -> usize {
    let records = batches.iter().flat_map(|batch| batch.records.records());
    let lens = records
        .map(|record| record.data.len().div_ceil(3) * 4 + escaped_len(record.key) + RECORD_OVERHEAD_BYTES);
    4 * RECORD_OVERHEAD_BYTES + lens.sum::<usize>()
}

/// A control character becomes six bytes, a quote or a backslash two.
fn escaped_len(key: &str) -> usize {
    let extra = |byte: u8| match byte {
        0..=0x1f => 5,
        b'"' | b'\\' => 1,
        _ => 0,
    };
    key.len() + key.bytes().map(extra).sum::<usize>()
}
