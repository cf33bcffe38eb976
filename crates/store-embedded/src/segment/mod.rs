//! Segments: immutable files in which each log's records stand together.
//!
//! # Constraints
//! Reading a log is reading one contiguous extent; expiring a log gives back contiguous extents. What is kept
//! in memory per segment and log is 32 bytes; everything finer is in the index file. The index is derived
//! from the segment and can be made again, so it is never evidence about the segment.
//!
//! # Format
//! See `format`. The segment is a header and then frames, sorted by log and position; the index is a header,
//! a directory with an entry per log, and an entry per run of about 64 KiB.
//!
//! # Algorithm
//! `writer` streams frames into a `.tmp`, syncs, and renames: first the index, then the segment, whose name
//! publishes both. `reader` finds a run by binary search in the index file and reads frames from there on,
//! many runs at once; every frame's checksums are verified each time. `rebuild` makes an index.
//!
//! # Recovery
//! A segment says which journals it replaces. One whose journals another one replaces as well, and more, was
//! merged into that and is removed.

mod format;
pub(crate) mod in_memory;
mod reader;
mod rebuild;
mod writer;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use headwater_host::disk::DiskFile;

use crate::identity::Stamp;

#[cfg(test)]
pub(crate) use format::Run;
pub(crate) use format::{Entry, INDEX_HEADER_LEN, IndexHeader, SEGMENT_HEADER_LEN, SegmentHeader};
pub(crate) use reader::{Frames, Wait, read_exact};
pub(crate) use rebuild::rebuild_index;
pub(crate) use writer::{IndexBuilder, SegmentWriter};

/// A published segment.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) id: u64,
    /// The journals whose records it holds, both inclusive.
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// Where journal `to` ended, 0 if that is not known.
    pub(crate) to_end: u64,
    /// Stamp of its frames.
    pub(crate) stamp: Stamp,
    pub(crate) path: PathBuf,
    pub(crate) index_path: PathBuf,
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) index: Arc<dyn DiskFile>,
    /// Entries in its directory.
    pub(crate) entries: u32,
    /// Bytes of the segment.
    pub(crate) len: u64,
    /// Entries that still hold records of a log.
    pub(crate) live: AtomicU32,
}

impl Segment {
    /// One entry less is of use; true if it was the last.
    pub(crate) fn lose_one(&self) -> bool {
        self.live.fetch_sub(1, Ordering::AcqRel) == 1
    }

    pub(crate) fn set_live(&self, live: u32) {
        self.live.store(live, Ordering::Release);
    }

    pub(crate) fn live(&self) -> u32 {
        self.live.load(Ordering::Acquire)
    }

    /// Bytes both files take on the disk.
    pub(crate) fn disk_bytes(&self) -> io::Result<u64> {
        Ok(self.file.allocated_bytes()? + self.index.allocated_bytes()?)
    }
}

/// All published segments.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    /// In order of the journals they replace.
    pub(crate) list: Vec<Arc<Segment>>,
    pub(crate) id_next: u64,
    /// Extents that may not have been given back before a crash.
    pub(crate) dead: Vec<(Arc<Segment>, u32)>,
}

impl Segments {
    pub(crate) fn take_id(&mut self) -> u64 {
        self.id_next += 1;
        self.id_next - 1
    }
}
