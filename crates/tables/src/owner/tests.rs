//! Each answer follows the append that carried it.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use headwater_host::{ManualClock, SeededRandom};
use headwater_store::memory::MemoryStore;
use headwater_store::{
    AppendBatch, Appended, Bounds, Expect, LogId, LogStore, Position, ReadBatch, ReadLimit, ShardLog,
};
use headwater_types::{AccountId, Realm, Region, Timestamp};
use tokio::sync::oneshot;

use super::*;
use crate::encryption::Vault;
use crate::requests::{Action, Write, Written};
use crate::schema::{Billing, KeyAttribute, KeySchema, KeyType, TableKey, TableName, TableSpec};
use crate::value::{AttributeValue, Item};

/// A store whose logs refuse one append, counted from 0 once `fail_at` was set.
#[derive(Debug)]
struct Failing {
    inner: Arc<MemoryStore>,
    /// Number of appends that succeed before one fails.
    left: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct FailingLog {
    inner: Arc<dyn ShardLog>,
    left: Arc<AtomicUsize>,
}

type Stored<T> = headwater_store::Result<T>;

#[async_trait]
impl LogStore for Failing {
    async fn create(&self, ids: &[LogId]) -> Stored<()> {
        self.inner.create(ids).await
    }
    async fn open(&self, id: &LogId) -> Stored<Arc<dyn ShardLog>> {
        let inner = self.inner.open(id).await?;
        Ok(Arc::new(FailingLog { inner, left: self.left.clone() }))
    }
    async fn delete(&self, ids: &[LogId]) -> Stored<()> {
        LogStore::delete(&*self.inner, ids).await
    }
    async fn list(&self, prefix: &str) -> Stored<Vec<LogId>> {
        LogStore::list(&*self.inner, prefix).await
    }
}

#[async_trait]
impl ShardLog for FailingLog {
    async fn append(&self, batch: AppendBatch, expect: Expect) -> Stored<Appended> {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 0 {
            return Err(StoreError::Busy);
        }
        self.inner.append(batch, expect).await
    }
    async fn read(&self, from: Position, limit: ReadLimit) -> Stored<ReadBatch> {
        self.inner.read(from, limit).await
    }
    async fn position_at(&self, time: Timestamp) -> Stored<Position> {
        self.inner.position_at(time).await
    }
    async fn moved_past(&self, position: Position) -> Stored<()> {
        self.inner.moved_past(position).await
    }
    async fn seal(&self) -> Stored<Bounds> {
        self.inner.seal().await
    }
    async fn trim(&self, before: Position) -> Stored<()> {
        self.inner.trim(before).await
    }
    fn bounds(&self) -> Bounds {
        self.inner.bounds()
    }
}

struct World {
    owner: Owner,
    left: Arc<AtomicUsize>,
    queue: VecDeque<Command>,
}

type Answered<T> = oneshot::Receiver<Result<T>>;

impl World {
    async fn new() -> Self {
        let left = Arc::new(AtomicUsize::new(1000));
        let store = MemoryStore::new();
        let logs = Arc::new(Failing { inner: store.clone(), left: left.clone() });
        let clock = ManualClock::new(Timestamp::from_secs(1_700_000_000));
        let vault = Vault { keyring: Arc::default(), random: SeededRandom::new(1), home: Region::US_EAST_1 };
        let (journal, state) =
            Journal::open(logs, store, clock.clone(), vault).await.expect("an empty store");
        let owner = Owner {
            state: Arc::new(RwLock::new(state)),
            journal,
            clock,
            capacity: Arc::new(Capacity::new(false)),
            transition: Duration::ZERO,
            snapshot_after_bytes: usize::MAX,
            snapshotting: None,
            snapshot_not_before: Duration::ZERO,
        };
        let mut world = Self { owner, left, queue: VecDeque::new() };
        let spec = TableSpec {
            schema: KeySchema::new(KeyAttribute { name: "pk".into(), kind: KeyType::S }, None),
            indexes: Vec::new(),
            billing: Billing::PayPerRequest,
            class: None,
            deletion_protection: false,
            tags: Default::default(),
            options: Default::default(),
        };
        let created = world.plan(move |planning| planning.create(&table(), spec, &*SeededRandom::new(2)));
        world.run().await;
        created.await.expect("an answer").expect("a table");
        world
    }

    fn plan(
        &mut self,
        plan: impl FnOnce(Planning<'_>) -> Result<Vec<crate::change::Change>> + Send + 'static,
    ) -> Answered<()> {
        let (answer, answered) = oneshot::channel();
        self.queue.push_back(Command::plan(answer, plan));
        answered
    }

    fn decide<T: Send + 'static>(
        &mut self,
        decide: impl FnOnce(&mut Stage<'_>, Moment<'_>) -> Result<T> + Send + 'static,
    ) -> Answered<T> {
        let (answer, answered) = oneshot::channel();
        self.queue.push_back(Command::decide(answer, decide));
        answered
    }

