//! Durable journal and periodic snapshots of all tables.
//!
//! # Constraints
//! A write is acknowledged when its change is in the log. The log has one writer, which always names the end that it
//! knows: somebody else's append makes it read everything anew.
//!
//! # Format
//! The manifest names the snapshots and from where on the log counts ([`crate::manifest`]). Records of both logs are in
//! [`crate::change`].
//!
//! # Algorithm
//! Snapshots are made while changes go on ([`crate::snapshot`]). Opening the tables writes the manifest anew, as it is, and from then
//! on it is changed only from the version that this had. So a snapshot by somebody who had opened them before is never named by
//! the manifest, and can be removed.
//!
//! # Recovery
//! Snapshot, then log. If the newest snapshot is damaged, the one before and all of the log since. What neither has is lost, and
//! [`crate::replay`] finds out which tables it concerns. As long as anything is lost no snapshot is made and nothing trimmed:
//! a file that is put back mends it. [`Journal::accept_losses`] ends that, when somebody has decided so.

use std::sync::Arc;

use headwater_host::Clock;
use headwater_store::{
    AppendBatch, Expect, Expected, LogStore, MetaStore, Position, RecordBatch, ShardLog, StoreError,
};
use headwater_types::Record;
use headwater_vault::Keyring;
use parking_lot::{Mutex, RwLock};
use tracing::{error, warn};

use crate::counts::Counts;
use crate::encryption::Vault;
use crate::error::{Result, TablesError};
use crate::keys;
use crate::manifest::{Generation, Manifest};
use crate::reading::{Seen, read_through};
use crate::replay::Replay;
use crate::snapshot::{Snapshot, forget_other_snapshots};
use crate::state::State;
use crate::write::Recorded;

/// Retries of reading everything while another writer replaces it.
const LOAD_TRIES: usize = 5;

/// The log, as far as it was read and written here.
#[derive(Debug)]
pub(crate) struct Journal {
    logs: Arc<dyn LogStore>,
    meta: Arc<dyn MetaStore>,
    clock: Arc<dyn Clock>,
    log: Arc<dyn ShardLog>,
    /// As it was last written here, and what a change of it expects.
    manifest: Arc<Mutex<(Manifest, Expected)>>,
    tail: Position,
    /// In the log since the snapshot.
    bytes: usize,
    /// Changes of each table up to the tail; `None` while a loss makes them unknown.
    counts: Option<Counts>,
    bytes_since_counts: usize,
    /// So many snapshots are wanted however short the log is.
    snapshots_wanted: u8,
    vault: Vault,
}

impl Journal {
    /// Reads everything.
    pub(crate) async fn open(
        logs: Arc<dyn LogStore>,
        meta: Arc<dyn MetaStore>,
        clock: Arc<dyn Clock>,
        vault: Vault,
    ) -> Result<(Self, State)> {
        let id = keys::journal().map_err(damaged)?;
        logs.create(std::slice::from_ref(&id)).await?;
        let log = logs.open(&id).await?;
        let manifest = Arc::new(Mutex::new((Manifest::default(), Expected::Absent)));
        let mut journal = Self {
            logs,
            meta,
            clock,
            log,
            manifest,
            tail: Position::START,
            bytes: 0,
            counts: None,
            bytes_since_counts: 0,
            snapshots_wanted: 0,
            vault,
        };
        let state = journal.load().await?;
        Ok((journal, state))
    }

    /// Reads everything anew, and keeps others from replacing it by what they were doing before.
    pub(crate) async fn load(&mut self) -> Result<State> {
        let mut tries = 0;
        loop {
            match self.try_load(tries == LOAD_TRIES).await {
                Err(TablesError::Store(StoreError::Conflict | StoreError::NoSuchLog(_)))
                    if tries < LOAD_TRIES =>
                {
                    tries += 1;
                }
                result => return result,
            }
        }
    }

    async fn try_load(&mut self, is_last_try: bool) -> Result<State> {
        let (manifest, expected) = match Manifest::read(&*self.meta).await? {
            Some((manifest, version)) => (manifest, Expected::Version(version)),
            None => (Manifest::default(), Expected::Absent),
        };
        let (expected, fenced) = match self.meta.put(keys::MANIFEST, manifest.encode()?, expected).await {
            Ok(version) => (Expected::Version(version), true),
            // Want of space or files is no reason not to read.
            Err(StoreError::NoSpace(_) | StoreError::NoFiles(_)) => (expected, false),
            Err(error) => return Err(error.into()),
        };
        let (generation, mut replay) = self.best_snapshot(&manifest, is_last_try).await?;
        replay.begin_log();
        let from = generation.from()?;
        self.tail = read_through(&*self.log, from, |seen| replay.logged(seen, &generation)).await?;
        (self.bytes, self.bytes_since_counts) = (replay.bytes, replay.bytes_since_counts);
        // Twice, so that the one before goes as well.
        self.snapshots_wanted = if replay.has_plain_items() { 2 } else { manifest.is_previous_plain.into() };
        let (state, counts) = replay.finish();
        self.counts = counts;
        if fenced && !state.has_losses() {
            forget_other_snapshots(&*self.logs, &manifest).await;
        }
        // Of a damaged snapshot only the one before is kept, until there is a new one.
        let is_behind = generation != manifest.newest;
        self.snapshots_wanted = self.snapshots_wanted.max(is_behind.into());
        let manifest =
            if is_behind { Manifest { newest: generation, ..Manifest::default() } } else { manifest };
        // A new one: a snapshot that is being made has the old one's.
        self.manifest = Arc::new(Mutex::new((manifest, expected)));
        Ok(state)
    }

