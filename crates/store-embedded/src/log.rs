//! The handle of one log.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use headwater_store::{
    AppendBatch, Appended, Bounds, Expect, Position, ReadBatch, ReadLimit, Result, ShardLog, StoreError,
    Timestamp,
};
use tokio::sync::oneshot;

use crate::error::ReadFault;
use crate::frame::PAYLOAD_LEN_MAX;
use crate::journal::{Reply, Work};
use crate::log_state::LogState;
use crate::read;
use crate::segment::Wait;
use crate::shared::Shared;

/// Longest time that records wait for a place in a full queue before they are refused: longer than a healthy disk needs
/// to write the whole of it.
const PLACE_WAIT_MAX: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) struct EmbeddedLog {
    pub(crate) shared: Arc<Shared>,
    pub(crate) log: Arc<LogState>,
}

impl Shared {
    /// Hands work to the journal and waits for its answer.
    pub(crate) async fn submit<T>(&self, make: impl FnOnce(Reply<T>) -> Work) -> Result<T> {
        self.writable()?;
        let (reply, answer) = oneshot::channel();
        self.queue.push(make(reply), self.sizes().queue_bytes)?;
        answer.await.unwrap_or_else(|_| Err(StoreError::Poisoned("the store was closed".into())))
    }
}

impl EmbeddedLog {
    /// Reads without waiting for the device if everything is in memory, otherwise on a thread that may wait.
    async fn reading<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&LogState, &Shared, Wait) -> std::result::Result<T, ReadFault> + Send + 'static,
    {
        self.log.exists()?;
        let result = match work(&self.log, &self.shared, Wait::No) {
            Err(ReadFault::WouldBlock) => {
                let (log, shared) = (self.log.clone(), self.shared.clone());
                let waiting = tokio::task::spawn_blocking(move || work(&log, &shared, Wait::Yes));
                waiting.await.map_err(|error| StoreError::Read(error.to_string()))?
            }
            result => result,
        };
        // What was read of a log that is being deleted may be gone in part.
        self.log.exists()?;
        Ok(result?)
    }
}

#[async_trait]
impl ShardLog for EmbeddedLog {
    async fn append(&self, batch: AppendBatch, expect: Expect) -> Result<Appended> {
        let len = batch.records.bytes().len();
        if len > PAYLOAD_LEN_MAX {
            return Err(StoreError::Invalid(format!("a batch of {len} bytes exceeds {PAYLOAD_LEN_MAX}")));
        }
        let payload_crc = crc32c::crc32c(batch.records.bytes());
        let log = self.log.clone();
        let arrival = batch.arrival.as_millis();
        let (records, frees) = (batch.records, batch.frees);
        self.shared.writable()?;
        let clock = &self.shared.options.clock;
        let place = tokio::select! {
            biased;
            place = self.shared.queue.place(len) => place?,
            () = clock.sleep(PLACE_WAIT_MAX) => return Err(StoreError::Busy),
        };
        let work = |reply| Work::Append { log, records, payload_crc, arrival, expect, frees, place, reply };
        self.shared.submit(work).await
    }

    async fn read(&self, from: Position, limit: ReadLimit) -> Result<ReadBatch> {
        self.reading(move |log, shared, wait| read::read(log, from, limit, wait, shared)).await
    }

    async fn position_at(&self, time: Timestamp) -> Result<Position> {
        self.reading(move |log, _, wait| read::position_at(log, time, wait)).await
    }

    async fn moved_past(&self, position: Position) -> Result<()> {
        loop {
            let mut moved = std::pin::pin!(self.log.moved.notified());
            moved.as_mut().enable();
            let bounds = self.log.bounds();
            if bounds.end > position || bounds.sealed || self.log.is_deleted() {
                return Ok(());
            }
            moved.await;
        }
    }

    async fn seal(&self) -> Result<Bounds> {
        let log = self.log.clone();
        self.shared.submit(|reply| Work::Seal { log, reply }).await
    }

    async fn trim(&self, before: Position) -> Result<()> {
        self.log.exists()?;
        if before <= self.log.bounds().start {
            return Ok(());
        }
        let log = self.log.clone();
        self.shared.submit(|reply| Work::Trim { log, before: before.get(), reply }).await
    }

    fn bounds(&self) -> Bounds {
        self.log.bounds()
    }
}
