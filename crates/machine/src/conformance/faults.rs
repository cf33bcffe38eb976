//! A store that fails, loses and rots where it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use headwater_store::{
    AppendBatch, Appended, Bounds, Expect, Expected, LogId, LogStore, MetaKey, MetaStore, MetaWatch,
    ReadBatch, ReadLimit, Result, ShardLog, StoreError, Version, Versioned,
};
use headwater_types::{Position, Record, RecordBatchBuilder, Timestamp};
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};

use super::Engine;
use super::room::Disk;

/// Fault to be injected at a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is refused, and nothing was done. Later ones go through.
    Refused,
    /// The same for want of file descriptors.
    NoFiles,
    /// It is done, and the answer says that it is unknown. Later ones go through.
    Unknown,
    /// The process dies before it.
    CrashBefore,
    /// The process dies after it.
    CrashAfter,
    /// The process dies in it: of the records of an append the first half is there.
    CrashWithin,
}

impl Fault {
    /// One for each way in which a write can end.
    pub const ALL: [Self; 5] =
        [Self::Refused, Self::Unknown, Self::CrashBefore, Self::CrashAfter, Self::CrashWithin];
}

/// A position that does not come back as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rot {
    /// Beginning of the log's name.
    pub log: String,
    /// Position in it.
    pub at: Position,
    /// `None`: the store says that it is corrupt. Otherwise what is read instead.
    pub reads_as: Option<Vec<u8>>,
}

/// A store over another one.
#[derive(Debug)]
pub struct FaultyStore {
    logs: Arc<dyn LogStore>,
    meta: Arc<dyn MetaStore>,
    plan: Arc<Plan>,
}

#[derive(Debug)]
struct Plan {
    writes: AtomicU64,
    fault: Mutex<Option<(u64, Fault)>>,
    crashed: AtomicBool,
    /// Room for records, in bytes.
    room: AtomicU64,
    disk: Mutex<Disk>,
    rot: Mutex<Vec<Rot>>,
    /// While this is set, an append to a snapshot takes a permit.
    gated: AtomicBool,
    gate: Semaphore,
    /// Operations that the engine is at, and a word when it is done with one.
    flying: AtomicU64,
    landed: Notify,
}

/// An operation that the engine is at.
struct Flight<'a>(&'a Plan);

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.0.flying.fetch_sub(1, Ordering::SeqCst);
        self.0.landed.notify_one();
    }
}

/// Course of a write.
enum Outcome {
    Do,
    DoAndForget,
    DoHalf,
    Fail(StoreError),
}

impl FaultyStore {
    /// A store without faults.
    pub fn over<E: Engine>(engine: Arc<E>) -> Arc<Self> {
        let plan = Plan {
            writes: AtomicU64::new(0),
            fault: Mutex::default(),
            crashed: AtomicBool::new(false),
            room: AtomicU64::new(u64::MAX),
            disk: Mutex::default(),
            rot: Mutex::default(),
            gated: AtomicBool::new(false),
            gate: Semaphore::new(0),
            flying: AtomicU64::new(0),
            landed: Notify::new(),
        };
        Arc::new(Self { logs: engine.clone(), meta: engine, plan: Arc::new(plan) })
    }

    /// Has this happen at the write after so many more.
    pub fn fail_after(&self, writes: u64, fault: Fault) {
        *self.plan.fault.lock() = Some((self.plan.writes.load(Ordering::SeqCst) + writes, fault));
    }

    /// True if the fault that was planned has happened.
    pub fn has_failed(&self) -> bool {
        self.plan.fault.lock().is_none()
    }

    /// Has room for so many bytes of records from now on; only who asks is told.
    pub fn set_room(&self, bytes: u64) {
        self.plan.room.store(bytes, Ordering::SeqCst);
    }

    /// Has a disk of this size from now on, on which records written since the store was made take their length.
    pub fn set_capacity(&self, bytes: u64) {
        self.plan.disk.lock().bound(bytes);
    }

    /// Bytes that records take on that disk.
    pub fn taken_bytes(&self) -> u64 {
        self.plan.disk.lock().taken_bytes()
    }

