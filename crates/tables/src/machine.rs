//! The tables as a journaled state machine.
//!
//! # Constraints
//! What is stored is what earlier versions stored, which had a journal of their own: a manifest under `tables/root`, the
//! journal `tables/journal`, snapshots `tables/snapshot/NUMBER`. Records are in [`crate::change`].
//!
//! # Recovery
//! Damage takes the tables that it touched ([`crate::replay`]). As long as anything is lost, or cannot be opened for want of
//! a key, no snapshot is made and nothing trimmed: a file or a key that is put back mends it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use headwater_host::Random;
use headwater_machine::{Changes, Damage, EncodeError, Machine, Names, OnDamage, SnapshotWish};
use headwater_store::{LogId, LogIdError};
use headwater_vault::Keyring;
use parking_lot::{Mutex, RwLock};

use crate::capacity::Capacity;
use crate::change::{Change, decode};
use crate::command::{Answer, Command};
use crate::control::Planning;
use crate::counts::Counts;
use crate::encryption::Vault;
use crate::error::Result;
use crate::snapshot::Cursor;
use crate::state::{Misfit, State};
use crate::value::Item;
use crate::write::{Moment, Stage};

/// Every key of the metadata store and every log that this crate writes.
pub(crate) fn names() -> std::result::Result<Names, LogIdError> {
    Ok(Names {
        manifest: "tables/root".into(),
        lease: "tables/lease".into(),
        journal: LogId::new("tables/journal")?,
        snapshots: "tables/snapshot/".into(),
    })
}

/// The machine.
#[derive(Debug)]
pub(crate) struct Tables {
    vault: RwLock<Vault>,
    random: Arc<dyn Random>,
    pub(crate) capacity: Capacity,
    /// Shortest duration of a transition.
    transition: Duration,
    wanted: Mutex<Wanted>,
}

/// Snapshots that are wanted however short the journal is: in those there are, items are stored as they are no longer to be.
#[derive(Debug, Default)]
struct Wanted {
    /// Of two the first stands alone, and the second gives it an earlier one.
    left: u8,
    /// True if the snapshot that is being made was begun since they are wanted.
    is_begun: bool,
}

/// Decisions of a batch, over the state.
#[derive(Debug, Default)]
pub(crate) struct Staged {
    /// By table and key.
    pub(crate) items: HashMap<(u64, Item), Option<Arc<Item>>>,
    pub(crate) tokens: HashMap<(String, String), u64>,
    /// True once something was recorded.
    pub(crate) has_records: bool,
    /// True once tables were changed, over which nothing can be decided.
    is_planned: bool,
}

impl Tables {
    pub(crate) fn new(vault: Vault, capacity: Capacity, transition: Duration) -> Self {
        let random = vault.random.clone();
        Self { vault: RwLock::new(vault), random, capacity, transition, wanted: Mutex::default() }
    }

    /// Replaces the master keys. They take effect when the state is next refreshed or read.
    pub(crate) fn replace_keys(&self, keyring: Arc<Keyring>) {
        self.vault.write().keyring = keyring;
    }

    fn want_snapshots(&self, left: u8) {
        *self.wanted.lock() = Wanted { left, is_begun: false };
    }
}

impl Machine for Tables {
    const NAME: &'static str = "tables";
    const FORMAT: u32 = 1;

    type State = State;
    type Staged = Staged;
    type Command = Command;
    type Answer = Result<Answer>;
    type Change = Change;
    type Cursor = Cursor;

    fn initial_state(&self) -> State {
        State::new(self.vault.read().clone())
    }

    fn decide(&self, state: &State, command: Command, changes: &mut Changes<'_, Self>) -> Result<Answer> {
        let moment = Moment { now: changes.now, elapsed: changes.elapsed, capacity: &self.capacity };
        let mut stage = Stage::new(state, changes);
        match command {
            Command::Write(write) => stage.write(&write, moment).map(Answer::Written),
            Command::WriteEach(writes) => stage.write_each(&writes, moment).map(Answer::Each),
            Command::WriteAll(writes, token) => {
                stage.write_all(&writes, token.as_ref(), moment).map(Answer::All)
            }
            Command::Expire(uid, keys) => stage.expire(uid, &keys, moment.now).map(|()| Answer::Done),
            Command::Plan(plan) => {
                let (random, now, transition) = (&*self.random, moment.now, self.transition);
                let grows_bytes = plan.grows_bytes();
                let planned = plan.changes(Planning { state, random, now, transition })?;
                stage.check_room(grows_bytes)?;
                stage.record(planned)?;
                changes.note_growth(isize::try_from(grows_bytes).unwrap_or(isize::MAX));
                changes.staged.is_planned = true;
                Ok(Answer::Done)
            }
        }
    }

