//! The naive engine: everything in memory. It says what the ports mean; tests compare with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use headwater_types::{Position, Timestamp};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use crate::{
    AppendBatch, Appended, Bounds, Expect, Expected, LogId, LogStore, MetaChange, MetaKey, MetaStore,
    MetaWatch, ReadBatch, ReadCollector, ReadLimit, Result, ShardLog, StoreError, StoredBatch, Version,
    Versioned, check_meta_key, check_meta_value,
};

/// Number of changes that a watcher may lag behind before it is dropped.
const WATCH_LAG: usize = 1024;

/// A store that forgets everything when it is dropped.
#[derive(Debug, Default)]
pub struct MemoryStore {
    logs: Mutex<BTreeMap<LogId, Arc<MemoryLog>>>,
    meta: Mutex<Meta>,
}

#[derive(Debug, Default)]
struct Meta {
    values: BTreeMap<MetaKey, Versioned<Bytes>>,
    version: u64,
    watchers: Vec<(String, mpsc::Sender<MetaChange>)>,
}

/// One log of a [`MemoryStore`].
#[derive(Debug)]
struct MemoryLog {
    id: LogId,
    state: Mutex<State>,
    /// Changes with every append, seal and deletion.
    moved: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    batches: Vec<StoredBatch>,
    bounds: Bounds,
    deleted: bool,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }
}

#[async_trait]
impl LogStore for MemoryStore {
    async fn create(&self, ids: &[LogId]) -> Result<()> {
        let mut logs = self.logs.lock();
        for id in ids {
            logs.entry(id.clone()).or_insert_with(|| {
                Arc::new(MemoryLog { id: id.clone(), state: Mutex::default(), moved: watch::Sender::new(()) })
            });
        }
        Ok(())
    }

    async fn open(&self, id: &LogId) -> Result<Arc<dyn ShardLog>> {
        let log = self.logs.lock().get(id).cloned();
        log.map(|log| log as Arc<dyn ShardLog>).ok_or_else(|| StoreError::NoSuchLog(id.to_string()))
    }

    async fn delete(&self, ids: &[LogId]) -> Result<()> {
        let mut logs = self.logs.lock();
        for log in ids.iter().filter_map(|id| logs.remove(id)) {
            let mut state = log.state.lock();
            state.deleted = true;
            state.batches = Vec::new();
            log.moved.send_replace(());
        }
        Ok(())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<LogId>> {
        Ok(self.logs.lock().keys().filter(|id| id.as_str().starts_with(prefix)).cloned().collect())
    }
}

impl MemoryLog {
    fn with<T>(&self, work: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
        let mut state = self.state.lock();
        if state.deleted { Err(StoreError::NoSuchLog(self.id.to_string())) } else { work(&mut state) }
    }
}

#[async_trait]
impl ShardLog for MemoryLog {
    async fn append(&self, batch: AppendBatch, expect: Expect) -> Result<Appended> {
        self.with(|state| {
            let bounds = &mut state.bounds;
            if bounds.sealed {
                return Err(StoreError::Closed);
            }
            if matches!(expect, Expect::Tail(tail) if tail != bounds.end) {
                return Err(StoreError::Conflict);
            }
            let count = u64::from(batch.records.count());
            if Position::MAX.get() - bounds.end.get() < count {
                return Err(StoreError::Invalid("the log has no positions left".into()));
            }
            let appended = Appended { first: bounds.end, arrival: batch.arrival.max(bounds.last_arrival) };
            bounds.end = bounds.end.plus(count);
            bounds.last_arrival = appended.arrival;
            let (first, arrival) = (appended.first, appended.arrival);
            state.batches.push(StoredBatch { first, arrival, records: batch.records });
            self.moved.send_replace(());
            Ok(appended)
        })
    }

