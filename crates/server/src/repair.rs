//! Repair of a data directory that no server uses.

use std::path::Path;

use headwater_host::SystemClock;
use headwater_host::disk::SystemDisk;
use headwater_store_embedded::{Options, Repair};

use crate::server::StartError;

/// Findings of a repair, and its deeds, done or to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairOutcome {
    /// The directory starts as it is; nothing is to be done.
    pub is_whole: bool,
    /// Text for people: everything kept, lost and set aside.
    pub report: String,
}

/// Brings a data directory that a server refuses to a state that it takes; `dry_run` says what that costs and changes
/// nothing.
///
/// # Errors
/// The directory is in use, of another version, or not readable, or there is no room for what is set aside.
pub fn repair(data_dir: &Path, dry_run: bool) -> Result<RepairOutcome, StartError> {
    let repair = Repair::plan(Options::new(SystemDisk::new(), data_dir, SystemClock::new()))?;
    let report = if dry_run { repair.report().clone() } else { repair.apply()? };
    Ok(RepairOutcome { is_whole: report.is_whole(), report: report.to_string() })
}
