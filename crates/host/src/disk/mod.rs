//! Files and directories.
//!
//! Engines hold an `Arc<dyn Disk>` and files as `Arc<dyn DiskFile>`. [`SystemDisk`] is the machine's;
//! [`SimDisk`] keeps files in memory, forgets at a crash what was not synced, and fails on demand.
//!
//! # What callers may rely on
//! A write is durable once `sync_data` of its file returned after it; a created, renamed or removed name once
//! `sync_dir` of its directory returned after it. Nothing else is promised, on either disk.

mod fault;
mod priority;
mod sim;
mod sim_state;
mod system;

use std::fmt::Debug;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

pub use fault::Faults;
pub use priority::{is_out_of_files, raise_file_limit, raise_thread_priority};
pub use sim::SimDisk;
pub use system::SystemDisk;

/// Alignment of memory, offset and length of a write to a file from `open_direct`, in bytes.
pub const DIRECT_ALIGN: usize = 4096;

/// A file system.
pub trait Disk: Send + Sync + Debug {
    /// Creates a file for reading and writing. `AlreadyExists` if the name is taken.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens a file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens a file for writes that bypass the cache: memory, offset and length must be multiples of
    /// [`DIRECT_ALIGN`]. Fails where the file system has no such thing.
    fn open_direct(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Gives a file a new name on the same file system, replacing what had that name. Between directories the
    /// change is durable once both are synced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file. Handles that are open keep working.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Creates a directory and those above it, durably. One that exists is fine.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in this directory durable as they are now.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// The names of the files in a directory, sorted.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
    /// Takes the exclusive lock of a file or a directory that is there, and changes nothing. The lock is on what the
    /// path leads to now, whatever becomes of the name, and ends when the guard is dropped. `Unsupported` where the
    /// file system cannot lock a directory.
    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>, LockError>;
    /// Tells apart what a path leads to now from what it led to before: as long as the other is held open, another
    /// file or directory under the same name has another id.
    fn file_id(&self, path: &Path) -> io::Result<FileId>;
    /// The room on the file system that holds `path`.
    fn space(&self, path: &Path) -> io::Result<Space>;
}

/// An open file.
pub trait DiskFile: Send + Sync + Debug {
    /// Reads at `offset`; fewer bytes than asked for only at the end of the file.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize>;
    /// The same if it need not wait for the device, otherwise `WouldBlock`.
    fn read_cached_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all of the slices, one after the other, at `offset`. The slices are consumed.
    fn write_all_at(&self, slices: &mut [IoSlice<'_>], offset: u64) -> io::Result<()>;
    /// Makes everything written so far, and the length, durable.
    fn sync_data(&self) -> io::Result<()>;
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// True if the file has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Cuts the file, or extends it with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Reserves space for the first `len` bytes and extends the file to them, so that writing there needs no
    /// more. `StorageFull` if there is not enough.
    fn allocate(&self, len: u64) -> io::Result<()>;
    /// Gives the space of a range back; it reads as zeros afterwards. `Unsupported` where that is so.
    fn punch_hole(&self, offset: u64, len: u64) -> io::Result<()>;
    /// Drops clean cached pages, so that what is read next is what the device holds.
    fn forget_cached(&self) -> io::Result<()>;
    /// Bytes the file takes on the device.
    fn allocated_bytes(&self) -> io::Result<u64>;
}

/// Held as long as the lock of a file or directory is.
pub trait DiskLock: Send + Sync + Debug {}

/// A file or directory, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    /// The device it is on.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
}

/// Why a lock could not be taken.
#[derive(Debug)]
pub enum LockError {
    /// Somebody else has it: the process of this id, if it could be found out.
    Held(Option<u32>),
    /// The lock file could not be used.
    Io(io::Error),
}

/// Room on a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes that may still be written.
    pub free_bytes: u64,
    /// Bytes in all.
    pub total_bytes: u64,
}
