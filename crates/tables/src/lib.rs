//! Tables of items: the part of DynamoDB that KCL, simple sinks and checkpoints of consumers use.

pub mod expression;
mod schema;
pub mod value;

pub use schema::*;
