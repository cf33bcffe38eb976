//! The vocabulary every Headwater crate shares: names, times, positions, records, hash keys,
//! sequence numbers, the shard map and the limits of Amazon Kinesis Data Streams.
//!
//! Pure: no I/O, no clock, no async. Everything here is a value that cannot be wrong once it exists.
//!
//! # Example
//! ```
//! use headwater_types::{HashKey, Position, SequenceNumber, ShardMap, Timestamp};
//!
//! let now = Timestamp::from_secs(1_700_000_000);
//! let shards = ShardMap::uniform(4, now);
//! let shard = shards.route(HashKey::of_partition_key("user-17"));
//! let number = SequenceNumber::of_record(shard.id, shard.created, Position::START, now);
//! assert_eq!(number.to_string().len(), 56);
//! assert_eq!((number.shard(), number.position()), (shard.id, Some(Position::START)));
//!
//! // A merge is planned first and applied once its parents are sealed.
//! let first = shards.open().map(|shard| shard.id).collect::<Vec<_>>();
//! let plan = shards.plan_merge(first[0], first[1]).unwrap();
//! let merged = shards.apply(&plan, now).unwrap();
//! assert_eq!((merged.open().len(), merged.all().len()), (3, 5));
//! ```

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