    fn must_wait(&self, staged: &Staged, command: &Command) -> bool {
        staged.is_planned || matches!(command, Command::Plan(_))
    }

    fn apply(&self, state: &mut State, change: Change) -> Result<(), headwater_machine::Misfit> {
        if let Change::Table(meta) = &change
            && let Some(table) = state.table(meta.uid)
            && table.meta.encryption.active != meta.encryption.active
        {
            self.want_snapshots(2);
        }
        state.take(change).map_err(misfit)
    }

    fn frees(&self, state: &State, change: &Change) -> bool {
        match change {
            Change::Put(..) | Change::Sealed(..) => false,
            Change::Table(meta) => {
                state.table(meta.uid).is_some_and(|table| !meta.takes_more_than(&table.meta))
            }
            Change::Gone(_) | Change::Delete(..) | Change::Token(_) | Change::Counts(_) => true,
        }
    }

    fn encode(&self, state: &State, changes: &[Change], to: &mut Vec<u8>) -> Result<(), EncodeError> {
        let written = if changes.iter().any(|change| state.seals(change)) {
            let stored =
                changes.iter().map(|change| state.stored(change)).collect::<Result<Vec<Cow<'_, _>>>>();
            serde_json::to_writer(to, &stored.map_err(|error| EncodeError(error.to_string()))?)
        } else {
            serde_json::to_writer(to, changes)
        };
        written.map_err(|error| EncodeError(error.to_string()))
    }

    fn decode(&self, record: &[u8]) -> Result<Vec<Change>, headwater_machine::Misfit> {
        decode(record).map_err(headwater_machine::Misfit::Malformed)
    }

    fn replay(&self, state: &mut State, record: &[u8]) -> Result<(), headwater_machine::Misfit> {
        let changes = self.decode(record)?;
        state.replay(changes).map_err(misfit)
    }

    fn snapshot(
        &self,
        state: &State,
        from: Option<&Cursor>,
        limit_bytes: usize,
    ) -> (Vec<Change>, Option<Cursor>) {
        if from.is_none() {
            self.wanted.lock().is_begun = true;
        }
        state.stretch(from, limit_bytes)
    }

    fn size_bytes(&self, state: &State) -> usize {
        state.memory_bytes()
    }

    fn snapshot_bytes(&self, state: &State) -> usize {
        state.snapshot_bytes()
    }

    fn is_behind(&self, state: &State) -> bool {
        state.is_behind()
    }

    fn catch_up(&self, state: &mut State, limit_bytes: usize) -> Box<dyn Send> {
        Box::new(state.catch_up(limit_bytes))
    }

    fn snapshot_wish(&self, state: &State) -> SnapshotWish {
        if state.has_losses() || state.unread().is_some() {
            return SnapshotWish::Never;
        }
        match self.wanted.lock().left {
            0 => SnapshotWish::WhenLong,
            1 => SnapshotWish::Now,
            _ => SnapshotWish::Alone,
        }
    }

    fn snapshotted(&self) {
        let mut wanted = self.wanted.lock();
        // One that was begun before may have what is to be gone.
        if std::mem::take(&mut wanted.is_begun) {
            wanted.left = wanted.left.saturating_sub(1);
        }
    }

    /// Writes the counts as the last thing, so that damage before the end can be told apart.
    fn close(&self, state: &State, changes: &mut Changes<'_, Self>) {
        if let Some(counts) = state.counts.as_ref().filter(|_| state.bytes_since_counts > 0)
            && let Err(error) = changes.record([counts.change()])
        {
            tracing::warn!(%error, "the counts of the tables' changes could not be written");
        }
    }

    fn begin_journal(&self, state: &mut State) {
        state.begin_journal();
    }

    fn loaded(&self, state: &mut State) {
        self.want_snapshots(if state.end_reading() { 2 } else { 0 });
    }

    fn on_damage(&self, state: &mut State, damage: &Damage) -> OnDamage {
        state.note_damage(damage);
        OnDamage::PassOver
    }

    fn accept_damage(&self, state: &mut State) {
        if state.has_losses() {
            state.forget_losses();
            (state.counts, state.bytes_since_counts) = (Some(Counts::default()), 0);
        }
    }

    fn refresh(&self, state: &mut State) -> bool {
        !state.replace_vault(self.vault.read().clone())
    }
}

fn misfit(misfit: Misfit) -> headwater_machine::Misfit {
    match misfit {
        Misfit::NoTable => headwater_machine::Misfit::Stray("a table"),
        Misfit::Unfit => headwater_machine::Misfit::Unfit("it is not of the table's form, or does not open"),
    }
}

#[cfg(test)]
mod tests;
