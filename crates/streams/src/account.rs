//! State that belongs to an account in a region and not to a stream: its billing commitment and its usage.

use bytes::Bytes;
use headwater_store::{Expected, StoreError};
use headwater_types::limits::Limit;
use headwater_types::{Realm, StreamKey, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::{Result, StreamsError};
use crate::keys::Key;
use crate::meta::StreamStatus;
use crate::service::StreamService;

/// A commitment cannot end before it is a day old (documentation: minimum 24 h).
const COMMITMENT_MS_MIN: u64 = 24 * 3600 * 1000;

/// Settings of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AccountSettings {
    /// The minimum throughput billing commitment.
    pub commitment: BillingCommitment,
}

/// The minimum throughput billing commitment of on-demand streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BillingCommitment {
    /// State of the commitment.
    pub status: CommitmentStatus,
    /// When it last began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When it may end.
    pub earliest_allowed_end_at: Option<Timestamp>,
}

impl Default for BillingCommitment {
    fn default() -> Self {
        Self {
            status: CommitmentStatus::Disabled,
            started_at: None,
            ended_at: None,
            earliest_allowed_end_at: None,
        }
    }
}

/// State of a commitment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitmentStatus {
    /// It holds.
    Enabled,
    /// It does not.
    Disabled,
    /// It holds until it may end, and ends then.
    EnabledUntilEarliestAllowedEnd,
}

/// Answer of DescribeLimits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitsReport {
    /// Shards the account may have; AWS's figure where that is not enforced.
    pub shard_limit: u64,
    /// Open shards it has.
    pub open_shards: u32,
    /// On-demand streams it has.
    pub on_demand_streams: usize,
    /// On-demand streams it may have; AWS's figure where that is not enforced.
    pub on_demand_streams_limit: u64,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Stored {
    started_at: Option<Timestamp>,
    /// When it was asked to end, or the earliest allowed end if that was later.
    ends_at: Option<Timestamp>,
}

impl Stored {
    fn commitment(&self, now: Timestamp) -> BillingCommitment {
        let earliest = self.started_at.map(|at| Timestamp::from_millis(at.as_millis() + COMMITMENT_MS_MIN));
        let (status, ended_at) = match (self.started_at, self.ends_at) {
            (None, _) => (CommitmentStatus::Disabled, None),
            (Some(_), None) => (CommitmentStatus::Enabled, None),
            (Some(_), Some(end)) if now < end => (CommitmentStatus::EnabledUntilEarliestAllowedEnd, None),
            (Some(_), Some(end)) => (CommitmentStatus::Disabled, Some(end)),
        };
        BillingCommitment { status, started_at: self.started_at, ended_at, earliest_allowed_end_at: earliest }
    }
}

impl StreamService {
    /// The settings of an account in a region.
    pub async fn account_settings(&self, realm: Realm) -> Result<AccountSettings> {
        let (stored, _) = self.stored_account(realm).await?;
        Ok(AccountSettings { commitment: stored.commitment(self.clock.now()) })
    }

    /// Begins or ends the billing commitment. Asking for what is so already changes nothing. It does not end while a
    /// stream has warm throughput, which is a part of it.
    pub async fn set_commitment(&self, realm: Realm, enabled: bool) -> Result<AccountSettings> {
        // So that no stream gets warm throughput meanwhile.
        let _changing = self.creating.lock().await;
        if !enabled && let Some(stream) = self.warm_stream(realm) {
            let why = format!(
                "MinimumThroughputBillingCommitment cannot be disabled while {stream} has warm throughput. Remove it \
                 with UpdateStreamWarmThroughput and a WarmThroughputMiBps of 0, or delete the stream."
            );
            return Err(StreamsError::InvalidOption(why));
        }
        loop {
            let now = self.clock.now();
            let (mut stored, expected) = self.stored_account(realm).await?;
            let commitment = stored.commitment(now);
            match (enabled, commitment.status) {
                (true, CommitmentStatus::Disabled) => {
                    stored = Stored { started_at: Some(now), ends_at: None }
                }
                (true, CommitmentStatus::EnabledUntilEarliestAllowedEnd) => stored.ends_at = None,
                (false, CommitmentStatus::Enabled) => {
                    stored.ends_at = Some(commitment.earliest_allowed_end_at.unwrap_or(now).max(now));
                }
                (true, CommitmentStatus::Enabled)
                | (false, CommitmentStatus::Disabled | CommitmentStatus::EnabledUntilEarliestAllowedEnd) => {
                    return Ok(AccountSettings { commitment });
                }
            }
            let value = Bytes::from(serde_json::to_vec(&stored).unwrap_or_default());
            match self.meta.put(&Key::Account(realm).text(self.config.home), value, expected).await {
                Ok(_) => return Ok(AccountSettings { commitment: stored.commitment(now) }),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Refuses warm throughput to accounts without the billing commitment, and to those whose commitment is about to
    /// end. Hold `creating` until the stream has it.
    pub(crate) async fn check_commitment(&self, realm: Realm, warm_mibps: Option<i32>) -> Result<()> {
        if warm_mibps.is_none_or(|mibps| mibps == 0)
            || self.account_settings(realm).await?.commitment.status == CommitmentStatus::Enabled
        {
            return Ok(());
        }
        let why = "WarmThroughputMiBps is only supported in accounts that have MinimumThroughputBillingCommitment \
                   enabled. Enable it with UpdateAccountSettings.";
        Err(StreamsError::InvalidOption(why.into()))
    }

    fn warm_stream(&self, realm: Realm) -> Option<StreamKey> {
        let streams = self.streams_of(realm);
        let warm = streams.iter().find(|(handle, status)| {
            *status != StreamStatus::Deleting && handle.view.load().meta.warm_throughput_mibps.is_some()
        });
        warm.map(|(handle, _)| handle.key.clone())
    }

    /// Usage and quotas of an account in a region.
    pub fn limits_report(&self, realm: Realm) -> LimitsReport {
        let limits = self.limits_in(realm);
        let quota = |limit: Limit| limits.get(limit).unwrap_or_else(|| limit.aws(realm.region));
        LimitsReport {
            shard_limit: quota(Limit::ShardsPerAccount),
            open_shards: self.open_shards(realm),
            on_demand_streams: self.on_demand_streams(realm),
            on_demand_streams_limit: quota(Limit::OnDemandStreams),
        }
    }

    async fn stored_account(&self, realm: Realm) -> Result<(Stored, Expected)> {
        let key = Key::Account(realm).text(self.config.home);
        let Some(found) = self.meta.get(&key).await? else {
            return Ok((Stored::default(), Expected::Absent));
        };
        let stored = serde_json::from_slice(&found.value)
            .map_err(|error| StreamsError::DamagedMeta { key, cause: error.to_string() })?;
        Ok((stored, Expected::Version(found.version)))
    }
}
