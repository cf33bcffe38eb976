//! The names of the files in a data directory.
//!
//! ```text
//! LOCK                    held by the one process that uses the directory, contains its id; the directory itself is
//!                         locked as well (see `place`)
//! FORMAT                  version of everything below, and the identity of the store (see `origin`)
//! TAIL                    how far the journal went, as a witness (see `tail`)
//! journal/<id>.log        journals; written in the order of their ids, recycled under a later id
//! seg/<id>.seg, <id>.idx  segments and their indexes
//! meta/<journal id>.snap  the catalog; journals from that id on have to be replayed over it
//! */*.tmp                 not finished: removed at the start
//! repair-<number>/        what a repair set aside; never read
//! ```
//! Ids are 16 hexadecimal digits.

use std::path::{Path, PathBuf};

/// The data directory.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) root: PathBuf,
    pub(crate) journals: PathBuf,
    pub(crate) segments: PathBuf,
    pub(crate) meta: PathBuf,
}

impl Layout {
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            journals: root.join("journal"),
            segments: root.join("seg"),
            meta: root.join("meta"),
        }
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("LOCK")
    }

    pub(crate) fn format(&self) -> PathBuf {
        self.root.join("FORMAT")
    }

    pub(crate) fn tail(&self) -> PathBuf {
        self.root.join("TAIL")
    }

    /// The directories that hold files.
    pub(crate) fn parts(&self) -> [&Path; 3] {
        [&self.journals, &self.segments, &self.meta]
    }

    pub(crate) fn journal(&self, id: u64) -> PathBuf {
        self.journals.join(format!("{id:016x}.log"))
    }

    pub(crate) fn segment(&self, id: u64) -> PathBuf {
        self.segments.join(format!("{id:016x}.seg"))
    }

    pub(crate) fn index(&self, id: u64) -> PathBuf {
        self.segments.join(format!("{id:016x}.idx"))
    }

    pub(crate) fn snapshot(&self, journal_id: u64) -> PathBuf {
        self.meta.join(format!("{journal_id:016x}.snap"))
    }
}

/// The same name while the file is being written.
pub(crate) fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    name.into()
}

/// The id in a file name with this ending.
pub(crate) fn id_of(name: &str, ending: &str) -> Option<u64> {
    let digits = name.strip_suffix(ending)?;
    if digits.len() == 16 { u64::from_str_radix(digits, 16).ok() } else { None }
}
