//! Looks at a stream, and carries out what the rule says.

use std::collections::BTreeMap;
use std::time::Duration;

use headwater_types::limits::Limit;
use headwater_types::{ShardId, ShardMap, Timestamp};
use tracing::{info, warn};

use super::{Decision, Load, Situation, lacking, plan};
use crate::create::shards_for_throughput;
use crate::demand::Rates;
use crate::error::{Result, StreamsError};
use crate::handle::{ShardHandle, StreamHandle, StreamView};
use crate::meta::{StreamMeta, StreamMode, StreamStatus};
use crate::service::{Change, StreamService};
use crate::traffic::Totals;

impl StreamService {
    /// Notes what an on-demand stream is written with, and splits or merges its shards if that is due.
    pub(crate) async fn scale(&self, handle: &StreamHandle) -> Result<()> {
        let view = handle.view();
        if view.meta.mode == StreamMode::Provisioned {
            return Ok(());
        }
        let elapsed = self.clock.elapsed();
        let demands = self.demands(handle, &view, elapsed);
        let totals = view.shards.iter().map(|shard| shard.stats.written());
        let totals = totals.fold(Totals::default(), Totals::plus);
        let asked = demands.values().fold(Rates::default(), |sum, &rates| sum.plus(rates));
        let demand = handle.traffic.observe(elapsed, totals, asked);
        self.note_peak(handle, demand).await?;
        let decision = self.decide(handle, &handle.view().meta, &demands, self.clock.now());
        self.warn_of_single_keys(handle, &decision.single_keys);
        let refused = if decision.plan.is_empty() {
            None
        } else {
            self.carry_out(handle, &demands).await?.map(|e| e.to_string())
        };
        // Said once, not every time upkeep comes by.
        let missing = decision.short_by;
        if handle.traffic.falls_short(missing > 0 || refused.is_some()) {
            let cause =
                refused.as_deref().unwrap_or("the stream's ceiling or the account's shard quota is reached");
            warn!(stream = %handle.key.name, missing, cause, "an on-demand stream does not get all the shards it needs");
        }
        Ok(())
    }

    /// The demand of every open shard that has been watched for a minute.
    fn demands(
        &self,
        handle: &StreamHandle,
        view: &StreamView,
        elapsed: Duration,
    ) -> BTreeMap<ShardId, Rates> {
        // What a shard takes, if that is limited.
        let limits = self.limits_in(handle.key.realm);
        let (bytes, records) = (limits.get(Limit::ShardWriteBytes), limits.get(Limit::ShardWriteRecords));
        let capacity = (bytes.is_some() || records.is_some()).then(|| Rates {
            bytes_per_s: bytes.unwrap_or(u64::MAX),
            records_per_s: records.unwrap_or(u64::MAX),
        });
        let open = view.meta.shards.all().iter().zip(&view.shards).filter(|(shard, _)| shard.is_open());
        let demand = |handle: &ShardHandle| handle.traffic.demand(elapsed, handle.stats.written(), capacity);
        open.filter_map(|(shard, handle)| Some((shard.id, demand(handle)?))).collect()
    }

    async fn note_peak(&self, handle: &StreamHandle, demand: Rates) -> Result<()> {
        self.change(handle, |meta, now| {
            let noted = meta.demand.noting(now, demand).filter(|_| meta.mode == StreamMode::OnDemand);
            Ok(noted.map_or(Change::Keep(()), |demand| {
                Change::Write(Box::new(StreamMeta { demand, ..meta.clone() }), ())
            }))
        })
        .await
    }

    /// Applies the rule to this metadata. Nothing is to be done while the stream is in transition.
    fn decide(
        &self,
        handle: &StreamHandle,
        meta: &StreamMeta,
        demands: &BTreeMap<ShardId, Rates>,
        now: Timestamp,
    ) -> Decision {
        if meta.mode == StreamMode::Provisioned || meta.status(now) != Some(StreamStatus::Active) {
            return Decision::default();
        }
        let peak = meta.demand.peak(now);
        let view = handle.view();
        let keys_of = |id: ShardId| view.shard(id).map(|(_, shard)| shard.traffic.keys()).unwrap_or_default();
        // Samples are only copied where they may be asked for.
        let any = lacking(&meta.shards, peak) > 0;
        let load = |(&id, &demand): (&ShardId, &Rates)| {
            let keys = if any || demand.is_hot() { keys_of(id) } else { Vec::new() };
            (id, Load { demand, keys })
        };
        let loads = demands.iter().map(load).collect();
        plan(&Situation {
            shards: &meta.shards,
            loads: &loads,
            peak,
            least: shards_for_throughput(meta.warm_throughput_mibps),
            unasked: meta.demand.is_unasked(now),
            room: self.room(handle, &meta.shards),
        })
    }

    /// Open shards that may be added: up to the stream's ceiling and the account's quota.
    fn room(&self, handle: &StreamHandle, shards: &ShardMap) -> u32 {
        let left = |limit: Limit, taken: u32| {
            let allowed = self.limits_in(handle.key.realm).get(limit).unwrap_or(u64::MAX);
            u32::try_from(allowed.saturating_sub(taken.into())).unwrap_or(u32::MAX)
        };
        let open = u32::try_from(shards.open().len()).unwrap_or(u32::MAX);
        // A shard takes 1 MiB/s.
        let of_stream = left(Limit::OnDemandWriteMib, open);
        of_stream.min(left(Limit::ShardsPerAccount, self.open_shards(handle.key.realm)))
    }

    fn warn_of_single_keys(&self, handle: &StreamHandle, shards: &[ShardId]) {
        let (stream, view) = (&handle.key.name, handle.view());
        for &shard in shards {
            if view.shard(shard).is_some_and(|(_, handle)| handle.traffic.warn_once()) {
                warn!(%stream, %shard, "most of what this busy shard takes has one partition key: a split would not help");
            }
        }
    }

    /// Reshards as the rule says of the newest metadata; what refused it, if something did.
    async fn carry_out(
        &self,
        handle: &StreamHandle,
        demands: &BTreeMap<ShardId, Rates>,
    ) -> Result<Option<StreamsError>> {
        // Whoever adds open shards counts them one after the other.
        let _adding = self.creating.lock().await;
        let planned = self
            .change(handle, |meta, now| {
                let Decision { plan, .. } = self.decide(handle, meta, demands, now);
                if plan.is_empty() {
                    return Ok(Change::Keep(None));
                }
                let before = meta.open_shards();
                let after = meta.shards.apply(&plan, now).map_or(before as usize, |map| map.open().len());
                let mut meta = self.with_plan(&handle.key, meta, plan, now)?;
                if after > before as usize {
                    meta.demand = meta.demand.asked(now);
                }
                Ok(Change::Write(Box::new(meta), Some((before, after))))
            })
            .await;
        match planned {
            Ok(Some((before, after))) => {
                info!(stream = %handle.key.name, before, after, "an on-demand stream changes its open shards");
            }
            Ok(None) => return Ok(None),
            // Closed shards will expire, and quotas are looked at again.
            Err(refused @ (StreamsError::TooManyShards { .. } | StreamsError::ShardQuota { .. })) => {
                return Ok(Some(refused));
            }
            Err(error) => return Err(error),
        }
        self.finish_reshard(handle).await?;
        Ok(None)
    }
}
