//! In-memory state of one log while it is open.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use headwater_store::{Bounds, LogId, Position, StoreError, Timestamp};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::hot::HotIndex;
use crate::segment::Segment;

/// One log. The journal's thread changes it, the cluster thread moves entries from `hot` to `cold`, everybody
/// reads it without a lock.
#[derive(Debug)]
pub(crate) struct LogState {
    pub(crate) id: LogId,
    /// Stands for the name in frames; never used again.
    pub(crate) number: u32,
    start: AtomicU64,
    end: AtomicU64,
    last_arrival: AtomicU64,
    sealed: AtomicBool,
    deleted: AtomicBool,
    /// State of the log once the commit that is being made is durable.
    pub(crate) staged: Mutex<Staged>,
    pub(crate) hot: HotIndex,
    /// The segments that hold the log's older records, in order of position.
    pub(crate) cold: ArcSwap<Vec<ColdRef>>,
    pub(crate) moved: Notify,
}

/// The bounds that the next append in the same commit has to go by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Staged {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) last_arrival: u64,
    pub(crate) sealed: bool,
    pub(crate) deleted: bool,
}

/// A log's share of a segment. There may be very many: 32 bytes.
#[derive(Debug, Clone)]
pub(crate) struct ColdRef {
    pub(crate) first: u64,
    pub(crate) end: u64,
    pub(crate) segment: Arc<Segment>,
    /// Index of its entry in the segment's directory.
    pub(crate) entry: u32,
}

impl LogState {
    pub(crate) fn new(id: LogId, number: u32, bounds: Staged) -> Self {
        Self {
            id,
            number,
            start: AtomicU64::new(bounds.start),
            end: AtomicU64::new(bounds.end),
            last_arrival: AtomicU64::new(bounds.last_arrival),
            sealed: AtomicBool::new(bounds.sealed),
            deleted: AtomicBool::new(bounds.deleted),
            staged: Mutex::new(bounds),
            hot: HotIndex::default(),
            cold: ArcSwap::default(),
            moved: Notify::new(),
        }
    }

    /// The bounds. Each is loaded before those that change ahead of it, so `start <= end` and a sealed log's
    /// end is its last.
    pub(crate) fn bounds(&self) -> Bounds {
        let sealed = self.sealed.load(Ordering::Acquire);
        let start = self.start.load(Ordering::Acquire);
        let end = self.end.load(Ordering::Acquire);
        let last_arrival = Timestamp::from_millis(self.last_arrival.load(Ordering::Acquire));
        Bounds { start: position(start), end: position(end), last_arrival, sealed }
    }

    pub(crate) fn start(&self) -> u64 {
        self.start.load(Ordering::Acquire)
    }

    pub(crate) fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::Acquire)
    }

    /// Refuses a log that was deleted.
    pub(crate) fn exists(&self) -> Result<(), StoreError> {
        if self.is_deleted() { Err(StoreError::NoSuchLog(self.id.to_string())) } else { Ok(()) }
    }

    /// Records up to `end` are durable and in the index.
    pub(crate) fn publish_end(&self, end: u64, last_arrival: u64) {
        self.last_arrival.store(last_arrival, Ordering::Release);
        self.end.store(end, Ordering::Release);
        self.moved.notify_waiters();
    }

    pub(crate) fn publish_seal(&self) {
        self.sealed.store(true, Ordering::Release);
        self.moved.notify_waiters();
    }

    pub(crate) fn publish_start(&self, start: u64) {
        self.start.fetch_max(start, Ordering::AcqRel);
    }

    pub(crate) fn publish_delete(&self) {
        self.deleted.store(true, Ordering::Release);
        self.hot.clear();
        self.moved.notify_waiters();
    }

    /// Resets the staged state to what is durable: at the opening, and when a commit was given up.
    pub(crate) fn reset_staged(&self) {
        *self.staged.lock() = self.durable();
    }

    pub(crate) fn durable(&self) -> Staged {
        let bounds = self.bounds();
        Staged {
            start: bounds.start.get(),
            end: bounds.end.get(),
            last_arrival: bounds.last_arrival.as_millis(),
            sealed: bounds.sealed,
            deleted: self.is_deleted(),
        }
    }

    /// Is there nothing left of this share of a segment?
    pub(crate) fn is_dead(&self, share_end: u64) -> bool {
        self.is_deleted() || share_end <= self.start()
    }
}

/// Positions come from checked frames and checked batches, which never pass the maximum.
pub(crate) fn position(value: u64) -> Position {
    Position::new(value).unwrap_or(Position::MAX)
}
