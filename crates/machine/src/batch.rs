//! Records of one batch of decisions, encoded one after the other, and the answers that wait for them.

use headwater_store::{LogStore, RecordBatch, StoreError};
use headwater_types::{Record, RecordBatchBuilder};
use tokio::sync::oneshot;

use crate::changes::{OverBudget, Sink, Unrecorded};
use crate::error::{MachineError, Result};
use crate::machine::Machine;
use crate::payloads::Hold;

/// A short batch, in bytes.
const ENCODED_BYTES: usize = 1000;

/// Changes that were decided and are to be made durable.
pub(crate) struct Batch<'a, M: Machine> {
    machine: &'a M,
    state: &'a M::State,
    size_bytes: usize,
    limits: Limits,
    grown_bytes: isize,
    room: Room<'a>,
    recorded: Recorded<M>,
}

/// Room on the disk for the records of a batch that free none, and for the snapshot that will have to hold them.
pub(crate) struct Room<'a> {
    logs: Option<&'a dyn LogStore>,
    /// The next snapshot takes so much at the most, in bytes.
    snapshot_bytes: usize,
    /// Most bytes that a batch adds to it: where there is room for these nothing more is asked.
    batch_bytes_max: usize,
    /// Bytes of the records so far.
    taken_bytes: usize,
    is_ample: bool,
}

impl<'a> Room<'a> {
    /// Room for all there may be, for models.
    #[cfg(feature = "conformance")]
    pub(crate) const BOUNDLESS: Self =
        Self { logs: None, snapshot_bytes: 0, batch_bytes_max: 0, taken_bytes: 0, is_ample: true };

    /// The room of a store, for a next snapshot and a batch of so many bytes at the most.
    pub(crate) fn of(logs: &'a dyn LogStore, snapshot_bytes: usize, batch_bytes_max: usize) -> Self {
        Self { logs: Some(logs), snapshot_bytes, batch_bytes_max, taken_bytes: 0, is_ample: false }
    }

    fn take(&mut self, bytes: usize) -> Result<(), Unrecorded> {
        let fits = |bytes: usize| self.logs.is_none_or(|logs| logs.has_room(bytes as u64));
        // A record takes room in the journal, and once more in the snapshot that is made beside it.
        self.is_ample = self.is_ample || fits(self.snapshot_bytes + 2 * self.batch_bytes_max);
        let needed_bytes = self.snapshot_bytes + 2 * (self.taken_bytes + bytes);
        if !self.is_ample && !fits(needed_bytes) {
            return Err(Unrecorded::NoRoom { needed_bytes: needed_bytes as u64 });
        }
        self.taken_bytes += bytes;
        Ok(())
    }
}

/// Bounds of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) budget_bytes: usize,
    pub(crate) record_bytes_max: usize,
}

/// Records with the changes that they encode.
pub(crate) struct Recorded<M: Machine> {
    /// Of each record.
    changes: Vec<Vec<M::Change>>,
    ends: Vec<End>,
    encoded: Vec<u8>,
    /// Answer of the disk: true if something was refused for want of room, false if something that needs room was not.
    pub(crate) lacks_room: Option<bool>,
}

#[derive(Debug, Clone, Copy, Default)]
struct End {
    bytes: usize,
    /// True if all its changes make room.
    frees: bool,
}

/// Records that are appended together.
pub(crate) struct Piece {
    pub(crate) records: Result<RecordBatch, StoreError>,
    pub(crate) count: usize,
    /// True if they are taken on a full disk.
    pub(crate) frees: bool,
}

/// Length of a batch before a decision, to which it returns if the decision panics.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checkpoint {
    records: usize,
    grown_bytes: isize,
}

impl<'a, M: Machine> Batch<'a, M> {
    pub(crate) fn new(machine: &'a M, state: &'a M::State, limits: Limits, room: Room<'a>) -> Self {
        let size_bytes = machine.size_bytes(state);
        let encoded = Vec::with_capacity(ENCODED_BYTES);
        let recorded = Recorded { changes: Vec::new(), ends: Vec::new(), encoded, lacks_room: None };
        Self { machine, state, size_bytes, limits, grown_bytes: 0, room, recorded }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.recorded.encoded.len()
    }

