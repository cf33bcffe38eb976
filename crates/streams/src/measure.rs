//! Measurements for CloudWatch: statistics of single operations, gathered until somebody takes them.
//!
//! # Constraints
//! Gathering is a lock that nobody holds for long and a few additions for each operation, not for each record. What is
//! gathered takes the same memory however much was done: one [`Summary`] for each metric that was met.
//!
//! Names and meanings are those of CloudWatch's namespace `AWS/Kinesis`. Names are stored (`StreamMeta`) and are never
//! changed or reused.

use std::collections::BTreeMap;
use std::time::Duration;

use headwater_types::{ConsumerName, ShardId, StreamKey};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::handle::StreamHandle;
use crate::put::{PutFailure, PutPlaced};
use crate::service::StreamService;

/// Number of values, their sum and their extremes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Summary {
    /// Values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Summary {
    fn add(&mut self, value: f64) {
        let first = self.count == 0;
        self.count += 1;
        self.sum += value;
        self.min = if first { value } else { self.min.min(value) };
        self.max = if first { value } else { self.max.max(value) };
    }
}

/// Unit of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricUnit {
    /// Bytes.
    Bytes,
    /// Things.
    Count,
    /// Milliseconds.
    Milliseconds,
}

macro_rules! metrics {
    ($(#[$doc:meta])+ $enum:ident { $($metric:ident: $name:literal, $unit:ident;)+ }) => {
        $(#[$doc])+
        #[allow(missing_docs, reason = "CloudWatch documents them")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $enum {
            $($metric,)+
        }

        impl $enum {
            /// All of them, in CloudWatch's order.
            pub const ALL: &[Self] = &[$(Self::$metric,)+];

            /// As CloudWatch names it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$metric => $name,)+
                }
            }

            /// Unit of its values.
            pub const fn unit(self) -> MetricUnit {
                match self {
                    $(Self::$metric => MetricUnit::$unit,)+
                }
            }
        }
    };
}

metrics! {
    /// Metrics of single shards, which are kept where enhanced monitoring is enabled.
    ShardMetric {
        IncomingBytes: "IncomingBytes", Bytes;
        IncomingRecords: "IncomingRecords", Count;
        OutgoingBytes: "OutgoingBytes", Bytes;
        OutgoingRecords: "OutgoingRecords", Count;
        WriteProvisionedThroughputExceeded: "WriteProvisionedThroughputExceeded", Count;
        ReadProvisionedThroughputExceeded: "ReadProvisionedThroughputExceeded", Count;
        IteratorAgeMilliseconds: "IteratorAgeMilliseconds", Milliseconds;
    }
}

metrics! {
    /// Metrics of streams.
    StreamMetric {
        IncomingBytes: "IncomingBytes", Bytes;
        IncomingRecords: "IncomingRecords", Count;
        GetRecordsBytes: "GetRecords.Bytes", Bytes;
        GetRecordsIteratorAge: "GetRecords.IteratorAgeMilliseconds", Milliseconds;
        GetRecordsLatency: "GetRecords.Latency", Milliseconds;
        GetRecordsRecords: "GetRecords.Records", Count;
        GetRecordsSuccess: "GetRecords.Success", Count;
        PutRecordBytes: "PutRecord.Bytes", Bytes;
        PutRecordLatency: "PutRecord.Latency", Milliseconds;
        PutRecordSuccess: "PutRecord.Success", Count;
        PutRecordsBytes: "PutRecords.Bytes", Bytes;
        PutRecordsLatency: "PutRecords.Latency", Milliseconds;
        PutRecordsSuccess: "PutRecords.Success", Count;
        PutRecordsTotalRecords: "PutRecords.TotalRecords", Count;
        PutRecordsSuccessfulRecords: "PutRecords.SuccessfulRecords", Count;
        PutRecordsFailedRecords: "PutRecords.FailedRecords", Count;
        PutRecordsThrottledRecords: "PutRecords.ThrottledRecords", Count;
        WriteProvisionedThroughputExceeded: "WriteProvisionedThroughputExceeded", Count;
        ReadProvisionedThroughputExceeded: "ReadProvisionedThroughputExceeded", Count;
    }
}

metrics! {
    /// Metrics of the consumers of a stream.
    ConsumerMetric {
        SubscribeSuccess: "SubscribeToShard.Success", Count;
        SubscribeRateExceeded: "SubscribeToShard.RateExceeded", Count;
        EventBytes: "SubscribeToShardEvent.Bytes", Bytes;
        EventMillisBehindLatest: "SubscribeToShardEvent.MillisBehindLatest", Milliseconds;
        EventRecords: "SubscribeToShardEvent.Records", Count;
        EventSuccess: "SubscribeToShardEvent.Success", Count;
    }
}

/// Statistics gathered of one thing.
#[derive(Debug)]
pub(crate) struct Measures<M>(Mutex<BTreeMap<M, Summary>>);

impl<M> Default for Measures<M> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<M: Ord + Copy> Measures<M> {
    pub(crate) fn add(&self, values: &[(M, f64)]) {
        let mut gathered = self.0.lock();
        for &(metric, value) in values {
            gathered.entry(metric).or_default().add(value);
        }
    }

    fn take(&self) -> BTreeMap<M, Summary> {
        std::mem::take(&mut *self.0.lock())
    }
}

/// The same for the consumers of a stream, which come and go.
#[derive(Debug, Default)]
pub(crate) struct ConsumerMeasures(Mutex<BTreeMap<ConsumerName, BTreeMap<ConsumerMetric, Summary>>>);

