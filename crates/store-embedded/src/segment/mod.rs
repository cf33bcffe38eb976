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
//! many runs at once, into `buffers`; every frame's checksums are verified each time. `rebuild` makes an index.
//! `handles` opens the files when they are needed and keeps some open; `verify` looks for damage.
//!
//! # Recovery
//! A segment says which journals it replaces. One whose journals another one replaces as well, and more, was
//! merged into that and is removed.

mod buffers;
mod format;
mod handles;
pub(crate) mod in_memory;
mod reader;
mod rebuild;
mod verify;
mod writer;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use headwater_host::disk::DiskFile;

use crate::identity::Stamp;

pub(crate) use buffers::ReadBuffers;
pub(crate) use format::{
    Entry, INDEX_HEADER_LEN, IndexHeader, RUN_LEN, Run, SEGMENT_HEADER_LEN, SegmentHeader,
};
pub(crate) use handles::{Handles, Part};
pub(crate) use reader::{Frames, Wait, read_exact};
pub(crate) use rebuild::rebuild_index;
pub(crate) use verify::{Found, Verified, unreadable};
pub(crate) use writer::{IndexBuilder, SegmentWriter};

/// A published segment.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) id: u64,
    /// The journals whose records it holds, both inclusive.
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// End of journal `to`, 0 if that is not known.
    pub(crate) to_end: u64,
    /// Stamp of its frames.
    pub(crate) stamp: Stamp,
    pub(crate) path: PathBuf,
    pub(crate) index_path: PathBuf,
    pub(crate) handles: Arc<Handles>,
    /// Entries in its directory.
    pub(crate) entries: u32,
    /// Bytes of the segment.
    pub(crate) len: u64,
    /// Entries that still hold records of a log.
    pub(crate) live: AtomicU32,
    /// Their bytes.
    pub(crate) live_bytes: AtomicU64,
    /// Bytes both files take on the disk, as far as is known without asking.
    pub(crate) disk_bytes: AtomicU64,
}

impl Segment {
    /// One entry less is of use.
    pub(crate) fn lose_one(&self) {
        let before = self.live.fetch_sub(1, Ordering::AcqRel);
        debug_assert!(before > 0, "an entry is lost once");
    }

    /// Its bytes, once they are known.
    pub(crate) fn lose_bytes(&self, len: u64) {
        // One thread changes them.
        self.live_bytes.store(self.live_bytes().saturating_sub(len), Ordering::Release);
    }

    pub(crate) fn set_live(&self, live: u32, bytes: u64) {
        self.live.store(live, Ordering::Release);
        self.live_bytes.store(bytes, Ordering::Release);
    }

    /// Bytes of the entries that still hold records of a log.
    pub(crate) fn live_bytes(&self) -> u64 {
        self.live_bytes.load(Ordering::Acquire)
    }

    pub(crate) fn live(&self) -> u32 {
        self.live.load(Ordering::Acquire)
    }

    /// Bytes both files take on the disk, as they were when they last changed.
    pub(crate) fn disk_bytes(&self) -> u64 {
        self.disk_bytes.load(Ordering::Acquire)
    }

    /// The file of frames.
    pub(crate) fn file(&self, wait: Wait) -> io::Result<Arc<dyn DiskFile>> {
        self.handles.get(self, Part::Frames, wait)
    }

    /// The index.
    pub(crate) fn index(&self, wait: Wait) -> io::Result<Arc<dyn DiskFile>> {
        self.handles.get(self, Part::Index, wait)
    }

    /// Asks the file system how much both files take.
    pub(crate) fn measure(&self) -> io::Result<()> {
        let bytes = self.file(Wait::Yes)?.allocated_bytes()? + self.index(Wait::Yes)?.allocated_bytes()?;
        self.disk_bytes.store(bytes, Ordering::Release);
        Ok(())
    }
}

/// An extent that nobody needs any more.
#[derive(Debug)]
pub(crate) struct Dead {
    pub(crate) segment: Arc<Segment>,
    pub(crate) entry: u32,
    /// Is it still among the bytes of the segment that are alive?
    pub(crate) counted: bool,
}

/// All published segments.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    /// In order of the journals they replace.
    pub(crate) list: Vec<Arc<Segment>>,
    pub(crate) id_next: u64,
    /// Extents to be given back: those that may not have been before a crash, or could not be.
    pub(crate) dead: Vec<Dead>,
    /// No log refers to these any more, but readers may: a file that is not open must stay until they are done.
    pub(crate) retiring: Vec<Arc<Segment>>,
}

impl Segments {
    pub(crate) fn take_id(&mut self) -> u64 {
        self.id_next += 1;
        self.id_next - 1
    }
}
