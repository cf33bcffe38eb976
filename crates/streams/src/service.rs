//! The service: finds streams, changes their metadata, and finishes what was begun.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use headwater_host::{Clock, Random};
use headwater_store::{Expected, LogStore, MetaStore, StoreError, Version};
use headwater_telemetry::{Metrics, StreamLabels};
use headwater_types::limits::{LimitPolicy, RegionalPolicy};
use headwater_types::{Realm, Region, ShardId, StreamKey, Timestamp};
use headwater_vault::{DefaultKey, Keyring};
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;
use tracing::{error, info, warn};

use crate::encryption::StreamKeys;
use crate::error::{Result, StreamsError};
use crate::handle::{ShardHandle, StreamHandle, StreamView};
use crate::keys::{self, Key};
use crate::limits::ShardBudget;
use crate::meta::{Phase, StreamMeta, StreamStatus};
use crate::rates::AccountCalls;
use crate::scaling::StreamTraffic;
use crate::stats::ShardStats;
use crate::subscribe::Seats;
use crate::token::TokenSigner;
use crate::traffic::ShardTraffic;

/// Parts that the service is made from.
#[derive(Debug, Clone)]
pub struct Substrate {
    /// Store of records.
    pub logs: Arc<dyn LogStore>,
    /// Store of metadata.
    pub meta: Arc<dyn MetaStore>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Counters and levels.
    pub metrics: Arc<Metrics>,
}

/// Behaviour of the service.
#[derive(Debug, Clone)]
pub struct Config {
    /// The region of stored keys that name none.
    pub home: Region,
    /// Limits that are enforced.
    pub limits: RegionalPolicy,
    /// Shortest time that CREATING, UPDATING and DELETING last.
    pub transition: Duration,
    /// The master keys of encrypted streams, until others replace them.
    pub keys: Arc<Keyring>,
    /// Makes `alias/aws/kinesis` when it is first asked for.
    pub default_key: Option<Arc<dyn DefaultKey>>,
}

/// Kinesis Data Streams.
#[derive(Debug)]
pub struct StreamService {
    pub(crate) logs: Arc<dyn LogStore>,
    pub(crate) meta: Arc<dyn MetaStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) config: Config,
    pub(crate) signer: TokenSigner,
    pub(crate) streams: RwLock<BTreeMap<StreamKey, Arc<StreamHandle>>>,
    /// Held while a stream is added, so that quotas are counted truly.
    pub(crate) creating: tokio::sync::Mutex<()>,
    stopping: AtomicBool,
    pub(crate) keyring: ArcSwap<Keyring>,
    /// Remaining budget of calls to operations, by account and region.
    pub(crate) account_calls: Mutex<AccountCalls>,
}

/// Decision of a change of metadata.
pub(crate) enum Change<T> {
    /// Nothing to write.
    Keep(T),
    /// Write this.
    Write(Box<StreamMeta>, T),
}

impl StreamService {
    /// Reads all metadata, opens every log and finishes what was begun.
    ///
    /// # Errors
    /// The store cannot be read, or [`StreamsError::DamagedMeta`] if what it holds of a stream cannot be understood. A
    /// stream whose logs cannot be opened is left out, with an error in the log: the others are served.
    pub async fn open(substrate: Substrate, config: Config) -> Result<Arc<Self>> {
        let Substrate { logs, meta, clock, random, metrics } = substrate;
        let secret = token_secret(&*meta, &*random, config.home).await?;
        let service = Arc::new(Self {
            logs,
            meta,
            clock,
            random,
            metrics,
            keyring: ArcSwap::new(config.keys.clone()),
            config,
            signer: TokenSigner::new(&secret),
            streams: RwLock::default(),
            creating: tokio::sync::Mutex::default(),
            stopping: AtomicBool::new(false),
            account_calls: Mutex::default(),
        });
        for (text, stored) in service.meta.list(keys::STREAMS).await? {
            let damaged = |cause| StreamsError::DamagedMeta { key: text.clone(), cause };
            let key = keys::stream_of(&text, service.config.home)
                .ok_or_else(|| damaged("the key names no stream".into()))?;
            let meta = StreamMeta::decode(&stored.value).map_err(damaged)?;
            if let Err(error) = service.recover(key.clone(), meta, stored.version).await {
                // One stream that cannot be served is no reason to serve none.
                let Realm { account, region } = key.realm;
                error!(stream = %key.name, %account, %region, %error, "a stream cannot be served");
            }
        }
        Ok(service)
    }

