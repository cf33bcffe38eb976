//! What whoever watches the server is told of streams and shards.

use headwater_telemetry::{EnhancedSample, Level, ShardSample, StreamLevels};
use headwater_types::Timestamp;

use crate::handle::{ShardHandle, StreamHandle};
use crate::measure::ShardMetric;
use crate::service::StreamService;
use crate::stats::ShardReport;

/// A shard that was not read for so long has no readers: how far the last one was behind means nothing any more.
const READERS_GONE_AFTER_MS: u64 = 300_000;

impl ShardReport {
    /// How far the newest read was behind the newest record, unless it is long ago.
    fn current_age_ms(&self, now: Timestamp) -> Option<u64> {
        let (age_ms, read_at) = self.iterator_age?;
        (now.millis_since(read_at) <= READERS_GONE_AFTER_MS).then_some(age_ms)
    }

    fn enhanced(&self, metric: ShardMetric, now: Timestamp) -> Option<u64> {
        Some(match metric {
            ShardMetric::IncomingBytes => self.bytes_in,
            ShardMetric::IncomingRecords => self.records_in,
            ShardMetric::OutgoingBytes => self.bytes_out,
            ShardMetric::OutgoingRecords => self.records_out,
            ShardMetric::WriteProvisionedThroughputExceeded => self.throttled_writes,
            ShardMetric::ReadProvisionedThroughputExceeded => self.throttled_reads,
            ShardMetric::IteratorAgeMilliseconds => return self.current_age_ms(now),
        })
    }
}

impl StreamService {
    /// Sets the levels that Prometheus reads.
    pub fn report_levels(&self) {
        let now = self.clock.now();
        let handles: Vec<_> = self.streams.read().values().cloned().collect();
        let (mut streams, mut shards) = (0, 0);
        for handle in handles {
            let view = handle.view();
            if view.meta.status(now).is_none() {
                continue;
            }
            let reports = || view.shards().map(|(_, shard)| shard.report());
            let levels = StreamLevels {
                open_shards: view.meta.open_shards(),
                subscriptions: reports().map(|report| report.subscriptions).sum(),
                iterator_age_ms: reports().filter_map(|report| report.current_age_ms(now)).max(),
            };
            self.metrics.set_stream(handle.key.account.as_str(), handle.key.name.as_str(), levels);
            streams += 1;
            shards += u64::from(levels.open_shards);
        }
        self.metrics.set(Level::Streams, streams);
        self.metrics.set(Level::OpenShards, shards);
    }

    /// The metrics of shards whose streams have them enabled, for Prometheus.
    pub fn enhanced_samples(&self) -> Vec<EnhancedSample> {
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
                let report = counted.report();
                for &metric in &view.meta.enhanced_monitoring {
                    let Some(value) = report.enhanced(metric, now) else { continue };
                    samples.push(EnhancedSample {
                        account: handle.key.account.to_string(),
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

    /// What was done with each shard of a stream since the server started, by id.
    pub fn shard_samples(&self, handle: &StreamHandle) -> Vec<ShardSample> {
        let now = self.clock.now();
        let view = handle.view();
        let horizon = view.meta.horizon(now);
        let live = view.shards().filter(|(shard, _)| shard.closed_at().is_none_or(|at| at >= horizon));
        let sample = |(shard, counted): (&headwater_types::Shard, &ShardHandle)| {
            let report = counted.report();
            ShardSample {
                account: handle.key.account.to_string(),
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
                iterator_age_ms: report.current_age_ms(now),
                subscriptions: report.subscriptions,
            }
        };
        live.map(sample).collect()
    }
}
