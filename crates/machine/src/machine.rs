//! The trait of a state machine: decisions, changes, their encoding and their snapshot.

use headwater_types::{Position, Timestamp};

use crate::changes::{Changes, EncodeError};

/// A deterministic state machine whose changes are journaled.
///
/// # Constraints
/// - A change says what is there afterwards, never what was done to it: applying a suffix of the journal twice gives
///   the same state as applying it once. Snapshots are written while changes go on and rest on this.
/// - Nothing but [`Machine::apply`] (and [`Machine::replay`], which must mean the same) changes what is remembered.
///   [`Machine::catch_up`] changes only what is derived from it.
/// - [`Machine::size_bytes`], [`Machine::snapshot_bytes`], [`Machine::due`] and [`Machine::low_water`] are called after each batch and must be cheap:
///   keep running figures in the state.
pub trait Machine: Send + Sync + Sized + 'static {
    /// Name in errors and in the log, such as `queues`.
    const NAME: &'static str;
    /// Format of the changes that this version writes. Raised when an older version could not read them.
    const FORMAT: u32;

    /// Everything that is remembered.
    type State: Send + Sync + 'static;
    /// Decisions of the current batch, laid over the state until they are applied ([`Overlay`](crate::Overlay) is one).
    type Staged: Default + Send;
    /// A request to the machine.
    type Command: Send + 'static;
    /// The machine's answer to a command, its own refusals included.
    type Answer: Send + 'static;
    /// One change of the state.
    type Change: Send + Sync + 'static;
    /// Place in the state where a snapshot goes on.
    type Cursor: Send + Sync;

    /// True if changes of this format can be read. All formats that are read must be told apart by their records.
    fn reads(format: u32) -> bool {
        format == Self::FORMAT
    }

    /// The state before the first change.
    fn initial_state(&self) -> Self::State;

    /// Decides a command against the state and what was staged before it, and records what it changes. Called with a
    /// read lock held: it must take no longer than others may wait.
    ///
    /// A panic drops what this command has recorded, and its caller gets [`MachineError::Panicked`](crate::MachineError).
    fn decide(
        &self,
        state: &Self::State,
        command: Self::Command,
        changes: &mut Changes<'_, Self>,
    ) -> Self::Answer;

    /// True if the command cannot be decided over what is staged: it then opens the next batch, after that is applied.
    /// Not asked for the first command of a batch.
    fn must_wait(&self, _staged: &Self::Staged, _command: &Self::Command) -> bool {
        false
    }

    /// Applies one change.
    ///
    /// # Errors
    /// [`Misfit::Stray`] if the change is of something that is not there. While the part of the journal is replayed
    /// during which a snapshot was written this is expected and passed over; after that it is damage.
    /// [`Misfit::Unfit`] if it cannot be of what is there, which is damage wherever it is read.
    fn apply(&self, state: &mut Self::State, change: Self::Change) -> Result<(), Misfit>;

    /// True if the change makes room in the end, as a deletion does, or takes none. Records of such changes only are taken
    /// on a full disk, so they should be short. The state is the one that they were decided on.
    fn frees(&self, _state: &Self::State, _change: &Self::Change) -> bool {
        false
    }

    /// Appends the encoding of changes that are one record: after a crash all of them are there or none. The state is the
    /// one that they were decided on, or that they are a snapshot of; it may hold keys, for instance.
    ///
    /// # Errors
    /// If the changes have no encoding; nothing is then recorded.
    fn encode(
        &self,
        state: &Self::State,
        changes: &[Self::Change],
        to: &mut Vec<u8>,
    ) -> Result<(), EncodeError>;

    /// Reads a record. Must take any bytes without a panic.
    ///
    /// # Errors
    /// [`Misfit::Malformed`] if the bytes are no record of any format that is read.
    fn decode(&self, record: &[u8]) -> Result<Vec<Self::Change>, Misfit>;

    /// Decodes a record and applies all its changes. Replaced where decoding can borrow from the record.
    ///
    /// # Errors
    /// As [`Machine::decode`]; or [`Misfit::Stray`] or [`Misfit::Unfit`] once the other changes of the record have been
    /// applied.
    fn replay(&self, state: &mut Self::State, record: &[u8]) -> Result<(), Misfit> {
        let mut replayed = Ok(());
        for change in self.decode(record)? {
            match self.apply(state, change) {
                Ok(()) => {}
                Err(misfit @ (Misfit::Unfit(_) | Misfit::Malformed(_))) => replayed = Err(misfit),
                Err(misfit @ Misfit::Stray(_)) => replayed = replayed.and(Err(misfit)),
            }
        }
        replayed
    }

    /// The next stretch of a snapshot, about `limit_bytes` encoded: changes that make what is there out of nothing, and
    /// where to go on, if there is more. Called with a read lock held; for the first stretch, when nothing has been
    /// applied since the place from which the journal will be replayed over the snapshot.
    ///
    /// State present throughout a snapshot must be in it; what comes, changes or goes meanwhile may be in it or not.
    fn snapshot(
        &self,
        state: &Self::State,
        from: Option<&Self::Cursor>,
        limit_bytes: usize,
    ) -> (Vec<Self::Change>, Option<Self::Cursor>);

    /// Memory that the state takes, roughly, in bytes.
    fn size_bytes(&self, state: &Self::State) -> usize;

    /// Length of a snapshot of the state at the most, in bytes: so much room is kept for it on the disk. Twice what the state
    /// takes in memory, unless the machine knows better.
    fn snapshot_bytes(&self, state: &Self::State) -> usize {
        self.size_bytes(state).saturating_mul(2)
    }

    /// True if something that is derived from what is remembered is to be brought up to date, such as an index to be built
    /// or memory to be freed. Called often, and must be cheap.
    fn is_behind(&self, _state: &Self::State) -> bool {
        false
    }

    /// Does a stretch of that work, of about `limit_bytes`, with the write lock held. Called after each batch for as long
    /// as [`Machine::is_behind`]; when the state is read, after each record until nothing is left. None of it is journaled,
    /// and no change may rest on it. Gives what is to be dropped once the lock is released.
    fn catch_up(&self, _state: &mut Self::State, _limit_bytes: usize) -> Box<dyn Send> {
        Box::new(())
    }

    /// When the machine wants to be woken next.
    fn due(&self, _state: &Self::State) -> Option<Timestamp> {
        None
    }

    /// Does what time has made due, as [`Machine::decide`] does a command. Work that is due and not done is asked for
    /// again, at the latest after a second.
    fn wake(&self, _state: &Self::State, _changes: &mut Changes<'_, Self>) {}

    /// Asks for a snapshot, or against one, after each batch.
    fn snapshot_wish(&self, _state: &Self::State) -> SnapshotWish {
        SnapshotWish::WhenLong
    }

    /// Called after a snapshot was made. A wish that stays is one for another snapshot.
    fn snapshotted(&self) {}

    /// Records what is to be the last thing in the journal when the machine is closed in order.
    fn close(&self, _state: &Self::State, _changes: &mut Changes<'_, Self>) {}

    /// Called when the snapshot has been read, also where there is none, before the journal is.
    fn begin_journal(&self, _state: &mut Self::State) {}

    /// Called when everything has been read, before anything is decided.
    fn loaded(&self, _state: &mut Self::State) {}

    /// The lowest position in [`Payloads`](crate::Payloads) that the state refers to, `None` if it refers to none.
    fn low_water(&self, _state: &Self::State) -> Option<Position> {
        None
    }

    /// The lowest position in [`Payloads`](crate::Payloads) that the command refers to. Refused if it was released.
    fn payload_of(&self, _command: &Self::Command) -> Option<Position> {
        None
    }

    /// Decides what becomes of a part of the journal or the snapshot that cannot be read. A damaged snapshot is reported
    /// only if the one before it, with the journal since, is not whole either. To contain damage, the machine notes in
    /// the state what can no longer be vouched for.
    fn on_damage(&self, _state: &mut Self::State, _damage: &Damage) -> OnDamage {
        OnDamage::Refuse
    }

    /// Takes what is left after damage for all there is: whatever [`Machine::on_damage`] has noted is forgotten. Called for a
    /// snapshot that stands alone ([`Handle::snapshot`](crate::Handle::snapshot)). Nobody reads the state until that is
    /// durable; if it cannot be made durable the state is read anew, with the damage.
    fn accept_damage(&self, _state: &mut Self::State) {}

    /// Takes what belongs to the machine and not to the journal, such as keys, into the state
    /// ([`Handle::refresh`](crate::Handle::refresh)). False if everything has to be read anew for that.
    fn refresh(&self, _state: &mut Self::State) -> bool {
        false
    }

    /// Called after changes were applied, with no lock held.
    fn applied(&self) {}
}

/// Why a record or a change does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// The bytes are no record.
    #[error("a record is malformed: {0}")]
    Malformed(String),
    /// The change is of something that is not there.
    #[error("a change is of {0} that is not there")]
    Stray(&'static str),
    /// The change cannot be of what is there.
    #[error("a change does not fit: {0}")]
    Unfit(&'static str),
}

/// A part of what is stored that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The first position that is damaged.
    pub from: Position,
    /// The first position after it that is not.
    pub to: Position,
    /// True if it is in the snapshot, false if it is in the journal.
    pub in_snapshot: bool,
    /// Kind of the damage.
    pub kind: DamageKind,
    /// The record, if the store could read it.
    pub record: Option<Vec<u8>>,
    /// Cause, for people.
    pub cause: String,
}

/// Kinds of damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DamageKind {
    /// The store cannot read it, or does not have it.
    Hole,
    /// The bytes are no record.
    Malformed,
    /// A change is of something that is not there; all other changes of the record were applied.
    Stray,
    /// A change cannot be of what is there; all other changes of the record were applied.
    Unfit,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let log = if self.in_snapshot { "snapshot" } else { "journal" };
        write!(f, "{log}, positions {} to {}: {}", self.from, self.to, self.cause)
    }
}

/// Wish of a machine for a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotWish {
    /// Once the journal is long.
    WhenLong,
    /// Soon, however short the journal is.
    Now,
    /// Soon, and the snapshot before is not kept: it holds what is to be gone, or is damaged.
    Alone,
    /// Not now: the journal is kept. Damage can then still be mended by putting a file back.
    Never,
}

impl SnapshotWish {
    /// The wish that both have.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Never, _) | (_, Self::Never) => Self::Never,
            (Self::Alone, _) | (_, Self::Alone) => Self::Alone,
            (Self::Now, _) | (_, Self::Now) => Self::Now,
            (Self::WhenLong, Self::WhenLong) => Self::WhenLong,
        }
    }
}

/// Treatment of damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDamage {
    /// The machine is not opened: nothing is given out and nothing is changed until the damage is repaired.
    Refuse,
    /// The damage is passed over and reported. The next snapshot makes the loss permanent (see
    /// [`SnapshotWish::Never`]).
    PassOver,
}
