//! A service on an engine, and short words for what tests do with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use headwater_host::disk::SimDisk;
use headwater_host::{ManualClock, SeededRandom, SystemClock};
use headwater_machine::conformance::FaultyStore;
use headwater_store::memory::MemoryStore;
use headwater_store::{LogStore, MetaStore};
use headwater_store_embedded::{EmbeddedStore, Options, Sizes};
use headwater_tables::expression::{KeyCondition, SortCondition};
use headwater_tables::value::{AttributeValue, Item};
use headwater_tables::{
    Action, Billing, Config, Get, IndexProjection, IndexScope, IndexSpec, KeyAttribute, KeySchema, KeyType,
    Page, PageRequest, Range, Result, Select, Status, Substrate, TableKey, TableName, TableService,
    TableSpec, Write,
};
use headwater_telemetry::Metrics;
use headwater_types::limits::LimitPolicy;
use headwater_types::{AccountId, Realm, Region, Timestamp};

use crate::scratched::Scratched;

pub(crate) const START: Timestamp = Timestamp::from_secs(1_700_000_000);
pub(crate) const TRANSITION: Duration = Duration::from_millis(200);

/// Store that tables are kept in.
#[derive(Clone)]
pub(crate) enum Engine {
    Memory(Arc<MemoryStore>),
    Scratched(Arc<Scratched>),
    Disk(Arc<SimDisk>),
    /// With everything small, so that little data goes through all there is.
    SmallDisk(Arc<SimDisk>),
    /// The same, with all the work beside that there is in earnest.
    BusyDisk(Arc<SimDisk>),
    Faulty(Arc<FaultyStore>),
}

