//! A service on the naive engine, and short words for what tests do with it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use headwater_host::{ManualClock, SeededRandom};
use headwater_store::memory::MemoryStore;
use headwater_streams::{
    Config, Consumer, ConsumerRef, CreateStream, Distribution, EventBudget, LimitPolicy, Mode, Push,
    PutEntry, PutFailure, PutPlaced, ReadOutcome, ReadRequest, ShardIterator, StartingPosition, StreamHandle,
    StreamService, StreamsError, Subscription, Substrate,
};
use headwater_telemetry::Metrics;
use headwater_types::limits::RegionalPolicy;
use headwater_types::{
    AccountId, ConsumerArn, ConsumerName, HashKey, Realm, Region, SequenceNumber, ShardId, StreamKey,
    StreamName, Timestamp,
};
use headwater_vault::{DefaultKey, Keyring};

pub(crate) const START: Timestamp = Timestamp::from_secs(1_700_000_000);
pub(crate) const HOME: Region = Region::US_EAST_1;
pub(crate) const TRANSITION: Duration = Duration::from_millis(200);

pub(crate) struct World {
    pub(crate) service: Arc<StreamService>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<MemoryStore>,
    config: Config,
}

/// A record as a reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Got {
    pub(crate) key: String,
    pub(crate) data: String,
    pub(crate) number: SequenceNumber,
    pub(crate) encrypted: bool,
    pub(crate) arrival: Timestamp,
}

pub(crate) fn shard(index: u32) -> ShardId {
    ShardId::new(index).unwrap()
}

pub(crate) fn realm(region: &str) -> Realm {
    Realm { account: AccountId::new("123456789012").unwrap(), region: Region::new(region).unwrap() }
}

pub(crate) fn key(name: &str) -> StreamKey {
    StreamKey { realm: realm("us-east-1"), name: StreamName::new(name).unwrap() }
}

impl World {
    pub(crate) async fn new(limits: LimitPolicy) -> Self {
        Self::with_limits(limits.into()).await
    }

    pub(crate) async fn with_limits(limits: RegionalPolicy) -> Self {
        let (clock, store) = (ManualClock::new(START), Arc::new(MemoryStore::default()));
        let config =
            Config { home: HOME, limits, transition: TRANSITION, keys: Arc::default(), default_key: None };
        let service = open(&store, &clock, &config).await;
        Self { service, clock, store, config }
    }

    /// The master keys are these from now on, for a new process as well.
    pub(crate) async fn replace_keys(&mut self, keys: Keyring) {
        self.config.keys = Arc::new(keys);
        self.service.replace_keys(self.config.keys.clone()).await;
    }

    /// A new process that makes its own default key by this.
    pub(crate) async fn make_keys_by(&mut self, maker: Arc<dyn DefaultKey>) {
        self.config.default_key = Some(maker);
        self.reopen().await;
    }

    /// The service as a new process would open it on the same store.
    pub(crate) async fn reopen(&mut self) {
        self.service = open(&self.store, &self.clock, &self.config).await;
    }

    pub(crate) async fn create(&self, name: &str, shards: u32) -> Arc<StreamHandle> {
        self.service.create_stream(request(name, Mode::Provisioned { shards })).await.unwrap();
        self.settle();
        self.service.find_readable(&key(name)).unwrap()
    }

    /// An on-demand stream, with 4 shards.
    pub(crate) async fn create_on_demand(&self, name: &str) -> Arc<StreamHandle> {
        let mode = Mode::OnDemand { warm_throughput_mibps: None };
        self.service.create_stream(request(name, mode)).await.unwrap();
        self.settle();
        self.service.find_readable(&key(name)).unwrap()
    }

    /// Gives the account the billing commitment that warm throughput needs.
    pub(crate) async fn commit(&self) {
        self.service.set_commitment(key("any").realm, true).await.unwrap();
    }

    /// Lets a transition end.
    pub(crate) fn settle(&self) {
        self.clock.advance(TRANSITION);
    }

    pub(crate) async fn put(&self, name: &str, partition_key: &str, data: &str) -> PutPlaced {
        self.try_put(name, partition_key, data).await.unwrap()
    }

    pub(crate) async fn try_put(
        &self,
        name: &str,
        partition_key: &str,
        data: &str,
    ) -> Result<PutPlaced, StreamsError> {
        let handle = self.service.find_readable(&key(name))?;
        self.service.put_record(&handle, entry(partition_key, data.as_bytes()), None).await
    }

