//! Tables of items: the part of DynamoDB that KCL, simple sinks and checkpoints of consumers use.

mod capacity;
mod change;
mod control;
mod describe;
mod description;
mod error;
pub mod expression;
mod journal;
mod keys;
pub mod limits;
mod meta;
mod order;
mod owner;
mod read;
mod requests;
mod scalars;
mod schema;
mod service;
mod state;
pub mod value;
mod write;

pub use description::{
    IndexChange, IndexDescription, Status, TableChange, TableDescription, Tags, TimeToLive,
};
pub use error::{Cancellation, Result, TablesError};
pub use requests::{
    Action, Collection, Consumed, Get, Got, Page, PageRequest, Range, Select, Write, Written,
};
pub use schema::*;
pub use service::{COPY_AFTER_BYTES, Config, Substrate, TableService, TransactionToken};
