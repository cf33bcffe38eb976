//! A client for any server that speaks Kinesis Data Streams: ours and AWS's.
//!
//! It has no private way in: everything goes through the public API, signed, as an AWS SDK would do it.

mod backoff;
mod client;
mod config;
mod error;
mod operations;
mod transport;

pub use client::Client;
pub use config::{Config, ConfigError, DEFAULT_ENDPOINT, Overrides, Process, Surroundings, env};
pub use error::{Error, ServiceError};
pub use operations::create_stream::CreateStream;
pub use operations::describe_stream_summary::{StreamDescription, WarmThroughput};
pub use operations::get_records::{Record, RecordPage};
pub use operations::get_shard_iterator::StartAt;
pub use operations::list_shards::{HashKeyRange, SequenceNumberRange, Shard};
pub use operations::list_stream_consumers::Consumer;
pub use operations::list_streams::{StreamMode, StreamSummary};
pub use operations::put_record::{NewRecord, Stored};
pub use operations::put_records::{NotStored, PutEntry, PutPage, PutReport};
