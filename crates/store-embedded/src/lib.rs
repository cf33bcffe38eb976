//! Logs and metadata on the files of one machine.
//!
//! Everything goes through one journal, in one order, and is durable when it is answered; one `fdatasync`
//! covers all that waits. Behind it full journals are rewritten into segments in which each log's records
//! stand together. The modules say the rest: `layout` which files there are, `frame` what they are made of,
//! `journal`, `segment` and `snapshot` each file's format, `cluster`, `merge` and `expire` what becomes of
//! them, `space` what is kept free for that, `recovery` what happens after a crash, `read` how records are found, `scrub`
//! how damage is found before anybody reads it.
//!
//! # Example
//! ```
//! use headwater_host::SystemClock;
//! use headwater_host::disk::SimDisk;
//! use headwater_store::{Expected, MetaStore};
//! use headwater_store_embedded::{EmbeddedStore, Options};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let disk = SimDisk::new(1);
//! let store = EmbeddedStore::open(Options::new(disk.clone(), "data", SystemClock::new()))?;
//! let version = store.put("colour", "green".into(), Expected::Absent).await?;
//! store.close();
//! drop(store);
//!
//! // What was answered is there after a power cut.
//! disk.crash();
//! let store = EmbeddedStore::open(Options::new(disk, "data", SystemClock::new()))?;
//! let found = store.get("colour").await?.expect("it is durable");
//! assert_eq!((&found.value[..], found.version), (&b"green"[..], version));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

mod catalog;
mod cluster;
#[cfg(test)]
mod codec_tests;
mod control;
mod damage;
mod error;
mod expire;
mod frame;
mod hot;
mod identify;
mod identity;
mod journal;
mod layout;
mod log;
mod log_state;
mod maintenance;
mod merge;
mod meta;
mod open_segments;
mod options;
mod origin;
mod place;
mod read;
mod recovery;
mod repair;
mod scrub;
mod segment;
mod shared;
mod snapshot;
mod space;
mod stats;
mod store;
mod tail;
mod whole;

pub use error::OpenError;
pub use options::{Options, Sizes, SyncHook};
pub use repair::{LostRecords, Repair, RepairReport};
pub use scrub::Scrub;
pub use stats::StoreStats;
pub use store::EmbeddedStore;
