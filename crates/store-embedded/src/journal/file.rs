//! One journal file that is in use or ready to be.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use headwater_host::disk::DiskFile;
use parking_lot::Mutex;

use crate::identity::Stamp;

/// A journal file. While anybody holds it, it is not used for anything else.
#[derive(Debug)]
pub(crate) struct JournalFile {
    pub(crate) id: u64,
    /// Stamp of its frames.
    pub(crate) stamp: Stamp,
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<dyn DiskFile>,
    /// Greatest offset at which a frame may end.
    pub(crate) capacity: u64,
    /// Was all of it written before?
    pub(crate) written: bool,
    /// End of the durable frames.
    end: AtomicU64,
    /// Numbers of the logs that have records here.
    pub(crate) logs: Mutex<Vec<u32>>,
}

impl JournalFile {
    /// A file whose frames carry this stamp; `written` if all of it was written before.
    pub(crate) fn new(
        id: u64,
        stamp: Stamp,
        path: PathBuf,
        file: Arc<dyn DiskFile>,
        capacity: u64,
        written: bool,
    ) -> Self {
        Self { id, stamp, path, file, capacity, written, end: AtomicU64::new(0), logs: Mutex::default() }
    }

    pub(crate) fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    pub(crate) fn set_end(&self, end: u64) {
        self.end.store(end, Ordering::Release);
    }
}
