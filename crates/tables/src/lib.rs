//! Tables of items: the part of DynamoDB that KCL, simple sinks and checkpoints of consumers use.

mod capacity;
mod change;
mod command;
mod control;
mod counts;
mod describe;
mod description;
mod discard;
mod encoded;
mod encryption;
mod error;
pub mod expression;
mod index;
pub mod limits;
mod losses;
mod machine;
mod meta;
mod options;
mod order;
mod read;
mod replay;
mod requests;
mod scalars;
mod schema;
mod service;
mod snapshot;
mod state;
pub mod value;
mod write;

pub use description::{
    IndexChange, IndexDescription, Status, TableChange, TableDescription, Tags, TimeToLive,
};
pub use encryption::TABLES_ALIAS;
pub use error::{Cancellation, Result, TablesError};
pub use losses::Losses;
pub use options::{
    Bound, EncryptionChoice, OnDemand, OnDemandChange, PointInTime, TableOptions, TableSettings,
};
pub use requests::{
    Action, Collection, Consumed, Get, Got, Page, PageRequest, Range, Select, Write, Written,
};
pub use schema::*;
pub use service::{Config, SNAPSHOT_AFTER_BYTES, Substrate, TableService, TransactionToken};