pub(crate) struct World {
    pub(crate) service: Arc<TableService>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) engine: Engine,
    pub(crate) config: Config,
    embedded: Option<Arc<EmbeddedStore>>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Engine::Memory(MemoryStore::new()), |_| {}).await
    }

    pub(crate) async fn on_disk(seed: u64) -> Self {
        Self::with(Engine::Disk(SimDisk::new(seed)), |_| {}).await
    }

    pub(crate) async fn with(engine: Engine, change: impl FnOnce(&mut Config)) -> Self {
        let clock = ManualClock::new(START);
        let mut config = Config {
            home: Region::US_EAST_1,
            limits: LimitPolicy::OFF,
            transition: TRANSITION,
            snapshot_after_bytes: headwater_tables::SNAPSHOT_AFTER_BYTES,
            memory_bytes_max: headwater_tables::limits::MEMORY_BYTES_MAX,
            keys: Default::default(),
            default_key: None,
        };
        change(&mut config);
        let (service, embedded) = open(&engine, &clock, &config).await;
        Self { service: service.unwrap(), clock, engine, config, embedded }
    }

    /// The store, where it has files.
    pub(crate) fn store(&self) -> Option<Arc<EmbeddedStore>> {
        self.embedded.clone()
    }

    /// The service as a new process would open it on the same store.
    pub(crate) async fn reopen(&mut self) {
        self.try_reopen().await.unwrap();
    }

    pub(crate) async fn try_reopen(&mut self) -> Result<()> {
        self.close().await;
        let (service, embedded) = open(&self.engine, &self.clock, &self.config).await;
        self.embedded = embedded;
        self.service = service?;
        Ok(())
    }

    /// Cuts the power: what was not made durable may be gone.
    pub(crate) async fn crash(&mut self) {
        let (Engine::Disk(disk) | Engine::SmallDisk(disk) | Engine::BusyDisk(disk)) = &self.engine else {
            panic!("memory does not crash")
        };
        disk.crash();
        self.reopen().await;
    }

    pub(crate) async fn close(&mut self) {
        self.service.close().await;
        if let Some(store) = self.embedded.take() {
            tokio::task::spawn_blocking(move || store.close()).await.unwrap();
        }
    }

    /// A table with the partition key `pk` (S).
    pub(crate) async fn create(&self, name: &str) -> TableKey {
        self.create_with(name, |_| {}).await
    }

    /// A table with the keys `pk` (S) and `sk` (N).
    pub(crate) async fn create_sorted(&self, name: &str) -> TableKey {
        self.create_with(name, |spec| spec.schema.range = Some(attribute("sk", KeyType::N))).await
    }

    pub(crate) async fn create_with(&self, name: &str, change: impl FnOnce(&mut TableSpec)) -> TableKey {
        let (table, mut spec) = (key(name), spec());
        change(&mut spec);
        self.service.create_table(&table, spec).await.unwrap();
        self.settle();
        table
    }

    /// Lets a transition end.
    pub(crate) fn settle(&self) {
        self.clock.advance(TRANSITION);
    }

    /// Lets a transition end, and indexes be built.
    pub(crate) async fn settle_changed(&self, table: &TableKey) {
        self.settle();
        while self.service.describe(table).unwrap().status != Status::Active {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn put(&self, table: &TableKey, item: Item) {
        self.service.write(put(table, item)).await.unwrap();
    }

    pub(crate) fn get(&self, table: &TableKey, key: Item) -> Option<Item> {
        let get = Get { table: table.clone(), key, projection: None, consistent: true };
        self.service.get(&get).unwrap().item
    }

    pub(crate) fn all(&self, table: &TableKey) -> Vec<Item> {
        let mut request = scan(table);
        let mut items = Vec::new();
        loop {
            let page = self.service.page(&request).unwrap();
            items.extend(page.items);
            match page.last {
                Some(last) => request.after = Some(last),
                None => return items,
            }
        }
    }

    pub(crate) fn page(&self, request: &PageRequest) -> Page {
        self.service.page(request).unwrap()
    }
}

async fn open(
    engine: &Engine,
    clock: &Arc<ManualClock>,
    config: &Config,
) -> (Result<Arc<TableService>>, Option<Arc<EmbeddedStore>>) {
    let (logs, meta, embedded): (Arc<dyn LogStore>, Arc<dyn MetaStore>, _) = match engine {
        Engine::Memory(store) => (store.clone(), store.clone(), None),
        Engine::Scratched(store) => (store.clone(), store.inner.clone(), None),
        Engine::Faulty(store) => (store.clone(), store.clone(), None),
        Engine::Disk(disk) | Engine::SmallDisk(disk) | Engine::BusyDisk(disk) => {
            let mut options = Options::new(disk.clone(), "/tables", clock.clone());
            options.background = matches!(engine, Engine::BusyDisk(_));
            if !matches!(engine, Engine::Disk(_)) {
                options.sizes = small(options.background);
            }
            if options.background {
                options.clock = SystemClock::new();
            }
            let store = EmbeddedStore::open(options).unwrap();
            (store.clone(), store.clone(), Some(store))
        }
    };
    let random = SeededRandom::new(fresh_seed());
    let substrate = Substrate { logs, meta, clock: clock.clone(), random, metrics: Arc::new(Metrics::new()) };
    (TableService::open(substrate, config.clone()).await, embedded)
}

fn small(background: bool) -> Sizes {
    Sizes {
        journal_first_bytes: 4 << 10,
        journal_max_bytes: 16 << 10,
        ring_files: if background { 4 } else { 1 << 20 },
        commit_bytes: 16 << 10,
        queue_bytes: 1 << 20,
        cluster_bytes: 24 << 10,
        cluster_files: 3,
        merge_below_bytes: 64 << 10,
        merge_files: 3,
        run_bytes: 2 << 10,
        free_floor_bytes: 0,
        mark_after: Duration::from_secs(3600),
    }
}

/// Another one each time: no two processes draw the same numbers.
fn fresh_seed() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

pub(crate) fn key(name: &str) -> TableKey {
    let realm = Realm { account: AccountId::new("123456789012").unwrap(), region: Region::US_EAST_1 };
    TableKey { realm, name: TableName::new(name).unwrap() }
}

pub(crate) fn attribute(name: &str, kind: KeyType) -> KeyAttribute {
    KeyAttribute { name: name.to_owned(), kind }
}

pub(crate) fn spec() -> TableSpec {
    TableSpec {
        schema: KeySchema::new(attribute("pk", KeyType::S), None),
        indexes: Vec::new(),
        billing: Billing::PayPerRequest,
        class: None,
        deletion_protection: false,
        tags: Default::default(),
        options: Default::default(),
    }
}

/// An index on `owner` (S) with the table's partition key as its sort key.
pub(crate) fn by_owner(projection: IndexProjection) -> IndexSpec {
    IndexSpec {
        name: TableName::new("ByOwner").unwrap(),
        scope: IndexScope::Global,
        schema: KeySchema::new(attribute("owner", KeyType::S), Some(attribute("pk", KeyType::S))),
        projection,
        throughput: None,
    }
}

pub(crate) fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

pub(crate) fn n(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string().parse().unwrap())
}

pub(crate) fn item<const N: usize>(attributes: [(&str, AttributeValue); N]) -> Item {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

pub(crate) fn write(table: &TableKey, action: Action) -> Write {
    Write { table: table.clone(), action, condition: None, give_failed: false, give_collection: false }
}

pub(crate) fn put(table: &TableKey, item: Item) -> Write {
    write(table, Action::Put(item))
}

pub(crate) fn delete(table: &TableKey, key: Item) -> Write {
    write(table, Action::Delete(key))
}

pub(crate) fn scan(table: &TableKey) -> PageRequest {
    PageRequest {
        table: table.clone(),
        index: None,
        range: Range::Scan { segment: 0, of: 1 },
        filter: None,
        select: Select::All,
        limit: None,
        after: None,
        consistent: false,
    }
}

pub(crate) fn query(table: &TableKey, partition: &str, sort: Option<SortCondition>) -> PageRequest {
    let condition = KeyCondition { partition: vec![s(partition)], leading: vec![], sort };
    PageRequest { range: Range::Query { condition, forward: true }, ..scan(table) }
}
