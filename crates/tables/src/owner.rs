//! The one task that changes tables.
//!
//! # Algorithm
//! It takes all commands that wait and carries them from decision to answer (see [`crate::command`]). Decisions see what
//! was decided before them in the same batch; readers see nothing that is not durable.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use headwater_host::Clock;
use headwater_store::StoreError;
use parking_lot::RwLock;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::{error, warn};

use crate::capacity::Capacity;
use crate::change::Change;
use crate::command::{Command, Decided, Group, groups};
use crate::control::Planning;
use crate::error::{Result, TablesError};
use crate::journal::Journal;
use crate::limits::APPEND_BYTES;
use crate::state::State;
use crate::write::{Moment, Recorded, Stage};

/// Commands that are decided and made durable together.
const BATCH_MAX: usize = 256;
/// Pause before a snapshot that failed is tried again.
const SNAPSHOT_PAUSE: Duration = Duration::from_secs(60);

/// The owner.
pub(crate) struct Owner {
    pub(crate) state: Arc<RwLock<State>>,
    pub(crate) journal: Journal,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) capacity: Arc<Capacity>,
    pub(crate) transition: Duration,
    pub(crate) snapshot_after_bytes: usize,
    /// A snapshot that is being made, which says whether it was, and how much of the log it is of.
    pub(crate) snapshotting: Option<(JoinHandle<bool>, usize)>,
    pub(crate) snapshot_not_before: Duration,
}

