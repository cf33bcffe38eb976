//! The ports behind which an engine keeps everything that is durable: logs and versioned keys.
//!
//! Services hold `Arc<dyn LogStore>`, `Arc<dyn ShardLog>` and `Arc<dyn MetaStore>` and never learn which
//! engine answers. The promises of each method are written at the method; an engine proves them with the
//! suite in `conformance` (feature `conformance`), and [`memory`] is the naive engine that says what they
//! mean.
//!
//! # Example
//! ```
//! use headwater_store::memory::MemoryStore;
//! use headwater_store::{AppendBatch, Expect, LogId, LogStore, Position, ReadLimit, ShardLog, Timestamp};
//! use headwater_types::{Record, RecordBatchBuilder};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let store = MemoryStore::new();
//! let id = LogId::new("notes")?;
//! store.create(std::slice::from_ref(&id)).await?;
//! let log = store.open(&id).await?;
//!
//! let mut records = RecordBatchBuilder::default();
//! records.push(Record { key: "", explicit_hash_key: None, data: b"remember" });
//! let records = records.finish().expect("one was pushed");
//! let batch = AppendBatch { arrival: Timestamp::from_secs(1), records, frees: false };
//! // Durable when it returns.
//! let appended = log.append(batch, Expect::Tail(Position::START)).await?;
//!
//! let read = log.read(appended.first, ReadLimit { records: 10, bytes: 1 << 20 }).await?;
//! assert_eq!(read.batches[0].records.records().next().map(|record| record.data), Some(&b"remember"[..]));
//! assert_eq!(read.next, read.bounds.end);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

mod collect;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod log;
mod log_id;
pub mod memory;
mod meta;

pub use collect::ReadCollector;
pub use error::{Result, StoreError};
pub use log::{AppendBatch, Appended, Bounds, Expect, LogStore, ReadBatch, ReadLimit, ShardLog, StoredBatch};
pub use log_id::{LogId, LogIdError};
pub use meta::{
    Expected, META_KEY_LEN_MAX, META_VALUE_LEN_MAX, MetaChange, MetaKey, MetaStore, MetaWatch, Version,
    Versioned, check_meta_key, check_meta_value,
};

// What the signatures of the ports mention.
pub use headwater_types::{Position, RecordBatch, Timestamp};
