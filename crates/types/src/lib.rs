//! The vocabulary every Headwater crate shares: names, times, positions, records, hash keys,
//! sequence numbers, the shard map and the limits of Amazon Kinesis Data Streams.
//!
//! Pure: no I/O, no clock, no async. Everything here is a value that cannot be wrong once it exists.

mod arn;
mod consumer;
mod hash_key;
pub mod limits;
mod position;
mod record;
mod region;
mod sequence;
mod shard_id;
mod shard_map;
mod stream;
mod time;

pub use arn::Arn;
pub use consumer::{ConsumerArn, ConsumerId, ConsumerName};
pub use hash_key::{HashKey, HashRange};
pub use position::Position;
pub use record::{
    Record, RecordBatch, RecordBatchBuilder, RecordBatchError, Records, StoredRecord, StoredRecords,
};
pub use region::{Partition, Region, Regions, RegionsError};
pub use sequence::{AnySequenceNumber, InvalidSequenceNumber, SequenceNumber};
pub use shard_id::ShardId;
pub use shard_map::{
    MergeError, Parents, ReshardPlan, ReshardStep, Shard, ShardMap, ShardMapError, ShardState, SplitError,
};
pub use stream::{AccountId, Realm, StreamKey, StreamName};
pub use time::Timestamp;
