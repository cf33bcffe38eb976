//! Open files of segments: opened when they are needed, and bounded, whatever is stored.
//!
//! # Constraints
//! A store may have thousands of segments; the process may open as few as a thousand files, most of which are
//! connections. So the least recently used handle is closed when there are too many, and where the process has none
//! left at all, all of these are closed and the file is tried once more.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use headwater_host::disk::{Disk, DiskFile, is_out_of_files};
use lru::LruCache;
use parking_lot::Mutex;

use super::buffers::ReadBuffers;
use super::{Segment, Wait};

/// One of a segment's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    Frames,
    Index,
}

/// The handles of all segments.
#[derive(Debug)]
pub(crate) struct Handles {
    disk: Arc<dyn Disk>,
    open: Mutex<LruCache<(u64, Part), Arc<dyn DiskFile>>>,
    /// Memory into which they, and journals, are read.
    pub(crate) buffers: Arc<ReadBuffers>,
    /// Did the last attempt to open a file fail for want of descriptors?
    exhausted: AtomicBool,
}

impl Handles {
    /// Keeps at most so many handles.
    pub(crate) fn new(disk: Arc<dyn Disk>, limit: usize) -> Self {
        let limit = NonZeroUsize::new(limit).unwrap_or(NonZeroUsize::MIN);
        let (buffers, exhausted) = Default::default();
        Self { disk, open: Mutex::new(LruCache::new(limit)), buffers, exhausted }
    }

    /// The handle of a file. Opening it may wait for the device: without leave to, the answer is `WouldBlock`.
    pub(crate) fn get(&self, segment: &Segment, part: Part, wait: Wait) -> io::Result<Arc<dyn DiskFile>> {
        let key = (segment.id, part);
        if let Some(file) = self.open.lock().get(&key) {
            return Ok(file.clone());
        }
        if wait == Wait::No {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let path = match part {
            Part::Frames => &segment.path,
            Part::Index => &segment.index_path,
        };
        let file = self.with_room(|| self.disk.open(path))?;
        self.keep(segment.id, part, file.clone());
        Ok(file)
    }

    /// Keeps a handle that is open already.
    pub(crate) fn keep(&self, id: u64, part: Part, file: Arc<dyn DiskFile>) {
        // What falls out is closed after the lock is given back.
        let closed = self.open.lock().push((id, part), file);
        drop(closed);
    }

    /// Closes the handles of a segment that is gone.
    pub(crate) fn forget(&self, id: u64) {
        let mut open = self.open.lock();
        let closed = [Part::Frames, Part::Index].map(|part| open.pop(&(id, part)));
        drop(open);
        drop(closed);
    }

    /// Opens or creates something; if the process has no descriptor left for it, once more with those kept here closed.
    pub(crate) fn with_room<T>(&self, open: impl Fn() -> io::Result<T>) -> io::Result<T> {
        let first = open();
        let outcome = match first {
            Err(error) if is_out_of_files(&error) => {
                let closed = self.take_all();
                drop(closed);
                open()
            }
            other => other,
        };
        let exhausted = outcome.as_ref().is_err_and(is_out_of_files);
        if self.exhausted.swap(exhausted, Ordering::AcqRel) != exhausted {
            tracing::warn!(exhausted, "file descriptors");
        }
        outcome
    }

    fn take_all(&self) -> Vec<Arc<dyn DiskFile>> {
        let mut open = self.open.lock();
        std::iter::from_fn(|| open.pop_lru().map(|(_, file)| file)).collect()
    }

    /// Did the last attempt to open a file fail for want of descriptors?
    pub(crate) fn exhausted(&self) -> bool {
        self.exhausted.load(Ordering::Acquire)
    }
}