    pub(crate) fn records(&self) -> usize {
        self.recorded.ends.len()
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint {
        Checkpoint { records: self.records(), grown_bytes: self.grown_bytes }
    }

    pub(crate) fn roll_back(&mut self, to: Checkpoint) {
        self.recorded.ends.truncate(to.records);
        self.recorded.cut();
        self.grown_bytes = to.grown_bytes;
    }

    pub(crate) fn finish(self) -> Recorded<M> {
        self.recorded
    }
}

impl<M: Machine> Sink<M::Change> for Batch<'_, M> {
    fn record(&mut self, changes: Vec<M::Change>) -> Result<(), Unrecorded> {
        if changes.is_empty() {
            return Ok(());
        }
        let recorded = &mut self.recorded;
        let from = recorded.end(recorded.ends.len());
        let encoded = self.machine.encode(self.state, &changes, &mut recorded.encoded);
        let bytes = recorded.encoded.len() - from.bytes;
        let max_bytes = self.limits.record_bytes_max;
        if encoded.is_err() || bytes > max_bytes {
            recorded.cut();
            encoded?;
            return Err(Unrecorded::TooLong { bytes, max_bytes });
        }
        let frees = changes.iter().all(|change| self.machine.frees(self.state, change));
        if !frees {
            let taken = self.room.take(bytes);
            recorded.lacks_room = Some(recorded.lacks_room == Some(true) || taken.is_err());
            if let Err(no_room) = taken {
                recorded.cut();
                return Err(no_room);
            }
        }
        recorded.changes.push(changes);
        recorded.ends.push(End { bytes: recorded.encoded.len(), frees });
        Ok(())
    }

    fn check_room(&self, wanted_bytes: usize) -> Result<(), OverBudget> {
        let (used_bytes, budget_bytes) =
            (self.size_bytes.saturating_add_signed(self.grown_bytes), self.limits.budget_bytes);
        if wanted_bytes == 0 || used_bytes.saturating_add(wanted_bytes) <= budget_bytes {
            return Ok(());
        }
        Err(OverBudget { used_bytes, budget_bytes, wanted_bytes })
    }

    fn note_growth(&mut self, bytes: isize) {
        self.grown_bytes = self.grown_bytes.saturating_add(bytes);
    }
}

impl<M: Machine> Recorded<M> {
    fn end(&self, records: usize) -> End {
        records.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or_default()
    }

    /// Drops what is behind the last end.
    fn cut(&mut self) {
        let End { bytes, .. } = self.end(self.ends.len());
        self.changes.truncate(self.ends.len());
        self.encoded.truncate(bytes);
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Records as they are appended: as many together as fit into `append_bytes`, at least one; what makes room apart
    /// from what needs it.
    pub(crate) fn pieces(&self, append_bytes: usize) -> Vec<Piece> {
        let (mut pieces, mut first) = (Vec::new(), 0);
        while let Some(rest) = self.ends.get(first..)
            && let Some(End { frees, .. }) = rest.first().copied()
        {
            let start = self.end(first).bytes;
            let alike = rest.iter().take_while(|end| end.frees == frees);
            let count = alike.take_while(|end| end.bytes - start <= append_bytes).count().max(1);
            pieces.push(Piece { records: self.piece(first, count), count, frees });
            first += count;
        }
        pieces
    }

    fn piece(&self, first: usize, count: usize) -> Result<RecordBatch, StoreError> {
        let (mut from, end) = (self.end(first).bytes, self.end(first + count).bytes);
        let mut builder = RecordBatchBuilder::with_capacity(end - from + count * 16);
        for end in self.ends.iter().skip(first).take(count) {
            let data = self.encoded.get(from..end.bytes).unwrap_or_default();
            builder.push(Record { key: "", explicit_hash_key: None, data });
            from = end.bytes;
        }
        builder.finish().ok_or_else(|| StoreError::Invalid("a batch without records".into()))
    }

    /// The changes of each record, and how long it is encoded, in bytes.
    pub(crate) fn into_records(self) -> impl Iterator<Item = (Vec<M::Change>, usize)> {
        let Self { changes, ends, .. } = self;
        let mut from = End::default();
        changes.into_iter().zip(ends).map(move |(record, end)| {
            let bytes = end.bytes - from.bytes;
            from = end;
            (record, bytes)
        })
    }
}

/// The end of a command.
pub(crate) enum Reply<M: Machine> {
    /// It was decided, or could not be.
    Answered(Result<M::Answer>),
    /// It was not decided: somebody else owns the machine.
    PassOn(M::Command),
}

/// An answer that is given when what it rests on is durable.
pub(crate) struct Held<M: Machine> {
    pub(crate) to: oneshot::Sender<Reply<M>>,
    pub(crate) answer: M::Answer,
    /// So many records of the batch must be durable: its own, and those before it that it may rest on.
    pub(crate) needs_records: usize,
    /// Payloads that nobody refers to yet.
    pub(crate) _holds: Vec<Hold>,
}

impl<M: Machine> Held<M> {
    pub(crate) fn give(self) {
        // The caller may have gone.
        let _ = self.to.send(Reply::Answered(Ok(self.answer)));
    }

    pub(crate) fn fail(self, failed: &MachineError) {
        let _ = self.to.send(Reply::Answered(Err(failed.clone())));
    }
}
