//! GetRecords.

use std::sync::Arc;
use std::time::Duration;

use headwater_store::{ReadBatch, ReadLimit, ShardLog, StoreError};
use headwater_types::limits::GET_RECORDS_BYTES_MAX;
use headwater_types::{Position, Shard, Timestamp};

use crate::encryption::ServedBatch;
use crate::error::{Result, StreamsError};
use crate::iterator::{ShardIterator, live_shard};
use crate::service::StreamService;

/// Place and size of a read.
#[derive(Debug, Clone)]
pub struct ReadRequest {
    /// From where.
    pub iterator: ShardIterator,
    /// Records at the most, 1 to 10,000.
    pub limit: u32,
}

/// Result of a read.
#[derive(Debug, Clone)]
pub struct ReadOutcome {
    /// The shard that was read: its id and creation make the records' sequence numbers.
    pub shard: Shard,
    /// The records.
    pub batches: Vec<ServedBatch>,
    /// Iterator that goes on; `None` at the end of a closed shard, which is told without records.
    pub next: Option<ShardIterator>,
    /// Lag of what was returned behind the newest record, in milliseconds; 0 when caught up.
    pub millis_behind_latest: u64,
    /// The shards that took over, where `next` is `None`.
    pub children: Vec<Shard>,
}

impl StreamService {
    /// Checks what a read checks before it reads anything.
    ///
    /// # Errors
    /// [`StreamsError::NoSuchShard`].
    pub fn check_read(&self, iterator: &ShardIterator) -> Result<()> {
        let missing = || StreamsError::NoSuchShard { stream: iterator.stream.clone(), shard: iterator.shard };
        let (handle, _) = self.find(&iterator.stream).map_err(|_| missing())?;
        let view = handle.view.load();
        let same = view.meta.uid == iterator.uid;
        if same && live_shard(&view, iterator.shard, self.clock.now()).is_some() {
            Ok(())
        } else {
            Err(missing())
        }
    }

    /// Reads records that have not passed retention.
    ///
    /// # Errors
    /// [`StreamsError::NoSuchShard`] if the stream or the shard is gone, [`StreamsError::ReadThrottled`] if the shard's
    /// rate is used up, [`StreamsError::Key`] if nothing of what is sealed there opens, or the store's own.
    pub async fn read(&self, request: ReadRequest) -> Result<ReadOutcome> {
        let ReadRequest { iterator, limit } = request;
        let missing = || StreamsError::NoSuchShard { stream: iterator.stream.clone(), shard: iterator.shard };
        let (handle, _) = self.find(&iterator.stream).map_err(|_| missing())?;
        let view = handle.view.load();
        if view.meta.uid != iterator.uid {
            // The stream was deleted, and another one has its name now.
            return Err(missing());
        }
        let (now, started) = (self.clock.now(), self.clock.elapsed());
        let (shard, log) = live_shard(&view, iterator.shard, now).ok_or_else(missing)?;
        if !log.budget.lock().begin_read(self.clock.elapsed()) {
            handle.metrics.throttled_read();
            log.stats.throttled_read();
            handle.measures.get_records_failed(Duration::ZERO, true);
            let stream = iterator.stream.clone();
            return Err(StreamsError::ReadThrottled { stream, shard: iterator.shard });
        }
        let max = ReadLimit { records: limit.max(1), bytes: GET_RECORDS_BYTES_MAX };
        let gone = |error| match error {
            StoreError::NoSuchLog(_) => missing(),
            error => error.into(),
        };
        let horizon = view.meta.horizon(now);
        let found = read_kept(&log.log, iterator.position, max, horizon).await;
        let failed = || {
            let took = self.clock.elapsed().saturating_sub(started);
            handle.measures.get_records_failed(took, false);
        };
        let found = found.map_err(gone).inspect_err(|_| failed())?;
        let bounds = found.bounds;
        let opened = self.opened(&handle, &view, shard.id, found.batches, found.next).await;
        let opened = opened.inspect_err(|_| failed())?;
        let took = self.clock.elapsed().saturating_sub(started);
        let (records, bytes) = bytes_of(&opened.batches);
        handle.metrics.read(records, bytes);
        log.stats.read(records, bytes);
        if bytes > 0 {
            log.budget.lock().end_read(bytes);
        }
        let caught_up = opened.next >= bounds.end;
        // The end comes by itself: Telegraf's input drops the records of an answer that has no next iterator.
        let ended = records == 0 && caught_up && bounds.sealed && !shard.is_open();
        let millis_behind_latest =
            if caught_up { 0 } else { now.millis_since(read_up_to(&opened.batches, bounds.last_arrival)) };
        log.stats.polled(now, millis_behind_latest);
        handle.measures.get_records(took, records, bytes, millis_behind_latest);
        let next =
            (!ended).then(|| ShardIterator { position: opened.next.max(iterator.position), ..iterator });
        let children = if ended {
            shard.children().iter().filter_map(|&id| view.meta.shards.get(id).cloned()).collect()
        } else {
            Vec::new()
        };
        Ok(ReadOutcome {
            shard: shard.clone(),
            batches: opened.batches,
            next,
            millis_behind_latest,
            children,
        })
    }
}

/// Reads, passing over what has passed retention.
pub(crate) async fn read_kept(
    log: &Arc<dyn ShardLog>,
    from: Position,
    max: ReadLimit,
    horizon: Timestamp,
) -> std::result::Result<ReadBatch, StoreError> {
    let found = log.read(from, max).await?;
    if found.batches.first().is_none_or(|first| first.arrival >= horizon) {
        return Ok(found);
    }
    log.read(log.position_at(horizon).await?.max(from), max).await
}

/// Lag of a reader that goes on here behind the newest record, in milliseconds; 0 if nothing is left to read.
pub(crate) async fn lag_ms(
    log: &Arc<dyn ShardLog>,
    position: Position,
    now: Timestamp,
) -> std::result::Result<u64, StoreError> {
    if position >= log.bounds().end {
        return Ok(0);
    }
    let next = log.read(position, ReadLimit { records: 1, bytes: 1 }).await?;
    Ok(next.batches.first().map_or(0, |batch| now.millis_since(batch.arrival)))
}

/// Number of records, and of bytes of data and partition keys.
pub(crate) fn bytes_of(batches: &[ServedBatch]) -> (u64, u64) {
    batches.iter().fold((0, 0), |(records, bytes), batch| {
        (records + u64::from(batch.records.count()), bytes + batch.records.plain_bytes())
    })
}

/// The arrival of the newest record returned.
fn read_up_to(batches: &[ServedBatch], otherwise: Timestamp) -> Timestamp {
    batches.last().map_or(otherwise, |batch| batch.arrival)
}