impl Owner {
    /// Works until it is closed, or nobody can ask any more.
    pub(crate) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        while let Some(first) = commands.recv().await {
            let mut queue = VecDeque::from([first]);
            while queue.len() < BATCH_MAX
                && let Ok(next) = commands.try_recv()
            {
                queue.push_back(next);
            }
            if queue.iter().any(|command| matches!(command, Command::Close)) {
                // Callers that are not answered any more see that it is closed.
                commands.close();
            }
            let closes = queue.iter().position(|command| matches!(command, Command::Close));
            queue.truncate(closes.unwrap_or(queue.len()));
            while !queue.is_empty() {
                self.batch(&mut queue).await;
            }
            if closes.is_some() {
                break;
            }
            self.snapshot().await;
        }
        if let Some((snapshotting, _)) = self.snapshotting.take() {
            snapshotting.abort();
            let _ = snapshotting.await;
        }
        self.journal.close().await;
    }

    /// Takes commands from the front, up to one that has to see what those before it did, and carries them out.
    async fn batch(&mut self, queue: &mut VecDeque<Command>) {
        if self.state.read().trouble().is_some() {
            self.reload().await;
        }
        match queue.pop_front() {
            Some(Command::ReplaceKeys(keyring, answer)) => {
                self.journal.replace_keys(keyring);
                if self.state.write().replace_vault(self.journal.vault().clone()) {
                    self.reload().await;
                }
                // The caller may have gone.
                let _ = answer.send(Ok(()));
                return;
            }
            Some(Command::AcceptLosses(answer)) => {
                // The caller may have gone.
                let _ = answer.send(self.accept_losses().await);
                return;
            }
            first => first.into_iter().for_each(|first| queue.push_front(first)),
        }
        let decided = self.decide(queue);
        let mut failed = None;
        for Group { records, answers } in groups(decided, APPEND_BYTES) {
            if failed.is_none() && !records.is_empty() {
                failed = self.append(records).await.err();
            }
            for answer in answers {
                answer(failed.as_ref());
            }
        }
    }

    /// Decides in order. A command that panics is dropped, which its caller is told by the loss of the answer; those
    /// before it keep their decisions, those after it are left in the queue.
    fn decide(&self, queue: &mut VecDeque<Command>) -> Vec<Decided> {
        let (now, elapsed) = (self.clock.now(), self.clock.elapsed());
        let moment = Moment { now, elapsed, capacity: &self.capacity };
        let state = self.state.read();
        let mut stage = Stage::new(&state);
        let mut decided = Vec::new();
        while stage.record_bytes < APPEND_BYTES
            && let Some(command) = queue.pop_front()
        {
            let planning = Planning { state: &state, now, transition: self.transition };
            let (one, is_last) = match command {
                Command::Decide(decide) => {
                    let one = AssertUnwindSafe(|| {
                        let answer = decide(&mut stage, moment);
                        Decided { record: stage.take_record(), answer }
                    });
                    (catch_unwind(one), false)
                }
                Command::Plan(plan) if decided.is_empty() => {
                    (catch_unwind(AssertUnwindSafe(|| plan(planning))), true)
                }
                later @ (Command::Plan(_) | Command::ReplaceKeys(..) | Command::AcceptLosses(_)) => {
                    queue.push_front(later);
                    break;
                }
                Command::Close => continue,
            };
            match one {
                Ok(one) => decided.push(one),
                Err(_) => {
                    error!("a command on the tables has panicked and was not done");
                    // The stage may have half of it.
                    break;
                }
            }
            if is_last {
                break;
            }
        }
        decided
    }

    async fn append(&mut self, records: Vec<Recorded>) -> Result<()> {
        if let Err(failed) = self.journal.append(&records).await {
            if let TablesError::Store(StoreError::Conflict) = failed {
                warn!("somebody else has written to the tables; they are read anew");
                self.reload().await;
            }
            return Err(failed);
        }
        let mut state = self.state.write();
        for change in records.into_iter().flat_map(|recorded| recorded.changes) {
            if let Change::Table(meta) = &change
                && state
                    .table(meta.uid)
                    .is_some_and(|table| table.meta.encryption.active != meta.encryption.active)
            {
                self.journal.replace_snapshots();
            }
            if let Err(misfit) = state.apply(change) {
                error!(?misfit, "a change could not be applied");
            }
        }
        Ok(())
    }

    /// Reads everything anew. Until that succeeds nothing is given out: it may be old.
    async fn reload(&mut self) {
        let loaded = self.journal.load().await;
        let state = loaded.unwrap_or_else(|cause| {
            error!(%cause, "the tables cannot be read anew");
            State::in_trouble(cause.to_string(), self.journal.vault().clone())
        });
        *self.state.write() = state;
    }

    async fn accept_losses(&mut self) -> Result<()> {
        {
            let state = self.state.read();
            if !state.has_losses() {
                return Ok(());
            }
            // What cannot be opened would be lost as well.
            if let Some((table, trouble)) =
                state.unread().and_then(|table| Some((table, table.key_trouble()?)))
            {
                return Err(TablesError::Key { table: table.meta.name.clone(), trouble: trouble.clone() });
            }
        }
        self.state.write().forget_losses();
        let accepted = self.journal.accept_losses(&self.state).await;
        if accepted.is_err() {
            // What was lost is again.
            self.reload().await;
        }
        accepted
    }

    /// Begins a snapshot if it is time for one.
    async fn snapshot(&mut self) {
        if let Some((snapshotting, of_bytes)) =
            self.snapshotting.take_if(|(snapshotting, _)| snapshotting.is_finished())
        {
            match snapshotting.await {
                Ok(true) => self.journal.snapshotted(of_bytes),
                Ok(false) | Err(_) => self.snapshot_not_before = self.clock.elapsed() + SNAPSHOT_PAUSE,
            }
        }
        let wanted = self.journal.wants_snapshot(&self.state.read(), self.snapshot_after_bytes);
        if self.snapshotting.is_some() || self.clock.elapsed() < self.snapshot_not_before || !wanted {
            return;
        }
        let (snapshot, of_bytes, state) = (self.journal.snapshot(), self.journal.bytes(), self.state.clone());
        let making = async move {
            let made = snapshot.make(state).await;
            if let Err(error) = &made {
                warn!(%error, "no snapshot of the tables could be made; the log of their changes goes on growing");
            }
            made.is_ok()
        };
        self.snapshotting = Some((tokio::spawn(making), of_bytes));
    }
}

#[cfg(test)]
mod tests;
