//! Small files that hold secrets: readable by their owner only, replaced whole or not at all.
#![allow(clippy::disallowed_methods, reason = "this is where files are opened")]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// The largest file that is read, in bytes.
const BYTES_MAX: u64 = 4 << 20;

/// The whole of a text file that nobody but its owner can read or write. `PermissionDenied` with the mend if others
/// can.
pub fn read_secret_file(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    // Of the file that was opened, which nobody can exchange between the question and the reading.
    let mode = file.metadata()?.mode() & 0o777;
    if mode & 0o077 != 0 {
        let why =
            format!("others can read or change it (mode {mode:04o}); run: chmod 600 {}", path.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    let mut text = String::new();
    file.take(BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is larger than 4 MiB"));
    }
    Ok(text)
}

/// What tells one state of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStamp {
    inode: u64,
    len: u64,
    modified_ns: i128,
}

impl FileStamp {
    /// The file's stamp now.
    pub fn of(path: &Path) -> io::Result<Self> {
        let meta = fs::metadata(path)?;
        let modified_ns = i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec());
        Ok(Self { inode: meta.ino(), len: meta.len(), modified_ns })
    }
}

/// The right to replace a file, held by one process at a time.
#[derive(Debug)]
pub struct SecretFileLock {
    path: PathBuf,
    directory: File,
}

impl SecretFileLock {
    /// Waits until nobody else changes a file in this directory.
    pub fn take(path: &Path) -> io::Result<Self> {
        // Through a link the file itself is meant, and the link stays.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = File::open(parent.unwrap_or(Path::new(".")))?;
        flock(&directory, FlockOperation::LockExclusive)?;
        Ok(Self { path, directory })
    }

    /// Puts a file with this text in the place of the old one, durably, with mode 0600.
    pub fn replace(&self, text: &str) -> io::Result<()> {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        let new = self.path.with_file_name(name);
        // One that a cut short run left. The lock says that nobody else is writing it.
        if let Err(error) = fs::remove_file(&new)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        self.directory.sync_all()
    }
}
