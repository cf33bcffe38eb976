//! The naive machine: commands one after the other on a plain state.

use std::time::Duration;

use headwater_types::Timestamp;

use super::Subject;
use crate::batch::{Batch, Limits, Room};
use crate::changes::Changes;
use crate::machine::{Machine, Misfit};

/// Draws numbers; the same seed draws the same ones.
#[derive(Debug, Clone)]
pub struct Draw(u64);

impl Draw {
    /// Draws from this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`, which is at least 1.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// A machine without a journal.
pub struct Model<'a, S: Subject> {
    subject: &'a S,
    machine: S::Machine,
    state: <S::Machine as Machine>::State,
}

impl<S: Subject> std::fmt::Debug for Model<'_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").finish_non_exhaustive()
    }
}

/// A limit that nothing reaches.
const ANYTHING: Limits = Limits { budget_bytes: usize::MAX, record_bytes_max: usize::MAX };

impl<'a, S: Subject> Model<'a, S> {
    /// A machine to which nothing was done.
    pub fn new(subject: &'a S) -> Self {
        let machine = subject.machine();
        let state = machine.initial_state();
        Self { subject, machine, state }
    }

    /// Decides the command of this seed and applies it. Gives the answer's meaning, and the records.
    pub fn run(&mut self, seed: u64, now: Timestamp) -> (String, Vec<Vec<u8>>) {
        let command = self.subject.command(&mut Draw::new(seed));
        let (answer, records) =
            self.decide(now, usize::MAX, |machine, state, changes| machine.decide(state, command, changes));
        (self.subject.answer(&answer), records)
    }

    /// The same, of whose records only the first so many came to be. Gives how many that were.
    pub fn run_partly(&mut self, seed: u64, now: Timestamp, records: usize) -> usize {
        let command = self.subject.command(&mut Draw::new(seed));
        self.decide(now, records, |machine, state, changes| machine.decide(state, command, changes)).1.len()
    }

    /// Number of records that the command of this seed would make.
    pub fn records_of(&mut self, seed: u64, now: Timestamp) -> usize {
        let command = self.subject.command(&mut Draw::new(seed));
        let mut batch = Batch::new(&self.machine, &self.state, ANYTHING, Room::BOUNDLESS);
        let (mut staged, times) = (Default::default(), (now, Duration::from_millis(now.as_millis())));
        self.machine.decide(&self.state, command, &mut Changes::new(&mut staged, times, &mut batch));
        batch.records()
    }

    /// Wakes the machine if it is due. Gives the records.
    pub fn wake(&mut self, now: Timestamp) -> Vec<Vec<u8>> {
        match self.machine.due(&self.state).is_some_and(|due| due <= now) {
            true => self.decide(now, usize::MAX, |machine, state, changes| machine.wake(state, changes)).1,
            false => Vec::new(),
        }
    }

    fn decide<T>(
        &mut self,
        now: Timestamp,
        records_max: usize,
        work: impl FnOnce(&S::Machine, &<S::Machine as Machine>::State, &mut Changes<'_, S::Machine>) -> T,
    ) -> (T, Vec<Vec<u8>>) {
        let mut batch = Batch::new(&self.machine, &self.state, ANYTHING, Room::BOUNDLESS);
        let (mut staged, times) = (Default::default(), (now, Duration::from_millis(now.as_millis())));
        let answer = work(&self.machine, &self.state, &mut Changes::new(&mut staged, times, &mut batch));
        let recorded = batch.finish();
        let pieces = recorded.pieces(usize::MAX);
        let mut records = Vec::new();
        for piece in pieces {
            records.extend(piece.records.expect("records").records().map(|record| record.data.to_vec()));
        }
        records.truncate(records_max);
        for (changes, _) in recorded.into_records().take(records_max) {
            for change in changes {
                self.machine.apply(&mut self.state, change).expect("a change that was decided fits");
            }
        }
        self.catch_up();
        (answer, records)
    }

    fn catch_up(&mut self) {
        while self.machine.is_behind(&self.state) {
            drop(self.machine.catch_up(&mut self.state, 1));
        }
    }

    /// Replays a record, as from the journal.
    pub fn replay(&mut self, record: &[u8]) -> Result<(), Misfit> {
        let replayed = self.machine.replay(&mut self.state, record);
        self.catch_up();
        replayed
    }

    /// The machine and its state.
    pub fn parts(&self) -> (&S::Machine, &<S::Machine as Machine>::State) {
        (&self.machine, &self.state)
    }

    /// The meaning of the state.
    pub fn contents(&self, now: Timestamp) -> String {
        self.subject.contents(&self.state, now)
    }

    /// Memory that the state takes, in bytes.
    pub fn size_bytes(&self) -> usize {
        self.machine.size_bytes(&self.state)
    }
}
