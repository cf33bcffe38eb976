//! Changes of a stream that leave its shards alone: retention, record size, mode, distribution, monitoring.

use std::collections::BTreeSet;
use std::sync::Arc;

use headwater_types::limits::Limit;

use crate::demand::{DemandMemory, Rates};
use crate::error::{Result, StreamsError};
use crate::handle::StreamHandle;
use crate::measure::ShardMetric;
use crate::meta::{Distribution, StreamMeta, StreamMode, StreamStatus};
use crate::reshard::within_a_day;
use crate::service::{Change, StreamService};

impl StreamService {
    /// Sets a longer retention, 24 to 8760 hours. The same one changes nothing.
    pub async fn increase_retention(&self, handle: &StreamHandle, hours: i32) -> Result<()> {
        self.change_retention(handle, hours, |current| {
            let stream = handle.key.clone();
            if hours < current {
                Err(StreamsError::RetentionNotLonger { stream, hours, current })
            } else {
                Ok(())
            }
        })
        .await
    }

    /// Sets a shorter retention, 24 to 8760 hours; what is older is gone at once. The same one changes nothing.
    pub async fn decrease_retention(&self, handle: &StreamHandle, hours: i32) -> Result<()> {
        self.change_retention(handle, hours, |current| {
            let stream = handle.key.clone();
            if hours > current {
                Err(StreamsError::RetentionNotShorter { stream, hours, current })
            } else {
                Ok(())
            }
        })
        .await?;
        // What was hidden must not come back when the retention is raised again.
        self.trim_expired(handle).await
    }

    async fn change_retention(
        &self,
        handle: &StreamHandle,
        hours: i32,
        check: impl Fn(i32) -> Result<()>,
    ) -> Result<()> {
        let longer = hours > handle.view().meta.retention_hours;
        if longer {
            // "Increasing restores nothing": what has expired by now is trimmed before it could reappear.
            self.trim_expired(handle).await?;
        }
        self.change(handle, |meta, now| {
            match meta.status(now) {
                Some(StreamStatus::Active | StreamStatus::Creating) => {}
                Some(status) => return Err(StreamsError::NotActive { stream: handle.key.clone(), status }),
                None => return Err(StreamsError::StreamNotFound(handle.key.clone())),
            }
            check(meta.retention_hours)?;
            if meta.retention_hours == hours {
                return Ok(Change::Keep(()));
            }
            let creating = meta.status(now) == Some(StreamStatus::Creating);
            // Expired shards and records stay expired, whatever comes: the horizon is stored with the new retention.
            let expired_before = meta.horizon(now);
            let mut meta = StreamMeta { retention_hours: hours, expired_before, ..meta.clone() };
            if !creating {
                meta.phase = self.updating(now);
            }
            Ok(Change::Write(Box::new(meta), ()))
        })
        .await
    }

    /// Sets the largest record, data and partition key together, 1024 to 10240 KiB.
    pub async fn update_max_record_size(&self, handle: &StreamHandle, kib: i32) -> Result<()> {
        self.change_active(handle, |meta, now| {
            if meta.max_record_kib == kib {
                return Ok(Change::Keep(()));
            }
            let phase = self.updating(now);
            Ok(Change::Write(Box::new(StreamMeta { max_record_kib: kib, phase, ..meta.clone() }), ()))
        })
        .await
    }

    /// Changes which metrics are kept of each shard; answers those before and after.
    pub async fn update_monitoring(
        &self,
        handle: &StreamHandle,
        change: impl Fn(&mut BTreeSet<ShardMetric>),
    ) -> Result<[BTreeSet<ShardMetric>; 2]> {
        self.change_active(handle, |meta, now| {
            let before = meta.enhanced_monitoring.clone();
            let mut after = before.clone();
            change(&mut after);
            let answer = [before, after.clone()];
            if answer[0] == answer[1] {
                return Ok(Change::Keep(answer));
            }
            let phase = self.updating(now);
            let meta = StreamMeta { enhanced_monitoring: after, phase, ..meta.clone() };
            Ok(Change::Write(Box::new(meta), answer))
        })
        .await
    }

    /// Makes a stream provisioned or on-demand; the shards stay, unless warm throughput asks for more.
    pub async fn update_mode(
        self: &Arc<Self>,
        handle: &Arc<StreamHandle>,
        mode: StreamMode,
        warm_throughput_mibps: Option<i32>,
    ) -> Result<()> {
        if mode == StreamMode::Provisioned && warm_throughput_mibps.is_some_and(|mibps| mibps > 0) {
            return Err(StreamsError::only_on_demand("WarmThroughputMiBps"));
        }
        let _adding = self.creating.lock().await;
        self.check_commitment(handle.key.realm, warm_throughput_mibps).await?;
        self.change_active(handle, |meta, now| {
            if meta.mode == mode
                && (warm_throughput_mibps.is_none() || warm_throughput_mibps == meta.warm_throughput_mibps)
            {
                return Ok(Change::Keep(()));
            }
            let mut meta = meta.clone();
            if meta.mode != mode {
                self.check_mode_change(handle, &meta, mode, now)?;
                meta.mode_changed_at = within_a_day(&meta.mode_changed_at, now);
                meta.mode_changed_at.push(now);
                meta.demand = DemandMemory::beginning(now, Rates::default());
            }
            meta.mode = mode;
            meta.warm_throughput_mibps = match mode {
                StreamMode::Provisioned => None,
                StreamMode::OnDemand => {
                    // 0 gives up what was asked for before.
                    warm_throughput_mibps.or(meta.warm_throughput_mibps).filter(|&mibps| mibps > 0)
                }
            };
            if warm_throughput_mibps.is_some() && meta.warm_throughput_mibps.is_some() {
                meta = self.warmed(&handle.key, meta, now)?;
            }
            meta.phase = self.updating(now);
            Ok(Change::Write(Box::new(meta), ()))
        })
        .await?;
        self.finish_reshard(handle).await
    }

    /// Says how records are spread, from the next put on.
    pub async fn update_distribution(&self, handle: &StreamHandle, distribution: Distribution) -> Result<()> {
        self.change_active(handle, |meta, _| {
            if distribution == Distribution::Auto && meta.mode == StreamMode::Provisioned {
                return Err(StreamsError::only_on_demand("RecordDistributionStrategy AUTO"));
            }
            if meta.distribution == distribution {
                return Ok(Change::Keep(()));
            }
            Ok(Change::Write(Box::new(StreamMeta { distribution, ..meta.clone() }), ()))
        })
        .await
    }

    fn check_mode_change(
        &self,
        handle: &StreamHandle,
        meta: &StreamMeta,
        mode: StreamMode,
        now: headwater_types::Timestamp,
    ) -> Result<()> {
        let stream = handle.key.clone();
        if mode == StreamMode::Provisioned && meta.distribution == Distribution::Auto {
            let why = "A stream whose record distribution strategy is AUTO cannot become provisioned.";
            return Err(StreamsError::InvalidOption(why.into()));
        }
        let used = within_a_day(&meta.mode_changed_at, now).len() as u64;
        if let Some(limit) =
            self.limits_in(stream.realm).get(Limit::ModeSwitchesPerDay).filter(|&limit| used >= limit)
        {
            return Err(StreamsError::TooOften { stream, what: "UpdateStreamMode", limit });
        }
        if mode == StreamMode::OnDemand { self.check_on_demand_quota(stream.realm) } else { Ok(()) }
    }
}
