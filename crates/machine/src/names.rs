//! Names of everything that a machine stores.

use headwater_store::{LogId, LogIdError};

/// Keys of the metadata and names of logs. A machine's names are its own and never change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Key of the manifest.
    pub manifest: String,
    /// Key of the lease.
    pub lease: String,
    /// The log of changes.
    pub journal: LogId,
    /// Prefix of the names of snapshots.
    pub snapshots: String,
}

impl Names {
    /// `PREFIX/manifest`, `PREFIX/lease`, `PREFIX/journal` and `PREFIX/snapshot/NUMBER`.
    ///
    /// # Errors
    /// If the prefix does not fit into the name of a log.
    pub fn new(prefix: &str) -> Result<Self, LogIdError> {
        let names = Self {
            manifest: format!("{prefix}/manifest"),
            lease: format!("{prefix}/lease"),
            journal: LogId::new(&format!("{prefix}/journal"))?,
            snapshots: format!("{prefix}/snapshot/"),
        };
        names.snapshot(u64::MAX)?;
        Ok(names)
    }

    /// Name of the snapshot with this number.
    pub(crate) fn snapshot(&self, number: u64) -> Result<LogId, LogIdError> {
        LogId::new(&format!("{}{number:016x}", self.snapshots))
    }
}
