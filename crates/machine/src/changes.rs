//! The decisions of one batch on their way into the journal.

use std::time::Duration;

use headwater_types::Timestamp;

use crate::machine::Machine;

/// Receives what a decision changes, and tells it the time and what was decided before it in the same batch.
pub struct Changes<'a, M: Machine> {
    /// Changes of this batch, decided and not applied yet. A decision that records changes notes them here, too.
    pub staged: &'a mut M::Staged,
    /// Wall-clock time of the decision.
    pub now: Timestamp,
    /// Time that never steps, for rates.
    pub elapsed: Duration,
    sink: &'a mut dyn Sink<M::Change>,
}

impl<M: Machine> std::fmt::Debug for Changes<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Changes").field("now", &self.now).finish_non_exhaustive()
    }
}

impl<'a, M: Machine> Changes<'a, M> {
    pub(crate) fn new(
        staged: &'a mut M::Staged,
        (now, elapsed): (Timestamp, Duration),
        sink: &'a mut dyn Sink<M::Change>,
    ) -> Self {
        Self { staged, now, elapsed, sink }
    }

    /// Records changes that belong together: after a crash all are there or none. A command may record several times
    /// where its parts may be apart. Nothing to change is no record.
    ///
    /// # Errors
    /// If the record is longer than the store takes, has no encoding, or needs room that the disk does not have. Nothing was
    /// recorded, so the machine can refuse the command.
    pub fn record(&mut self, changes: impl IntoIterator<Item = M::Change>) -> Result<(), Unrecorded> {
        self.sink.record(changes.into_iter().collect())
    }

    /// Asks whether the state may grow by so many bytes beyond what was noted in this batch.
    ///
    /// # Errors
    /// If it would then be above its budget. The machine refuses the command in its own words.
    pub fn check_room(&self, grows_bytes: usize) -> Result<(), OverBudget> {
        self.sink.check_room(grows_bytes)
    }

    /// Notes by how many bytes the state grows, or shrinks, when what was recorded is applied.
    pub fn note_growth(&mut self, bytes: isize) {
        self.sink.note_growth(bytes);
    }

    /// The same batch seen by a machine inside this one, whose records are wrapped by `wrap`.
    pub(crate) fn nested<I: Machine, T>(
        &mut self,
        staged: &mut I::Staged,
        wrap: &mut dyn FnMut(Vec<I::Change>) -> M::Change,
        work: impl FnOnce(&mut Changes<'_, I>) -> T,
    ) -> T {
        let mut inner = Nested { outer: self.sink, wrap };
        work(&mut Changes { staged, now: self.now, elapsed: self.elapsed, sink: &mut inner })
    }
}

/// Destination of recorded changes.
pub(crate) trait Sink<C> {
    fn record(&mut self, changes: Vec<C>) -> Result<(), Unrecorded>;
    fn check_room(&self, grows_bytes: usize) -> Result<(), OverBudget>;
    fn note_growth(&mut self, bytes: isize);
}

struct Nested<'a, I, O> {
    outer: &'a mut dyn Sink<O>,
    wrap: &'a mut dyn FnMut(Vec<I>) -> O,
}

impl<I, O> Sink<I> for Nested<'_, I, O> {
    fn record(&mut self, changes: Vec<I>) -> Result<(), Unrecorded> {
        if changes.is_empty() {
            return Ok(());
        }
        let wrapped = (self.wrap)(changes);
        self.outer.record(vec![wrapped])
    }

    fn check_room(&self, grows_bytes: usize) -> Result<(), OverBudget> {
        self.outer.check_room(grows_bytes)
    }

    fn note_growth(&mut self, bytes: isize) {
        self.outer.note_growth(bytes);
    }
}

/// Changes have no encoding: why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("changes cannot be encoded: {0}")]
pub struct EncodeError(pub String);

/// Why changes were not recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unrecorded {
    /// The record is longer than can be made durable in one piece: ask for less, or record the parts.
    #[error("a record of {bytes} bytes is longer than the {max_bytes} that are made durable in one piece")]
    TooLong {
        /// Length of the record.
        bytes: usize,
        /// Length of the longest one.
        max_bytes: usize,
    },
    /// The changes have no encoding.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The disk has no room for the record and for the snapshot that will have to hold it.
    #[error("there is no room for the next snapshot, which may take {needed_bytes} bytes")]
    NoRoom {
        /// Bytes that the snapshot and what this batch adds to it may take.
        needed_bytes: u64,
    },
}

/// The state may not grow so much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the state takes {used_bytes} of {budget_bytes} bytes and cannot grow by {wanted_bytes}")]
pub struct OverBudget {
    /// Size of the state, with this batch's growth.
    pub used_bytes: usize,
    /// Largest size that it may have.
    pub budget_bytes: usize,
    /// By how much it was to grow.
    pub wanted_bytes: usize,
}
