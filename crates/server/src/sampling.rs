//! Turns what streams measure into metrics in the namespace `AWS/Kinesis`, minute by minute.
//!
//! A sample is taken when a minute of the clock has ended and stands for that minute. What is counted between its end
//! and the sampling, a moment later, is put into the minute that has just ended.

use std::sync::Arc;
use std::time::Duration;

use headwater_host::Clock;
use headwater_monitoring::{Datum, Metric, MetricStore, Resolution, StatisticSet, Unit};
use headwater_streams::{Measure, Measured, MetricUnit, StreamService};
use headwater_types::Timestamp;

const NAMESPACE: &str = "AWS/Kinesis";
const MINUTE_MS: u64 = 60_000;
/// Interval at which data that has become too old is looked for, in minutes.
const AGE_EVERY: u64 = 60;

/// Takes a sample after each minute, until the task is dropped.
pub(crate) async fn run(streams: Arc<StreamService>, monitoring: Arc<MetricStore>, clock: Arc<dyn Clock>) {
    loop {
        let into_minute_ms = clock.now().as_millis() % MINUTE_MS;
        clock.sleep(Duration::from_millis(MINUTE_MS - into_minute_ms)).await;
        let minute = clock.now().as_millis() / MINUTE_MS;
        let at = Timestamp::from_millis(minute.saturating_sub(1) * MINUTE_MS);
        for measure in streams.take_measures() {
            monitoring.put(measure.stream.realm, [datum(&measure, at)]);
        }
        if minute.is_multiple_of(AGE_EVERY) {
            monitoring.age();
        }
    }
}

fn datum(measure: &Measure, at: Timestamp) -> Datum {
    let mut dimensions = vec![("StreamName", measure.stream.name.to_string())];
    match &measure.of {
        Measured::Stream => {}
        Measured::Shard(shard) => dimensions.push(("ShardId", shard.to_string())),
        Measured::Consumer(consumer) => dimensions.push(("ConsumerName", consumer.to_string())),
    }
    let dimensions = dimensions.iter().map(|(name, value)| (*name, value.as_str()));
    let summary = measure.summary;
    Datum {
        metric: Metric::new(NAMESPACE, measure.name, dimensions),
        unit: match measure.unit {
            MetricUnit::Bytes => Unit::Bytes,
            MetricUnit::Count => Unit::Count,
            MetricUnit::Milliseconds => Unit::Milliseconds,
        },
        at,
        resolution: Resolution::Standard,
        values: StatisticSet {
            count: summary.count as f64,
            sum: summary.sum,
            min: summary.min,
            max: summary.max,
        },
    }
}
