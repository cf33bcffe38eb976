//! What keeps the tables: a log of changes, and now and then a copy of everything.
//!
//! # Constraints
//! A write is acknowledged when its change is in the log. The log has one writer, which always names the end that it
//! knows: somebody else's append makes it read everything anew.
//!
//! # Format
//! The metadata key `tables/root` names the copy and from where on the log counts (JSON, [`Root`]). Records of both
//! logs are in [`crate::change`].
//!
//! # Algorithm
//! A copy is written while changes go on, table by table and stretch by stretch. It is made true by replaying the log
//! from where it ended when the copy was begun: changes say what is there afterwards, so those that the copy has already
//! do no harm. Only once the root names the copy is the log trimmed.
//!
//! Whoever opens the tables writes the root anew, as it is, and from then on changes it only from the version that this
//! had. So a copy by somebody who had opened them before is never named by the root, and can be removed.
//!
//! # Recovery
//! Copy, then log. Until the place where the copy was complete, changes of tables that are not there are passed over:
//! the table was deleted before the copy came to it. After that they are damage.

use std::sync::Arc;

use bytes::Bytes;
use headwater_host::{Clock, Random};
use headwater_store::{
    AppendBatch, Expect, Expected, LogId, LogStore, MetaStore, Position, ReadLimit, RecordBatch, ShardLog,
    StoreError, Version,
};
use headwater_types::Record;
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::change::{Change, decode};
use crate::error::{Result, TablesError};
use crate::keys;
use crate::order::Place;
use crate::state::State;
use crate::write::Recorded;

/// What one read of a log brings, in bytes.
const READ_BYTES: usize = 8 << 20;
/// A record of a copy, about, in bytes.
const COPY_RECORD_BYTES: usize = 256 << 10;

/// Which logs hold the tables.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Root {
    /// The copy, if there is one.
    snapshot: Option<u64>,
    /// From here on the log counts.
    from: u64,
    /// Here the copy was complete.
    settled: u64,
}

/// How often it is tried to read everything while somebody else replaces it.
const LOAD_TRIES: usize = 5;

/// The log, as far as it was read and written here.
#[derive(Debug)]
pub(crate) struct Journal {
    logs: Arc<dyn LogStore>,
    meta: Arc<dyn MetaStore>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    log: Arc<dyn ShardLog>,
    /// As it was last written here, and what a change of it expects.
    root: Arc<Mutex<(Root, Expected)>>,
    tail: Position,
    /// In the log since the copy.
    bytes: usize,
}

