//! The journal of a machine: a log of changes with one writer, and the snapshot that it goes on from.
//!
//! # Constraints
//! The writer always names the end that it knows ([`Expect::Tail`]): an append by somebody else makes it read
//! everything anew.
//!
//! # Format
//! A record's key says what its data is, and is never reused for another thing:
//! ```text
//! ""            changes, encoded by the machine
//! "owner"       an owner begins: its name. Nothing but that appends of the owner before are refused from here on
//! "low-water"   payloads before this position are released: eight bytes, big-endian
//! ```
//!
//! # Recovery
//! Snapshot, then journal from [`Generation::from`]. Until [`Generation::settled`] changes of what is not there are passed
//! over: it went before the snapshot came to it. After that they are damage. If the newest snapshot is not whole, the one
//! before and all of the journal since are read.
#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use headwater_store::{AppendBatch, Expect, Expected, LogId, RecordBatch, ShardLog, StoreError};
use headwater_types::{Position, Record, RecordBatchBuilder};
use parking_lot::Mutex;
use tracing::{error, warn};

use crate::error::{MachineError, Result};
use crate::machine::{Damage, DamageKind, Machine, Misfit, OnDamage, SnapshotWish};
use crate::manifest::{Generation, Manifest};
use crate::names::Names;
use crate::options::Substrate;
use crate::replay::{Found, replay};

/// Key of the record with which an owner begins.
pub(crate) const OWNER_KEY: &str = "owner";
/// Key of the record that releases payloads.
pub(crate) const LOW_WATER_KEY: &str = "low-water";
/// Attempts to read everything while somebody else replaces it.
const LOAD_TRIES: usize = 5;
/// Bytes that any snapshot may take.
pub(crate) const SMALL_SNAPSHOT_BYTES: usize = 4 << 10;
/// Damages that are remembered one by one.
const DAMAGES_MAX: usize = 100;

/// The journal, as far as it was read and written here.
pub(crate) struct Journal<M: Machine> {
    pub(crate) machine: Arc<M>,
    pub(crate) substrate: Substrate,
    pub(crate) names: Arc<Names>,
    pub(crate) log: Arc<dyn ShardLog>,
    /// See [`Options::contains_cut`](crate::Options::contains_cut).
    contains_cut: bool,
    /// As it was last written here, and what a change of it expects. Another one after each load: a snapshot that is
    /// being made has the one before.
    pub(crate) manifest: Arc<Mutex<(Manifest, Expected)>>,
    tail: Position,
    bytes: usize,
    /// Of the snapshot that was read or made last.
    snapshot_bytes: usize,
    /// Of the generation before, as far as it was made here.
    previous_bytes: usize,
    low_water: Position,
    /// Snapshot that was damaged and passed over, until another one takes its place.
    damaged: Option<u64>,
    /// True if the snapshot before the newest holds what is to be gone.
    drops_previous: bool,
}

/// Result of reading a machine from its logs.
pub(crate) struct Loaded<M: Machine> {
    pub(crate) state: M::State,
    /// Damage that the machine has contained.
    pub(crate) damage: Vec<Damage>,
}

impl<M: Machine> Journal<M> {
    /// Makes the log, if it is not there. Nothing is read.
    pub(crate) async fn open(
        machine: Arc<M>,
        substrate: Substrate,
        names: Arc<Names>,
        contains_cut: bool,
    ) -> Result<Self> {
        substrate.logs.create(std::slice::from_ref(&names.journal)).await?;
        let log = substrate.logs.open(&names.journal).await?;
        let manifest = Arc::new(Mutex::new((Manifest::empty::<M>(), Expected::Absent)));
        let (tail, low_water) = (Position::START, Position::START);
        let (bytes, snapshot_bytes, previous_bytes, damaged, drops_previous) = (0, 0, 0, None, false);
        Ok(Self {
            machine,
            substrate,
            names,
            log,
            contains_cut,
            manifest,
            tail,
            bytes,
            snapshot_bytes,
            previous_bytes,
            low_water,
            damaged,
            drops_previous,
        })
    }

    /// Reads everything anew, and keeps others from replacing it by what they were doing before. With an owner's name
    /// their appends are refused from now on, too.
    pub(crate) async fn load(&mut self, owner: Option<&str>) -> Result<Loaded<M>> {
        let mut tries = 0;
        loop {
            let loaded = match self.try_load(tries == LOAD_TRIES).await {
                Ok(loaded) => self.begin(owner).await.map(|()| loaded),
                Err(error) => Err(error),
            };
            match loaded {
                Err(MachineError::Store(StoreError::Conflict | StoreError::NoSuchLog(_)))
                    if tries < LOAD_TRIES =>
                {
                    tries += 1;
                }
                loaded => return loaded,
            }
        }
    }

