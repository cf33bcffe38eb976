//! Metrics of single shards, made when somebody asks: a server may have tens of thousands.

use std::collections::BTreeMap;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    account: String,
    region: String,
    stream: String,
    shard: String,
}

/// One shard at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardSample {
    /// The stream's owner.
    pub account: String,
    /// The stream's region.
    pub region: String,
    /// The stream.
    pub stream: String,
    /// The shard.
    pub shard: String,
    /// True if it takes records.
    pub open: bool,
    /// Since the server started: records and bytes in, records and bytes out, records refused, calls refused.
    pub counts: [u64; 6],
    /// Lag of the slowest reader behind the newest record, in milliseconds; `None` if nobody reads.
    pub iterator_age_ms: Option<u64>,
    /// Open subscriptions.
    pub subscriptions: u32,
}

/// Names and help of [`ShardSample::counts`].
const COUNTS: [(&str, &str); 6] = [
    ("records_in", "Records stored, by shard"),
    ("bytes_in", "Bytes of data and partition keys stored, by shard"),
    ("records_out", "Records read and pushed, by shard"),
    ("bytes_out", "Bytes of data and partition keys read and pushed, by shard"),
    ("throttled_writes", "Records refused over the write rate, by shard"),
    ("throttled_reads", "Reads refused over the read rate, by shard"),
];

/// One metric that enhanced monitoring keeps of a shard, under CloudWatch's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnhancedSample {
    /// The stream's owner.
    pub account: String,
    /// The stream's region.
    pub region: String,
    /// The stream.
    pub stream: String,
    /// The shard.
    pub shard: String,
    /// CloudWatch's name.
    pub metric: &'static str,
    /// Since the server started, or for a gauge now.
    pub value: u64,
    /// True if it may fall.
    pub is_gauge: bool,
}

/// The samples as text that goes before the end of [`crate::Metrics::encode`]'s.
pub(crate) fn encode_enhanced(samples: &[EnhancedSample]) -> String {
    let mut counters = BTreeMap::<&str, Family<Labels, Counter>>::new();
    let mut gauges = BTreeMap::<&str, Family<Labels, Gauge>>::new();
    for sample in samples {
        let labels = Labels {
            account: sample.account.clone(),
            region: sample.region.clone(),
            stream: sample.stream.clone(),
            shard: sample.shard.clone(),
        };
        if sample.is_gauge {
            let value = i64::try_from(sample.value).unwrap_or(i64::MAX);
            gauges.entry(sample.metric).or_default().get_or_create(&labels).set(value);
        } else {
            counters.entry(sample.metric).or_default().get_or_create(&labels).inc_by(sample.value);
        }
    }
    let mut registry = Registry::with_prefix("headwater_kinesis");
    for (metric, family) in counters {
        registry.register(metric, format!("CloudWatch's {metric}, by shard"), family);
    }
    for (metric, family) in gauges {
        registry.register(metric, format!("CloudWatch's {metric}, by shard"), family);
    }
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = encode(&mut text, &registry);
    text
}

/// The samples as text (see [`crate::CONTENT_TYPE`]).
pub fn encode_shards(samples: &[ShardSample]) -> String {
    let mut registry = Registry::with_prefix("headwater_shard");
    let counts: [Family<Labels, Counter>; 6] = Default::default();
    for (family, (name, help)) in counts.iter().zip(COUNTS) {
        registry.register(name, help, family.clone());
    }
    let gauge = |registry: &mut Registry, name: &str, help: &str| {
        let family = Family::<Labels, Gauge>::default();
        registry.register(name, help, family.clone());
        family
    };
    let open = gauge(&mut registry, "open", "1 while the shard takes records");
    let help = "How far the slowest reader is behind the newest record; absent where nobody reads";
    let age = gauge(&mut registry, "iterator_age_milliseconds", help);
    let subscriptions = gauge(&mut registry, "subscriptions", "Open subscriptions of enhanced fan-out");
    for sample in samples {
        let labels = Labels {
            account: sample.account.clone(),
            region: sample.region.clone(),
            stream: sample.stream.clone(),
            shard: sample.shard.clone(),
        };
        for (family, count) in counts.iter().zip(sample.counts) {
            family.get_or_create(&labels).inc_by(count);
        }
        open.get_or_create(&labels).set(sample.open.into());
        subscriptions.get_or_create(&labels).set(sample.subscriptions.into());
        if let Some(ms) = sample.iterator_age_ms {
            age.get_or_create(&labels).set(i64::try_from(ms).unwrap_or(i64::MAX));
        }
    }
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = encode(&mut text, &registry);
    text
}