    fn put(&mut self, key: &str, bytes: usize) -> Answered<Written> {
        let write = put(key, bytes);
        self.decide(move |stage, moment| stage.write(&write, moment))
    }

    /// More than half of what is appended in one piece.
    fn put_many(&mut self, keys: std::ops::Range<usize>) -> Answered<Vec<Option<Written>>> {
        let writes: Vec<_> = keys.map(|key| put(&key.to_string(), 400_000)).collect();
        assert!(writes.len() * 400_000 > APPEND_BYTES / 2);
        self.decide(move |stage, moment| stage.write_each(&writes, moment))
    }

    /// Refused if the item is there: an answer that rests on what was decided before.
    fn check_absent(&mut self, key: &str) -> Answered<()> {
        let write = put(key, 1);
        self.decide(move |stage, moment| {
            let written = stage.write(&write, moment)?;
            match written.old {
                None => Ok(()),
                Some(_) => Err(TablesError::ConditionFailed(None)),
            }
        })
    }

    async fn run(&mut self) {
        let mut queue = std::mem::take(&mut self.queue);
        while !queue.is_empty() {
            self.owner.batch(&mut queue).await;
        }
    }

    /// Number of items that are applied, as a restart would find them.
    async fn items(&mut self) -> usize {
        let count = |state: &State| state.tables().map(|table| table.items.len()).sum::<usize>();
        let applied = count(&self.owner.state.read());
        let stored = self.owner.journal.load().await.expect("what was appended");
        assert_eq!(count(&stored), applied, "applied is what is stored");
        applied
    }
}

fn table() -> TableKey {
    let account = AccountId::new("123456789012").expect("an account");
    TableKey {
        realm: Realm { account, region: Region::US_EAST_1 },
        name: TableName::new("t-1").expect("a name"),
    }
}

fn put(key: &str, bytes: usize) -> Write {
    let item = Item::from([
        ("pk".to_owned(), AttributeValue::S(key.to_owned())),
        ("v".to_owned(), AttributeValue::S("x".repeat(bytes))),
    ]);
    Write {
        table: table(),
        action: Action::Put(item),
        condition: None,
        give_failed: false,
        give_collection: false,
    }
}

#[tokio::test]
async fn a_write_whose_append_was_durable_is_answered_so_though_the_next_append_fails() {
    let mut world = World::new().await;
    world.left.store(1, Ordering::Relaxed);
    let first = world.put_many(0..12);
    let second = world.put_many(100..112);
    world.run().await;
    assert_eq!(first.await.unwrap().unwrap().len(), 12, "it is durable");
    assert!(matches!(second.await.unwrap(), Err(TablesError::Store(StoreError::Busy))));
    assert_eq!(world.items().await, 12);
    // And goes on.
    let third = world.put("after", 1);
    world.run().await;
    third.await.unwrap().unwrap();
    assert_eq!(world.items().await, 13);
}

#[tokio::test]
async fn what_was_decided_on_an_append_that_failed_is_not_appended() {
    let mut world = World::new().await;
    world.left.store(0, Ordering::Relaxed);
    let first = world.put_many(0..12);
    // Refused because of the first, which is then not there.
    let refused = world.check_absent("3");
    let second = world.put_many(0..12);
    world.run().await;
    assert!(matches!(first.await.unwrap(), Err(TablesError::Store(StoreError::Busy))));
    assert!(matches!(refused.await.unwrap(), Err(TablesError::Store(StoreError::Busy))));
    assert!(matches!(second.await.unwrap(), Err(TablesError::Store(StoreError::Busy))));
    assert_eq!(world.items().await, 0);
}

#[tokio::test]
async fn a_refusal_that_rests_on_nothing_new_is_given_though_the_append_fails() {
    let mut world = World::new().await;
    let there = world.put("there", 1);
    world.run().await;
    there.await.unwrap().unwrap();
    world.left.store(0, Ordering::Relaxed);
    let write = put("there", 1);
    let unchanged = world.decide(move |stage, moment| stage.write(&write, moment));
    let failing = world.put("new", 1);
    world.run().await;
    unchanged.await.unwrap().unwrap();
    assert!(failing.await.unwrap().is_err());
}

#[tokio::test]
async fn a_panic_in_deciding_harms_only_its_own_command() {
    let mut world = World::new().await;
    let before = world.put("before", 1);
    let panics = world.decide(|stage, moment| -> Result<()> {
        // It leaves half of something behind.
        stage.write(&put("half", 1), moment)?;
        panic!("on purpose");
    });
    let after = world.put("after", 1);
    let panics_too = world.plan(|_| panic!("on purpose"));
    let last = world.put("last", 1);
    world.run().await;
    before.await.unwrap().unwrap();
    assert!(panics.await.is_err(), "its answer is lost");
    let written = after.await.unwrap().unwrap();
    assert!(written.old.is_none());
    assert!(panics_too.await.is_err());
    last.await.unwrap().unwrap();
    assert_eq!(world.items().await, 3);
}
