//! The port of a log: what a shard, a journal or any ordered durable sequence is kept in.

use std::sync::Arc;

use async_trait::async_trait;
use headwater_types::{Position, RecordBatch, Timestamp};

use crate::{LogId, Result};

/// Records that go into a log together: all of them are durable, or none was acknowledged.
#[derive(Debug, Clone)]
pub struct AppendBatch {
    /// When the server took them. The log keeps arrival times from going backwards (see [`Appended`]).
    pub arrival: Timestamp,
    /// The records, encoded.
    pub records: RecordBatch,
    /// They are short and make room in the end, as deletions do. An engine whose disk is full takes them as long as it
    /// takes control.
    pub frees: bool,
}

/// Condition of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// No condition: the log orders concurrent appends.
    Any,
    /// Only if the log ends here; otherwise `Conflict`. For a journal with one owner.
    Tail(Position),
}

/// Place and time of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Position of the batch's first record; record `i` stands `i` further.
    pub first: Position,
    /// The arrival time that was stored: the given one, or that of the record before if that was later.
    pub arrival: Timestamp,
}

/// Largest answer of a read. Both are limits on top of "at least one record, if there is one".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimit {
    /// Records at the most, at least 1.
    pub records: u32,
    /// Encoded bytes at the most (see `RecordBatch::bytes`); the first record may exceed it.
    pub bytes: usize,
}

/// A run of records that were appended together (cut at the edges where a limit or the start demanded it).
#[derive(Debug, Clone)]
pub struct StoredBatch {
    /// Position of the first record here; record `i` stands `i` further.
    pub first: Position,
    /// When these records arrived.
    pub arrival: Timestamp,
    /// The records.
    pub records: RecordBatch,
}

/// Result of a read.
#[derive(Debug, Clone, Default)]
pub struct ReadBatch {
    /// In order of position, no acknowledged record left out between `from` and `next`.
    pub batches: Vec<StoredBatch>,
    /// Position at which the next read goes on: after the last record returned, `from` (or the log's start, if that is
    /// later) where there was none.
    pub next: Position,
    /// The log's bounds when the read was done. `next >= bounds.end` means caught up.
    pub bounds: Bounds,
}

/// The extent of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bounds {
    /// The oldest position still kept; nothing before it is readable.
    pub start: Position,
    /// One past the newest durable record: every record has `start <= position < end`.
    pub end: Position,
    /// Arrival time of the newest record ever appended, `Timestamp::EPOCH` if there was none.
    pub last_arrival: Timestamp,
    /// True once the log was sealed; then `end` never changes again.
    pub sealed: bool,
}

/// One ordered, durable log.
#[async_trait]
pub trait ShardLog: Send + Sync + std::fmt::Debug {
    /// Appends records, which are durable when it returns. Appends that are polled in some order by one task reach the
    /// log in that order.
    ///
    /// # Errors
    /// `Closed` once the log was sealed, whoever asks; `Conflict` if it does not end where `expect` says; `Busy` if too
    /// much waits already; `NoSpace` on a full disk, unless the batch [frees](AppendBatch::frees); `Invalid` for a batch
    /// that no log takes; `NoSuchLog` once it was deleted; `Poisoned` if a write failed and the engine writes nothing
    /// any more. After `Poisoned` it is unknown whether the batch was stored; the others have stored nothing.
    async fn append(&self, batch: AppendBatch, expect: Expect) -> Result<Appended>;
    /// Records from `from` on (from the log's start, if that is later). Only durable records; repeatable:
    /// the same `from` finds the same records until they are trimmed.
    ///
    /// # Errors
    /// `Corrupt` if the first record there is damaged (what is good before damage is served); `Read` if the device does
    /// not give it; `NoFiles` while no file can be opened; `NoSuchLog` once the log was deleted.
    async fn read(&self, from: Position, limit: ReadLimit) -> Result<ReadBatch>;
    /// The position of the first record that arrived at or after `time`, the log's end if there is none.
    ///
    /// # Errors
    /// As for [`ShardLog::read`].
    async fn position_at(&self, time: Timestamp) -> Result<Position>;
    /// Returns when the log's end has moved past `position` (a record stands there or after it) or when the
    /// log is sealed or deleted; at once if that is so already.
    async fn moved_past(&self, position: Position) -> Result<()>;
    /// Closes the log: after it returns no append succeeds, and the returned bounds are final and durable. Idempotent.
    ///
    /// # Errors
    /// `NoSuchLog`, `Poisoned`; on an engine that is out of space also `NoSpace` or `Busy`, and the log is as it was.
    async fn seal(&self) -> Result<Bounds>;
    /// Forgets everything before `before` (at most the end): hidden at once and durably, the space is given
    /// back in the background. Never moves backwards; an earlier position than the start changes nothing.
    ///
    /// # Errors
    /// As for [`ShardLog::seal`].
    async fn trim(&self, before: Position) -> Result<()>;
    /// The log's bounds now. Never waits for the disk.
    fn bounds(&self) -> Bounds;
}

/// Makes, finds and removes logs.
#[async_trait]
pub trait LogStore: Send + Sync + std::fmt::Debug {
    /// Creates all of these logs, durably. One that exists already is left as it is, so that a plan that
    /// was cut short can be carried out again.
    ///
    /// # Errors
    /// `Busy`, `NoSpace`, `Poisoned`: none of the new ones exists then.
    async fn create(&self, ids: &[LogId]) -> Result<()>;
    /// The log of this name.
    ///
    /// # Errors
    /// `NoSuchLog` if there is none.
    async fn open(&self, id: &LogId) -> Result<Arc<dyn ShardLog>>;
    /// Removes these logs and, in the background, their space. Handles that are still held answer
    /// `NoSuchLog` from then on. A log that does not exist is passed over.
    ///
    /// # Errors
    /// `Poisoned`; engines let deletions through on a full disk as long as they can.
    async fn delete(&self, ids: &[LogId]) -> Result<()>;
    /// The names of all logs that begin with `prefix`, in order.
    async fn list(&self, prefix: &str) -> Result<Vec<LogId>>;
    /// True if so many bytes of records can be appended before the store refuses them for want of space; so is it where
    /// the store cannot tell.
    fn has_room(&self, _bytes: u64) -> bool {
        true
    }
}
