//! A client for any server that speaks Kinesis Data Streams: ours and AWS's.
//!
//! It has no private way in: everything goes through the public API, signed, as an AWS SDK would do it.
//!
//! # Example
//! ```no_run
//! use headwater_client::{Client, Config, NewRecord, Overrides, Process};
//! use headwater_host::{SystemClock, SystemRandom};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let overrides = Overrides { endpoint_url: Some("http://127.0.0.1:4567".into()), ..Overrides::default() };
//! let config = Config::resolve(overrides, &Process)?;
//! let client = Client::new(config, SystemClock::new(), SystemRandom::new())?;
//! let record = NewRecord { partition_key: "user-17".into(), explicit_hash_key: None, data: b"one book".to_vec() };
//! let stored = client.put_record("orders", &record).await?;
//! println!("{} {}", stored.shard_id, stored.sequence_number);
//! # Ok(())
//! # }
//! ```

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
