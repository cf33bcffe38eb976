//! Places of a log's records in the journals: the part of its index that is in memory.
//!
//! # Constraints
//! One thread adds, another removes from the front, and readers wait for neither. So the list of chunks is
//! replaced as a whole, which is rare because chunks grow, and inside a chunk an entry is written once and
//! then counted. A chunk belongs to one journal: who holds a chunk, holds the journal, and a journal that is
//! held is not recycled.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;

use crate::journal::JournalFile;

const CHUNK_MIN: usize = 4;
const CHUNK_MAX: usize = 4096;

/// One frame of records in a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HotEntry {
    pub(crate) first: u64,
    pub(crate) arrival: u64,
    pub(crate) offset: u32,
    pub(crate) len: u32,
    pub(crate) count: u32,
}

impl HotEntry {
    pub(crate) fn end(&self) -> u64 {
        self.first + u64::from(self.count)
    }
}

/// Entries of one log in one journal, in order.
#[derive(Debug)]
pub(crate) struct HotChunk {
    pub(crate) journal: Arc<JournalFile>,
    entries: Box<[OnceLock<HotEntry>]>,
    len: AtomicUsize,
}

impl HotChunk {
    fn new(journal: Arc<JournalFile>, capacity: usize) -> Self {
        Self { journal, entries: (0..capacity).map(|_| OnceLock::new()).collect(), len: AtomicUsize::new(0) }
    }

    fn push(&self, entry: HotEntry) {
        let len = self.len.load(Ordering::Relaxed);
        debug_assert!(entry.count > 0, "a frame of records holds some");
        debug_assert!(
            len.checked_sub(1).and_then(|last| self.get(last)).is_none_or(|last| last.end() == entry.first),
            "a log's frames have no gap between them"
        );
        let fresh = self.entries[len].set(entry).is_ok();
        assert!(fresh, "one thread adds entries");
        self.len.store(len + 1, Ordering::Release);
    }

    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    pub(crate) fn get(&self, at: usize) -> Option<&HotEntry> {
        self.entries.get(at)?.get()
    }

    /// The entries that are there now.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &HotEntry> {
        self.entries_from(0)
    }

    /// The same less the first `skip`, which are there.
    pub(crate) fn entries_from(&self, skip: usize) -> impl Iterator<Item = &HotEntry> {
        self.entries[skip..self.len()].iter().filter_map(OnceLock::get)
    }

    /// Number of entries before the first for which `later` holds.
    pub(crate) fn before(&self, later: impl Fn(&HotEntry) -> bool) -> usize {
        self.entries[..self.len()].partition_point(|entry| entry.get().is_some_and(|entry| !later(entry)))
    }
}

/// The chunks of one log, in order; none of them is empty.
pub(crate) type HotChunks = Vec<Arc<HotChunk>>;

/// All hot entries of one log.
#[derive(Debug, Default)]
pub(crate) struct HotIndex {
    chunks: ArcSwap<HotChunks>,
}

impl HotIndex {
    /// Adds an entry; true if it is the log's first in this journal. For the journal's thread alone.
    pub(crate) fn push(&self, journal: &Arc<JournalFile>, entry: HotEntry) -> bool {
        let chunks = self.chunks.load();
        let last = chunks.last().filter(|last| Arc::ptr_eq(&last.journal, journal));
        let capacity = match last {
            Some(last) if last.len() < last.entries.len() => {
                last.push(entry);
                return false;
            }
            Some(last) => (last.entries.len() * 4).min(CHUNK_MAX),
            None => CHUNK_MIN,
        };
        let chunk = Arc::new(HotChunk::new(journal.clone(), capacity));
        chunk.push(entry);
        let first = last.is_none();
        self.chunks.rcu(|chunks| {
            let mut next = HotChunks::clone(chunks);
            next.push(chunk.clone());
            next
        });
        first
    }

    pub(crate) fn chunks(&self) -> Arc<HotChunks> {
        self.chunks.load_full()
    }

    /// Forgets the chunks of journals up to this id.
    pub(crate) fn remove_through(&self, journal_id: u64) {
        self.chunks.rcu(|chunks| {
            chunks.iter().filter(|chunk| chunk.journal.id > journal_id).cloned().collect::<HotChunks>()
        });
    }

    pub(crate) fn clear(&self) {
        self.chunks.store(Arc::default());
    }
}

/// The chunk and the entry that hold `position` or, if that is before all of them, nothing.
pub(crate) fn find(chunks: &HotChunks, position: u64) -> Option<(usize, usize)> {
    let after = chunks.partition_point(|chunk| chunk.get(0).is_some_and(|entry| entry.first <= position));
    let chunk = after.checked_sub(1)?;
    let entry = chunks[chunk].before(|entry| entry.first > position).checked_sub(1)?;
    Some((chunk, entry))
}
