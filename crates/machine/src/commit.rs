//! Deciding a batch, and making it durable.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;

use headwater_store::StoreError;
use tracing::{error, warn};

use crate::batch::{Batch, Held, Piece, Recorded, Reply, Room};
use crate::changes::Changes;
use crate::error::{MachineError, Result};
use crate::machine::Machine;
use crate::owner::{Envelope, Owner, Work};
use crate::shared::{Role, StateVersion};

impl<M: Machine> Owner<M> {
    /// Decides commands from the front of the queue, up to one that has to wait for those before it.
    pub(crate) fn decide(&self, queue: &mut VecDeque<Work<M>>) -> (Recorded<M>, VecDeque<Held<M>>) {
        let clock = &self.shared.clock;
        let times = (clock.now(), clock.elapsed());
        let hosted = self.shared.hosted.read();
        let state = &hosted.state;
        let snapshot_bytes = self.journal.next_snapshot_bytes(self.machine.snapshot_bytes(state));
        let batch_bytes_max = self.append_bytes + self.limits.record_bytes_max;
        let room = Room::of(&*self.journal.substrate.logs, snapshot_bytes, batch_bytes_max);
        let mut batch = Batch::new(&*self.machine, state, self.limits, room);
        let (mut staged, mut answers, mut is_first) = (M::Staged::default(), VecDeque::new(), true);
        while batch.bytes() < self.append_bytes
            && let Some(work) = queue.pop_front()
        {
            let before = batch.checkpoint();
            let is_close = matches!(work, Work::Close);
            let (command, holds, to) = match work {
                Work::Ask(Envelope { command, holds, answer }) => (Some(command), holds, Some(answer)),
                Work::Wake | Work::Close => (None, Vec::new(), None),
                // After what was decided before it.
                other @ (Work::Refresh(_) | Work::Snapshot(..)) => {
                    queue.push_front(other);
                    break;
                }
            };
            if let (Some(command), Some(to)) = (command, to) {
                if !is_first && self.machine.must_wait(&staged, &command) {
                    queue.push_front(Work::Ask(Envelope { command, holds, answer: to }));
                    break;
                }
                let is_released =
                    self.machine.payload_of(&command).is_some_and(|at| at < self.journal.low_water());
                if is_released {
                    let refused = MachineError::PayloadReleased { machine: M::NAME };
                    let _ = to.send(Reply::Answered(Err(refused)));
                    continue;
                }
                let mut changes = Changes::new(&mut staged, times, &mut batch);
                let decided =
                    catch_unwind(AssertUnwindSafe(|| self.machine.decide(state, command, &mut changes)));
                match decided {
                    Ok(answer) => {
                        let needs_records = batch.records();
                        answers.push_back(Held { to, answer, needs_records, _holds: holds });
                    }
                    Err(_) => {
                        error!(machine = M::NAME, "a command has panicked and was not done");
                        let panicked = MachineError::Panicked { machine: M::NAME };
                        let _ = to.send(Reply::Answered(Err(panicked)));
                        batch.roll_back(before);
                        // What it has staged is unknown: those behind it are decided on what is applied.
                        break;
                    }
                }
            } else {
                let mut changes = Changes::new(&mut staged, times, &mut batch);
                let woken = catch_unwind(AssertUnwindSafe(|| match is_close {
                    true => self.machine.close(state, &mut changes),
                    false => self.machine.wake(state, &mut changes),
                }));
                if woken.is_err() {
                    error!(
                        machine = M::NAME,
                        is_close, "waking or closing has panicked, and nothing was done"
                    );
                    batch.roll_back(before);
                    break;
                }
            }
            is_first = false;
        }
        (batch.finish(), answers)
    }

