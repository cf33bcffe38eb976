//! The limits of Amazon Kinesis Data Streams, each with its source.
//!
//! Sizes that are part of the protocol always hold and are constants here. What AWS enforces beside them can be
//! set or switched off one by one: [`Limit`] lists it, [`LimitPolicy`] says what a server enforces.

mod bucket;
mod change;
mod limit;
mod policy;

use std::ops::RangeInclusive;
use std::time::Duration;

pub use bucket::{Bucket, CallRates};
pub use change::{LimitChange, LimitChangeError, LimitValue};
pub use limit::{Limit, Scope, Unit};
pub use policy::{LimitPolicy, RegionalPolicy};

/// Bytes in a KiB.
pub const KIB: usize = 1024;
/// Bytes in a MiB.
pub const MIB: usize = 1024 * KIB;

/// Records in one PutRecords (model: `PutRecordsRequestEntryList`).
pub const PUT_RECORDS_MAX: usize = 500;
/// Data and partition keys of one PutRecords, in bytes (documentation, since records may be 10 MiB).
pub const PUT_RECORDS_BYTES_MAX: usize = 10 * MIB;
/// Characters of a partition key (model: `PartitionKey`).
pub const PARTITION_KEY_CHARS: RangeInclusive<usize> = 1..=256;
/// Data of a record in bytes whatever the stream (model: `Data`).
pub const RECORD_DATA_BYTES_MAX: usize = 10 * MIB;
/// Settable maximum record sizes in KiB (model: `MaxRecordSizeInKiB`).
pub const MAX_RECORD_SIZE_KIB: RangeInclusive<i32> = 1024..=10240;
/// Maximum record size of a new stream in KiB (documentation).
pub const MAX_RECORD_SIZE_KIB_DEFAULT: i32 = 1024;
/// Records that one GetRecords may ask for (model: `GetRecordsInputLimit`).
pub const GET_RECORDS_MAX: i32 = 10_000;
/// Most bytes that one GetRecords returns (documentation: 10 MB).
pub const GET_RECORDS_BYTES_MAX: usize = 10_000_000;
/// Lifetime of a shard iterator, in milliseconds (documentation: 5 minutes).
pub const ITERATOR_AGE_MS_MAX: u64 = 300_000;
/// Lifetime of a token of a list, in milliseconds (documentation: 300 seconds).
pub const LIST_TOKEN_AGE_MS_MAX: u64 = 300_000;
/// Retention in hours that can be asked for (documentation).
pub const RETENTION_HOURS: RangeInclusive<i32> = 24..=8760;
/// Retention of a new stream, in hours (documentation).
pub const RETENTION_HOURS_DEFAULT: i32 = 24;
/// Shards of one stream, whatever limits are enforced: what its metadata holds with room for reshards.
pub const STREAM_SHARDS_MAX: u32 = 50_000;
/// Open shards of a new on-demand stream (documentation: 4 MB/s of writes).
pub const ON_DEMAND_SHARDS_INITIAL: u32 = 4;
/// Tags of one stream (documentation).
pub const TAGS_MAX: usize = 50;
/// Encoded records in one event of a subscription, in bytes. AWS states none; this is an eighth of a second's worth,
/// and bounds what a client that does not read makes the server hold.
pub const SUBSCRIPTION_EVENT_BYTES: usize = 256 * KIB;
/// Lifetime of one subscription (documentation: 5 minutes).
pub const SUBSCRIPTION_LIFETIME: Duration = Duration::from_secs(300);
/// Least time from a successful call to one that takes over; an earlier one is refused (documentation: 5 seconds).
pub const SUBSCRIPTION_TAKEOVER_AFTER: Duration = Duration::from_secs(5);
/// Silence of a subscription before it says that it lives (seen on AWS: about 5 seconds).
pub const SUBSCRIPTION_HEARTBEAT: Duration = Duration::from_secs(5);

/// Traffic of a shard above which an on-demand stream splits it: documented as about 500 KB/s, and by the same
/// proportion of what a shard takes, 500 records a second.
pub const ON_DEMAND_SHARD_BYTES_PER_S: u64 = 500_000;
/// See [`ON_DEMAND_SHARD_BYTES_PER_S`].
pub const ON_DEMAND_SHARD_RECORDS_PER_S: u64 = 500;
/// Days whose traffic an on-demand stream is kept ready for (documentation).
pub const ON_DEMAND_PEAK_DAYS: u64 = 30;
/// The most warm throughput that can be asked for, in MiB/s (documentation: 10 GiB/s).
pub const WARM_THROUGHPUT_MIBPS_MAX: i32 = 10 * 1024;
