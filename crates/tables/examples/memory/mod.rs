//! Tables in a store in memory, for measurements.

use std::sync::Arc;
use std::time::Duration;

use headwater_host::{Clock, SystemRandom};
use headwater_store::memory::MemoryStore;
use headwater_tables::{
    Billing, Config, KeyAttribute, KeySchema, KeyType, Substrate, TableKey, TableName, TableService,
    TableSpec,
};
use headwater_telemetry::Metrics;
use headwater_types::limits::LimitPolicy;
use headwater_types::{AccountId, Realm, Region};

pub(crate) type Anything<T> = Result<T, Box<dyn std::error::Error>>;

/// A service without tables, which makes a snapshot after so many bytes of changes.
pub(crate) async fn service(
    clock: Arc<dyn Clock>,
    snapshot_after_bytes: usize,
) -> Anything<Arc<TableService>> {
    let store = MemoryStore::new();
    let substrate = Substrate {
        logs: store.clone(),
        meta: store,
        clock,
        random: SystemRandom::new(),
        metrics: Arc::new(Metrics::new()),
    };
    let config = Config {
        home: Region::US_EAST_1,
        limits: LimitPolicy::OFF,
        transition: Duration::ZERO,
        snapshot_after_bytes,
        memory_bytes_max: usize::MAX,
        keys: Arc::default(),
        default_key: None,
    };
    Ok(TableService::open(substrate, config).await?)
}

/// A key of one text.
pub(crate) fn schema(attribute: &str) -> KeySchema {
    KeySchema::new(KeyAttribute { name: attribute.into(), kind: KeyType::S }, None)
}

/// Creates a table with such a key.
pub(crate) async fn create(service: &TableService, name: &str, attribute: &str) -> Anything<TableKey> {
    let account = AccountId::new("123456789012").ok_or("no account")?;
    let realm = Realm { account, region: Region::US_EAST_1 };
    let table = TableKey { realm, name: TableName::new(name).ok_or("no name")? };
    let spec = TableSpec {
        schema: schema(attribute),
        indexes: Vec::new(),
        billing: Billing::PayPerRequest,
        class: None,
        deletion_protection: false,
        tags: Default::default(),
        options: Default::default(),
    };
    service.create_table(&table, spec).await?;
    Ok(table)
}
