//! Builds the state from a snapshot and the log, and finds out what damage has taken from which table.
//!
//! # Constraints
//! No table is given out that may be without a change that was acknowledged: a lease that goes back in time has two
//! owners. What cannot have lost anything is served.
//!
//! # Algorithm
//! A hole in the log makes every table doubtful until the counts behind it (see [`crate::counts`]) tell those that lost
//! something from those that did not. Without counts behind it all tables there are have lost something, and there may be
//! tables that are not known at all. A hole in a snapshot, of which there is no earlier one, is between two records: their
//! tables have lost something, and there may have been others between them.

use std::collections::BTreeSet;

use tracing::error;

use crate::change::{Change, decode};
use crate::counts::Counts;
use crate::encryption::Vault;
use crate::manifest::Generation;
use crate::reading::Seen;
use crate::state::{Misfit, State};

/// A state in the making.
#[derive(Debug)]
pub(crate) struct Replay {
    state: State,
    /// At the place that was read; `None` while they cannot be known.
    counts: Option<Counts>,
    /// A hole behind which no counts were found yet.
    doubt: Option<String>,
    /// Of the snapshot: the table of the record before, and a hole after it.
    last_uid: Option<u64>,
    gap: Option<String>,
    /// Tables of which items were stored as they are.
    plain: BTreeSet<u64>,
    /// In the log behind the last counts, and in all, in bytes.
    pub(crate) bytes_since_counts: usize,
    pub(crate) bytes: usize,
}

impl Replay {
    pub(crate) fn new(vault: Vault) -> Self {
        Self {
            state: State::new(vault),
            counts: None,
            doubt: None,
            last_uid: None,
            gap: None,
            plain: BTreeSet::new(),
            bytes_since_counts: 0,
            bytes: 0,
        }
    }

    /// True if items are stored as they are of a table that is encrypted by now.
    pub(crate) fn has_plain_items(&self) -> bool {
        let is_sealed = |uid: &u64| self.state.table(*uid).is_some_and(|table| table.keys.seal());
        self.plain.iter().any(is_sealed)
    }

    fn note_plain(&mut self, change: &Change) {
        if let Change::Put(uid, _) = change {
            self.plain.insert(*uid);
        }
    }

    /// True if the snapshot was whole.
    pub(crate) fn is_whole(&self) -> bool {
        !self.state.has_losses()
    }

    /// Takes a part of the snapshot.
    pub(crate) fn snapshotted(&mut self, seen: Seen<'_>) {
        let decoded = match seen {
            Seen::Record(at, record) => {
                decode(record).map_err(|why| format!("the record at position {at}: {why}"))
            }
            Seen::Hole(from, to, cause) => Err(format!("positions {from} to {to}: {cause}")),
        };
        let changes = match decoded {
            Ok(changes) => changes,
            Err(cause) => {
                let cause = format!("a snapshot of the tables is damaged ({cause})");
                error!(cause, "a snapshot of the tables cannot be read in one place");
                self.last_uid.iter().for_each(|uid| self.state.lose(*uid, &cause));
                self.state.lose_unknown(&cause);
                self.gap = Some(cause);
                return;
            }
        };
        if let Some(cause) = self.gap.take()
            && let Some(first) = changes.first()
            && !matches!(first, Change::Table(_))
        {
            first.table().iter().for_each(|uid| self.state.lose(*uid, &cause));
        }
        for change in changes {
            if let Change::Counts(said) = change {
                self.counts = Some(Counts::said(said));
                continue;
            }
            let uid = change.table();
            self.last_uid = uid.or(self.last_uid);
            self.note_plain(&change);
            match (self.state.apply(change), uid) {
                (Err(Misfit::Unfit), Some(uid)) => {
                    let cause = "a snapshot of the tables is damaged: an item cannot be opened";
                    error!(cause, "tables are damaged");
                    self.state.lose(uid, cause);
                }
                // Without its table it was lost above.
                (Err(_), _) | (Ok(()), _) => {}
            }
        }
    }

    /// Ends the snapshot: what comes now is of the log.
    pub(crate) fn begin_log(&mut self) {
        // A snapshot of an earlier version has no counts: they are counted from here on. So is everything without a snapshot.
        if self.counts.is_none() && !self.state.has_losses() {
            self.counts = Some(Counts::default());
        }
    }

    /// Takes a part of the log that belongs to this generation.
    pub(crate) fn logged(&mut self, seen: Seen<'_>, generation: &Generation) {
        let (at, record) = match seen {
            Seen::Record(at, record) => (at, record),
            Seen::Hole(from, to, cause) => {
                return self
                    .hole(format!("positions {from} to {to} of the log of changes cannot be read: {cause}"));
            }
        };
        self.bytes += record.len();
        self.bytes_since_counts += record.len();
        let changes = match decode(record) {
            Ok(changes) => changes,
            Err(why) => {
                return self.hole(format!("position {at} of the log of changes cannot be read: {why}"));
            }
        };
        for change in changes {
            if let Change::Counts(said) = change {
                self.compare(Counts::said(said));
                continue;
            }
            if let Some(counts) = &mut self.counts {
                counts.note(&change);
            }
            let uid = change.table();
            // Before the snapshot was complete: the table was deleted before the snapshot came to it. In doubt the counts tell.
            let may_be_unknown = generation.is_unsettled(at) || self.doubt.is_some();
            self.note_plain(&change);
            let why = match self.state.apply(change) {
                Err(Misfit::NoTable) if !may_be_unknown => "it is of a table that is not there",
                Err(Misfit::Unfit) => "it is not of the table's form, or does not open",
                Err(Misfit::NoTable) | Ok(()) => continue,
            };
            if let Some(uid) = uid
                && !self.state.has_lost(uid)
            {
                let cause = format!("position {at} of the log of changes cannot be read: {why}");
                error!(cause, "tables are damaged");
                self.state.lose(uid, &cause);
            }
        }
    }

    fn hole(&mut self, cause: String) {
        error!(cause, "tables are damaged");
        self.doubt = Some(cause);
    }

    fn compare(&mut self, said: Counts) {
        self.bytes_since_counts = 0;
        if let Some(cause) = self.doubt.take() {
            match &self.counts {
                None => self.lose_all(&cause),
                Some(counts) => {
                    let (lost, gone) = counts.missing(&said);
                    for uid in gone {
                        // It may be gone already.
                        let _ = self.state.apply(Change::Gone(uid));
                    }
                    lost.iter().for_each(|uid| self.state.lose(*uid, &cause));
                }
            }
        }
        self.counts = Some(said);
    }

    fn lose_all(&mut self, cause: &str) {
        let uids: Vec<u64> = self.state.tables().map(|table| table.meta.uid).collect();
        uids.iter().for_each(|uid| self.state.lose(*uid, cause));
        self.state.lose_unknown(cause);
    }

    /// The state, and the counts if they may be written.
    pub(crate) fn finish(mut self) -> (State, Option<Counts>) {
        if let Some(cause) = self.doubt.take() {
            // Counts from here would hide what was lost.
            self.counts = None;
            self.lose_all(&cause);
        }
        (self.state, self.counts)
    }
}