    pub(crate) async fn put_many(
        &self,
        name: &str,
        entries: &[PutEntry<'_>],
    ) -> Result<Vec<Result<PutPlaced, PutFailure>>, StreamsError> {
        let handle = self.service.find_readable(&key(name))?;
        self.service.put_records(&handle, entries).await
    }

    pub(crate) async fn iterator(
        &self,
        name: &str,
        shard: &str,
        start: StartingPosition,
    ) -> Result<ShardIterator, StreamsError> {
        self.service.shard_iterator(&key(name), shard, &start).await
    }

    pub(crate) async fn register(&self, stream: &str, consumer: &str) -> Result<Consumer, StreamsError> {
        let (handle, _) = self.service.find(&key(stream))?;
        let name = ConsumerName::new(consumer).unwrap();
        self.service.register_consumer(&handle, &name, &BTreeMap::new()).await
    }

    pub(crate) async fn subscribe(
        &self,
        stream: &str,
        consumer: &str,
        shard: &str,
        start: StartingPosition,
    ) -> Result<Subscription, StreamsError> {
        let (handle, _) = self.service.find(&key(stream))?;
        let name = ConsumerRef::Name(ConsumerName::new(consumer).unwrap());
        let found = self.service.find_consumer(&handle, &name)?;
        let arn = ConsumerArn { stream: key(stream), id: found.id };
        self.service.subscribe(&arn, shard, &start).await
    }

    pub(crate) async fn read(
        &self,
        iterator: ShardIterator,
        limit: u32,
    ) -> Result<ReadOutcome, StreamsError> {
        self.service.read(ReadRequest { iterator, limit }).await
    }

    /// The newest event of a subscription, which must have one.
    pub(crate) async fn push(subscription: &mut Subscription) -> Push {
        subscription.next(&EventBudget::new(64 << 20)).await.expect("something is said")
    }

    /// Everything in a shard from its horizon to its tip or end.
    pub(crate) async fn read_shard(&self, name: &str, shard: &str) -> Vec<Got> {
        let mut iterator = self.iterator(name, shard, StartingPosition::TrimHorizon).await.unwrap();
        let mut all = Vec::new();
        loop {
            let outcome = self.read(iterator.clone(), 7).await.unwrap();
            let found = records(&outcome);
            let done = found.is_empty();
            all.extend(found);
            match outcome.next {
                Some(next) if !done => iterator = next,
                _ => return all,
            }
        }
    }
}

async fn open(store: &Arc<MemoryStore>, clock: &Arc<ManualClock>, config: &Config) -> Arc<StreamService> {
    let substrate = Substrate {
        logs: store.clone(),
        meta: store.clone(),
        clock: clock.clone(),
        random: SeededRandom::new(7),
        metrics: Arc::new(Metrics::new()),
    };
    StreamService::open(substrate, config.clone()).await.unwrap()
}

pub(crate) fn request(name: &str, mode: Mode) -> CreateStream {
    CreateStream {
        key: key(name),
        mode,
        distribution: Distribution::PartitionKey,
        max_record_kib: None,
        tags: BTreeMap::new(),
    }
}

pub(crate) fn entry<'a>(partition_key: &'a str, data: &'a [u8]) -> PutEntry<'a> {
    PutEntry { partition_key: partition_key.into(), explicit_hash_key: None, data }
}

pub(crate) fn entry_at(hash: u128, data: &[u8]) -> PutEntry<'_> {
    PutEntry { explicit_hash_key: Some(HashKey(hash)), ..entry("k", data) }
}

pub(crate) fn records(outcome: &ReadOutcome) -> Vec<Got> {
    let mut all = Vec::new();
    for batch in &outcome.batches {
        for (i, record) in batch.records.records().enumerate() {
            let position = batch.first.plus(i as u64);
            all.push(Got {
                key: record.key.to_owned(),
                data: String::from_utf8_lossy(record.data).into_owned(),
                number: SequenceNumber::of_record(
                    outcome.shard.id,
                    outcome.shard.created,
                    position,
                    batch.arrival,
                ),
                arrival: batch.arrival,
                encrypted: batch.encrypted,
            });
        }
    }
    all
}