    async fn begin(&mut self, owner: Option<&str>) -> Result<()> {
        let Some(owner) = owner else { return Ok(()) };
        match self.append(control(OWNER_KEY, owner.as_bytes())?, true).await {
            // Want of space or files is no reason not to read; it keeps the owner before from writing, too.
            Err(MachineError::Store(StoreError::NoSpace(_) | StoreError::NoFiles(_))) => Ok(()),
            begun => begun,
        }
    }

    async fn try_load(&mut self, is_last_try: bool) -> Result<Loaded<M>> {
        let (mut manifest, expected) =
            Manifest::load::<M>(&*self.substrate.meta, &self.names.manifest).await?;
        manifest.format = manifest.format.max(M::FORMAT);
        let written = self.substrate.meta.put(&self.names.manifest, manifest.encode()?, expected).await;
        let (expected, fenced) = match written {
            Ok(version) => (Expected::Version(version), true),
            // Want of space or files is no reason not to read.
            Err(StoreError::NoSpace(_) | StoreError::NoFiles(_)) => (expected, false),
            Err(error) => return Err(error.into()),
        };
        let (reading, used) = self.read(&manifest, is_last_try).await?;
        (self.bytes, self.snapshot_bytes) = (reading.journal_bytes, reading.snapshot_bytes);
        self.previous_bytes = 0;
        self.low_water = reading.low_water;
        self.tail = reading.tail;
        if fenced && reading.damage.is_empty() {
            self.forget_other_snapshots(&manifest).await;
        }
        self.drops_previous = manifest.drops_previous;
        self.damaged = None;
        if used != manifest.newest {
            self.damaged = manifest.newest.snapshot;
            // What the next snapshot keeps beside itself must be one that can be read.
            manifest = Manifest { newest: used, previous: None, ..manifest };
        }
        self.manifest = Arc::new(Mutex::new((manifest, expected)));
        let Reading { mut state, damage, .. } = reading;
        self.machine.loaded(&mut state);
        Ok(Loaded { state, damage })
    }

    /// Reads the newest generation whose snapshot is whole; the newest if none is, with its damage.
    async fn read(&self, manifest: &Manifest, is_last_try: bool) -> Result<(Reading<M>, Generation)> {
        let mut damaged = None;
        for generation in manifest.generations() {
            match self.read_snapshot(&generation, true).await {
                Ok(Some(reading)) => {
                    return Ok((self.read_journal(reading, &generation).await?, generation));
                }
                Ok(None) => damaged = damaged.or(Some(generation)),
                // Nobody replaces it: it was removed.
                Err(MachineError::Store(StoreError::NoSuchLog(_)))
                    if is_last_try && manifest.previous.is_some() => {}
                Err(error) => return Err(error),
            }
            warn!(machine = M::NAME, snapshot = generation.snapshot, "a snapshot is damaged");
        }
        let generation = damaged.ok_or_else(|| self.damage("no snapshot is there".into()))?;
        let reading = self.read_snapshot(&generation, false).await?;
        let reading = reading.unwrap_or_else(|| Reading::new(self.machine.clone()));
        Ok((self.read_journal(reading, &generation).await?, generation))
    }

    /// Reads a snapshot; `None` if it is to be whole and is not.
    async fn read_snapshot(&self, generation: &Generation, whole: bool) -> Result<Option<Reading<M>>> {
        let mut reading = Reading::new(self.machine.clone());
        let Some(number) = generation.snapshot else { return Ok(Some(reading)) };
        let id = self.names.snapshot(number).map_err(invalid)?;
        let log = self.substrate.logs.open(&id).await?;
        let mut is_whole = true;
        replay(&log, Position::START, |found| match reading.take(found, true, true) {
            Ok(()) => Ok(()),
            Err(_) if whole => {
                is_whole = false;
                // Whatever else there is in it.
                Ok(())
            }
            Err(damage) => reading.damaged(damage),
        })
        .await?;
        Ok(is_whole.then_some(reading))
    }

