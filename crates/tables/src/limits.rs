//! The limits of DynamoDB that hold here, each with its source, and those that are our own.

use std::time::Duration;

/// An item with its names, in bytes (quotas).
pub const ITEM_BYTES_MAX: usize = 400 * 1024;
/// A partition key, in bytes (quotas).
pub const PARTITION_KEY_BYTES_MAX: usize = 2048;
/// A sort key, in bytes, all of its attributes together (quotas).
pub const SORT_KEY_BYTES_MAX: usize = 1024;
/// Items that a page looks at, in bytes (API reference, Query and Scan).
pub const PAGE_BYTES_MAX: usize = 1024 * 1024;
/// Items of one TransactWriteItems or TransactGetItems, in bytes (API reference: 4 MB).
pub const TRANSACTION_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Tables of an account (quotas).
pub const TABLES_MAX: usize = 2500;
/// Global indexes of a table (quotas).
pub const GLOBAL_INDEXES_MAX: usize = 20;
/// Local indexes of a table (quotas).
pub const LOCAL_INDEXES_MAX: usize = 5;
/// Attributes of a global index's partition key, and of its sort key (developer guide, multi-attribute keys).
pub const KEY_PARTS_MAX: usize = 4;
/// Tags of a table (quotas).
pub const TAGS_MAX: usize = 50;
/// Time for which a transaction's token is known (API reference).
pub const TOKEN_LIFE: Duration = Duration::from_secs(600);
/// Tokens that are known at once; it bounds memory. Of more than four hundred a second for ten minutes the oldest are
/// forgotten early.
pub const TOKENS_MAX: usize = 262_144;
/// Unused capacity that is kept for later, in seconds (developer guide, burst capacity: 5 minutes).
pub const BURST_S: u64 = 300;
/// Lists and maps within each other (quotas).
pub const LEVELS_MAX: usize = 32;
/// Memory for all tables, roughly, in bytes: our own, since they are all held there.
pub const MEMORY_BYTES_MAX: usize = 2 * 1024 * 1024 * 1024;
/// Memory for one item, roughly, in bytes: our own. An item of 400 KB takes far less, unless it is made of tens of
/// thousands of the smallest maps.
pub const ITEM_MEMORY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The same for all items of one request.
pub const REQUEST_MEMORY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Memory for a place of an item in a table or an index beside the bytes of its keys.
pub const PLACE_BYTES: usize = 512;
/// Work for the conditions of one request, in comparisons of 16 bytes: our own, about a fifth of a second, in which
/// nobody else can write.
pub const CONDITION_WORK_MAX: usize = 2_000_000;
/// Work for the filter of one page, by the same measure: the page then ends, and another one goes on.
pub const PAGE_WORK_MAX: usize = 500_000;
/// Memory for the items of a page, roughly, in bytes: small values take far more than they weigh.
pub const PAGE_MEMORY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Changes that are made durable in one piece, in bytes, encoded; more are made so one after the other.
pub const APPEND_BYTES: usize = 8 * 1024 * 1024;
/// The most that one request may change, in bytes, encoded: what the store takes in one piece, less its own.
pub const CHANGE_BYTES_MAX: usize = 56 * 1024 * 1024;
