//! The limits of DynamoDB that hold here, each with its source, and those that are our own.

use std::time::Duration;

/// An item with its names, in bytes (quotas).
pub const ITEM_BYTES_MAX: usize = 400 * 1024;
/// A partition key, in bytes (quotas).
pub const PARTITION_KEY_BYTES_MAX: usize = 2048;
/// A sort key, in bytes (quotas).
pub const SORT_KEY_BYTES_MAX: usize = 1024;
/// What a page looks at, in bytes (API reference, Query and Scan).
pub const PAGE_BYTES_MAX: usize = 1024 * 1024;
/// Items of one TransactWriteItems or TransactGetItems, in bytes (API reference: 4 MB).
pub const TRANSACTION_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Tables of an account (quotas).
pub const TABLES_MAX: usize = 2500;
/// Global indexes of a table (quotas).
pub const GLOBAL_INDEXES_MAX: usize = 20;
/// Tags of a table (quotas).
pub const TAGS_MAX: usize = 50;
/// How long a transaction's token is known (API reference).
pub const TOKEN_LIFE: Duration = Duration::from_secs(600);
/// Tokens that are known at once; it bounds memory, and a hundred new ones a second for ten minutes fit.
pub const TOKENS_MAX: usize = 65_536;
/// Unused capacity that is kept for later, in seconds (developer guide, burst capacity: 5 minutes).
pub const BURST_S: u64 = 300;
/// What all items may take in memory, in bytes: our own, since they are all held there. Keys in indexes count.
pub const MEMORY_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// What an item takes beside its own bytes, for that: roughly.
pub const ITEM_OVERHEAD_BYTES: usize = 300;
