//! Semantics of Kinesis Data Streams: streams and their shards, puts, iterators, reads, resharding, retention and
//! limits, over the ports of `store`.
//!
//! # Constraints
//! A stream is one metadata value ([`StreamMeta`]), changed by compare-and-set only; its records are in one
//! log a shard. Every method may run on any of several servers at once and be cut short anywhere: what was
//! begun is written down first and finished by whoever comes next.
//!
//! # Order of things
//! *Create*: metadata (CREATING), then the logs. *Reshard*: the plan into the metadata (UPDATING), logs of the
//! children, seal the parents, then the new shard map. A put that meets a sealed log waits for the new map and goes to
//! the child. *Scaling*: upkeep reshards an on-demand stream the same way. *Delete*: metadata (DELETING), then the
//! logs, then the metadata.
//!
//! # Recovery
//! [`StreamService::open`] reads all metadata and finishes what it finds begun.
//!
//! # Example
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use headwater_host::{ManualClock, SeededRandom};
//! use headwater_store::memory::MemoryStore;
//! use headwater_streams::{
//!     Config, CreateStream, Distribution, LimitPolicy, Mode, PutEntry, ReadRequest, StartingPosition,
//!     StreamService, Substrate,
//! };
//! use headwater_types::{AccountId, Realm, Region, StreamKey, StreamName, Timestamp};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let (store, clock) = (MemoryStore::new(), ManualClock::new(Timestamp::from_secs(1_700_000_000)));
//! let substrate = Substrate {
//!     logs: store.clone(),
//!     meta: store,
//!     clock: clock.clone(),
//!     random: SeededRandom::new(1),
//!     metrics: Arc::default(),
//! };
//! let config = Config {
//!     home: Region::US_EAST_1,
//!     limits: LimitPolicy::OFF.into(),
//!     transition: Duration::ZERO,
//!     keys: Arc::default(),
//!     default_key: None,
//! };
//! let service = StreamService::open(substrate, config).await?;
//!
//! let realm = Realm { account: AccountId::new("123456789012").unwrap(), region: Region::US_EAST_1 };
//! let key = StreamKey { realm, name: StreamName::new("orders").unwrap() };
//! service
//!     .create_stream(CreateStream {
//!         key: key.clone(),
//!         mode: Mode::Provisioned { shards: 2 },
//!         distribution: Distribution::PartitionKey,
//!         max_record_kib: None,
//!         tags: Default::default(),
//!     })
//!     .await?;
//! clock.advance(Duration::from_secs(1));
//!
//! let stream = service.find_readable(&key)?;
//! let entry = PutEntry { partition_key: "user-17".into(), explicit_hash_key: None, data: b"one book" };
//! let placed = service.put_record(&stream, entry, None).await?;
//!
//! let shard = placed.shard.to_string();
//! let iterator = service.shard_iterator(&key, &shard, &StartingPosition::TrimHorizon).await?;
//! let read = service.read(ReadRequest { iterator, limit: 10 }).await?;
//! let record = read.batches[0].records.records().next().unwrap();
//! assert_eq!((record.key, record.data), ("user-17", &b"one book"[..]));
//! # Ok::<(), headwater_streams::StreamsError>(())
//! # }).unwrap();
//! ```

mod account;
mod consumers;
mod create;
mod delete;
mod demand;
mod encryption;
mod error;
mod handle;
mod iterator;
mod keys;
mod limits;
mod list;
mod measure;
mod meta;
mod policy;
mod put;
mod rates;
mod read;
mod report;
mod reshard;
mod scaling;
mod service;
mod settings;
mod stats;
mod subscribe;
mod tags;
mod token;
mod traffic;
mod upkeep;
mod warm;

pub use account::{AccountSettings, BillingCommitment, CommitmentStatus, LimitsReport};
pub use consumers::{Consumer, ConsumerMeta, ConsumerPageToken, ConsumerRef, ConsumerStatus};
pub use create::{CreateStream, Mode};
pub use encryption::{EncryptionKey, ServedBatch};
pub use error::{Result, StreamsError};
pub use handle::{ShardHandle, StreamHandle, StreamView};
pub use iterator::{ShardIterator, StartingPosition};
pub use list::{ShardFilter, ShardPage, ShardPageToken};
pub use measure::{ConsumerMetric, Measure, Measured, MetricUnit, ShardMetric, StreamMetric, Summary};
pub use meta::{Distribution, StreamMeta, StreamMode, StreamStatus};
pub use put::{PutEntry, PutFailure, PutPlaced};
pub use read::{ReadOutcome, ReadRequest};
pub use reshard::ShardCountChange;
pub use service::{Config, StreamService, Substrate};
pub use stats::ShardReport;
pub use subscribe::{Event, EventBudget, Push, Reserved, Subscription, encoded_len, usual_encoded_len};
pub use tags::Tagged;
pub use token::TokenError;
pub use warm::WarmThroughput;

pub use headwater_types::limits::LimitPolicy;