    /// Appends, applies and answers, a piece at a time. An answer fails only if an append failed that it may rest on: its
    /// own, or one before it. True if none has.
    pub(crate) async fn commit(&mut self, recorded: Recorded<M>, mut answers: VecDeque<Held<M>>) -> bool {
        self.note_room(recorded.lacks_room);
        let mut done = 0;
        give(&mut answers, done);
        let pieces = recorded.pieces(self.append_bytes);
        let mut records = recorded.into_records();
        let mut failed = None;
        for Piece { records: piece, count, frees } in pieces {
            let appended = match piece {
                Ok(piece) => self.journal.append(piece, frees).await,
                Err(error) => Err(error.into()),
            };
            let applied = appended.and_then(|()| self.apply(records.by_ref().take(count), count));
            if let Err(error) = applied {
                failed = Some(error);
                break;
            }
            done += count;
            give(&mut answers, done);
        }
        let Some(failed) = failed else {
            debug_assert!(answers.is_empty(), "an answer waits for a record that is not there");
            return true;
        };
        if matches!(failed, MachineError::Store(StoreError::NoSpace(_))) {
            self.note_room(Some(true));
        }
        // By somebody else; or by this append, of which that was not known.
        if matches!(failed, MachineError::Store(StoreError::Conflict)) || self.journal.has_grown() {
            warn!(machine = M::NAME, "the journal is not as it was left; the state is read anew");
            self.reload().await;
        }
        // Refusals among them, too: they may rest on what was decided before and is not there now.
        answers.drain(..).for_each(|held| held.fail(&failed));
        false
    }

    /// Notes whether the disk had room for what needs some.
    fn note_room(&mut self, lacks_room: Option<bool>) {
        let Some(lacks_room) = lacks_room else { return };
        let wanted = if lacks_room { self.room_wanted() } else { 0 };
        self.shared.room_wanted.store(wanted, Ordering::Relaxed);
        if lacks_room {
            self.squeeze();
        }
    }

    /// Bytes that the next snapshot may take.
    pub(crate) fn room_wanted(&self) -> u64 {
        let bound_bytes = self.machine.snapshot_bytes(&self.shared.hosted.read().state);
        self.journal.next_snapshot_bytes(bound_bytes) as u64
    }

    /// Applies what is durable, a stretch at a time.
    fn apply(&self, records: impl Iterator<Item = (Vec<M::Change>, usize)>, count: usize) -> Result<()> {
        let mut records = records.peekable();
        let end = self.journal.tail();
        let mut version = StateVersion(end.get() - count as u64);
        while records.peek().is_some() {
            let mut hosted = self.shared.hosted.write();
            debug_assert!(version >= hosted.version, "records are applied in order");
            let mut bytes = 0;
            while bytes < self.stretch_bytes.max(1)
                && let Some((changes, record_bytes)) = records.next()
            {
                bytes += record_bytes;
                if !self.apply_record(&mut hosted.state, changes) {
                    let cause = "applying a change has panicked; it is durable and is read anew".to_owned();
                    let error = MachineError::Damaged { machine: M::NAME, cause };
                    hosted.role = Role::Trouble(error.clone());
                    return Err(error);
                }
                version = StateVersion(version.0 + 1);
            }
            hosted.version = version;
            hosted.journal_bytes = self.journal.bytes();
        }
        debug_assert_eq!(version.0, end.get(), "the version grows by one with every record");
        self.shared.publish(version);
        self.machine.applied();
        Ok(())
    }

    fn apply_record(&self, state: &mut M::State, changes: Vec<M::Change>) -> bool {
        let applied = catch_unwind(AssertUnwindSafe(|| {
            for change in changes {
                if let Err(misfit) = self.machine.apply(state, change) {
                    debug_assert!(false, "{misfit}");
                    error!(machine = M::NAME, %misfit, "a change that was decided does not fit");
                }
            }
        }));
        applied.is_ok()
    }
}

fn give<M: Machine>(answers: &mut VecDeque<Held<M>>, done: usize) {
    while answers.front().is_some_and(|held| held.needs_records <= done) {
        if let Some(held) = answers.pop_front() {
            held.give();
        }
    }
}
