//! Reports on streams and shards, for monitoring.

use headwater_telemetry::{EnhancedSample, Level, ShardSample, StreamLevels};
use headwater_types::Timestamp;

use crate::handle::{ShardHandle, StreamHandle};
use crate::measure::ShardMetric;
use crate::read::lag_ms;
use crate::service::{StreamService, labels_of};
use crate::stats::ShardReport;

impl ShardHandle {
    /// Lag of its readers behind the newest record: the worst of them, `None` if it has none. A shard that cannot be
    /// read is told of where it is read.
    async fn age_ms(&self, report: &ShardReport, now: Timestamp) -> Option<u64> {
        let subscribed = match report.slowest_subscription {
            Some(position) => Some(lag_ms(&self.log, position, now).await.unwrap_or(0)),
            None => None,
        };
        subscribed.max(report.polls_behind_ms)
    }

    async fn enhanced(&self, report: &ShardReport, metric: ShardMetric, now: Timestamp) -> Option<u64> {
        Some(match metric {
            ShardMetric::IncomingBytes => report.bytes_in,
            ShardMetric::IncomingRecords => report.records_in,
            ShardMetric::OutgoingBytes => report.bytes_out,
            ShardMetric::OutgoingRecords => report.records_out,
            ShardMetric::WriteProvisionedThroughputExceeded => report.throttled_writes,
            ShardMetric::ReadProvisionedThroughputExceeded => report.throttled_reads,
            ShardMetric::IteratorAgeMilliseconds => return self.age_ms(report, now).await,
        })
    }
}

impl StreamService {
    /// Sets the levels that Prometheus reads.
    pub async fn report_levels(&self) {
        let now = self.clock.now();
        let handles: Vec<_> = self.streams.read().values().cloned().collect();
        let (mut streams, mut shards) = (0, 0);
        for handle in handles {
            let view = handle.view();
            if view.meta.status(now).is_none() {
                continue;
            }
            let (mut subscriptions, mut iterator_age_ms) = (0, None);
            for (_, shard) in view.shards() {
                let report = shard.report(now);
                subscriptions += report.subscriptions;
                iterator_age_ms = iterator_age_ms.max(shard.age_ms(&report, now).await);
            }
            let levels =
                StreamLevels { open_shards: view.meta.open_shards(), subscriptions, iterator_age_ms };
            self.metrics.set_stream(&labels_of(&handle.key), levels);
            streams += 1;
            shards += u64::from(levels.open_shards);
        }
        self.metrics.set(Level::Streams, streams);
        self.metrics.set(Level::OpenShards, shards);
    }

    /// The metrics of shards whose streams have them enabled, for Prometheus.
    pub async fn enhanced_samples(&self) -> Vec<EnhancedSample> {
        let now = self.clock.now();
        let handles: Vec<_> = self.streams.read().values().cloned().collect();
        let mut samples = Vec::new();
        for handle in handles {
            let view = handle.view();
            if view.meta.enhanced_monitoring.is_empty() || view.meta.status(now).is_none() {
                continue;
            }
            let horizon = view.meta.horizon(now);
            let live = view.shards().filter(|(shard, _)| shard.closed_at().is_none_or(|at| at >= horizon));
            for (shard, counted) in live {
                let report = counted.report(now);
                for &metric in &view.meta.enhanced_monitoring {
                    let Some(value) = counted.enhanced(&report, metric, now).await else { continue };
                    samples.push(EnhancedSample {
                        account: handle.key.realm.account.to_string(),
                        region: handle.key.realm.region.to_string(),
                        stream: handle.key.name.to_string(),
                        shard: shard.id.to_string(),
                        metric: metric.name(),
                        value,
                        is_gauge: metric == ShardMetric::IteratorAgeMilliseconds,
                    });
                }
            }
        }
        samples
    }

    /// Activity of each shard of a stream since the server started, by id.
    pub async fn shard_samples(&self, handle: &StreamHandle) -> Vec<ShardSample> {
        let now = self.clock.now();
        let view = handle.view();
        let horizon = view.meta.horizon(now);
        let live = view.shards().filter(|(shard, _)| shard.closed_at().is_none_or(|at| at >= horizon));
        let mut samples = Vec::new();
        for (shard, counted) in live {
            let report = counted.report(now);
            samples.push(ShardSample {
                account: handle.key.realm.account.to_string(),
                region: handle.key.realm.region.to_string(),
                stream: handle.key.name.to_string(),
                shard: shard.id.to_string(),
                open: shard.is_open(),
                counts: [
                    report.records_in,
                    report.bytes_in,
                    report.records_out,
                    report.bytes_out,
                    report.throttled_writes,
                    report.throttled_reads,
                ],
                iterator_age_ms: counted.age_ms(&report, now).await,
                subscriptions: report.subscriptions,
            });
        }
        samples
    }
}
