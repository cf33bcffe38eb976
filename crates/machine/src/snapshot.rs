//! Snapshots: everything that a machine remembers, written while changes go on.
//!
//! # Algorithm
//! Stretch by stretch: each is taken and encoded under one read lock, because its encoding may need keys that are part of the
//! state and can be deleted with their tables. The snapshot is made true by replaying the journal from where it ended when the
//! snapshot was begun: changes say what is there afterwards, so those that the snapshot has already do no harm. Only once the
//! manifest names the snapshot is the journal trimmed, to where the snapshot before was begun, which is kept in case the new
//! one is damaged.
//!
//! On a full disk there may be no room for two generations. Then the one before the newest is given up before the snapshot is
//! written, and the newest one after it; each only once its successor was read to the end.

use std::sync::Arc;

use headwater_store::{AppendBatch, Expect, Expected, LogId, ShardLog, StoreError};
use headwater_types::{Position, Record, RecordBatchBuilder};
use parking_lot::Mutex;
use tracing::info;

use crate::changes::EncodeError;
use crate::error::Result;
use crate::journal::{Journal, SMALL_SNAPSHOT_BYTES, invalid};
use crate::machine::Machine;
use crate::manifest::{Generation, LAYOUT, Manifest};
use crate::names::Names;
use crate::options::Substrate;
use crate::replay::{Found, replay};
use crate::shared::Shared;

/// A snapshot to be made.
pub(crate) struct Snapshot<M: Machine> {
    machine: Arc<M>,
    substrate: Substrate,
    names: Arc<Names>,
    journal: Arc<dyn ShardLog>,
    manifest: Arc<Mutex<(Manifest, Expected)>>,
    from: Position,
    low_water: Position,
    stretch_bytes: usize,
    /// Unlike that of any other.
    number: u64,
    /// A damaged one, which this one replaces.
    damaged: Option<u64>,
    bytes: usize,
    /// The first stretch, encoded, and where to go on. Taken when the journal ended at `from`.
    first: Result<Stretch<M>, EncodeError>,
    keeps: Keeps,
}

/// Fate of the generation before the snapshot.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Keeps {
    /// It is kept.
    Previous,
    /// It is not.
    Nothing,
    /// It is kept if there is room; and the one before it goes first if there is none for `next_bytes`, which the snapshot
    /// takes at the most.
    WhatFits { next_bytes: u64 },
}

impl<M: Machine> Snapshot<M> {
    /// A snapshot of the state at the journal's end.
    pub(crate) fn of(journal: &Journal<M>, state: &M::State, stretch_bytes: usize, keeps: Keeps) -> Self {
        Self {
            first: stretch(&*journal.machine, state, None, stretch_bytes),
            keeps,
            machine: journal.machine.clone(),
            substrate: journal.substrate.clone(),
            names: journal.names.clone(),
            journal: journal.log.clone(),
            manifest: journal.manifest.clone(),
            from: journal.tail(),
            low_water: journal.low_water(),
            stretch_bytes,
            number: journal.substrate.random.next_u64(),
            damaged: journal.damaged_snapshot(),
            bytes: 0,
        }
    }

    /// Makes it, while changes go on. Says how many bytes it has.
    pub(crate) async fn make(mut self, shared: Arc<Shared<M>>) -> Result<usize> {
        let made = self.try_make(&shared).await;
        if made.is_err() && self.manifest.lock().0.newest.snapshot != Some(self.number) {
            // Half of a snapshot is of no use, and takes room.
            self.substrate.logs.delete(&[self.names.snapshot(self.number).map_err(invalid)?]).await?;
        }
        made.map(|()| self.bytes)
    }

    async fn try_make(&mut self, shared: &Shared<M>) -> Result<()> {
        if let Keeps::WhatFits { next_bytes } = self.keeps
            && !self.substrate.logs.has_room(next_bytes)
        {
            self.drop_previous().await?;
        }
        let (old, expected) = self.manifest.lock().clone();
        self.write(shared).await?;
        let settled = self.journal.bounds().end;
        debug_assert!(self.from <= settled, "the journal ends before the snapshot begins");
        let newest = Generation {
            snapshot: Some(self.number),
            from: self.from.get(),
            settled: settled.get(),
            low_water: (self.low_water > Position::START).then(|| self.low_water.get()),
        };
        let keeps_previous = match self.keeps {
            Keeps::Previous => true,
            Keeps::Nothing => false,
            Keeps::WhatFits { .. } => self.fits_again() || !self.is_whole(self.number).await?,
        };
        let (format, previous) = (old.format.max(M::FORMAT), keeps_previous.then_some(old.newest));
        let manifest = Manifest { layout: LAYOUT, format, newest, previous, drops_previous: false };
        self.replace_manifest(old, expected, manifest).await
    }

