//! SplitShard, MergeShards, UpdateShardCount.
//!
//! # Algorithm
//! 1. The plan goes into the metadata: from here on the stream is UPDATING and anybody can finish it.
//! 2. Logs of the children are created, those of the parents sealed. Puts now wait for the new map.
//! 3. The new map replaces the plan. Puts go to the children.
//!
//! # Recovery
//! Every step can be done again. A plan found in the metadata is carried out by [`StreamService::open`], by
//! upkeep, or by the put that meets a sealed parent.

use std::sync::Arc;

use futures_util::future::try_join_all;
use headwater_types::limits::Limit;
use headwater_types::{
    HashKey, MergeError, ReshardPlan, ShardId, ShardMapError, SplitError, StreamKey, Timestamp,
};

use crate::error::{Result, StreamsError};
use crate::handle::StreamHandle;
use crate::meta::{StreamMeta, StreamMode, StreamStatus};
use crate::service::{Change, StreamService, log_ids};

/// Answer of UpdateShardCount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardCountChange {
    /// Open shards before.
    pub current: u32,
    /// Open shards asked for.
    pub target: u32,
}

/// The largest metadata of a stream: a store takes 16 MiB, and tags and the like want room too.
const META_BYTES_MAX: usize = 15 << 20;
/// 24 hours in milliseconds.
const DAY_MS: u64 = 24 * 3600 * 1000;

/// The times of the last 24 hours.
pub(crate) fn within_a_day(times: &[Timestamp], now: Timestamp) -> Vec<Timestamp> {
    times.iter().copied().filter(|&time| now.millis_since(time) < DAY_MS).collect()
}

impl StreamService {
    /// Splits an open shard at a hash key.
    pub async fn split_shard(
        self: &Arc<Self>,
        handle: &Arc<StreamHandle>,
        shard: ShardId,
        at: HashKey,
    ) -> Result<()> {
        self.reshard(
            handle,
            move |handle, meta, _| {
                let stream = handle.key.clone();
                let plan = meta.shards.plan_split(shard, at).map_err(|error| match error {
                    SplitError::Unknown => StreamsError::ShardNotFound { stream, shard: shard.to_string() },
                    SplitError::Closed => StreamsError::ShardClosed { stream, shard },
                    SplitError::HashKey(range) => StreamsError::SplitHashKey { stream, shard, at, range },
                })?;
                require_provisioned(handle, meta)?;
                Ok((plan, ()))
            },
            |meta, _| meta,
        )
        .await
    }

    /// Merges two open shards that touch, the lower one named first.
    pub async fn merge_shards(
        self: &Arc<Self>,
        handle: &Arc<StreamHandle>,
        first: ShardId,
        second: ShardId,
    ) -> Result<()> {
        self.reshard(
            handle,
            move |handle, meta, _| {
                let stream = handle.key.clone();
                let plan = meta.shards.plan_merge(first, second).map_err(|error| match error {
                    MergeError::Unknown(shard) => {
                        StreamsError::ShardNotFound { stream, shard: shard.to_string() }
                    }
                    MergeError::Closed(shard) => StreamsError::ShardClosed { stream, shard },
                    MergeError::NotAdjacent => StreamsError::NotAdjacent { stream, first, second },
                })?;
                require_provisioned(handle, meta)?;
                Ok((plan, ()))
            },
            |meta, _| meta,
        )
        .await
    }

    /// Splits and merges until the stream has `target` shards (at least 1), equal ones as far as AWS makes them so.
    pub async fn update_shard_count(
        self: &Arc<Self>,
        handle: &Arc<StreamHandle>,
        target: u32,
    ) -> Result<ShardCountChange> {
        let service = self.clone();
        self.reshard(
            handle,
            move |handle, meta, now| {
                let (stream, current) = (handle.key.clone(), meta.open_shards());
                require_provisioned(handle, meta)?;
                let answer = ShardCountChange { current, target };
                if target == current {
                    return Ok((ReshardPlan::default(), answer));
                }
                if target > current.saturating_mul(2) || target < current.div_ceil(2) {
                    return Err(StreamsError::ShardCountRatio { stream, current, target });
                }
                let limits = service.limits_in(stream.realm);
                let used = within_a_day(&meta.resized_at, now).len() as u64;
                if let Some(limit) = limits.get(Limit::ShardCountUpdatesPerDay).filter(|&limit| used >= limit)
                {
                    return Err(StreamsError::TooOften { stream, what: "UpdateShardCount", limit });
                }
                if let Some(limit) =
                    limits.get(Limit::ShardCountTarget).filter(|&limit| u64::from(target) > limit)
                {
                    let (realm, additional) = (stream.realm, target.saturating_sub(current));
                    return Err(StreamsError::ShardQuota { realm, current, limit, additional });
                }
                Ok((meta.shards.plan_shard_count(target), answer))
            },
            |mut meta, now| {
                meta.resized_at = within_a_day(&meta.resized_at, now);
                meta.resized_at.push(now);
                meta
            },
        )
        .await
    }