    /// Refuses everything from now on, as if the process were dead.
    pub fn crash(&self) {
        self.plan.crashed.store(true, Ordering::SeqCst);
        self.plan.gate.close();
    }

    /// True if everything is refused.
    pub fn has_crashed(&self) -> bool {
        self.plan.crashed.load(Ordering::SeqCst)
    }

    /// Has a position rot.
    pub fn rot(&self, rot: Rot) {
        self.plan.rot.lock().push(rot);
    }

    /// Has appends to snapshots wait for [`FaultyStore::let_snapshot_go_on`].
    pub fn hold_snapshots(&self) {
        self.plan.gated.store(true, Ordering::SeqCst);
    }

    /// Lets so many appends to snapshots through.
    pub fn let_snapshot_go_on(&self, appends: usize) {
        self.plan.gate.add_permits(appends);
    }

    /// Returns when tasks have nothing to do and the engine is at nothing: what was begun is done, or waits for time or for
    /// a command. On a runtime of one thread.
    pub async fn settle(&self) {
        loop {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            if self.plan.flying.load(Ordering::SeqCst) == 0 {
                return;
            }
            self.plan.landed.notified().await;
        }
    }
}

impl Plan {
    fn fly(&self) -> Flight<'_> {
        self.flying.fetch_add(1, Ordering::SeqCst);
        Flight(self)
    }

    fn write(&self) -> Outcome {
        let dead = || StoreError::Poisoned("the process is dead".into());
        if self.crashed.load(Ordering::SeqCst) {
            return Outcome::Fail(dead());
        }
        let number = self.writes.fetch_add(1, Ordering::SeqCst);
        let mut planned = self.fault.lock();
        let Some((_, fault)) = planned.take_if(|(at, _)| *at == number) else { return Outcome::Do };
        if matches!(fault, Fault::CrashBefore | Fault::CrashAfter | Fault::CrashWithin) {
            self.crashed.store(true, Ordering::SeqCst);
        }
        match fault {
            Fault::Refused => Outcome::Fail(StoreError::Busy),
            Fault::NoFiles => Outcome::Fail(StoreError::NoFiles("as asked".into())),
            Fault::CrashBefore => Outcome::Fail(dead()),
            Fault::Unknown | Fault::CrashAfter => Outcome::DoAndForget,
            Fault::CrashWithin => Outcome::DoHalf,
        }
    }

    fn read(&self) -> Result<()> {
        match self.crashed.load(Ordering::SeqCst) {
            true => Err(StoreError::Read("the process is dead".into())),
            false => Ok(()),
        }
    }

    /// Does a write that is done as a whole or not at all.
    async fn whole<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let _flight = self.fly();
        match self.write() {
            Outcome::Do => work.await,
            Outcome::DoAndForget => work.await.and_then(|_| Err(forgotten())),
            Outcome::DoHalf => Err(forgotten()),
            Outcome::Fail(error) => Err(error),
        }
    }
}

fn forgotten() -> StoreError {
    StoreError::Poisoned("what became of the write is unknown".into())
}

#[async_trait]
impl LogStore for FaultyStore {
    async fn create(&self, ids: &[LogId]) -> Result<()> {
        self.plan.whole(self.logs.create(ids)).await
    }

    async fn open(&self, id: &LogId) -> Result<Arc<dyn ShardLog>> {
        self.plan.read()?;
        let _flight = self.plan.fly();
        let log = self.logs.open(id).await?;
        Ok(Arc::new(FaultyLog { id: id.clone(), log, plan: self.plan.clone() }))
    }

    async fn delete(&self, ids: &[LogId]) -> Result<()> {
        let deleted = self.plan.whole(self.logs.delete(ids)).await;
        if deleted.is_ok() {
            self.plan.disk.lock().deleted(ids);
        }
        deleted
    }

    async fn list(&self, prefix: &str) -> Result<Vec<LogId>> {
        self.plan.read()?;
        let _flight = self.plan.fly();
        self.logs.list(prefix).await
    }

    fn has_room(&self, bytes: u64) -> bool {
        bytes <= self.plan.room.load(Ordering::SeqCst)
            && self.plan.disk.lock().has_room(bytes)
            && self.logs.has_room(bytes)
    }
}

