//! Small files that hold secrets: read only if nobody else can, written whole or not at all.
#![allow(clippy::disallowed_methods, reason = "this is where files are opened")]

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::text_file::{Readers, write_beside, write_text_file};

/// The largest file that is read, in bytes.
const BYTES_MAX: u64 = 1 << 20;
/// What the group and others may do with a file.
const FOREIGN: u32 = 0o077;
/// What the group may do with a file of root's, which is how secrets are handed to containers.
const GROUP_READ: u32 = 0o040;

/// Tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStamp {
    inode: u64,
    len: u64,
    mode: u32,
    changed: (i64, i64),
}

/// The state of a file now.
pub fn file_stamp(path: &Path) -> io::Result<FileStamp> {
    let meta = fs::metadata(path)?;
    let changed = (meta.ctime(), meta.ctime_nsec());
    Ok(FileStamp { inode: meta.ino(), len: meta.len(), mode: meta.mode(), changed })
}

/// The whole of a text file of at most 1 MiB that nobody but its owner can read (or the group, where root owns it).
pub fn read_secret_file(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    let meta = file.metadata()?;
    let mode = meta.mode() & 0o777;
    let foreign = mode & FOREIGN;
    if foreign != 0 && !(foreign == GROUP_READ && meta.uid() == 0) {
        let why = format!("others can use it (mode {mode:04o}): chmod 600 it");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    if meta.len() > BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is larger than 1 MiB"));
    }
    // With room for all of it, so that no piece is left where the text grew.
    let mut text = String::with_capacity(meta.len() as usize + 1);
    file.take(BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// Makes a file with this text, mode 0600, durably. `AlreadyExists` if the name is taken.
pub fn create_secret_file(path: &Path, text: &str) -> io::Result<()> {
    let (next, dir) = write_beside(path, text, Readers::Owner)?;
    // Unlike a rename, a link replaces nothing.
    let linked = fs::hard_link(&next, path);
    fs::remove_file(&next)?;
    linked?;
    File::open(dir)?.sync_all()
}

/// Replaces the text of a file, durably: after a crash it has the old text or the new one. Mode 0600.
pub fn replace_secret_file(path: &Path, text: &str) -> io::Result<()> {
    // What a link points to is replaced, not the link.
    write_text_file(&fs::canonicalize(path)?, text, Readers::Owner)
}
