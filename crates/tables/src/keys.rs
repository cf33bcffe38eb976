//! Every key of the metadata store that this crate writes, and the names of its logs.

use headwater_store::{LogId, LogIdError};

/// Key of the manifest, which names the logs that hold the tables (see [`crate::journal`]).
pub(crate) const MANIFEST: &str = "tables/root";
/// The beginning of the names of snapshots.
pub(crate) const SNAPSHOTS: &str = "tables/snapshot/";

/// The log of changes.
pub(crate) fn journal() -> Result<LogId, LogIdError> {
    LogId::new("tables/journal")
}

/// A snapshot of everything. The number tells it from earlier ones.
pub(crate) fn snapshot(number: u64) -> Result<LogId, LogIdError> {
    LogId::new(&format!("{SNAPSHOTS}{number:016x}"))
}