    /// Takes up a stream that an earlier run left.
    pub(crate) async fn recover(
        self: &Arc<Self>,
        key: StreamKey,
        meta: StreamMeta,
        version: Version,
    ) -> Result<()> {
        let handle = if matches!(meta.phase, Phase::Deleting { .. }) {
            // Some of its logs may be gone already.
            self.handle(
                key.clone(),
                Arc::new(StreamView { meta, version, shards: Vec::new(), keys: StreamKeys::default() }),
            )
        } else {
            if matches!(meta.phase, Phase::Creating { .. }) {
                self.create_missing_logs(&meta).await?;
            }
            let view = self.view_of(&key, meta, version, None).await?;
            self.handle(key.clone(), view)
        };
        self.streams.write().insert(key.clone(), handle.clone());
        if handle.view().meta.reshard.is_some() {
            let Realm { account, region } = key.realm;
            info!(stream = %key.name, %account, %region, "finishing a reshard that was cut short");
            if let Err(error) = self.finish_reshard(&handle).await {
                // A full disk, for instance. It must keep nobody from reading; upkeep tries again.
                warn!(stream = %key.name, %account, %region, %error, "the reshard cannot be finished yet");
            }
        }
        Ok(())
    }

    /// Creates the logs that an earlier run did not come to. Usually there are none, and nothing is written: a
    /// full disk would refuse it.
    async fn create_missing_logs(&self, meta: &StreamMeta) -> Result<()> {
        let there: BTreeSet<_> = self.logs.list(&keys::logs_of(meta.uid)).await?.into_iter().collect();
        let mut wanted = log_ids(meta, meta.shards.all().iter().map(|shard| shard.id))?;
        wanted.retain(|id| !there.contains(id));
        if wanted.is_empty() { Ok(()) } else { Ok(self.logs.create(&wanted).await?) }
    }

    pub(crate) fn handle(&self, key: StreamKey, view: Arc<StreamView>) -> Arc<StreamHandle> {
        let metrics = self.metrics.stream(&labels_of(&key));
        Arc::new(StreamHandle {
            key,
            view: ArcSwap::new(view),
            changing: tokio::sync::Mutex::default(),
            changed: Notify::new(),
            seats: Seats::default(),
            metrics,
            measures: Default::default(),
            consumer_measures: Default::default(),
            calls: Mutex::default(),
            traffic: StreamTraffic::new(self.clock.elapsed()),
        })
    }

    /// The view of this metadata, its logs opened or taken from an earlier view.
    pub(crate) async fn view_of(
        &self,
        key: &StreamKey,
        meta: StreamMeta,
        version: Version,
        earlier: Option<&StreamView>,
    ) -> Result<Arc<StreamView>> {
        let mut shards = Vec::with_capacity(meta.shards.all().len());
        for shard in meta.shards.all() {
            let known =
                earlier.filter(|view| view.meta.uid == meta.uid).and_then(|view| view.shard(shard.id));
            if let Some((_, handle)) = known {
                shards.push(handle.clone());
                continue;
            }
            let log = self.logs.open(&log_id(meta.uid, shard.id)?).await.inspect_err(|error| {
                warn!(stream = %key.name, shard = %shard.id, %error, "cannot open the log of a shard");
            })?;
            let budget = Mutex::new(ShardBudget::new(self.limits_in(key.realm)));
            let (stats, traffic) = (ShardStats::default(), ShardTraffic::new(self.clock.elapsed()));
            shards.push(Arc::new(ShardHandle { log, budget, stats, traffic }));
        }
        let earlier = earlier.filter(|view| view.meta.uid == meta.uid).map(|view| &view.keys);
        let keys = StreamKeys::open(key, &meta, &self.keyring.load(), &*self.random, earlier);
        Ok(Arc::new(StreamView { meta, version, shards, keys }))
    }