    /// The newest snapshot that is whole; the newest one if none is.
    async fn best_snapshot(&self, manifest: &Manifest, is_last_try: bool) -> Result<(Generation, Replay)> {
        let mut damaged = None;
        for generation in manifest.generations() {
            match self.read_snapshot(&generation).await {
                Ok(replay) if replay.is_whole() => {
                    if generation != manifest.newest {
                        warn!(
                            "the newest snapshot of the tables is damaged; the one before and the log since are used"
                        );
                    }
                    return Ok((generation, replay));
                }
                Ok(replay) => damaged = damaged.or(Some((generation, replay))),
                Err(TablesError::Store(StoreError::NoSuchLog(name)))
                    if is_last_try && manifest.previous.is_some() =>
                {
                    error!(name, "a snapshot of the tables is not there");
                }
                Err(error) => return Err(error),
            }
        }
        damaged.ok_or_else(|| TablesError::Damaged("no snapshot of the tables is there".into()))
    }

    async fn read_snapshot(&self, generation: &Generation) -> Result<Replay> {
        let mut replay = Replay::new(self.vault.clone());
        if let Some(number) = generation.snapshot {
            let log = self.logs.open(&keys::snapshot(number).map_err(self::damaged)?).await?;
            read_through(&*log, Position::START, |seen: Seen<'_>| replay.snapshotted(seen)).await?;
        }
        Ok(replay)
    }

    /// Makes records of changes durable, each as a whole.
    pub(crate) async fn append(&mut self, records: &[Recorded]) -> Result<()> {
        let counted = match &self.counts {
            Some(counts) if counts.are_due(self.bytes_since_counts) => Some(counts.record()?),
            _ => None,
        };
        let are_counted = counted.is_some();
        let batch = batch(counted.iter().chain(records))?;
        let (bytes, count) = (batch.bytes().len(), batch.count());
        let frees = records.iter().all(Recorded::frees);
        let batch = AppendBatch { arrival: self.clock.now(), records: batch, frees };
        let appended = self.log.append(batch, Expect::Tail(self.tail)).await?;
        self.tail = appended.first.plus(count.into());
        self.bytes += bytes;
        self.bytes_since_counts = if are_counted { bytes } else { self.bytes_since_counts + bytes };
        if let Some(counts) = &mut self.counts {
            records.iter().flat_map(|recorded| &recorded.changes).for_each(|change| counts.note(change));
        }
        Ok(())
    }

    /// Writes the counts as the last thing, so that damage before the end can be told apart.
    pub(crate) async fn close(&mut self) {
        let Some(counts) = self.counts.as_ref().filter(|_| self.bytes_since_counts > 0) else { return };
        let written = match counts.record() {
            Ok(counts) => self.append(&[counts]).await,
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            warn!(%error, "the counts of the tables' changes could not be written");
        }
    }

    /// True if it is time for a snapshot.
    pub(crate) fn wants_snapshot(&self, state: &State, after_bytes: usize) -> bool {
        let is_long = self.bytes > after_bytes.max(2 * state.memory_bytes());
        (is_long || self.snapshots_wanted > 0) && !state.has_losses() && state.unread().is_none()
    }

    /// Has snapshots made in place of those there are, in which items are stored as they are no longer to be.
    pub(crate) fn replace_snapshots(&mut self) {
        self.snapshots_wanted = 2;
    }

    pub(crate) fn vault(&self) -> &Vault {
        &self.vault
    }

    pub(crate) fn replace_keys(&mut self, keyring: Arc<Keyring>) {
        self.vault.keyring = keyring;
    }

    /// Bytes in the log since the snapshot.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// A snapshot was made of so much of the log.
    pub(crate) fn snapshotted(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
        self.snapshots_wanted = self.snapshots_wanted.saturating_sub(1);
    }

    /// Takes hold of everything that a snapshot is made from.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            logs: self.logs.clone(),
            meta: self.meta.clone(),
            clock: self.clock.clone(),
            log: self.log.clone(),
            manifest: self.manifest.clone(),
            from: self.tail,
            counts: self.counts.clone().unwrap_or_default(),
            number: self.vault.random.next_u64(),
            is_alone: false,
            is_previous_plain: self.snapshots_wanted > 1,
        }
    }

    /// Takes what is known for all there is: makes a snapshot of it and forgets the log before, and everything else.
    pub(crate) async fn accept_losses(&mut self, state: &Arc<RwLock<State>>) -> Result<()> {
        self.counts = Some(Counts::default());
        let snapshot = Snapshot { is_alone: true, is_previous_plain: false, ..self.snapshot() };
        snapshot.make(state.clone()).await?;
        (self.bytes, self.bytes_since_counts, self.snapshots_wanted) = (0, 0, 0);
        Ok(())
    }
}

pub(crate) fn batch<'a>(records: impl IntoIterator<Item = &'a Recorded>) -> Result<RecordBatch> {
    let mut builder = headwater_types::RecordBatchBuilder::default();
    for recorded in records {
        builder.push(Record { key: "", explicit_hash_key: None, data: &recorded.bytes });
    }
    builder.finish().ok_or_else(|| StoreError::Invalid("no changes".into()).into())
}

pub(crate) fn damaged(cause: impl std::fmt::Display) -> TablesError {
    TablesError::Damaged(cause.to_string())
}
