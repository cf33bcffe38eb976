//! Room on the disk: how large journals may be on it, and what is kept free.
//!
//! # Constraints
//! Whatever was acknowledged must be able to leave the journals, or the ring stays full for good. So records are taken
//! only while there is room to write every journal once more, with an index and a snapshot; on a small disk journals are
//! small, so that this is a small part of it. What frees space (trims, deletions) and all other control goes on below
//! that: it is short, and has the journal that was prepared for records and files of the smallest size after it.
//!
//! # Algorithm
//! Room is looked at each second and whenever a journal is full. When it is short, journals are clustered at once, as
//! many as fit, the oldest first; what is dead in them needs no room.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use headwater_host::disk::DiskFile;

use crate::shared::Shared;

/// Journals take at most a sixteenth of the disk: four of them this part each.
const DISK_PER_JOURNAL: u64 = 64;
/// An entry and a run of an index: what a log adds to a segment at the most beside its frames and a sixteenth of them.
const INDEX_PER_LOG: u64 = 96;
/// Allowance for the growth of a small snapshot, in bytes.
const BLOCK: u64 = 4096;
/// Free beyond what is asked for, in bytes, so that the last look at the disk need not be repeated: more than a server
/// and its neighbours write between two looks.
const AMPLE_BYTES: u64 = 8 << 30;
/// Smallest journals that may be used for control beyond the ring.
const CONTROL_FILES: u64 = 16;

/// Knowledge of the room on the disk.
#[derive(Debug)]
pub(crate) struct Room {
    /// Records are refused.
    full: AtomicBool,
    /// Of the disk, as it was last seen.
    total_bytes: AtomicU64,
    /// The same, of which nothing is known at first.
    free_bytes: AtomicU64,
    /// Capacity of the journal that is being written.
    current_bytes: AtomicU64,
    /// Length of the newest snapshot.
    snapshot_bytes: AtomicU64,
}

impl Default for Room {
    fn default() -> Self {
        let (full, free_bytes, current_bytes, snapshot_bytes) = Default::default();
        Self { full, total_bytes: AtomicU64::new(u64::MAX), free_bytes, current_bytes, snapshot_bytes }
    }
}

