//! Makes a snapshot of all tables while changes go on.
//!
//! # Algorithm
//! Table by table and stretch by stretch. It is made true by replaying the log from where it ended when the snapshot was
//! begun: changes say what is there afterwards, so those that the snapshot has already do no harm. The one before is kept
//! until the next one, and the log from its beginning, in case this one turns out to be damaged. Only once the manifest names
//! the snapshot is the log trimmed.

use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use headwater_host::Clock;
use headwater_store::{AppendBatch, Expect, Expected, LogId, LogStore, MetaStore, Position, ShardLog};
use parking_lot::{Mutex, RwLock};
use tracing::warn;

use crate::change::Change;
use crate::counts::Counts;
use crate::error::Result;
use crate::journal::{batch, damaged};
use crate::keys;
use crate::manifest::{Generation, Manifest};
use crate::order::Place;
use crate::state::State;
use crate::write::Recorded;

/// A record of a snapshot, about, in bytes.
const SNAPSHOT_RECORD_BYTES: usize = 256 << 10;

/// A snapshot to be made.
pub(crate) struct Snapshot {
    pub(crate) logs: Arc<dyn LogStore>,
    pub(crate) meta: Arc<dyn MetaStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) log: Arc<dyn ShardLog>,
    pub(crate) manifest: Arc<Mutex<(Manifest, Expected)>>,
    pub(crate) from: Position,
    /// At `from`.
    pub(crate) counts: Counts,
    /// Unlike that of any other.
    pub(crate) number: u64,
    /// True if no earlier one is to be kept.
    pub(crate) is_alone: bool,
    /// True if the earlier one has items as they are that are encrypted by now.
    pub(crate) is_previous_plain: bool,
}

impl Snapshot {
    /// Makes it, while changes go on.
    pub(crate) async fn make(self, state: Arc<RwLock<State>>) -> Result<()> {
        let made = self.try_make(state).await;
        if made.is_err() && self.manifest.lock().0.newest.snapshot != Some(self.number) {
            // Half of a snapshot is of no use, and takes room.
            self.logs.delete(&[keys::snapshot(self.number).map_err(damaged)?]).await?;
        }
        made
    }

    async fn try_make(&self, state: Arc<RwLock<State>>) -> Result<()> {
        let (old, expected) = self.manifest.lock().clone();
        let id = keys::snapshot(self.number).map_err(damaged)?;
        self.logs.create(std::slice::from_ref(&id)).await?;
        let snapshot = self.logs.open(&id).await?;
        let (tokens, uids) = {
            let state = state.read();
            (state.token_changes(), state.tables().map(|table| table.meta.uid).collect::<Vec<_>>())
        };
        let plain = |changes| Recorded::new(changes, &state.read());
        self.append(&*snapshot, plain(vec![self.counts.change()])?).await?;
        for chunk in tokens.chunks(1000) {
            self.append(&*snapshot, plain(chunk.to_vec())?).await?;
        }
        for uid in uids {
            let mut after: Option<Place> = None;
            let mut is_first = true;
            loop {
                // Sealed at once: a moment later the table may not be there, and its keys with it.
                let (record, last) = {
                    let state = state.read();
                    let (changes, last) = stretch(&state, uid, after.as_ref(), is_first);
                    ((!changes.is_empty()).then(|| Recorded::new(changes, &state)).transpose()?, last)
                };
                if let Some(record) = record {
                    self.append(&*snapshot, record).await?;
                }
                is_first = false;
                match last {
                    Some(last) => after = Some(last),
                    None => break,
                }
            }
        }
        let newest = Generation::new(self.number, self.from, self.log.bounds().end);
        let previous = (!self.is_alone).then_some(old.newest);
        let manifest = Manifest { newest, previous, is_previous_plain: self.is_previous_plain };
        let version = match self.meta.put(keys::MANIFEST, manifest.encode()?, expected).await {
            Ok(version) => version,
            // It may have been written nevertheless.
            Err(error) => match Manifest::read(&*self.meta).await? {
                Some((written, version)) if written == manifest => version,
                _ => return Err(error.into()),
            },
        };
        let kept_from = manifest.kept_from()?;
        *self.manifest.lock() = (manifest.clone(), Expected::Version(version));
        self.log.trim(kept_from).await?;
        forget_other_snapshots(&*self.logs, &manifest).await;
        Ok(())
    }

    async fn append(&self, log: &dyn ShardLog, record: Recorded) -> Result<()> {
        let batch = AppendBatch { arrival: self.clock.now(), records: batch([&record])?, frees: false };
        log.append(batch, Expect::Any).await?;
        Ok(())
    }
}

/// Removes snapshots that were begun and not finished, or have been replaced.
pub(crate) async fn forget_other_snapshots(logs: &dyn LogStore, manifest: &Manifest) {
    let kept: Vec<LogId> =
        manifest.generations().filter_map(|kept| keys::snapshot(kept.snapshot?).ok()).collect();
    let listed = logs.list(keys::SNAPSHOTS).await.unwrap_or_default();
    let others: Vec<LogId> = listed.into_iter().filter(|id| !kept.contains(id)).collect();
    if let Err(error) = logs.delete(&others).await {
        warn!(%error, "old snapshots of the tables could not be removed");
    }
}

/// Some items of a table, its own record before the first of them, and after which one to go on.
fn stretch(state: &State, uid: u64, after: Option<&Place>, is_first: bool) -> (Vec<Change>, Option<Place>) {
    let Some(table) = state.table(uid) else { return (Vec::new(), None) };
    let mut changes = Vec::new();
    if is_first {
        changes.push(Change::Table(Box::new(table.meta.clone())));
    }
    let mut bytes = 0;
    let start = after.map_or(Unbounded, Excluded);
    for (place, item) in table.items.range::<Place, _>((start, Unbounded)) {
        changes.push(Change::Put(uid, item.clone()));
        bytes += crate::value::size_bytes(item);
        if bytes >= SNAPSHOT_RECORD_BYTES {
            return (changes, Some(place.clone()));
        }
    }
    (changes, None)
}
