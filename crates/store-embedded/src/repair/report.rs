//! Figures of a repair: kept, lost and set aside.

use std::fmt;
use std::path::PathBuf;

use headwater_store::LogId;

/// Records of one log that are lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostRecords {
    /// The log.
    pub log: LogId,
    /// Position of the first.
    pub first: u64,
    /// One past the position of the last.
    pub end: u64,
    /// Is everything before them out of reach too, so that the log begins after them? Otherwise reading them is an
    /// error, and what is before them is served.
    pub begins_after: bool,
}

/// Figures of a repair: kept, lost and set aside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepairReport {
    /// Why the directory does not start; `None` if it does, and nothing is to be done.
    pub why: Option<String>,
    /// Directory to which files are set aside.
    pub aside: PathBuf,
    /// Files that are set aside, and why.
    pub files: Vec<(PathBuf, String)>,
    /// Logs that are kept.
    pub logs: u64,
    /// Records that are kept.
    pub records: u64,
    /// Bytes that they take.
    pub bytes: u64,
    /// Keys of the metadata that are kept.
    pub keys: u64,
    /// Records that are missing, by log.
    pub lost: Vec<LostRecords>,
    /// Logs whose names are lost...
    pub nameless_logs: u64,
    /// ...and how many records of them were found.
    pub nameless_records: u64,
    /// Changes of the metadata that are known to be missing.
    pub lost_changes: u64,
    /// Bytes of the journal that were acknowledged and are not there.
    pub lost_journal_bytes: u64,
    /// Things to know before the directory is used.
    pub remarks: Vec<String>,
}

impl RepairReport {
    /// Does the directory start as it is?
    pub fn is_whole(&self) -> bool {
        self.why.is_none()
    }
}

impl fmt::Display for RepairReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(why) = &self.why else {
            return writeln!(
                f,
                "The server takes this directory as it is: there is nothing to repair. Single records that are damaged are \
                 named in its log and counted by /health; damaged tables by headwater repair-tables --dry-run."
            );
        };
        writeln!(f, "It does not start: {why}")?;
        let Self { logs, records, bytes, keys, .. } = self;
        writeln!(f, "\nkept:  {logs} logs, {records} records, {bytes} bytes, {keys} entries of metadata")?;
        let lost = self.lost.iter().fold(0u64, |sum, lost| sum.saturating_add(lost.end - lost.first));
        let amounts =
            [lost, self.nameless_logs, self.nameless_records, self.lost_changes, self.lost_journal_bytes];
        match amounts {
            [0, 0, 0, 0, 0] => writeln!(f, "lost:  nothing that is known of")?,
            [lost, logs, records, changes, bytes] => writeln!(
                f,
                "lost:  {lost} records of logs that are kept, {logs} logs whose names are lost with {records} records, \
                 {changes} changes of metadata at least, {bytes} bytes of journal at least"
            )?,
        }
        for LostRecords { log, first, end, begins_after } in &self.lost {
            let then = if *begins_after { "the log begins after them" } else { "reading them is an error" };
            writeln!(f, "  {log}: positions {first} to {}; {then}", end.saturating_sub(1))?;
        }
        if !self.files.is_empty() {
            writeln!(f, "\nset aside in {}:", self.aside.display())?;
            for (file, why) in &self.files {
                writeln!(f, "  {}: {why}", file.display())?;
            }
        }
        self.remarks.iter().try_for_each(|remark| writeln!(f, "\n{remark}"))
    }
}
