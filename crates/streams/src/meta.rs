//! Stored metadata of a stream.
//!
//! JSON: read by people in need, and a field can be added with `#[serde(default)]`. Names and variants are
//! never changed or reused.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use headwater_types::{ConsumerName, ReshardPlan, ShardMap, Timestamp};
use serde::{Deserialize, Serialize};

use crate::consumers::ConsumerMeta;
use crate::demand::DemandMemory;
use crate::encryption::{EncryptionKey, EncryptionMeta};
use crate::measure::ShardMetric;

/// Management of capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StreamMode {
    /// The owner sets the shards.
    Provisioned,
    /// The service sets them.
    OnDemand,
}

/// Rule that chooses a record's shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Distribution {
    /// By the partition key.
    #[default]
    PartitionKey,
    /// Evenly, whatever the key.
    Auto,
}

/// Status that the API shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamStatus {
    /// Being created: no reads, no writes.
    Creating,
    /// Ready for everything.
    Active,
    /// Being changed: reads and writes go on, other changes are refused.
    Updating,
    /// Being deleted.
    Deleting,
}

/// Stage of a stream's life. A transition ends by itself when its time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    Creating { until: Timestamp },
    Active,
    Updating { until: Timestamp },
    Deleting { until: Timestamp },
}

/// A stream, less its records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamMeta {
    /// Tells this stream from earlier ones of the same name.
    pub uid: u64,
    /// When it was created.
    pub created: Timestamp,
    pub(crate) phase: Phase,
    /// Provisioned or on-demand.
    pub mode: StreamMode,
    /// Distribution of records over shards.
    #[serde(default)]
    pub distribution: Distribution,
    /// Retention of records, in hours.
    pub retention_hours: i32,
    /// Records that arrived before had expired when the retention was last changed, and stay so.
    #[serde(default)]
    pub(crate) expired_before: Timestamp,
    /// The largest record, data and partition key together, in KiB.
    pub max_record_kib: i32,
    /// Write throughput for which an on-demand stream is kept ready, in MiB/s.
    #[serde(default)]
    pub warm_throughput_mibps: Option<i32>,
    /// Demand that scaling remembers; means something only while the stream is on-demand.
    #[serde(default)]
    pub(crate) demand: DemandMemory,
    /// Metrics that are kept of each shard.
    #[serde(default)]
    pub enhanced_monitoring: BTreeSet<ShardMetric>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Permissions on it, as they were put: a document in AWS's policy language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Shards.
    pub shards: ShardMap,
    /// A reshard that was begun.
    #[serde(default)]
    pub(crate) reshard: Option<ReshardPlan>,
    /// Registered consumers, those included whose deregistration has ended and was not noticed yet.
    #[serde(default)]
    pub(crate) consumers: BTreeMap<ConsumerName, ConsumerMeta>,
    /// The latest creation of a consumer that is no more: the next one must have another ARN.
    #[serde(default)]
    pub(crate) consumers_removed_until: Timestamp,
    /// When UpdateShardCount was called in the last 24 hours.
    #[serde(default)]
    pub(crate) resized_at: Vec<Timestamp>,
    /// When the mode was changed in the last 24 hours.
    #[serde(default)]
    pub(crate) mode_changed_at: Vec<Timestamp>,
    /// Keys.
    #[serde(default, skip_serializing_if = "EncryptionMeta::is_unused")]
    pub(crate) encryption: EncryptionMeta,
}

impl StreamMeta {
    /// The status at `now`; `None` once a deleted stream is gone.
    pub fn status(&self, now: Timestamp) -> Option<StreamStatus> {
        match self.phase {
            Phase::Deleting { until } if now >= until => None,
            Phase::Deleting { .. } => Some(StreamStatus::Deleting),
            _ if self.reshard.is_some() => Some(StreamStatus::Updating),
            Phase::Creating { until } if now < until => Some(StreamStatus::Creating),
            Phase::Updating { until } if now < until => Some(StreamStatus::Updating),
            Phase::Creating { .. } | Phase::Updating { .. } | Phase::Active => Some(StreamStatus::Active),
        }
    }

    /// True if a transition has ended and the stored phase does not say so yet.
    pub(crate) fn is_unsettled(&self, now: Timestamp) -> bool {
        self.phase != Phase::Active && self.status(now) == Some(StreamStatus::Active)
    }

    /// Time for which records are kept.
    pub fn retention(&self) -> Duration {
        Duration::from_secs(u64::try_from(self.retention_hours).unwrap_or(0) * 3600)
    }

    /// Records that arrived before this time have passed retention. A longer retention does not move it back.
    pub fn horizon(&self, now: Timestamp) -> Timestamp {
        // A time that is still to come was stored before the clock was set back: it tells nothing.
        let expired_before =
            Some(self.expired_before).filter(|&time| time <= now).unwrap_or(Timestamp::EPOCH);
        now.minus(self.retention()).max(expired_before)
    }

    /// Key that records are encrypted with from now on, if they are.
    pub fn encryption(&self) -> Option<&EncryptionKey> {
        self.encryption.active.as_ref()
    }

    /// Open shards.
    pub fn open_shards(&self) -> u32 {
        u32::try_from(self.shards.open().len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn encode(&self) -> bytes::Bytes {
        // Plain data with string keys: there is nothing that JSON could refuse.
        serde_json::to_vec(self).unwrap_or_default().into()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }
}