#[async_trait]
impl MetaStore for FaultyStore {
    async fn get(&self, key: &str) -> Result<Option<Versioned<Bytes>>> {
        self.plan.read()?;
        let _flight = self.plan.fly();
        self.meta.get(key).await
    }

    async fn put(&self, key: &str, value: Bytes, expected: Expected) -> Result<Version> {
        self.plan.whole(self.meta.put(key, value, expected)).await
    }

    async fn delete(&self, key: &str, expected: Version) -> Result<()> {
        self.plan.whole(self.meta.delete(key, expected)).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<(MetaKey, Versioned<Bytes>)>> {
        self.plan.read()?;
        let _flight = self.plan.fly();
        self.meta.list(prefix).await
    }

    async fn watch(&self, prefix: &str) -> Result<MetaWatch> {
        self.plan.read()?;
        self.meta.watch(prefix).await
    }
}

#[derive(Debug)]
struct FaultyLog {
    id: LogId,
    log: Arc<dyn ShardLog>,
    plan: Arc<Plan>,
}

#[async_trait]
impl ShardLog for FaultyLog {
    async fn append(&self, batch: AppendBatch, expect: Expect) -> Result<Appended> {
        if self.id.as_str().contains("/snapshot/")
            && self.plan.gated.load(Ordering::SeqCst)
            && let Ok(permit) = self.plan.gate.acquire().await
        {
            permit.forget();
        }
        let _flight = self.plan.fly();
        let bytes = batch.records.bytes().len() as u64;
        if !batch.frees {
            self.plan.disk.lock().check(bytes)?;
        }
        match self.plan.write() {
            Outcome::Do => {
                let count = batch.records.count();
                let appended = self.log.append(batch, expect).await?;
                self.plan.disk.lock().appended(&self.id, appended.first.plus(count.into()), bytes);
                Ok(appended)
            }
            Outcome::DoAndForget => self.log.append(batch, expect).await.and_then(|_| Err(forgotten())),
            Outcome::DoHalf => {
                let half = batch.records.count() / 2;
                if let Some(records) = batch.records.slice(0, half) {
                    self.log.append(AppendBatch { records, ..batch }, expect).await?;
                }
                Err(forgotten())
            }
            Outcome::Fail(error) => Err(error),
        }
    }

    async fn read(&self, from: Position, limit: ReadLimit) -> Result<ReadBatch> {
        self.plan.read()?;
        let _flight = self.plan.fly();
        let mut read = self.log.read(from, limit).await?;
        let rot = self.plan.rot.lock().clone();
        for rot in rot.iter().filter(|rot| self.id.as_str().starts_with(&rot.log)) {
            for stored in &mut read.batches {
                let end = stored.first.plus(stored.records.count().into());
                if rot.at < stored.first || rot.at >= end {
                    continue;
                }
                let Some(reads_as) = &rot.reads_as else {
                    return Err(StoreError::Corrupt(format!("position {} has rotted", rot.at)));
                };
                let mut builder = RecordBatchBuilder::default();
                for (i, record) in stored.records.records().enumerate() {
                    let is_rotten = stored.first.plus(i as u64) == rot.at;
                    builder.push(if is_rotten { Record { data: reads_as, ..record } } else { record });
                }
                stored.records = builder.finish().expect("as many records as before");
            }
        }
        Ok(read)
    }

    async fn position_at(&self, time: Timestamp) -> Result<Position> {
        self.plan.read()?;
        let _flight = self.plan.fly();
        self.log.position_at(time).await
    }

    async fn moved_past(&self, position: Position) -> Result<()> {
        self.log.moved_past(position).await
    }

    async fn seal(&self) -> Result<Bounds> {
        self.plan.whole(self.log.seal()).await
    }

    async fn trim(&self, before: Position) -> Result<()> {
        let trimmed = self.plan.whole(self.log.trim(before)).await;
        if trimmed.is_ok() {
            self.plan.disk.lock().trimmed(&self.id, before);
        }
        trimmed
    }

    fn bounds(&self) -> Bounds {
        self.log.bounds()
    }
}