    async fn read_journal(&self, mut reading: Reading<M>, generation: &Generation) -> Result<Reading<M>> {
        self.machine.begin_journal(&mut reading.state);
        let (from, settled) = (self.position(generation.from)?, self.position(generation.settled)?);
        reading.low_water = self.position(generation.low_water.unwrap_or(0))?;
        let (end, to) = (self.log.bounds().end, from.max(settled));
        let cut = (end < to).then(|| {
            let missing = to.get() - end.get();
            format!("the journal ends at position {end}, and once went to {to}: {missing} records or more are missing")
        });
        if let Some(cause) = cut.clone().filter(|_| !self.contains_cut) {
            return Err(self.damage(cause));
        }
        reading.tail = end;
        if from <= end {
            reading.tail = replay(&self.log, from, |found| {
                let is_unsettled = matches!(&found, Found::Record { at, .. } if *at < settled);
                reading.take(found, is_unsettled, false).or_else(|damage| reading.damaged(damage))
            })
            .await?;
        }
        if let Some(cause) = cut {
            let kind = DamageKind::Hole;
            reading.damaged(Damage { from: end, to, in_snapshot: false, kind, record: None, cause })?;
        }
        Ok(reading)
    }

    /// Appends in one piece, if nobody else has since the last time.
    pub(crate) async fn append(&mut self, records: RecordBatch, frees: bool) -> Result<()> {
        let (bytes, count) = (records.bytes().len(), records.count());
        let batch = AppendBatch { arrival: self.substrate.clock.now(), records, frees };
        let appended = self.log.append(batch, Expect::Tail(self.tail)).await?;
        debug_assert!(appended.first >= self.tail, "the journal went backwards");
        self.tail = appended.first.plus(count.into());
        self.bytes += bytes;
        Ok(())
    }

    /// Makes it durable that payloads before the mark are released.
    pub(crate) async fn append_low_water(&mut self, mark: Position) -> Result<()> {
        debug_assert!(mark >= self.low_water, "the low-water mark never goes back");
        self.append(control(LOW_WATER_KEY, &mark.get().to_be_bytes())?, true).await?;
        self.low_water = mark;
        Ok(())
    }

    pub(crate) fn low_water(&self) -> Position {
        self.low_water
    }

    /// True if the journal goes on behind the end that is known.
    pub(crate) fn has_grown(&self) -> bool {
        self.log.bounds().end != self.tail
    }

    /// The end that is known.
    pub(crate) fn tail(&self) -> Position {
        self.tail
    }

    /// Bytes in the journal since the snapshot.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// A snapshot of so many bytes was made of so much of the journal.
    pub(crate) fn snapshotted(&mut self, snapshot_bytes: usize, of_bytes: usize) {
        let keeps_previous = self.has_previous();
        self.previous_bytes = if keeps_previous { self.snapshot_bytes + of_bytes } else { 0 };
        self.bytes = self.bytes.saturating_sub(of_bytes);
        self.snapshot_bytes = snapshot_bytes;
        self.damaged = None;
        self.drops_previous = false;
    }

    /// Bytes that the next snapshot takes at the most, of a state of which none is longer than `bound_bytes`: each change
    /// adds no more to the last one than its own encoding.
    pub(crate) fn next_snapshot_bytes(&self, bound_bytes: usize) -> usize {
        let grown = self.snapshot_bytes + self.bytes;
        grown.min(bound_bytes).max(SMALL_SNAPSHOT_BYTES)
    }

    /// True if the journal and the snapshots would be shorter by a good part after a snapshot of so many bytes.
    pub(crate) fn would_shrink(&self, next_bytes: usize) -> bool {
        let stored = self.previous_bytes + self.snapshot_bytes + self.bytes;
        stored >= next_bytes + (next_bytes / 4).max(SMALL_SNAPSHOT_BYTES)
    }

    /// True if there is a generation before the newest.
    pub(crate) fn has_previous(&self) -> bool {
        self.manifest.lock().0.previous.is_some()
    }

    /// The snapshot that what is stored asks for.
    pub(crate) fn snapshot_wish(&self) -> SnapshotWish {
        match (self.drops_previous, self.damaged) {
            (true, _) => SnapshotWish::Alone,
            (false, Some(_)) => SnapshotWish::Now,
            (false, None) => SnapshotWish::WhenLong,
        }
    }

    /// See [`Journal::damaged`].
    pub(crate) fn damaged_snapshot(&self) -> Option<u64> {
        self.damaged
    }