impl Shared {
    /// Creates a file, closing others for it if need be.
    pub(crate) fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.handles.with_room(|| self.disk().create(path))
    }

    /// Makes the names in a directory durable, which takes a file descriptor.
    pub(crate) fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.handles.with_room(|| self.disk().sync_dir(path))
    }

    /// Are records refused for want of room?
    pub(crate) fn is_full(&self) -> bool {
        self.room.full.load(Ordering::Acquire)
    }

    /// Size at which journals stop growing on this disk: a step of the ladder by which they grow.
    pub(crate) fn journal_max_bytes(&self) -> u64 {
        let sizes = self.sizes();
        let most = self.room.total_bytes.load(Ordering::Relaxed) / DISK_PER_JOURNAL;
        if most >= sizes.journal_max_bytes {
            return sizes.journal_max_bytes;
        }
        let steps = std::iter::successors(Some(sizes.journal_first_bytes), |step| step.checked_mul(4));
        steps.take_while(|step| *step <= most).last().unwrap_or(sizes.journal_first_bytes)
    }

    /// Bytes of journals that may exist before appends wait.
    pub(crate) fn ring_bytes(&self) -> u64 {
        self.sizes().ring_files.saturating_mul(self.journal_max_bytes())
    }

    /// The same for control.
    pub(crate) fn control_ring_bytes(&self) -> u64 {
        self.ring_bytes().saturating_add(CONTROL_FILES * self.sizes().journal_first_bytes)
    }

    /// Full journals are clustered once they hold this much together.
    pub(crate) fn cluster_bytes(&self) -> u64 {
        self.sizes().cluster_bytes.min(self.ring_bytes() / 2)
    }

    /// The journal being written has this capacity.
    pub(crate) fn set_current(&self, capacity: u64) {
        self.room.current_bytes.store(capacity, Ordering::Release);
    }

    /// The newest snapshot has this length.
    pub(crate) fn set_snapshot(&self, len: u64) {
        self.room.snapshot_bytes.store(len, Ordering::Release);
    }

    /// Bytes that frames of so many bytes take once more in a segment.
    pub(crate) fn segment_bytes(&self, frames: u64) -> u64 {
        let logs = self.stats.logs.load(Ordering::Relaxed);
        // A frame is longer than what an index has of it.
        frames + frames / 16 + logs.saturating_mul(INDEX_PER_LOG).min(frames + frames / 2)
    }

    /// Bytes of the next snapshot, beside the one before it.
    pub(crate) fn snapshot_bytes(&self) -> u64 {
        let last = self.room.snapshot_bytes.load(Ordering::Acquire);
        last + last / 4 + BLOCK
    }

    /// Left for snapshots and control, whatever else is done.
    fn control_bytes(&self) -> u64 {
        2 * self.snapshot_bytes() + self.sizes().journal_first_bytes
    }

    /// Has to be free while journals hold so many bytes that are not in segments.
    fn needed(&self, unclustered: u64) -> u64 {
        self.segment_bytes(unclustered) + self.control_bytes()
    }

    /// Free bytes of the disk; without an answer there is room.
    pub(crate) fn free_bytes(&self) -> u64 {
        self.disk().space(&self.layout.root).map_or(u64::MAX, |space| space.free_bytes)
    }

    /// Looks how much room there is.
    pub(crate) fn check_space(&self) {
        let Ok(space) = self.disk().space(&self.layout.root) else { return };
        self.room.total_bytes.store(space.total_bytes, Ordering::Relaxed);
        self.room.free_bytes.store(space.free_bytes, Ordering::Relaxed);
        let floor = self.floor_bytes(space.total_bytes);
        self.set_full(space.free_bytes < floor, space.free_bytes, floor);
    }

    /// Free bytes of a disk of this size below which records are refused.
    fn floor_bytes(&self, total_bytes: u64) -> u64 {
        let floor = self.sizes().free_floor_bytes.min(total_bytes / 20);
        let held = self.ring.full_bytes() + self.room.current_bytes.load(Ordering::Acquire);
        let next = if self.ring.ready_count() > 0 { 0 } else { self.ring.target_bytes() };
        floor.max(self.needed(held + self.ring.target_bytes()) + next)
    }

    /// Can so many bytes of records be taken? In segments, and meanwhile in journals that hold some of it and must be
    /// able to leave them.
    pub(crate) fn has_room_for_records(&self, bytes: u64) -> bool {
        let in_journals = bytes.min(self.ring_bytes());
        let taken = self.segment_bytes(bytes).saturating_add(2 * in_journals);
        let needed = |total_bytes| self.floor_bytes(total_bytes).saturating_add(taken);
        // Asking the disk costs more than a small record does.
        let (free_bytes, total_bytes) = (&self.room.free_bytes, &self.room.total_bytes);
        let seen = needed(total_bytes.load(Ordering::Relaxed)).saturating_add(AMPLE_BYTES);
        if free_bytes.load(Ordering::Relaxed) >= seen {
            return true;
        }
        let Ok(space) = self.disk().space(&self.layout.root) else { return true };
        space.free_bytes >= needed(space.total_bytes)
    }

    /// May the journal's thread take a file for records, when so many bytes of this one wait to be clustered?
    pub(crate) fn may_go_on(&self, held: u64, capacity: u64, is_new: bool) -> bool {
        let floor = self.needed(self.ring.full_bytes() + held + capacity) + if is_new { capacity } else { 0 };
        let free = self.free_bytes();
        if free < floor {
            self.set_full(true, free, floor);
            self.wake_cluster();
        }
        free >= floor
    }

    /// May a journal of this size be made ready?
    pub(crate) fn has_room_for(&self, capacity: u64) -> bool {
        let held = self.ring.full_bytes() + self.room.current_bytes.load(Ordering::Acquire);
        !self.is_full() && self.free_bytes() >= (self.needed(held + capacity)).saturating_add(capacity)
    }

    /// May a segment with so many bytes of frames be written, beside what clustering needs?
    pub(crate) fn may_write(&self, frames: u64) -> bool {
        let held = self.ring.full_bytes() + self.room.current_bytes.load(Ordering::Acquire);
        self.free_bytes() >= self.needed(held).saturating_add(self.segment_bytes(frames))
    }

    fn set_full(&self, full: bool, free_bytes: u64, floor_bytes: u64) {
        if self.room.full.swap(full, Ordering::AcqRel) != full {
            tracing::warn!(full, free_bytes, floor_bytes, "room on the disk");
            if !full {
                self.wake_prepare();
            }
        }
    }
}
