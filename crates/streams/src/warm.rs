//! Warm throughput: write capacity that an on-demand stream has before traffic asks for it.
//!
//! # Algorithm
//! A shard takes 1 MiB/s, so warm throughput is a number of shards below which the stream never is. More of it splits
//! at once, into equal shards. The same or less releases what is in excess: the stream forgets its peaks of earlier
//! days and is merged to what warm throughput and the traffic of the last quarter of an hour ask for.
//!
//! # Recovery
//! That of any reshard: the new value and the plan are written together.

use std::sync::Arc;

use headwater_types::{StreamKey, Timestamp};

use crate::account::CommitmentStatus;
use crate::create::shards_for_throughput;
use crate::demand::DemandMemory;
use crate::error::{Result, StreamsError};
use crate::handle::StreamHandle;
use crate::meta::{StreamMeta, StreamMode};
use crate::service::{Change, StreamService};

/// For what write throughput a stream is ready, in MiB/s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WarmThroughput {
    /// Throughput that was asked for, or the one it has if none was.
    pub target_mibps: u32,
    /// Throughput that it has.
    pub current_mibps: u32,
}

impl StreamService {
    /// Sets the warm throughput of an on-demand stream in MiB/s; 0 removes it.
    pub async fn update_warm_throughput(
        self: &Arc<Self>,
        handle: &Arc<StreamHandle>,
        mibps: i32,
    ) -> Result<WarmThroughput> {
        let _adding = self.creating.lock().await;
        if handle.view().meta.mode == StreamMode::OnDemand {
            self.check_commitment(handle.key.realm, Some(mibps)).await?;
        }
        self.change_active(handle, |meta, now| {
            if meta.mode == StreamMode::Provisioned {
                return Err(StreamsError::only_on_demand("WarmThroughputMiBps"));
            }
            let before = meta.warm_throughput_mibps.unwrap_or(0);
            let warm_throughput_mibps = (mibps > 0).then_some(mibps);
            let meta = StreamMeta { warm_throughput_mibps, phase: self.updating(now), ..meta.clone() };
            let meta = if mibps > before {
                self.warmed(&handle.key, meta, now)?
            } else {
                self.released(handle, meta, now)?
            };
            Ok(Change::Write(Box::new(meta), ()))
        })
        .await?;
        self.finish_reshard(handle).await?;
        let current_mibps = handle.view().meta.open_shards();
        Ok(WarmThroughput { target_mibps: u32::try_from(mibps).unwrap_or(0), current_mibps })
    }

    /// The warm throughput to be shown: of on-demand streams of accounts that have the commitment.
    pub async fn warm_throughput(&self, handle: &StreamHandle) -> Result<Option<WarmThroughput>> {
        let meta = &handle.view().meta;
        if meta.mode == StreamMode::Provisioned {
            return Ok(None);
        }
        let asked = meta.warm_throughput_mibps.and_then(|mibps| u32::try_from(mibps).ok());
        let committed = || async {
            let commitment = self.account_settings(handle.key.realm).await?.commitment;
            Ok::<_, StreamsError>(commitment.status != CommitmentStatus::Disabled)
        };
        if asked.is_none() && !committed().await? {
            return Ok(None);
        }
        let current_mibps = meta.open_shards();
        Ok(Some(WarmThroughput { target_mibps: asked.unwrap_or(current_mibps), current_mibps }))
    }

    /// The metadata with as many shards as its warm throughput asks for, or more if it has them.
    pub(crate) fn warmed(&self, stream: &StreamKey, meta: StreamMeta, now: Timestamp) -> Result<StreamMeta> {
        let demand = meta.demand.asked(now);
        let shards = shards_for_throughput(meta.warm_throughput_mibps).max(meta.open_shards());
        self.resized(stream, StreamMeta { demand, ..meta }, shards, now)
    }

    /// The metadata with no more shards than warm throughput and recent traffic ask for.
    fn released(&self, handle: &StreamHandle, meta: StreamMeta, now: Timestamp) -> Result<StreamMeta> {
        let recent = handle.traffic.recent_peak(self.clock.elapsed(), meta.demand.peak_of_today(now));
        let demand = DemandMemory::beginning(now, recent);
        let least = shards_for_throughput(meta.warm_throughput_mibps).max(recent.shards());
        let shards = least.min(meta.open_shards());
        self.resized(&handle.key, StreamMeta { demand, ..meta }, shards, now)
    }

    fn resized(
        &self,
        stream: &StreamKey,
        meta: StreamMeta,
        shards: u32,
        now: Timestamp,
    ) -> Result<StreamMeta> {
        if shards == meta.open_shards() {
            return Ok(meta);
        }
        let plan = meta.shards.plan_uniform(shards);
        self.with_plan(stream, &meta, plan, now)
    }
}
