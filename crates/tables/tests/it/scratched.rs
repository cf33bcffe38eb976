//! A store in memory of which some records cannot be read.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use headwater_store::memory::MemoryStore;
use headwater_store::{
    AppendBatch, Appended, Bounds, Expect, LogId, LogStore, Position, ReadBatch, ReadLimit, Result, ShardLog,
    StoreError, Timestamp,
};
use parking_lot::Mutex;

/// Logs by name, and positions in them.
type Scratches = Arc<Mutex<BTreeSet<(String, u64)>>>;

#[derive(Debug)]
pub(crate) struct Scratched {
    pub(crate) inner: Arc<MemoryStore>,
    scratches: Scratches,
}

impl Scratched {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { inner: MemoryStore::new(), scratches: Scratches::default() })
    }

    /// Makes a record unreadable.
    pub(crate) fn scratch(&self, log: &str, position: u64) {
        self.scratches.lock().insert((log.to_owned(), position));
    }

    /// Makes all readable again.
    pub(crate) fn mend(&self) {
        self.scratches.lock().clear();
    }

    /// The only log whose name begins so, and its bounds.
    pub(crate) async fn only(&self, prefix: &str) -> (String, Bounds) {
        let ids = LogStore::list(&*self.inner, prefix).await.unwrap();
        let [id] = &ids[..] else { panic!("{ids:?}") };
        (id.to_string(), self.inner.open(id).await.unwrap().bounds())
    }
}

#[derive(Debug)]
struct ScratchedLog {
    name: String,
    inner: Arc<dyn ShardLog>,
    scratches: Scratches,
}

#[async_trait]
impl LogStore for Scratched {
    async fn create(&self, ids: &[LogId]) -> Result<()> {
        self.inner.create(ids).await
    }
    async fn open(&self, id: &LogId) -> Result<Arc<dyn ShardLog>> {
        let inner = self.inner.open(id).await?;
        Ok(Arc::new(ScratchedLog { name: id.to_string(), inner, scratches: self.scratches.clone() }))
    }
    async fn delete(&self, ids: &[LogId]) -> Result<()> {
        LogStore::delete(&*self.inner, ids).await
    }
    async fn list(&self, prefix: &str) -> Result<Vec<LogId>> {
        LogStore::list(&*self.inner, prefix).await
    }
}

#[async_trait]
impl ShardLog for ScratchedLog {
    async fn append(&self, batch: AppendBatch, expect: Expect) -> Result<Appended> {
        self.inner.append(batch, expect).await
    }
    async fn read(&self, from: Position, limit: ReadLimit) -> Result<ReadBatch> {
        let start = from.max(self.inner.bounds().start).get();
        let scratched = |position: &u64| self.scratches.lock().contains(&(self.name.clone(), *position));
        let end = self.inner.bounds().end.get();
        // What is good before the damage is given, as an engine does it.
        match (start..end).find(scratched) {
            Some(at) if at == start => Err(StoreError::Corrupt(format!("a scratch at {at}"))),
            Some(at) => {
                let records = limit.records.min(u32::try_from(at - start).unwrap());
                self.inner.read(from, ReadLimit { records, ..limit }).await
            }
            None => self.inner.read(from, limit).await,
        }
    }
    async fn position_at(&self, time: Timestamp) -> Result<Position> {
        self.inner.position_at(time).await
    }
    async fn moved_past(&self, position: Position) -> Result<()> {
        self.inner.moved_past(position).await
    }
    async fn seal(&self) -> Result<Bounds> {
        self.inner.seal().await
    }
    async fn trim(&self, before: Position) -> Result<()> {
        self.inner.trim(before).await
    }
    fn bounds(&self) -> Bounds {
        self.inner.bounds()
    }
}
