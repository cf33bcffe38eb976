//! Metrics, registered once and read by Prometheus.
//!
//! Names follow Prometheus' conventions; everything begins with `headwater_`. Per-stream series are removed
//! with their stream, so that a server that sees many short-lived streams does not grow.

mod shards;

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

pub use shards::{EnhancedSample, ShardSample, encode_shards};

/// The last line of what is encoded.
const END: &str = "# EOF\n";

/// The content type of [`Metrics::encode`]: OpenMetrics text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    service: &'static str,
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    service: &'static str,
    operation: &'static str,
}

/// Labels of the stream that a series belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct StreamLabels {
    /// The stream's owner.
    pub account: String,
    /// The stream's region.
    pub region: String,
    /// The stream.
    pub stream: String,
}

/// A stream at this moment, set before each scrape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamLevels {
    /// Shards that take records.
    pub open_shards: u32,
    /// Open subscriptions.
    pub subscriptions: u32,
    /// The worst of the shards' iterator ages; `None` if nobody reads.
    pub iterator_age_ms: Option<u64>,
}

/// A size or a count at this moment, set before each scrape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Open shards of all streams.
    OpenShards,
    /// Streams that exist.
    Streams,
    /// Bytes the data directory takes on its disk.
    DiskUsedBytes,
    /// Bytes free on the disk of the data directory.
    DiskFreeBytes,
    /// 1 once a disk error has stopped all writes.
    WritesStopped,
    /// Places in stored files that are known to be damaged.
    DamagedFrames,
    /// Failures of the background work since the start.
    BackgroundFailures,
    /// Bytes that wait to be made durable.
    CommitQueueBytes,
    /// Tables that have lost something to damage; at least 1 while tables may be missing, or none can be read.
    DamagedTables,
    /// Tables that exist.
    Tables,
    /// Items of all tables.
    TableItems,
    /// Memory that items and indexes take, roughly.
    TableMemoryBytes,
    /// Seconds since the epoch at which everything that is stored had last been read; 0 before the first time.
    ScrubLastComplete,
}

/// Names and descriptions, in the order of [`Level`].
const LEVELS: [(&str, &str); 13] = [
    ("open_shards", "Open shards of all streams"),
    ("streams", "Streams that exist"),
    ("disk_used_bytes", "Bytes the data directory takes"),
    ("disk_free_bytes", "Bytes free on the disk of the data directory"),
    ("writes_stopped", "1 once a disk error has stopped all writes, until a restart"),
    ("damaged_frames", "Places in stored files that are known to be damaged"),
    ("background_failures", "Failures of the background work since the start; it tries again"),
    ("commit_queue_bytes", "Bytes that wait to be made durable"),
    ("damaged_tables", "Tables that have lost something to damage, or at least 1 if some may be missing"),
    ("tables", "Tables that exist"),
    ("table_items", "Items of all tables"),
    ("table_memory_bytes", "Memory that items of tables and their indexes take, roughly"),
    (
        "scrub_last_complete_timestamp_seconds",
        "When everything stored had last been read since the start; 0 for never",
    ),
];

/// Counts as an open connection until it is dropped.
#[derive(Debug)]
pub struct OpenConnection(Gauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

type Histograms = Family<OperationLabels, Histogram, fn() -> Histogram>;

/// All metrics of a server.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    latency: Histograms,
    records_in: Family<StreamLabels, Counter>,
    bytes_in: Family<StreamLabels, Counter>,
    records_out: Family<StreamLabels, Counter>,
    bytes_out: Family<StreamLabels, Counter>,
    throttled_writes: Family<StreamLabels, Counter>,
    throttled_reads: Family<StreamLabels, Counter>,
    stream_open_shards: Family<StreamLabels, Gauge>,
    stream_subscriptions: Family<StreamLabels, Gauge>,
    stream_iterator_age: Family<StreamLabels, Gauge>,
    fsync: Histogram,
    scrubbed_bytes: Counter,
    levels: [Gauge; LEVELS.len()],
    connections: Gauge,
}

