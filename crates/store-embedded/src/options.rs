//! Options for opening a store.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use headwater_host::disk::Disk;
use headwater_host::{Clock, Random, SystemRandom};

/// Is told how long each commit's `fdatasync` took, on the journal's thread.
pub type SyncHook = Arc<dyn Fn(Duration) + Send + Sync>;

/// Leaves most of the thousand files that a process may open everywhere.
const HANDLES: usize = 256;

/// Environment and settings with which a store is opened.
#[derive(Clone)]
pub struct Options {
    /// Disk that holds the files.
    pub disk: Arc<dyn Disk>,
    /// The data directory; created if it does not exist.
    pub dir: PathBuf,
    /// Measures latencies.
    pub clock: Arc<dyn Clock>,
    /// Gives a new store its identity.
    pub random: Arc<dyn Random>,
    /// Sizes and thresholds.
    pub sizes: Sizes,
    /// Segments' files that are kept open at once; others are opened when they are needed.
    pub handles: usize,
    /// Called after each commit.
    pub on_sync: Option<SyncHook>,
    /// Without it, journals are clustered, prepared and recycled, and space is given back, only when
    /// `EmbeddedStore::maintain` is called. For tests.
    pub background: bool,
}

impl Options {
    /// The usual sizes.
    pub fn new(disk: Arc<dyn Disk>, dir: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        let (dir, random, sizes) = (dir.into(), SystemRandom::new(), Sizes::default());
        Self { disk, dir, clock, random, sizes, handles: HANDLES, on_sync: None, background: true }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("dir", &self.dir).field("sizes", &self.sizes).finish_non_exhaustive()
    }
}

/// Sizes in bytes and thresholds. The defaults are meant for production; tests make them small.
#[derive(Debug, Clone)]
pub struct Sizes {
    /// The first journal file: quickly written.
    pub journal_first_bytes: u64,
    /// Size at which journal files stop growing, on a disk that is 64 times as large or larger.
    pub journal_max_bytes: u64,
    /// Journals of the largest size that may wait to be clustered before appends have to wait too.
    pub ring_files: u64,
    /// Frames that one commit takes.
    pub commit_bytes: u64,
    /// Records that may wait for a commit; more wait for a place, and are refused with `Busy` if it takes long.
    pub queue_bytes: usize,
    /// Full journals are clustered once they hold this much together, or half of the ring...
    pub cluster_bytes: u64,
    /// ...or are this many.
    pub cluster_files: usize,
    /// Neighbouring segments with less than this alive are merged...
    pub merge_below_bytes: u64,
    /// ...when they are this many.
    pub merge_files: usize,
    /// One index entry of a segment covers about this much.
    pub run_bytes: u64,
    /// Appends are refused when less than this is free, or a twentieth of the disk if that is less; and when there is
    /// no room to cluster every journal (see `space`).
    pub free_floor_bytes: u64,
    /// After this long without work the end of the journal is confirmed, so that damage to its last frames
    /// can be told from a torn tail.
    pub mark_after: Duration,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            journal_first_bytes: 256 << 10,
            journal_max_bytes: 64 << 20,
            ring_files: 4,
            commit_bytes: 8 << 20,
            queue_bytes: 64 << 20,
            cluster_bytes: 32 << 20,
            cluster_files: 8,
            merge_below_bytes: 32 << 20,
            merge_files: 8,
            run_bytes: 64 << 10,
            free_floor_bytes: 512 << 20,
            mark_after: Duration::from_secs(1),
        }
    }
}
