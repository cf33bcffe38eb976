//! Counts of changes, by table, so that a hole in the log says which tables lost something in it.
//!
//! # Algorithm
//! Every change counts for its table. Now and then the log is given the counts of all tables, as they are before the
//! change that says them; so the first of these behind a hole tells, table by table, whether all changes of it were read.
//! A snapshot begins with the counts at the place from which the log is replayed over it.

use std::collections::BTreeMap;

use crate::change::Change;

/// Bytes of an entry in the log, about.
const ENTRY_BYTES: usize = 24;
/// Counts are a sixteenth of what is written, or less.
const SHARE: usize = 16;
/// Bytes of changes between counts at the least.
const APART_BYTES: usize = 1024;

/// Changes of each table that there is, by uid.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counts(BTreeMap<u64, u64>);

impl Counts {
    /// The counts of a record.
    pub(crate) fn said(pairs: Vec<(u64, u64)>) -> Self {
        Self(pairs.into_iter().collect())
    }

    pub(crate) fn change(&self) -> Change {
        Change::Counts(self.0.iter().map(|(uid, count)| (*uid, *count)).collect())
    }

    pub(crate) fn note(&mut self, change: &Change) {
        match change {
            Change::Gone(uid) => {
                self.0.remove(uid);
            }
            change => {
                if let Some(uid) = change.table() {
                    *self.0.entry(uid).or_default() += 1;
                }
            }
        }
    }

    /// True if it is time to write them, after so many bytes of changes.
    pub(crate) fn are_due(&self, bytes: usize) -> bool {
        bytes >= APART_BYTES.max(SHARE * ENTRY_BYTES * self.0.len())
    }

    /// The tables that had other changes than these, and those that are gone, as the log says at the same place.
    pub(crate) fn missing(&self, said: &Self) -> (Vec<u64>, Vec<u64>) {
        let lost = said.0.iter().filter(|(uid, count)| self.0.get(uid) != Some(count));
        let gone = self.0.keys().filter(|uid| !said.0.contains_key(uid));
        (lost.map(|(uid, _)| *uid).collect(), gone.copied().collect())
    }
}
