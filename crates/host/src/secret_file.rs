//! Small files that hold secrets: read only if nobody else can, written whole or not at all.
#![allow(clippy::disallowed_methods, reason = "this is where files are opened")]

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::text_file::{Readers, write_beside, write_text_file};

/// The largest file that is read, in bytes.
const BYTES_MAX: u64 = 4 << 20;
/// Permissions of the group and others.
const FOREIGN: u32 = 0o077;
/// Permission that the group may have on a file of root's, which is how secrets are handed to containers.
const GROUP_READ: u32 = 0o040;

/// Tells one state of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStamp {
    inode: u64,
    len: u64,
    mode: u32,
    changed: (i64, i64),
}

impl FileStamp {
    /// The state of a file now.
    pub fn of(path: &Path) -> io::Result<Self> {
        let meta = fs::metadata(path)?;
        let changed = (meta.ctime(), meta.ctime_nsec());
        Ok(Self { inode: meta.ino(), len: meta.len(), mode: meta.mode(), changed })
    }
}

/// The whole of a text file that nobody but its owner can read or write (or the group read, where root owns it).
/// `PermissionDenied` with the mend if others can.
pub fn read_secret_file(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    // Of the file that was opened, which nobody can exchange between the question and the reading.
    let meta = file.metadata()?;
    let mode = meta.mode() & 0o777;
    let foreign = mode & FOREIGN;
    if foreign != 0 && !(foreign == GROUP_READ && meta.uid() == 0) {
        let why =
            format!("others can read or change it (mode {mode:04o}); run: chmod 600 {}", path.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    if meta.len() > BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is larger than 4 MiB"));
    }
    // With room for all of it, so that no piece is left where the text grew.
    let mut text = String::with_capacity(meta.len() as usize + 1);
    file.take(BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// Makes a file with this text, mode 0600, durably. `AlreadyExists` if the name is taken.
pub fn create_secret_file(path: &Path, text: &str) -> io::Result<()> {
    let (next, directory) = write_beside(path, text, Readers::Owner)?;
    // Unlike a rename, a link replaces nothing.
    let linked = fs::hard_link(&next, path);
    fs::remove_file(&next)?;
    linked?;
    File::open(directory)?.sync_all()
}

/// The right to change a file, held by one process at a time.
#[derive(Debug)]
pub struct SecretFileLock {
    path: PathBuf,
    _directory: File,
}

impl SecretFileLock {
    /// Waits until nobody else changes a file in this directory.
    pub fn take(path: &Path) -> io::Result<Self> {
        // Through a link the file itself is meant, and the link stays.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = File::open(parent.unwrap_or(Path::new(".")))?;
        flock(&directory, FlockOperation::LockExclusive)?;
        Ok(Self { path, _directory: directory })
    }

    /// Puts a file with this text in the place of the old one, durably, with mode 0600.
    pub fn replace(&self, text: &str) -> io::Result<()> {
        write_text_file(&self.path, text, Readers::Owner)
    }
}
