//! Reads a log to its end, over what is damaged in it.

use headwater_store::{Position, ReadLimit, ShardLog, StoreError};

use crate::error::Result;

/// Bytes that one read of a log brings.
const READ_BYTES: usize = 8 << 20;
/// Positions that are tried one by one behind damage; then the steps double.
const STEPS_OF_ONE: u64 = 512;

/// A part of a log.
#[derive(Debug)]
pub(crate) enum Seen<'a> {
    Record(Position, &'a [u8]),
    /// Records that cannot be read: where the first of them stands, where the next one that can, and why.
    Hole(Position, Position, String),
}

/// Gives every record from `from` on to `each`, in order, and what is missing between them. Says where the log ends.
pub(crate) async fn read_through(
    log: &dyn ShardLog,
    from: Position,
    mut each: impl FnMut(Seen<'_>),
) -> Result<Position> {
    let limit = ReadLimit { records: 10_000, bytes: READ_BYTES };
    let mut at = from;
    loop {
        let read = match log.read(at, limit).await {
            Ok(read) => read,
            Err(StoreError::Corrupt(cause)) => {
                let next = behind(log, at).await?;
                each(Seen::Hole(at, next, cause));
                at = next;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        for stored in &read.batches {
            if stored.first > at {
                each(Seen::Hole(at, stored.first, "the log begins later".into()));
            }
            at = stored.first.plus(stored.records.count().into());
            if stored.records.is_sealed() {
                each(Seen::Hole(stored.first, at, "the records are sealed".into()));
                continue;
            }
            for (i, record) in stored.records.records().enumerate() {
                each(Seen::Record(stored.first.plus(i as u64), record.data));
            }
        }
        if read.batches.is_empty() && read.bounds.start > at {
            each(Seen::Hole(at, read.bounds.start, "the log begins later".into()));
        }
        at = at.max(read.next);
        if at >= read.bounds.end {
            return Ok(read.bounds.end);
        }
    }
}

/// The next position after `damaged` that can be read, or the log's end.
async fn behind(log: &dyn ShardLog, damaged: Position) -> Result<Position> {
    let (mut at, mut step, mut tried) = (damaged, 1, 0);
    loop {
        at = at.plus(step);
        tried += 1;
        if tried > STEPS_OF_ONE {
            step *= 2;
        }
        let end = log.bounds().end;
        if at >= end {
            return Ok(end);
        }
        match log.read(at, ReadLimit { records: 1, bytes: 1 }).await {
            Ok(_) => return Ok(at),
            Err(StoreError::Corrupt(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