impl ConsumerMeasures {
    pub(crate) fn add(&self, consumer: &ConsumerName, values: &[(ConsumerMetric, f64)]) {
        let mut all = self.0.lock();
        if !all.contains_key(consumer) {
            all.insert(consumer.clone(), BTreeMap::new());
        }
        let Some(gathered) = all.get_mut(consumer) else { return };
        for &(metric, value) in values {
            gathered.entry(metric).or_default().add(value);
        }
    }

    fn take(&self) -> BTreeMap<ConsumerName, BTreeMap<ConsumerMetric, Summary>> {
        std::mem::take(&mut *self.0.lock())
    }
}

fn millis(took: Duration) -> f64 {
    took.as_secs_f64() * 1000.0
}

impl Measures<StreamMetric> {
    pub(crate) fn put_record(&self, took: Duration, bytes: u64, outcome: Result<(), bool>) {
        use StreamMetric as M;
        let success = if outcome.is_ok() { 1.0 } else { 0.0 };
        let throttled = if outcome == Err(true) { 1.0 } else { 0.0 };
        self.add(&[
            (M::PutRecordLatency, millis(took)),
            (M::PutRecordSuccess, success),
            (M::WriteProvisionedThroughputExceeded, throttled),
        ]);
        if outcome.is_ok() {
            let bytes = bytes as f64;
            self.add(&[(M::PutRecordBytes, bytes), (M::IncomingBytes, bytes), (M::IncomingRecords, 1.0)]);
        }
    }

    /// `stored_bytes` are those of the records that were stored.
    pub(crate) fn put_records(
        &self,
        took: Duration,
        stored_bytes: u64,
        answers: &[Result<PutPlaced, PutFailure>],
    ) {
        use StreamMetric as M;
        let count = |which: fn(&Result<PutPlaced, PutFailure>) -> bool| {
            answers.iter().filter(|&answer| which(answer)).count() as f64
        };
        let stored = count(|answer| answer.is_ok());
        let throttled = count(|answer| matches!(answer, Err(PutFailure::Throttled(_))));
        self.add(&[
            (M::PutRecordsLatency, millis(took)),
            (M::PutRecordsSuccess, if stored > 0.0 { 1.0 } else { 0.0 }),
            (M::PutRecordsTotalRecords, answers.len() as f64),
            (M::PutRecordsSuccessfulRecords, stored),
            (M::PutRecordsFailedRecords, count(|answer| matches!(answer, Err(PutFailure::Internal)))),
            (M::PutRecordsThrottledRecords, throttled),
            (M::WriteProvisionedThroughputExceeded, throttled),
        ]);
        if stored > 0.0 {
            let bytes = stored_bytes as f64;
            self.add(&[(M::PutRecordsBytes, bytes), (M::IncomingBytes, bytes), (M::IncomingRecords, stored)]);
        }
    }

    pub(crate) fn get_records(&self, took: Duration, records: u64, bytes: u64, age_ms: u64) {
        use StreamMetric as M;
        self.add(&[
            (M::GetRecordsLatency, millis(took)),
            (M::GetRecordsSuccess, 1.0),
            (M::GetRecordsRecords, records as f64),
            (M::GetRecordsBytes, bytes as f64),
            (M::GetRecordsIteratorAge, age_ms as f64),
            (M::ReadProvisionedThroughputExceeded, 0.0),
        ]);
    }

    pub(crate) fn get_records_failed(&self, took: Duration, throttled: bool) {
        use StreamMetric as M;
        self.add(&[
            (M::GetRecordsLatency, millis(took)),
            (M::GetRecordsSuccess, 0.0),
            (M::ReadProvisionedThroughputExceeded, if throttled { 1.0 } else { 0.0 }),
        ]);
    }
}

/// Subject of a metric, within a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Measured {
    /// The stream's.
    Stream,
    /// A shard's.
    Shard(ShardId),
    /// A consumer's.
    Consumer(ConsumerName),
}

/// One metric since it was last taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// Of which stream.
    pub stream: StreamKey,
    /// Of what in it.
    pub of: Measured,
    /// As CloudWatch names it.
    pub name: &'static str,
    /// Unit of the values.
    pub unit: MetricUnit,
    /// Its values.
    pub summary: Summary,
}

impl StreamService {
    /// Takes everything that was gathered since the last time. Of shards only what enhanced monitoring asks for.
    pub fn take_measures(&self) -> Vec<Measure> {
        let handles: Vec<_> = self.streams.read().values().cloned().collect();
        let mut taken = Vec::new();
        for handle in handles {
            handle.take_measures(&mut taken);
        }
        taken
    }
}

impl StreamHandle {
    fn take_measures(&self, taken: &mut Vec<Measure>) {
        let mut push = |of: &Measured, name, unit, summary| {
            taken.push(Measure { stream: self.key.clone(), of: of.clone(), name, unit, summary });
        };
        for (metric, summary) in self.measures.take() {
            push(&Measured::Stream, metric.name(), metric.unit(), summary);
        }
        for (consumer, gathered) in self.consumer_measures.take() {
            let of = Measured::Consumer(consumer);
            for (metric, summary) in gathered {
                push(&of, metric.name(), metric.unit(), summary);
            }
        }
        let view = self.view();
        for (shard, counted) in view.shards() {
            // Taken even if nobody wants it: what is enabled later begins then.
            for (metric, summary) in counted.stats.measures.take() {
                if view.meta.enhanced_monitoring.contains(&metric) {
                    push(&Measured::Shard(shard.id), metric.name(), metric.unit(), summary);
                }
            }
        }
    }
}