    /// Writes the plan down and carries it out, in a task of its own: a client that goes away in the middle
    /// must not leave the parents sealed.
    async fn reshard<T: Send + 'static>(
        self: &Arc<Self>,
        handle: &Arc<StreamHandle>,
        plan: impl Fn(&StreamHandle, &StreamMeta, Timestamp) -> Result<(ReshardPlan, T)> + Send + Sync + 'static,
        note: fn(StreamMeta, Timestamp) -> StreamMeta,
    ) -> Result<T> {
        let (service, handle) = (self.clone(), handle.clone());
        let task = tokio::spawn(async move {
            let planned = {
                // Whoever adds open shards counts them one after the other.
                let _adding = service.creating.lock().await;
                service
                    .change_active(&handle, |meta, now| {
                        let (plan, answer) = plan(&handle, meta, now)?;
                        if plan.is_empty() {
                            return Ok(Change::Keep(answer));
                        }
                        let meta = service.with_plan(&handle.key, meta, plan, now)?;
                        Ok(Change::Write(Box::new(note(meta, now)), answer))
                    })
                    .await?
            };
            service.finish_reshard(&handle).await?;
            match handle.view().meta.status(service.clock.now()) {
                Some(StreamStatus::Creating | StreamStatus::Active | StreamStatus::Updating) => Ok(planned),
                // Deleted meanwhile, and the plan with it.
                Some(StreamStatus::Deleting) | None => Err(StreamsError::StreamNotFound(handle.key.clone())),
            }
        });
        match task.await {
            Ok(done) => done,
            Err(cause) => Err(StreamsError::Unfinished(format!("a reshard ended in the middle: {cause}"))),
        }
    }

    /// The metadata with this plan in it, refused if the account or the metadata has no room for what comes of it.
    pub(crate) fn with_plan(
        &self,
        stream: &StreamKey,
        meta: &StreamMeta,
        plan: ReshardPlan,
        now: Timestamp,
    ) -> Result<StreamMeta> {
        let after = meta.shards.apply(&plan, now).map_err(|error| damaged(stream, &error))?;
        let additional = after.open().len().saturating_sub(meta.shards.open().len());
        self.check_shard_quota(stream.realm, u32::try_from(additional).unwrap_or(u32::MAX))?;
        let planned = StreamMeta { reshard: Some(plan), ..meta.clone() };
        let shards = after.all().len();
        let done = StreamMeta { shards: after, reshard: None, ..meta.clone() };
        if planned.encode().len().max(done.encode().len()) > META_BYTES_MAX {
            return Err(StreamsError::TooManyShards { stream: stream.clone(), shards });
        }
        Ok(planned)
    }

    /// Carries out the plan that the stream's metadata holds, if any; waits for whoever is at it already.
    pub(crate) async fn finish_reshard(&self, handle: &StreamHandle) -> Result<()> {
        let view = handle.view();
        if let Some(plan) = &view.meta.reshard {
            // A stream deleted meanwhile has neither plan nor, soon, logs: `change` below notices.
            self.logs.create(&log_ids(&view.meta, plan.children())?).await?;
            let parents = try_join_all(log_ids(&view.meta, plan.parents())?.into_iter().map(|id| {
                let logs = self.logs.clone();
                async move { logs.open(&id).await?.seal().await }
            }));
            parents.await?;
        }
        self.change(handle, |meta, now| {
            let Some(plan) = &meta.reshard else { return Ok(Change::Keep(())) };
            if view.meta.reshard.as_ref() != Some(plan) {
                // Another plan than the one whose parents were sealed above; whoever made it finishes it.
                return Ok(Change::Keep(()));
            }
            let mut meta = meta.clone();
            meta.shards = meta.shards.apply(plan, now).map_err(|error| damaged(&handle.key, &error))?;
            meta.reshard = None;
            meta.phase = self.updating(now);
            Ok(Change::Write(Box::new(meta), ()))
        })
        .await
    }
}

fn require_provisioned(handle: &StreamHandle, meta: &StreamMeta) -> Result<()> {
    match meta.mode {
        StreamMode::Provisioned => Ok(()),
        StreamMode::OnDemand => Err(StreamsError::OnDemand(handle.key.clone())),
    }
}

fn damaged(stream: &StreamKey, cause: &ShardMapError) -> StreamsError {
    StreamsError::DamagedMeta { key: stream.to_string(), cause: cause.to_string() }
}