    /// The time of the service.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Ends every subscription, as if its time had come, and those that still begin.
    pub fn end_subscriptions(&self) {
        self.stopping.store(true, Ordering::Release);
        self.streams.read().values().for_each(|handle| handle.seats.evict_all());
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Limits that are enforced there.
    pub(crate) fn limits_in(&self, realm: Realm) -> &LimitPolicy {
        self.config.limits.of(realm.region)
    }

    /// The stream, in whatever state, together with that state.
    ///
    /// # Errors
    /// [`StreamsError::StreamNotFound`].
    pub fn find(&self, key: &StreamKey) -> Result<(Arc<StreamHandle>, StreamStatus)> {
        let handle = self.streams.read().get(key).cloned();
        let found = handle.and_then(|handle| {
            let status = handle.view.load().meta.status(self.clock.now())?;
            Some((handle, status))
        });
        found.ok_or_else(|| StreamsError::StreamNotFound(key.clone()))
    }

    /// The stream, if it takes and gives records.
    ///
    /// # Errors
    /// [`StreamsError::StreamNotFound`].
    pub fn find_readable(&self, key: &StreamKey) -> Result<Arc<StreamHandle>> {
        match self.find(key)? {
            (_, StreamStatus::Creating) => Err(StreamsError::StreamNotFound(key.clone())),
            (handle, _) => Ok(handle),
        }
    }

    /// Changes a stream's metadata: `change` sees the newest and may be asked again if another server was
    /// faster.
    pub(crate) async fn change<T>(
        &self,
        handle: &StreamHandle,
        mut change: impl FnMut(&StreamMeta, Timestamp) -> Result<Change<T>>,
    ) -> Result<T> {
        let _changing = handle.changing.lock().await;
        loop {
            let view = handle.view();
            let (meta, answer) = match change(&view.meta, self.clock.now())? {
                Change::Keep(answer) => return Ok(answer),
                Change::Write(meta, answer) => (*meta, answer),
            };
            let key = Key::Stream(&handle.key).text(self.config.home);
            match self.meta.put(&key, meta.encode(), Expected::Version(view.version)).await {
                Ok(version) => {
                    let view = self.view_of(&handle.key, meta, version, Some(&view)).await?;
                    handle.replace_view(view);
                    return Ok(answer);
                }
                Err(StoreError::Conflict) => self.reload(handle, &view).await?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Like [`StreamService::change`], refused unless the stream is ACTIVE.
    pub(crate) async fn change_active<T>(
        &self,
        handle: &StreamHandle,
        mut change: impl FnMut(&StreamMeta, Timestamp) -> Result<Change<T>>,
    ) -> Result<T> {
        self.change(handle, |meta, now| match meta.status(now) {
            Some(StreamStatus::Active) => change(meta, now),
            Some(status) => Err(StreamsError::NotActive { stream: handle.key.clone(), status }),
            None => Err(StreamsError::StreamNotFound(handle.key.clone())),
        })
        .await
    }

    pub(crate) async fn reload(&self, handle: &StreamHandle, earlier: &StreamView) -> Result<()> {
        let stored = self.stored(&handle.key).await?;
        let (meta, version) = stored.ok_or_else(|| StreamsError::StreamNotFound(handle.key.clone()))?;
        handle.replace_view(self.view_of(&handle.key, meta, version, Some(earlier)).await?);
        Ok(())
    }

    /// The stream's metadata as it is stored now.
    pub(crate) async fn stored(&self, key: &StreamKey) -> Result<Option<(StreamMeta, Version)>> {
        let text = Key::Stream(key).text(self.config.home);
        let Some(stored) = self.meta.get(&text).await? else { return Ok(None) };
        let damaged = |cause| StreamsError::DamagedMeta { key: text.clone(), cause };
        Ok(Some((StreamMeta::decode(&stored.value).map_err(damaged)?, stored.version)))
    }

    /// The phase in which a change leaves a stream that is to be seen UPDATING.
    pub(crate) fn updating(&self, now: Timestamp) -> Phase {
        if self.config.transition.is_zero() {
            Phase::Active
        } else {
            Phase::Updating { until: now.plus(self.config.transition) }
        }
    }

    /// Every stream of an account in a region that exists, in order of name.
    pub(crate) fn streams_of(&self, realm: Realm) -> Vec<(Arc<StreamHandle>, StreamStatus)> {
        let now = self.clock.now();
        let streams = self.streams.read();
        let there = streams.values().filter(|handle| handle.key.realm == realm);
        there.filter_map(|handle| Some((handle.clone(), handle.view.load().meta.status(now)?))).collect()
    }

    /// Number of streams of each account in each region, where there are any.
    pub fn count_streams(&self) -> BTreeMap<Realm, usize> {
        let mut counts = BTreeMap::new();
        for key in self.streams.read().keys() {
            *counts.entry(key.realm).or_default() += 1;
        }
        counts
    }
}

/// Labels of the stream in metrics.
pub(crate) fn labels_of(key: &StreamKey) -> StreamLabels {
    let Realm { account, region } = key.realm;
    StreamLabels { account: account.to_string(), region: region.to_string(), stream: key.name.to_string() }
}

pub(crate) fn log_id(uid: u64, shard: ShardId) -> Result<headwater_store::LogId> {
    keys::log_of(uid, shard).map_err(|error| StoreError::Invalid(error.to_string()).into())
}

pub(crate) fn log_ids(
    meta: &StreamMeta,
    shards: impl Iterator<Item = ShardId>,
) -> Result<Vec<headwater_store::LogId>> {
    shards.map(|shard| log_id(meta.uid, shard)).collect()
}

/// The store's secret, made on first use. Another server may make it at the same moment: then its one counts.
async fn token_secret(meta: &dyn MetaStore, random: &dyn Random, home: Region) -> Result<[u8; 32]> {
    let key = Key::TokenSecret.text(home);
    loop {
        if let Some(stored) = meta.get(&key).await? {
            let damaged = || StreamsError::DamagedMeta { key: key.clone(), cause: "not 32 bytes".into() };
            return stored.value.as_ref().try_into().map_err(|_| damaged());
        }
        let mut secret = [0; 32];
        random.fill(&mut secret);
        match meta.put(&key, Bytes::copy_from_slice(&secret), Expected::Absent).await {
            Ok(_) => return Ok(secret),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
