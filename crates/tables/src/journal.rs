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
//! # Recovery
//! Copy, then log. Until the place where the copy was complete, changes of tables that are not there are passed over:
//! the table was deleted before the copy came to it. After that they are damage.

use std::sync::Arc;

use bytes::Bytes;
use headwater_host::Clock;
use headwater_store::{
    AppendBatch, Expect, Expected, LogId, LogStore, MetaStore, Position, ReadLimit, RecordBatch, ShardLog,
    StoreError, Version,
};
use headwater_types::Record;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::change::{Change, decode, encode};
use crate::error::{Result, TablesError};
use crate::keys;
use crate::order::Place;
use crate::state::State;

/// What one read of a log brings, in bytes.
const READ_BYTES: usize = 8 << 20;
/// A record of a copy, about, in bytes.
const COPY_RECORD_BYTES: usize = 256 << 10;
/// Changes in the log before a copy is made, in bytes; and not before there are twice as many as all items.
const COPY_AFTER_BYTES: usize = 16 << 20;

/// Which logs hold the tables.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Root {
    /// The copy, if there is one.
    snapshot: Option<u64>,
    /// Numbers of copies that were begun are below this.
    next_snapshot: u64,
    /// From here on the log counts.
    from: u64,
    /// Here the copy was complete.
    settled: u64,
}

/// The log, as far as it was read and written here.
#[derive(Debug)]
pub(crate) struct Journal {
    logs: Arc<dyn LogStore>,
    meta: Arc<dyn MetaStore>,
    clock: Arc<dyn Clock>,
    log: Arc<dyn ShardLog>,
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
    ) -> Result<(Self, State)> {
        let id = keys::journal().map_err(damaged)?;
        logs.create(std::slice::from_ref(&id)).await?;
        let log = logs.open(&id).await?;
        let mut journal = Self { logs, meta, clock, log, tail: Position::START, bytes: 0 };
        let state = journal.load().await?;
        Ok((journal, state))
    }

    /// Reads everything anew.
    pub(crate) async fn load(&mut self) -> Result<State> {
        let root = self.root().await?.map(|(root, _)| root);
        let mut state = State::default();
        let (from, settled) = root.as_ref().map_or((0, 0), |root| (root.from, root.settled));
        if let Some(number) = root.as_ref().and_then(|root| root.snapshot) {
            let id = keys::snapshot(number).map_err(damaged)?;
            let log = self.logs.open(&id).await?;
            replay(&*log, Position::START, |_, changes| apply(&mut state, changes, true)).await?;
        }
        let (mut bytes, start) = (0, position(from)?);
        self.tail = replay(&*self.log, start, |at, record| {
            bytes += record.len();
            apply(&mut state, record, at.get() < settled)
        })
        .await?;
        self.bytes = bytes;
        self.forget_other_copies(root.and_then(|root| root.snapshot)).await;
        Ok(state)
    }

    /// Makes records of changes durable, each as a whole.
    pub(crate) async fn append(&mut self, records: &[Vec<Change>]) -> Result<()> {
        let batch = batch(records)?;
        let (bytes, count) = (batch.bytes().len(), batch.count());
        let batch = AppendBatch { arrival: self.clock.now(), records: batch };
        let appended = self.log.append(batch, Expect::Tail(self.tail)).await?;
        self.tail = appended.first.plus(count.into());
        self.bytes += bytes;
        Ok(())
    }

    /// True if it is time for a copy.
    pub(crate) fn wants_copy(&self, state: &State) -> bool {
        self.bytes > COPY_AFTER_BYTES.max(2 * state.memory_bytes())
    }

    /// What makes a copy. From now on the log counts towards the next one.
    pub(crate) fn begin_copy(&mut self) -> Copy {
        self.bytes = 0;
        Copy {
            logs: self.logs.clone(),
            meta: self.meta.clone(),
            clock: self.clock.clone(),
            log: self.log.clone(),
            from: self.tail,
        }
    }

    async fn root(&self) -> Result<Option<(Root, Version)>> {
        root(&*self.meta).await
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
    from: Position,
}

impl Copy {
    /// Makes it, while changes go on.
    pub(crate) async fn make(self, state: Arc<RwLock<State>>) -> Result<()> {
        let (number, version, old) = match root(&*self.meta).await? {
            Some((root, version)) => (root.next_snapshot, Expected::Version(version), root.snapshot),
            None => (0, Expected::Absent, None),
        };
        let id = keys::snapshot(number).map_err(damaged)?;
        // What an attempt before this one left has the same name.
        self.logs.delete(std::slice::from_ref(&id)).await?;
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
        let root = Root {
            snapshot: Some(number),
            next_snapshot: number + 1,
            from: self.from.get(),
            settled: settled.get(),
        };
        let text = serde_json::to_vec(&root).map_err(|error| TablesError::Damaged(error.to_string()))?;
        self.meta.put(keys::ROOT, Bytes::from(text), version).await?;
        self.log.trim(self.from).await?;
        if let Some(old) = old {
            self.logs.delete(&[keys::snapshot(old).map_err(damaged)?]).await?;
        }
        Ok(())
    }

    async fn append(&self, log: &dyn ShardLog, changes: Vec<Change>) -> Result<()> {
        let batch = AppendBatch { arrival: self.clock.now(), records: batch(&[changes])? };
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

async fn root(meta: &dyn MetaStore) -> Result<Option<(Root, Version)>> {
    let Some(stored) = meta.get(keys::ROOT).await? else { return Ok(None) };
    let root = serde_json::from_slice(&stored.value).map_err(damaged)?;
    Ok(Some((root, stored.version)))
}

fn batch(records: &[Vec<Change>]) -> Result<RecordBatch> {
    let mut builder = headwater_types::RecordBatchBuilder::default();
    for changes in records {
        let data = encode(changes).map_err(TablesError::Damaged)?;
        builder.push(Record { key: "", explicit_hash_key: None, data: &data });
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
