//! A stream service on the naive engine, with what an input says in its metadata.

use std::sync::{Arc, OnceLock};

use headwater_host::{ManualClock, SeededRandom};
use headwater_store::memory::MemoryStore;
use headwater_streams::{
    Config, CreateStream, Distribution, LimitPolicy, Mode, StreamService, StreamsError, Substrate,
};
use headwater_tables::{TableService, TablesError};
use headwater_telemetry::Metrics;
use headwater_types::{AccountId, Realm, Region, StreamKey, StreamName, Timestamp};
use tokio::runtime::Runtime;

/// Not before anything in the seeds.
const NOW: Timestamp = Timestamp::from_secs(1_700_000_100);

/// The region of all seeds.
pub(super) const REGION: Region = Region::US_EAST_1;

/// Runtime of asynchronous targets.
pub(super) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let make = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    RUNTIME.get_or_init(|| make().expect("a runtime"))
}

/// The stream of all seeds.
pub(super) fn orders() -> StreamKey {
    let account = AccountId::new("111122223333").expect("an account");
    StreamKey { realm: Realm { account, region: REGION }, name: StreamName::new("orders").expect("a name") }
}

pub(super) async fn open(store: &Arc<MemoryStore>) -> Result<Arc<StreamService>, StreamsError> {
    let substrate = Substrate {
        logs: store.clone(),
        meta: store.clone(),
        clock: ManualClock::new(NOW),
        random: SeededRandom::new(7),
        metrics: Arc::new(Metrics::new()),
    };
    let config = Config {
        home: REGION,
        limits: LimitPolicy::aws(REGION).into(),
        transition: std::time::Duration::ZERO,
        keys: Arc::default(),
        default_key: None,
    };
    StreamService::open(substrate, config).await
}

pub(super) async fn open_tables(store: &Arc<MemoryStore>) -> Result<Arc<TableService>, TablesError> {
    let substrate = headwater_tables::Substrate {
        logs: store.clone(),
        meta: store.clone(),
        clock: ManualClock::new(NOW),
        random: SeededRandom::new(7),
        metrics: Arc::new(Metrics::new()),
    };
    let config = headwater_tables::Config {
        home: REGION,
        limits: LimitPolicy::aws(REGION),
        transition: std::time::Duration::ZERO,
        snapshot_after_bytes: headwater_tables::SNAPSHOT_AFTER_BYTES,
        memory_bytes_max: headwater_tables::limits::MEMORY_BYTES_MAX,
        keys: Arc::default(),
        default_key: None,
    };
    TableService::open(substrate, config).await
}

/// Creates the stream of all seeds.
pub(super) async fn create(service: &Arc<StreamService>) {
    let request = CreateStream {
        key: orders(),
        mode: Mode::Provisioned { shards: 2 },
        distribution: Distribution::PartitionKey,
        max_record_kib: None,
        tags: [("team".to_owned(), "web".to_owned())].into(),
    };
    service.create_stream(request).await.expect("a new stream");
}
