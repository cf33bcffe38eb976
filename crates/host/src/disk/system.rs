//! The machine's file system.
#![allow(clippy::disallowed_methods, reason = "this is where the machine's files are touched")]

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, IoSlice, IoSliceMut, Read};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{Advice, FallocateFlags, FlockOperation, OFlags, fadvise, fallocate, flock, statvfs};
use rustix::io::{Errno, ReadWriteFlags, preadv2, pwritev};

use super::{Disk, DiskFile, DiskLock, FileId, LockError, Space};

/// Mode of new directories: stored data is for its owner only, unless the directory was there before.
const DIRECTORY_MODE: u32 = 0o700;
/// The kernel takes at most this many slices at once.
const SLICES_MAX: usize = 1024;

/// The machine's file system.
#[derive(Debug, Default)]
pub struct SystemDisk;

#[derive(Debug)]
struct SystemFile(File);

#[derive(Debug)]
struct SystemLock(#[expect(dead_code, reason = "closing the file gives the lock back")] File);

impl DiskLock for SystemLock {}

impl SystemDisk {
    /// The machine's file system.
    pub fn new() -> Arc<Self> {
        Arc::new(Self)
    }
}

impl Disk for SystemDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        Ok(Arc::new(SystemFile(file)))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(SystemFile(OpenOptions::new().read(true).write(true).open(path)?)))
    }

    fn open_direct(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        #[cfg(target_os = "linux")]
        {
            let mut options = OpenOptions::new();
            let options = options.write(true).custom_flags(OFlags::DIRECT.bits() as i32);
            Ok(Arc::new(SystemFile(options.open(path)?)))
        }
        #[cfg(not(target_os = "linux"))]
        {
            let _ = path;
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        if path.is_dir() {
            return Ok(());
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        if let Some(parent) = parent {
            self.create_dir_all(parent)?;
        }
        match DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        self.sync_dir(parent.unwrap_or(Path::new(".")))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>, LockError> {
        let is_dir = path.is_dir();
        // Over NFS an exclusive lock needs a file that is open for writing; a directory cannot be.
        let mut file = OpenOptions::new().read(true).write(!is_dir).open(path).map_err(LockError::Io)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let mut text = String::new();
                let _ = file.read_to_string(&mut text);
                return Err(LockError::Held(text.trim().parse().ok()));
            }
            Err(Errno::BADF | Errno::OPNOTSUPP | Errno::INVAL | Errno::NOLCK | Errno::NOSYS) if is_dir => {
                return Err(LockError::Io(io::ErrorKind::Unsupported.into()));
            }
            Err(error) => return Err(LockError::Io(error.into())),
        }
        Ok(Box::new(SystemLock(file)))
    }

    fn file_id(&self, path: &Path) -> io::Result<FileId> {
        let found = fs::metadata(path)?;
        Ok(FileId { device: found.dev(), inode: found.ino() })
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        let found = statvfs(path)?;
        Ok(Space {
            free_bytes: found.f_bavail.saturating_mul(found.f_frsize),
            total_bytes: found.f_blocks.saturating_mul(found.f_frsize),
        })
    }
}

impl DiskFile for SystemFile {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut done = 0;
        while done < bytes.len() {
            match self.0.read_at(&mut bytes[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(len) => done += len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn read_cached_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut done = 0;
        while done < bytes.len() {
            let rest = &mut [IoSliceMut::new(&mut bytes[done..])];
            match preadv2(&self.0, rest, offset + done as u64, ReadWriteFlags::NOWAIT) {
                Ok(0) => break,
                Ok(len) => done += len,
                Err(Errno::INTR) => {}
                // A file system that cannot say what it has in memory is read as if it had everything.
                Err(Errno::OPNOTSUPP | Errno::NOSYS) => return self.read_at(bytes, offset),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(done)
    }

    fn write_all_at(&self, slices: &mut [IoSlice<'_>], offset: u64) -> io::Result<()> {
        let mut rest = slices;
        let mut at = offset;
        while !rest.is_empty() {
            let some = &rest[..rest.len().min(SLICES_MAX)];
            match pwritev(&self.0, some, at) {
                Ok(0) if some.iter().all(|slice| slice.is_empty()) => {
                    let len = some.len();
                    rest = &mut rest[len..];
                }
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(len) => {
                    at += len as u64;
                    IoSlice::advance_slices(&mut rest, len);
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        match fallocate(&self.0, FallocateFlags::empty(), 0, len) {
            Ok(()) => Ok(()),
            Err(Errno::OPNOTSUPP | Errno::NOSYS) if self.len()? < len => self.0.set_len(len),
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn punch_hole(&self, offset: u64, len: u64) -> io::Result<()> {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        match fallocate(&self.0, flags, offset, len) {
            Ok(()) => Ok(()),
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => Err(io::ErrorKind::Unsupported.into()),
            Err(error) => Err(error.into()),
        }
    }

    fn forget_cached(&self) -> io::Result<()> {
        Ok(fadvise(&self.0, 0, None, Advice::DontNeed)?)
    }

    fn allocated_bytes(&self) -> io::Result<u64> {
        // The unit of `st_blocks` is 512 bytes whatever the file system's block is.
        Ok(self.0.metadata()?.blocks() * 512)
    }
}