/// The counters of one stream, kept where they are counted.
#[derive(Debug, Clone, Default)]
pub struct StreamMetrics {
    records_in: Counter,
    bytes_in: Counter,
    records_out: Counter,
    bytes_out: Counter,
    throttled_writes: Counter,
    throttled_reads: Counter,
}

impl StreamMetrics {
    /// Counts records that were stored; `bytes` of data and partition keys.
    pub fn wrote(&self, records: u64, bytes: u64) {
        self.records_in.inc_by(records);
        self.bytes_in.inc_by(bytes);
    }

    /// Counts records that were read; `bytes` of data and partition keys.
    pub fn read(&self, records: u64, bytes: u64) {
        self.records_out.inc_by(records);
        self.bytes_out.inc_by(bytes);
    }

    /// Counts records refused because a shard was over its write rate.
    pub fn throttled_writes(&self, records: u64) {
        self.throttled_writes.inc_by(records);
    }

    /// Counts reads refused because a shard was over its read rate.
    pub fn throttled_read(&self) {
        self.throttled_reads.inc();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// A registry with every metric at zero.
    pub fn new() -> Self {
        // 0.05 ms to 13 s, doubling: from an in-memory answer to a disk that hangs.
        fn buckets() -> Histogram {
            Histogram::new(exponential_buckets(0.000_05, 2.0, 19))
        }
        let mut registry = Registry::with_prefix("headwater");
        let requests = Family::<RequestLabels, Counter>::default();
        registry.register(
            "requests",
            "API requests by service, operation and outcome (ok, or the error)",
            requests.clone(),
        );
        let latency = Histograms::new_with_constructor(buckets as fn() -> Histogram);
        let help = "From the request's last byte to the answer's first, by service and operation";
        registry.register_with_unit("request_duration", help, Unit::Seconds, latency.clone());
        let fsync = buckets();
        let help = "How long the disk took to make a commit durable";
        registry.register_with_unit("fsync_duration", help, Unit::Seconds, fsync.clone());
        let mut stream_family = |name: &str, help: &str| {
            let family = Family::<StreamLabels, Counter>::default();
            registry.register(name, help, family.clone());
            family
        };
        let records_in = stream_family("records_in", "Records stored, by stream");
        let bytes_in = stream_family("bytes_in", "Bytes of data and partition keys stored, by stream");
        let records_out = stream_family("records_out", "Records read, by stream");
        let bytes_out = stream_family("bytes_out", "Bytes of data and partition keys read, by stream");
        let throttled_writes = stream_family("throttled_writes", "Records refused over a shard's write rate");
        let throttled_reads = stream_family("throttled_reads", "Reads refused over a shard's read rate");
        let mut stream_level = |name: &str, help: &str| {
            let family = Family::<StreamLabels, Gauge>::default();
            registry.register(name, help, family.clone());
            family
        };
        let stream_open_shards = stream_level("stream_open_shards", "Open shards, by stream");
        let help = "Open subscriptions of enhanced fan-out, by stream";
        let stream_subscriptions = stream_level("stream_subscriptions", help);
        let help =
            "How far the newest reads were behind, the worst of a stream's shards; absent where nobody reads";
        let stream_iterator_age = stream_level("stream_iterator_age_milliseconds", help);
        let scrubbed_bytes = Counter::default();
        registry.register("scrubbed_bytes", "Bytes read to find damage", scrubbed_bytes.clone());
        let levels: [Gauge; LEVELS.len()] = Default::default();
        for (gauge, (name, help)) in levels.iter().zip(LEVELS) {
            registry.register(name, help, gauge.clone());
        }
        let connections = Gauge::default();
        registry.register("connections", "Connections being served", connections.clone());
        Self {
            registry,
            requests,
            latency,
            records_in,
            bytes_in,
            records_out,
            bytes_out,
            throttled_writes,
            throttled_reads,
            stream_open_shards,
            stream_subscriptions,
            stream_iterator_age,
            fsync,
            scrubbed_bytes,
            levels,
            connections,
        }
    }

    /// Counts one request. `outcome` is `ok` or the name of an error: a bounded set.
    pub fn request(
        &self,
        service: &'static str,
        operation: &'static str,
        outcome: &'static str,
        took: Duration,
    ) {
        self.requests.get_or_create(&RequestLabels { service, operation, outcome }).inc();
        self.latency.get_or_create(&OperationLabels { service, operation }).observe(took.as_secs_f64());
    }

    /// Counts one commit of the log.
    pub fn fsync(&self, took: Duration) {
        self.fsync.observe(took.as_secs_f64());
    }

    /// Counts bytes that were read to find damage.
    pub fn scrubbed(&self, bytes: u64) {
        self.scrubbed_bytes.inc_by(bytes);
    }

    /// Counts a connection for as long as the answer lives.
    pub fn connection(&self) -> OpenConnection {
        self.connections.inc();
        OpenConnection(self.connections.clone())
    }

    /// Sets a level.
    pub fn set(&self, level: Level, value: u64) {
        self.levels[level as usize].set(i64::try_from(value).unwrap_or(i64::MAX));
    }

    /// Sets the levels of a stream.
    pub fn set_stream(&self, labels: &StreamLabels, levels: StreamLevels) {
        self.stream_open_shards.get_or_create(labels).set(levels.open_shards.into());
        self.stream_subscriptions.get_or_create(labels).set(levels.subscriptions.into());
        match levels.iterator_age_ms {
            Some(ms) => {
                let ms = i64::try_from(ms).unwrap_or(i64::MAX);
                self.stream_iterator_age.get_or_create(labels).set(ms);
            }
            None => drop(self.stream_iterator_age.remove(labels)),
        }
    }

    /// The counters of a stream, made on first use.
    pub fn stream(&self, labels: &StreamLabels) -> StreamMetrics {
        let counter = |family: &Family<StreamLabels, Counter>| family.get_or_create(labels).clone();
        StreamMetrics {
            records_in: counter(&self.records_in),
            bytes_in: counter(&self.bytes_in),
            records_out: counter(&self.records_out),
            bytes_out: counter(&self.bytes_out),
            throttled_writes: counter(&self.throttled_writes),
            throttled_reads: counter(&self.throttled_reads),
        }
    }

    /// Forgets the series of a stream that is gone.
    pub fn remove_stream(&self, labels: &StreamLabels) {
        for family in [&self.stream_open_shards, &self.stream_subscriptions, &self.stream_iterator_age] {
            family.remove(labels);
        }
        for family in [
            &self.records_in,
            &self.bytes_in,
            &self.records_out,
            &self.bytes_out,
            &self.throttled_writes,
            &self.throttled_reads,
        ] {
            family.remove(labels);
        }
    }

    /// Everything as text (see [`CONTENT_TYPE`]), and what enhanced monitoring keeps of shards.
    pub fn encode(&self, enhanced: &[EnhancedSample]) -> String {
        let mut text = shards::encode_enhanced(enhanced);
        // OpenMetrics ends once.
        text.truncate(text.len() - END.len());
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    /// The same for one account: the series of its streams, and nothing of the server.
    pub fn encode_account(&self, enhanced: &[EnhancedSample], account: &str) -> String {
        let label = format!("account=\"{account}\"");
        let all = self.encode(enhanced);
        let (mut text, mut described) = (String::new(), 0);
        let mut description = String::new();
        for line in all.split_inclusive('\n') {
            if line.starts_with('#') {
                // A family's description is a run of lines.
                if described == 0 {
                    description.clear();
                }
                described += 1;
                description.push_str(line);
                continue;
            }
            described = 0;
            // Names of streams, shards, regions and accounts hold nothing that could look like a label.
            let labels = line.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
            if labels.is_some_and(|(labels, _)| labels.split(',').any(|known| known == label)) {
                text.push_str(&description);
                description.clear();
                text.push_str(line);
            }
        }
        text.push_str(END);
        text
    }
}
