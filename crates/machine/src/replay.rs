//! Reading a log from a position to its end, a stretch ahead of whoever takes its records.
#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use std::sync::Arc;

use headwater_store::{ReadBatch, ReadLimit, ShardLog, StoreError};
use headwater_types::Position;
use tokio::task::JoinHandle;

use crate::error::Result;

/// One read of a log, in bytes.
const READ_BYTES: usize = 8 << 20;
/// One read of a log, in records.
const READ_RECORDS: u32 = 100_000;
/// Positions that are tried one by one for the end of damage, before they are tried in steps that double.
const TRIED_ONE_BY_ONE: u64 = 1024;

/// Content of a log.
pub(crate) enum Found<'a> {
    /// A record.
    Record { at: Position, key: &'a str, data: &'a [u8] },
    /// Positions that the store cannot read.
    Hole { from: Position, to: Position, cause: String },
}

/// Gives everything from `from` on to `each` and says where the log ends.
pub(crate) async fn replay(
    log: &Arc<dyn ShardLog>,
    mut from: Position,
    mut each: impl FnMut(Found<'_>) -> Result<()>,
) -> Result<Position> {
    let start = log.bounds().start;
    if start > from {
        each(Found::Hole { from, to: start, cause: "the log begins later".into() })?;
        from = start;
    }
    let mut records = READ_RECORDS;
    let mut pending = read(log, from, records);
    loop {
        let read_batch = match pending.wait().await {
            Ok(read_batch) => read_batch,
            Err(StoreError::Corrupt(_)) if records > 1 => {
                records = (records / 8).max(1);
                pending = read(log, from, records);
                continue;
            }
            Err(StoreError::Corrupt(cause)) => {
                let to = end_of_damage(log, from).await?;
                each(Found::Hole { from, to, cause })?;
                if to >= log.bounds().end {
                    return Ok(to);
                }
                from = to;
                records = READ_RECORDS;
                pending = read(log, from, records);
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let is_last = read_batch.next >= read_batch.bounds.end;
        debug_assert!(is_last || read_batch.next > from, "a read makes progress");
        from = read_batch.next;
        if !is_last {
            pending = read(log, from, records);
        }
        give(&read_batch, &mut each)?;
        if is_last {
            return Ok(read_batch.bounds.end);
        }
    }
}

fn give(read: &ReadBatch, each: &mut impl FnMut(Found<'_>) -> Result<()>) -> Result<()> {
    for stored in &read.batches {
        if stored.records.is_sealed() {
            let to = stored.first.plus(stored.records.count().into());
            each(Found::Hole { from: stored.first, to, cause: "records are sealed".into() })?;
            continue;
        }
        for (i, record) in stored.records.records().enumerate() {
            each(Found::Record { at: stored.first.plus(i as u64), key: record.key, data: record.data })?;
        }
    }
    Ok(())
}

/// The first position after `from` that can be read, or the log's end.
async fn end_of_damage(log: &Arc<dyn ShardLog>, from: Position) -> Result<Position> {
    let end = log.bounds().end;
    let (mut bad, mut step) = (from, 1);
    let mut good = loop {
        let tried = bad.plus(step);
        if tried >= end {
            break end;
        }
        if is_readable(log, tried).await? {
            break tried;
        }
        bad = tried;
        if bad.get() - from.get() >= TRIED_ONE_BY_ONE {
            step *= 2;
        }
    };
    while good.get() - bad.get() > 1 {
        let middle = bad.plus((good.get() - bad.get()) / 2);
        match is_readable(log, middle).await? {
            true => good = middle,
            false => bad = middle,
        }
    }
    Ok(good)
}

async fn is_readable(log: &Arc<dyn ShardLog>, at: Position) -> Result<bool> {
    match log.read(at, ReadLimit { records: 1, bytes: 1 }).await {
        Ok(_) => Ok(true),
        Err(StoreError::Corrupt(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// A read that goes on while records of the one before are taken.
struct Pending(JoinHandle<Result<ReadBatch, StoreError>>);

fn read(log: &Arc<dyn ShardLog>, from: Position, records: u32) -> Pending {
    let log = log.clone();
    Pending(tokio::spawn(async move { log.read(from, ReadLimit { records, bytes: READ_BYTES }).await }))
}

impl Pending {
    async fn wait(&mut self) -> Result<ReadBatch, StoreError> {
        let read = (&mut self.0).await;
        read.unwrap_or_else(|failed| Err(StoreError::Read(format!("a read has failed: {failed}"))))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.abort();
    }
}
