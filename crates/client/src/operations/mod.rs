//! One file an operation: its shapes and its method.

pub(crate) mod create_stream;
mod delete_stream;
pub(crate) mod describe_stream_summary;
pub(crate) mod get_records;
pub(crate) mod get_shard_iterator;
mod increase_retention;
pub(crate) mod list_shards;
pub(crate) mod list_stream_consumers;
pub(crate) mod list_streams;
pub(crate) mod put_record;
pub(crate) mod put_records;

use serde::Deserialize;

/// Answer of operations without output.
#[derive(Deserialize)]
struct Nothing {}