    async fn read(&self, from: Position, limit: ReadLimit) -> Result<ReadBatch> {
        self.with(|state| {
            let mut found = ReadCollector::new(from.max(state.bounds.start), limit);
            let begin = state.batches.partition_point(|batch| end_of(batch) <= found.next());
            for batch in &state.batches[begin..] {
                if found.is_full() {
                    break;
                }
                found.push(batch.clone());
            }
            Ok(found.finish(state.bounds))
        })
    }

    async fn position_at(&self, time: Timestamp) -> Result<Position> {
        self.with(|state| {
            let at = state.batches.partition_point(|batch| batch.arrival < time);
            let found = state.batches.get(at).map_or(state.bounds.end, |batch| batch.first);
            Ok(found.max(state.bounds.start))
        })
    }

    async fn moved_past(&self, position: Position) -> Result<()> {
        let mut moved = self.moved.subscribe();
        loop {
            moved.borrow_and_update();
            {
                let state = self.state.lock();
                if state.bounds.end > position || state.bounds.sealed || state.deleted {
                    return Ok(());
                }
            }
            // The sender lives as long as `self`.
            let _ = moved.changed().await;
        }
    }

    async fn seal(&self) -> Result<Bounds> {
        self.with(|state| {
            state.bounds.sealed = true;
            self.moved.send_replace(());
            Ok(state.bounds)
        })
    }

    async fn trim(&self, before: Position) -> Result<()> {
        self.with(|state| {
            state.bounds.start = state.bounds.start.max(before.min(state.bounds.end));
            let gone = state.batches.partition_point(|batch| end_of(batch) <= state.bounds.start);
            state.batches.drain(..gone);
            Ok(())
        })
    }

    fn bounds(&self) -> Bounds {
        self.state.lock().bounds
    }
}

fn end_of(batch: &StoredBatch) -> Position {
    batch.first.plus(u64::from(batch.records.count()))
}

#[async_trait]
impl MetaStore for MemoryStore {
    async fn get(&self, key: &str) -> Result<Option<Versioned<Bytes>>> {
        Ok(self.meta.lock().values.get(key).cloned())
    }

    async fn put(&self, key: &str, value: Bytes, expected: Expected) -> Result<Version> {
        check_meta_key(key)?;
        check_meta_value(&value)?;
        let mut meta = self.meta.lock();
        let found = meta.values.get(key).map_or(Expected::Absent, |found| Expected::Version(found.version));
        if found != expected {
            return Err(StoreError::Conflict);
        }
        meta.version += 1;
        let value = Versioned { value, version: Version(meta.version) };
        meta.values.insert(key.to_owned(), value.clone());
        meta.publish(key, Some(value.clone()));
        Ok(value.version)
    }

    async fn delete(&self, key: &str, expected: Version) -> Result<()> {
        let mut meta = self.meta.lock();
        if meta.values.get(key).map(|found| found.version) != Some(expected) {
            return Err(StoreError::Conflict);
        }
        meta.version += 1;
        meta.values.remove(key);
        meta.publish(key, None);
        Ok(())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<(MetaKey, Versioned<Bytes>)>> {
        let meta = self.meta.lock();
        let from = meta.values.range(prefix.to_owned()..);
        let found = from.take_while(|(key, _)| key.starts_with(prefix));
        Ok(found.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    async fn watch(&self, prefix: &str) -> Result<MetaWatch> {
        let (sender, receiver) = mpsc::channel(WATCH_LAG);
        self.meta.lock().watchers.push((prefix.to_owned(), sender));
        Ok(receiver)
    }
}

impl Meta {
    /// Tells every watcher; one that is gone or too slow is dropped, which ends its watch.
    fn publish(&mut self, key: &str, value: Option<Versioned<Bytes>>) {
        let change = MetaChange { key: key.to_owned(), value };
        self.watchers.retain(|(prefix, watcher)| {
            if key.starts_with(prefix.as_str()) {
                watcher.try_send(change.clone()).is_ok()
            } else {
                !watcher.is_closed()
            }
        });
    }
}
