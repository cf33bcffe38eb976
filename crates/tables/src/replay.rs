//! Reading of the state from a snapshot and the journal, and what damage has taken from which table.
//!
//! # Constraints
//! No table is given out that may be without a change that was acknowledged: a lease that goes back in time has two
//! owners. What cannot have lost anything is served.
//!
//! # Algorithm
//! A hole in the journal makes every table doubtful until the counts behind it (see [`crate::counts`]) tell those that lost
//! something from those that did not. Without counts behind it all tables there are have lost something, and there may be
//! tables that are not known at all. A hole in a snapshot, of which there is no earlier one, is between two records: their
//! tables have lost something, and there may have been others between them.

use std::collections::BTreeSet;

use headwater_machine::{Damage, DamageKind};
use tracing::error;

use crate::change::Change;
use crate::counts::Counts;
use crate::state::{Misfit, State};

/// Knowledge that is needed while the state is read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reading {
    /// False while the snapshot is read.
    in_journal: bool,
    /// A hole behind which no counts were found yet.
    doubt: Option<String>,
    /// Of the snapshot: the table of the record before, and a hole after it.
    last_uid: Option<u64>,
    gap: Option<String>,
    /// Tables of which items were stored as they are.
    plain: BTreeSet<u64>,
    /// Tables of the record that was read last whose changes do not fit, or that are not there.
    unfit: Vec<u64>,
    stray: Vec<u64>,
}

impl State {
    /// Makes a change, and counts it for its table.
    pub(crate) fn take(&mut self, change: Change) -> Result<(), Misfit> {
        if let Change::Counts(said) = change {
            self.count(Counts::said(said));
            return Ok(());
        }
        // A snapshot begins with the counts.
        if self.reading.as_ref().is_none_or(|reading| reading.in_journal) {
            self.bytes_since_counts += change.stored_bytes();
            if let Some(counts) = &mut self.counts {
                counts.note(&change);
            }
        }
        self.apply(change)
    }

    /// Makes the changes of a record that was stored. One that does not fit is passed over.
    pub(crate) fn replay(&mut self, changes: Vec<Change>) -> Result<(), Misfit> {
        let mut reading = self.reading.take().unwrap_or_default();
        if let Some(cause) = reading.gap.take()
            && let Some(first) = changes.first()
            && !matches!(first, Change::Table(_))
        {
            first.table().iter().for_each(|uid| self.lose(*uid, &cause));
        }
        reading.unfit.clear();
        reading.stray.clear();
        self.reading = Some(reading);
        for change in changes {
            let uid = change.table();
            if let Some(reading) = &mut self.reading {
                reading.last_uid = uid.or(reading.last_uid);
                if let Change::Put(uid, _) = &change {
                    reading.plain.insert(*uid);
                }
            }
            let misfit = self.take(change).err();
            if let (Some(misfit), Some(uid), Some(reading)) = (misfit, uid, &mut self.reading) {
                match misfit {
                    Misfit::Unfit => reading.unfit.push(uid),
                    // In doubt the counts tell.
                    Misfit::NoTable if reading.doubt.is_some() => {}
                    Misfit::NoTable => reading.stray.push(uid),
                }
            }
        }
        match &self.reading {
            Some(reading) if !reading.unfit.is_empty() => Err(Misfit::Unfit),
            Some(reading) if !reading.stray.is_empty() => Err(Misfit::NoTable),
            Some(_) | None => Ok(()),
        }
    }

    /// Notes what damage may have taken.
    pub(crate) fn note_damage(&mut self, damage: &Damage) {
        let Damage { from, to, cause, .. } = damage;
        let mut reading = self.reading.take().unwrap_or_default();
        let place = match damage.kind {
            DamageKind::Hole => format!("positions {from} to {to}"),
            DamageKind::Malformed | DamageKind::Stray | DamageKind::Unfit => format!("position {from}"),
        };
        let cause = match damage.in_snapshot {
            true => format!("a snapshot of the tables is damaged ({place}: {cause})"),
            false => format!("{place} of the log of changes cannot be read: {cause}"),
        };
        error!(cause, "tables are damaged");
        match damage.kind {
            DamageKind::Stray | DamageKind::Unfit => {
                let uids: Vec<u64> = reading.unfit.drain(..).chain(reading.stray.drain(..)).collect();
                uids.iter().for_each(|uid| self.lose(*uid, &cause));
            }
            DamageKind::Hole | DamageKind::Malformed if damage.in_snapshot => {
                reading.last_uid.iter().for_each(|uid| self.lose(*uid, &cause));
                self.lose_unknown(&cause);
                reading.gap = Some(cause);
            }
            DamageKind::Hole | DamageKind::Malformed => reading.doubt = Some(cause),
        }
        self.reading = Some(reading);
    }

    /// Ends the snapshot: what comes now is of the journal.
    pub(crate) fn begin_journal(&mut self) {
        if let Some(reading) = &mut self.reading {
            reading.in_journal = true;
        }
        // A snapshot of an earlier version has no counts: they are counted from here on. So is everything without a snapshot.
        if self.counts.is_none() && !self.has_losses() {
            self.counts = Some(Counts::default());
        }
    }

    /// Ends the reading. True if items were stored as they are of a table that is encrypted by now.
    pub(crate) fn end_reading(&mut self) -> bool {
        let Some(Reading { doubt, plain, .. }) = self.reading.take() else { return false };
        if let Some(cause) = doubt {
            // Counts from here would hide what was lost.
            self.counts = None;
            self.lose_all(&cause);
        }
        plain.iter().any(|uid| self.table(*uid).is_some_and(|table| table.keys.seal()))
    }

    fn count(&mut self, said: Counts) {
        debug_assert!(
            self.reading.is_some() || self.counts.as_ref() == Some(&said),
            "the counts that are written are those of the state"
        );
        self.bytes_since_counts = 0;
        if let Some(cause) = self.reading.as_mut().and_then(|reading| reading.doubt.take()) {
            match &self.counts {
                None => self.lose_all(&cause),
                Some(counts) => {
                    let (lost, gone) = counts.missing(&said);
                    for uid in gone {
                        // It may be gone already.
                        let _ = self.apply(Change::Gone(uid));
                    }
                    lost.iter().for_each(|uid| self.lose(*uid, &cause));
                }
            }
        }
        self.counts = Some(said);
    }

    fn lose_all(&mut self, cause: &str) {
        let uids: Vec<u64> = self.tables().map(|table| table.meta.uid).collect();
        uids.iter().for_each(|uid| self.lose(*uid, cause));
        self.lose_unknown(cause);
    }
}