    /// Puts another manifest in the place of the one that is there, and removes what it does not name.
    async fn replace_manifest(&self, old: Manifest, expected: Expected, manifest: Manifest) -> Result<()> {
        let kept_from = Position::new(manifest.kept_from()).unwrap_or(Position::START);
        let version = match self.substrate.meta.put(&self.names.manifest, manifest.encode()?, expected).await
        {
            Ok(version) => version,
            // It may have been written nevertheless.
            Err(error) => match Manifest::load::<M>(&*self.substrate.meta, &self.names.manifest).await? {
                (written, Expected::Version(version)) if written == manifest => version,
                _ => return Err(error.into()),
            },
        };
        let kept: Vec<u64> = manifest.generations().filter_map(|generation| generation.snapshot).collect();
        *self.manifest.lock() = (manifest, Expected::Version(version));
        self.journal.trim(kept_from).await?;
        let damaged = self.damaged.filter(|_| kept.contains(&self.number));
        let replaced = old.generations().filter_map(|generation| generation.snapshot).chain(damaged);
        let replaced: Result<Vec<LogId>, _> = replaced
            .filter(|number| !kept.contains(number))
            .map(|number| self.names.snapshot(number))
            .collect();
        self.substrate.logs.delete(&replaced.map_err(invalid)?).await?;
        Ok(())
    }

    /// Gives up the generation before the newest, if that is whole.
    async fn drop_previous(&self) -> Result<()> {
        let (old, expected) = self.manifest.lock().clone();
        let is_needed = match old.newest.snapshot {
            Some(number) => !self.is_whole(number).await?,
            None => false,
        };
        if old.previous.is_none() || is_needed {
            return Ok(());
        }
        info!(machine = M::NAME, "the disk is full: the snapshot before the newest is given up");
        let manifest = Manifest { previous: None, ..old.clone() };
        self.replace_manifest(old, expected, manifest).await
    }

    /// True if there is room for another snapshot of this length, and some more.
    fn fits_again(&self) -> bool {
        self.substrate.logs.has_room((self.bytes + self.bytes / 4).max(SMALL_SNAPSHOT_BYTES) as u64)
    }

    /// True if the store can read all of a snapshot.
    async fn is_whole(&self, number: u64) -> Result<bool> {
        let log = self.substrate.logs.open(&self.names.snapshot(number).map_err(invalid)?).await?;
        let mut is_whole = true;
        replay(&log, Position::START, |found| {
            is_whole &= matches!(found, Found::Record { .. });
            Ok(())
        })
        .await?;
        Ok(is_whole)
    }

    async fn write(&mut self, shared: &Shared<M>) -> Result<()> {
        let id = self.names.snapshot(self.number).map_err(invalid)?;
        self.substrate.logs.create(std::slice::from_ref(&id)).await?;
        let log = self.substrate.logs.open(&id).await?;
        let first = std::mem::replace(&mut self.first, Ok((Vec::new(), None)));
        let (mut encoded, mut cursor) = first.map_err(invalid)?;
        loop {
            if !encoded.is_empty() {
                self.append(&*log, &encoded).await?;
            }
            let Some(from) = cursor else { return Ok(()) };
            let hosted = shared.hosted.read();
            if !hosted.role.is_owner() {
                // The state is not there any more, or is another one.
                return Err(StoreError::Conflict.into());
            }
            let taken = stretch(&*self.machine, &hosted.state, Some(&from), self.stretch_bytes);
            drop(hosted);
            (encoded, cursor) = taken.map_err(invalid)?;
        }
    }

    async fn append(&mut self, log: &dyn ShardLog, data: &[u8]) -> Result<()> {
        self.bytes += data.len();
        let mut builder = RecordBatchBuilder::with_capacity(data.len() + 16);
        builder.push(Record { key: "", explicit_hash_key: None, data });
        let records = builder.finish().ok_or_else(|| invalid("a batch without records"))?;
        log.append(AppendBatch { arrival: self.substrate.clock.now(), records, frees: false }, Expect::Any)
            .await?;
        Ok(())
    }
}

/// A part of the state, encoded, and where to go on.
type Stretch<M> = (Vec<u8>, Option<<M as Machine>::Cursor>);

fn stretch<M: Machine>(
    machine: &M,
    state: &M::State,
    from: Option<&M::Cursor>,
    stretch_bytes: usize,
) -> Result<Stretch<M>, EncodeError> {
    let (changes, next) = machine.snapshot(state, from, stretch_bytes);
    let mut encoded = Vec::new();
    if !changes.is_empty() {
        machine.encode(state, &changes, &mut encoded)?;
    }
    Ok((encoded, next))
}
