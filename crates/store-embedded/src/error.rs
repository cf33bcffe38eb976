//! Why a data directory cannot be opened, and what an I/O error means to a caller.

use std::io;
use std::path::{Path, PathBuf};

use headwater_host::disk::is_out_of_files;
use headwater_store::StoreError;

use crate::layout::Layout;

/// Why a data directory cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process uses it. Stop that one, or choose another directory.
    #[error("the data directory {dir} is in use by {holder}")]
    Locked {
        /// The directory.
        dir: String,
        /// Process that uses it, as far as is known.
        holder: String,
    },
    /// It was written by another version, or is not a data directory. Nothing was changed.
    #[error("{0}")]
    Format(String),
    /// Acknowledged data is damaged or missing, in a way that cannot be confined to single records. Nothing
    /// was changed; restore the file from a copy, or repair the directory.
    #[error(
        "stored data is corrupt: {0}. Nothing was changed. Restore the directory from a copy, or see with `headwater \
         repair --dry-run` what can be kept"
    )]
    Corrupt(String),
    /// Files are from different times or from different stores. Nothing was changed; put a whole copy in the place of
    /// the directory, or repair it.
    #[error(
        "the data directory {dir} is not whole: {what}. Nothing was changed. Put a whole copy in its place, or see with \
         `headwater repair --dry-run --data-dir {dir}` what can be kept"
    )]
    NotWhole {
        /// The directory.
        dir: String,
        /// The file, and what is wrong with it.
        what: String,
    },
    /// The file system refused something.
    #[error("cannot {what}: {error}")]
    Io {
        /// Operation that was tried.
        what: String,
        /// Error that it gave.
        error: io::Error,
    },
}

impl OpenError {
    /// Files do not belong together.
    pub(crate) fn not_whole(layout: &Layout, what: String) -> Self {
        Self::NotWhole { dir: layout.root.display().to_string(), what }
    }

    /// For `map_err`: names what was tried.
    pub(crate) fn io(what: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let what = format!("{what} {}", path.display());
        move |error| Self::Io { what, error }
    }
}

/// Why a read stopped.
#[derive(Debug)]
pub(crate) enum ReadFault {
    /// It would have had to wait for the device.
    WouldBlock,
    /// Bytes are not what was written: says which file and offset.
    Corrupt { at: (PathBuf, u64), what: String },
    /// The process has no file descriptors left.
    NoFiles(String),
    /// The file system refused.
    Io(String),
}

impl ReadFault {
    /// For `map_err`: names the file.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| match error.kind() {
            io::ErrorKind::WouldBlock => Self::WouldBlock,
            _ if is_out_of_files(&error) => Self::NoFiles(format!("{}: {error}", path.display())),
            _ => Self::Io(format!("{}: {error}", path.display())),
        }
    }

    /// Bytes at this place are wrong.
    pub(crate) fn corrupt(path: &Path, offset: u64, what: &str) -> Self {
        let at = (path.to_owned(), offset);
        Self::Corrupt { at, what: format!("{} at offset {offset}: {what}", path.display()) }
    }
}

impl From<ReadFault> for StoreError {
    fn from(fault: ReadFault) -> Self {
        match fault {
            ReadFault::WouldBlock => Self::Read("the device was not waited for".into()),
            ReadFault::Corrupt { what, .. } => Self::Corrupt(what),
            ReadFault::NoFiles(what) => Self::NoFiles(what),
            ReadFault::Io(what) => Self::Read(what),
        }
    }
}

/// Is the disk full?
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
