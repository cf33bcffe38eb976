//! The ports behind which an engine keeps everything that is durable: logs and versioned keys.
//!
//! Services hold `Arc<dyn LogStore>`, `Arc<dyn ShardLog>` and `Arc<dyn MetaStore>` and never learn which
//! engine answers. The promises of each method are written at the method; an engine proves them with the
//! suite in `conformance` (feature `conformance`), and [`memory`] is the naive engine that says what they
//! mean.

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