impl Journal {
    /// Reads everything.
    pub(crate) async fn open(
        logs: Arc<dyn LogStore>,
        meta: Arc<dyn MetaStore>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<(Self, State)> {
        let id = keys::journal().map_err(damaged)?;
        logs.create(std::slice::from_ref(&id)).await?;
        let log = logs.open(&id).await?;
        let root = Arc::new(Mutex::new((Root::default(), Expected::Absent)));
        let mut journal = Self { logs, meta, clock, random, log, root, tail: Position::START, bytes: 0 };
        let state = journal.load().await?;
        Ok((journal, state))
    }

    /// Reads everything anew, and keeps others from replacing it by what they were doing before.
    pub(crate) async fn load(&mut self) -> Result<State> {
        let mut tries = 0;
        loop {
            match self.try_load().await {
                Err(TablesError::Store(StoreError::Conflict | StoreError::NoSuchLog(_)))
                    if tries < LOAD_TRIES =>
                {
                    tries += 1;
                }
                result => return result,
            }
        }
    }

    async fn try_load(&mut self) -> Result<State> {
        let (root, expected) = match root_of(&*self.meta).await? {
            Some((root, version)) => (root, Expected::Version(version)),
            None => (Root::default(), Expected::Absent),
        };
        let (expected, fenced) = match self.meta.put(keys::ROOT, root.encode()?, expected).await {
            Ok(version) => (Expected::Version(version), true),
            // Want of space or files is no reason not to read.
            Err(StoreError::NoSpace(_) | StoreError::NoFiles(_)) => (expected, false),
            Err(error) => return Err(error.into()),
        };
        let mut state = State::default();
        if let Some(number) = root.snapshot {
            let log = self.logs.open(&keys::snapshot(number).map_err(damaged)?).await?;
            replay(&*log, Position::START, |_, record| apply(&mut state, record, true)).await?;
        }
        let (from, mut bytes) = (position(root.from)?, 0);
        if self.log.bounds().start > from {
            return Err(TablesError::Damaged("the log of changes begins after the copy".into()));
        }
        self.tail = replay(&*self.log, from, |at, record| {
            bytes += record.len();
            apply(&mut state, record, at.get() < root.settled)
        })
        .await?;
        self.bytes = bytes;
        if fenced {
            self.forget_other_copies(root.snapshot).await;
        }
        // A new one: a copy that is being made has the old one's.
        self.root = Arc::new(Mutex::new((root, expected)));
        Ok(state)
    }

    /// Makes records of changes durable, each as a whole.
    pub(crate) async fn append(&mut self, records: &[Recorded]) -> Result<()> {
        let batch = batch(records)?;
        let (bytes, count) = (batch.bytes().len(), batch.count());
        let batch = AppendBatch { arrival: self.clock.now(), records: batch };
        let appended = self.log.append(batch, Expect::Tail(self.tail)).await?;
        self.tail = appended.first.plus(count.into());
        self.bytes += bytes;
        Ok(())
    }

    /// True if it is time for a copy.
    pub(crate) fn wants_copy(&self, state: &State, after_bytes: usize) -> bool {
        self.bytes > after_bytes.max(2 * state.memory_bytes())
    }

    /// What the log has since the copy, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// A copy was made of so much of the log.
    pub(crate) fn copied(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// What makes a copy.
    pub(crate) fn copy(&self) -> Copy {
        Copy {
            logs: self.logs.clone(),
            meta: self.meta.clone(),
            clock: self.clock.clone(),
            log: self.log.clone(),
            root: self.root.clone(),
            from: self.tail,
            number: self.random.next_u64(),
        }
    }

    /// Copies that were begun and not finished, or have been replaced.
    async fn forget_other_copies(&self, kept: Option<u64>) {
        let kept = kept.and_then(|number| keys::snapshot(number).ok());
        let listed = self.logs.list(&format!("{}snapshot/", keys::LOGS)).await.unwrap_or_default();
        let others: Vec<LogId> = listed.into_iter().filter(|id| Some(id) != kept.as_ref()).collect();
        if let Err(error) = self.logs.delete(&others).await {
            warn!(%error, "old copies of the tables could not be removed");
        }
    }
}

/// A copy to be made.
pub(crate) struct Copy {
    logs: Arc<dyn LogStore>,
    meta: Arc<dyn MetaStore>,
    clock: Arc<dyn Clock>,
    log: Arc<dyn ShardLog>,
    root: Arc<Mutex<(Root, Expected)>>,
    from: Position,
    /// Unlike that of any other.
    number: u64,
}

impl Root {
    fn encode(&self) -> Result<Bytes> {
        let text = serde_json::to_vec(self).map_err(|error| TablesError::Damaged(error.to_string()))?;
        Ok(text.into())
    }
}

impl Copy {
    /// Makes it, while changes go on.
    pub(crate) async fn make(self, state: Arc<RwLock<State>>) -> Result<()> {
        let made = self.try_make(state).await;
        if made.is_err() && self.root.lock().0.snapshot != Some(self.number) {
            // Half of a copy is of no use, and takes room.
            self.logs.delete(&[keys::snapshot(self.number).map_err(damaged)?]).await?;
        }
        made
    }

    async fn try_make(&self, state: Arc<RwLock<State>>) -> Result<()> {
        let (old, expected) = self.root.lock().clone();
        let id = keys::snapshot(self.number).map_err(damaged)?;
        self.logs.create(std::slice::from_ref(&id)).await?;
        let copy = self.logs.open(&id).await?;
        let (tokens, uids) = {
            let state = state.read();
            (state.token_changes(), state.tables().map(|table| table.meta.uid).collect::<Vec<_>>())
        };
        for chunk in tokens.chunks(1000) {
            self.append(&*copy, chunk.to_vec()).await?;
        }
        for uid in uids {
            let mut after: Option<Place> = None;
            let mut is_first = true;
            loop {
                let (changes, last) = stretch(&state.read(), uid, after.as_ref(), is_first);
                if !changes.is_empty() {
                    self.append(&*copy, changes).await?;
                }
                is_first = false;
                match last {
                    Some(last) => after = Some(last),
                    None => break,
                }
            }
        }
        let settled = self.log.bounds().end;
        let root = Root { snapshot: Some(self.number), from: self.from.get(), settled: settled.get() };
        let version = match self.meta.put(keys::ROOT, root.encode()?, expected).await {
            Ok(version) => version,
            // It may have been written nevertheless.
            Err(error) => match root_of(&*self.meta).await? {
                Some((written, version)) if written.snapshot == Some(self.number) => version,
                _ => return Err(error.into()),
            },
        };
        *self.root.lock() = (root, Expected::Version(version));
        self.log.trim(self.from).await?;
        if let Some(old) = old.snapshot {
            self.logs.delete(&[keys::snapshot(old).map_err(damaged)?]).await?;
        }
        Ok(())
    }

    async fn append(&self, log: &dyn ShardLog, changes: Vec<Change>) -> Result<()> {
        let batch = AppendBatch { arrival: self.clock.now(), records: batch(&[Recorded::new(changes)?])? };
        log.append(batch, Expect::Any).await?;
        Ok(())
    }
}

/// Some items of a table, its own record before the first of them, and after which one to go on.
fn stretch(state: &State, uid: u64, after: Option<&Place>, is_first: bool) -> (Vec<Change>, Option<Place>) {
    use std::ops::Bound::{Excluded, Unbounded};
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
        if bytes >= COPY_RECORD_BYTES {
            return (changes, Some(place.clone()));
        }
    }
    (changes, None)
}

async fn root_of(meta: &dyn MetaStore) -> Result<Option<(Root, Version)>> {
    let Some(stored) = meta.get(keys::ROOT).await? else { return Ok(None) };
    let root = serde_json::from_slice(&stored.value).map_err(damaged)?;
    Ok(Some((root, stored.version)))
}

fn batch(records: &[Recorded]) -> Result<RecordBatch> {
    let mut builder = headwater_types::RecordBatchBuilder::default();
    for recorded in records {
        builder.push(Record { key: "", explicit_hash_key: None, data: &recorded.bytes });
    }
    builder.finish().ok_or_else(|| StoreError::Invalid("no changes".into()).into())
}

/// Gives every record from `from` on to `each`, with its position, and says where the log ends.
async fn replay(
    log: &dyn ShardLog,
    from: Position,
    mut each: impl FnMut(Position, &[u8]) -> Result<()>,
) -> Result<Position> {
    let limit = ReadLimit { records: 10_000, bytes: READ_BYTES };
    let mut from = from;
    loop {
        let read = log.read(from, limit).await?;
        for stored in &read.batches {
            if stored.records.is_sealed() {
                return Err(TablesError::Damaged("a record is sealed".into()));
            }
            for (i, record) in stored.records.records().enumerate() {
                each(stored.first.plus(i as u64), record.data)?;
            }
        }
        from = read.next;
        if read.next >= read.bounds.end {
            return Ok(read.bounds.end);
        }
    }
}

fn apply(state: &mut State, record: &[u8], lenient: bool) -> Result<()> {
    for change in decode(record).map_err(TablesError::Damaged)? {
        if !state.apply(change) && !lenient {
            return Err(TablesError::Damaged("a change is of a table that is not there".into()));
        }
    }
    Ok(())
}

fn position(value: u64) -> Result<Position> {
    Position::new(value).ok_or_else(|| TablesError::Damaged(format!("{value} is no position")))
}

fn damaged(cause: impl std::fmt::Display) -> TablesError {
    TablesError::Damaged(cause.to_string())
}