    /// Snapshots that were begun and not finished, or have been replaced.
    pub(crate) async fn forget_other_snapshots(&self, manifest: &Manifest) {
        let numbers = manifest.generations().filter_map(|generation| generation.snapshot);
        let kept: Vec<LogId> = numbers.filter_map(|number| self.names.snapshot(number).ok()).collect();
        let listed = self.substrate.logs.list(&self.names.snapshots).await.unwrap_or_default();
        let others: Vec<LogId> = listed.into_iter().filter(|id| !kept.contains(id)).collect();
        if let Err(error) = self.substrate.logs.delete(&others).await {
            warn!(machine = M::NAME, %error, "old snapshots could not be removed");
        }
    }

    fn position(&self, value: u64) -> Result<Position> {
        Position::new(value).ok_or_else(|| self.damage(format!("{value} is no position")))
    }

    fn damage(&self, cause: String) -> MachineError {
        MachineError::Damaged { machine: M::NAME, cause }
    }
}

/// A state that is being read.
struct Reading<M: Machine> {
    machine: Arc<M>,
    state: M::State,
    journal_bytes: usize,
    snapshot_bytes: usize,
    low_water: Position,
    tail: Position,
    damage: Vec<Damage>,
}

impl<M: Machine> Reading<M> {
    fn new(machine: Arc<M>) -> Self {
        let (state, start) = (machine.initial_state(), Position::START);
        let (journal_bytes, snapshot_bytes, damage) = (0, 0, Vec::new());
        Self { machine, state, journal_bytes, snapshot_bytes, low_water: start, tail: start, damage }
    }

    /// Takes a part of a log, or says how it is damaged.
    fn take(&mut self, found: Found<'_>, passes_strays: bool, in_snapshot: bool) -> Result<(), Damage> {
        let (at, key, data) = match found {
            Found::Record { at, key, data } => (at, key, data),
            Found::Hole { from, to, cause } => {
                let kind = DamageKind::Hole;
                return Err(Damage { from, to, in_snapshot, kind, record: None, cause });
            }
        };
        *if in_snapshot { &mut self.snapshot_bytes } else { &mut self.journal_bytes } += data.len();
        let misfit = match self.record(key, data) {
            Ok(()) => return Ok(()),
            Err(Misfit::Stray(_)) if passes_strays => return Ok(()),
            Err(misfit) => misfit,
        };
        let kind = match &misfit {
            Misfit::Malformed(_) => DamageKind::Malformed,
            Misfit::Stray(_) => DamageKind::Stray,
            Misfit::Unfit(_) => DamageKind::Unfit,
        };
        let (to, record, cause) = (at.plus(1), Some(data.to_vec()), misfit.to_string());
        Err(Damage { from: at, to, in_snapshot, kind, record, cause })
    }

    fn record(&mut self, key: &str, data: &[u8]) -> Result<(), Misfit> {
        match key {
            "" => {
                let Self { machine, state, .. } = self;
                let replayed = catch_unwind(AssertUnwindSafe(|| {
                    let replayed = machine.replay(state, data);
                    while machine.is_behind(state) {
                        drop(machine.catch_up(state, usize::MAX));
                    }
                    replayed
                }));
                replayed.unwrap_or_else(|_| Err(Misfit::Malformed("reading it has panicked".into())))
            }
            OWNER_KEY => Ok(()),
            LOW_WATER_KEY => {
                let mark = data.try_into().ok().map(u64::from_be_bytes).and_then(Position::new);
                let mark =
                    mark.ok_or_else(|| Misfit::Malformed("the low-water mark is no position".into()))?;
                self.low_water = self.low_water.max(mark);
                Ok(())
            }
            other => Err(Misfit::Malformed(format!("'{}' is no kind of record", other.escape_debug()))),
        }
    }

    /// Has the machine decide what becomes of damage.
    fn damaged(&mut self, damage: Damage) -> Result<()> {
        match self.machine.on_damage(&mut self.state, &damage) {
            OnDamage::Refuse => Err(MachineError::Damaged { machine: M::NAME, cause: damage.to_string() }),
            OnDamage::PassOver => {
                error!(machine = M::NAME, %damage, "a part of what is stored is damaged and was passed over");
                if self.damage.len() < DAMAGES_MAX {
                    self.damage.push(Damage { record: None, ..damage });
                }
                Ok(())
            }
        }
    }
}

fn control(key: &'static str, data: &[u8]) -> Result<RecordBatch> {
    let mut builder = RecordBatchBuilder::default();
    builder.push(Record { key, explicit_hash_key: None, data });
    builder.finish().ok_or_else(|| StoreError::Invalid("a batch without records".into()).into())
}

pub(crate) fn invalid(error: impl std::fmt::Display) -> MachineError {
    StoreError::Invalid(error.to_string()).into()
}
