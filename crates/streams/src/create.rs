//! CreateStream.

use std::collections::BTreeMap;
use std::sync::Arc;

use headwater_store::{Expected, StoreError};
use headwater_types::limits::{
    Limit, MAX_RECORD_SIZE_KIB_DEFAULT, ON_DEMAND_SHARDS_INITIAL, RETENTION_HOURS_DEFAULT, STREAM_SHARDS_MAX,
    TAGS_MAX,
};
use headwater_types::{Realm, ShardMap, StreamKey, Timestamp};

use crate::demand::{DemandMemory, Rates};
use crate::encryption::EncryptionMeta;
use crate::error::{Result, StreamsError};
use crate::keys::Key;
use crate::meta::{Distribution, Phase, StreamMeta, StreamMode, StreamStatus};
use crate::service::StreamService;

/// Capacity management of the new stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// With this many shards, at least 1.
    Provisioned {
        /// Number of shards.
        shards: u32,
    },
    /// Scaled by the service, ready for this write throughput in MiB/s.
    OnDemand {
        /// If it was asked for.
        warm_throughput_mibps: Option<i32>,
    },
}

/// A stream to be created.
#[derive(Debug, Clone)]
pub struct CreateStream {
    /// Owner and name.
    pub key: StreamKey,
    /// Mode and size.
    pub mode: Mode,
    /// Distribution of records over shards.
    pub distribution: Distribution,
    /// The largest record, data and partition key together, in KiB; `None` for the default.
    pub max_record_kib: Option<i32>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// Shards that carry this write throughput: each takes 1 MiB/s.
pub(crate) fn shards_for_throughput(mibps: Option<i32>) -> u32 {
    ON_DEMAND_SHARDS_INITIAL.max(mibps.and_then(|mibps| u32::try_from(mibps).ok()).unwrap_or(0))
}

impl StreamService {
    /// Creates a stream; it is CREATING when this returns and becomes ACTIVE by itself.
    ///
    /// # Errors
    /// [`StreamsError::StreamExists`], a limit of the account that is used up, options that do not go together, or the
    /// store's own: nothing was created, or what was begun is finished or removed at the next start.
    pub async fn create_stream(self: &Arc<Self>, request: CreateStream) -> Result<()> {
        let CreateStream { key, mode, distribution, max_record_kib, tags } = request;
        let _creating = self.creating.lock().await;
        if self.find(&key).is_ok() {
            return Err(StreamsError::StreamExists(key));
        }
        self.remove_if_gone(&key).await?;
        if tags.len() > TAGS_MAX {
            return Err(StreamsError::TooManyTags { stream: key, limit: TAGS_MAX });
        }
        let (mode, warm_throughput_mibps, shards) = match mode {
            Mode::Provisioned { shards } => (StreamMode::Provisioned, None, shards.max(1)),
            Mode::OnDemand { warm_throughput_mibps: warm } => {
                (StreamMode::OnDemand, warm, shards_for_throughput(warm))
            }
        };
        if distribution == Distribution::Auto && mode == StreamMode::Provisioned {
            return Err(StreamsError::only_on_demand("RecordDistributionStrategy AUTO"));
        }
        self.check_commitment(key.realm, warm_throughput_mibps).await?;
        let now = self.clock.now();
        self.check_create_quotas(key.realm, mode)?;
        self.check_shard_quota(key.realm, shards)?;
        if shards > STREAM_SHARDS_MAX {
            return Err(StreamsError::TooManyShards { stream: key, shards: shards as usize });
        }
        let until = now.plus(self.config.transition);
        let meta = StreamMeta {
            uid: self.random.next_u64(),
            // Shards are created with their stream; whole seconds, as sequence numbers hold them.
            created: Timestamp::from_secs(now.as_secs()),
            phase: Phase::Creating { until },
            mode,
            distribution,
            retention_hours: RETENTION_HOURS_DEFAULT,
            expired_before: Timestamp::EPOCH,
            max_record_kib: max_record_kib.unwrap_or(MAX_RECORD_SIZE_KIB_DEFAULT),
            warm_throughput_mibps,
            demand: DemandMemory::beginning(now, Rates::default()),
            enhanced_monitoring: Default::default(),
            tags,
            policy: None,
            shards: ShardMap::uniform(shards, now),
            reshard: None,
            consumers: BTreeMap::new(),
            consumers_removed_until: Timestamp::EPOCH,
            resized_at: Vec::new(),
            mode_changed_at: Vec::new(),
            encryption: EncryptionMeta::default(),
        };
        let text = Key::Stream(&key).text(self.config.home);
        match self.meta.put(&text, meta.encode(), Expected::Absent).await {
            Ok(version) => self.recover(key, meta, version).await,
            Err(StoreError::Conflict) => {
                // Another server made it, or this one and then failed to make its logs.
                if let Some((meta, version)) = self.stored(&key).await? {
                    self.recover(key.clone(), meta, version).await?;
                }
                Err(StreamsError::StreamExists(key))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn check_create_quotas(&self, realm: Realm, mode: StreamMode) -> Result<()> {
        if let Some(limit) = self.limits_in(realm).get(Limit::StreamsInTransition) {
            let streams = self.streams_of(realm);
            let moving =
                |status: &StreamStatus| matches!(status, StreamStatus::Creating | StreamStatus::Deleting);
            if streams.iter().filter(|(_, status)| moving(status)).count() as u64 >= limit {
                return Err(StreamsError::TransitionQuota { account: realm.account, limit });
            }
        }
        if mode == StreamMode::OnDemand {
            self.check_on_demand_quota(realm)?;
        }
        Ok(())
    }

    pub(crate) fn check_on_demand_quota(&self, realm: Realm) -> Result<()> {
        let Some(limit) = self.limits_in(realm).get(Limit::OnDemandStreams) else { return Ok(()) };
        let current = self.on_demand_streams(realm);
        if current as u64 >= limit {
            return Err(StreamsError::OnDemandQuota { realm, current, limit });
        }
        Ok(())
    }

    pub(crate) fn on_demand_streams(&self, realm: Realm) -> usize {
        let streams = self.streams_of(realm);
        streams.iter().filter(|(handle, _)| handle.view().meta.mode == StreamMode::OnDemand).count()
    }

    /// Refuses `additional` open shards beyond the account's quota in a region.
    pub(crate) fn check_shard_quota(&self, realm: Realm, additional: u32) -> Result<()> {
        let Some(limit) = self.limits_in(realm).get(Limit::ShardsPerAccount) else { return Ok(()) };
        let current = self.open_shards(realm);
        if u64::from(current) + u64::from(additional) > limit {
            return Err(StreamsError::ShardQuota { realm, current, limit, additional });
        }
        Ok(())
    }

    /// Open shards of all streams of an account in a region.
    pub(crate) fn open_shards(&self, realm: Realm) -> u32 {
        self.streams_of(realm).iter().map(|(handle, _)| handle.view.load().meta.open_shards()).sum()
    }
}
