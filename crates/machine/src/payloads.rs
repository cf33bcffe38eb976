//! Bulk that stays in a log while a machine's state keeps positions.
//!
//! # Algorithm
//! A payload is appended first; the command that refers to it comes after. Until that is answered, a [`Hold`] keeps the
//! payload from being released. What may be released is told by the machine's low-water mark: the owner journals the
//! mark and only then trims. So an owner that was replaced and does not know it yet releases nothing: its mark is
//! refused with its next append; and a command whose payload is behind the mark is refused.
//!
//! # Recovery
//! The mark comes from the manifest and the journal, and the log is trimmed to it again. Payloads that no command came
//! to refer to are released when the mark passes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use headwater_host::Clock;
use headwater_store::{AppendBatch, Expect, LogId, LogStore, ReadLimit, ShardLog, StoreError};
use headwater_types::{Position, Record, RecordBatchBuilder};
use parking_lot::Mutex;

use crate::error::Result;

/// A log of payloads.
#[derive(Debug)]
pub struct Payloads {
    log: Arc<dyn ShardLog>,
    clock: Arc<dyn Clock>,
    /// Positions from which on payloads are held, and how often.
    held: Mutex<BTreeMap<Position, usize>>,
}

/// Keeps payloads from being released, until it is dropped.
#[derive(Debug)]
pub struct Hold {
    payloads: Arc<Payloads>,
    from: Position,
}

/// Payloads that were appended.
#[derive(Debug)]
pub struct Stored {
    /// Position of the first payload; payload `i` stands `i` further.
    pub first: Position,
    /// To be given along with the command that refers to them ([`Handle::ask_holding`](crate::Handle::ask_holding)).
    pub hold: Hold,
}

impl Payloads {
    /// Opens the log, creating it if there is none.
    ///
    /// # Errors
    /// If the store refuses.
    pub async fn open(logs: &dyn LogStore, id: &LogId, clock: Arc<dyn Clock>) -> Result<Arc<Self>> {
        logs.create(std::slice::from_ref(id)).await?;
        let log = logs.open(id).await?;
        Ok(Arc::new(Self { log, clock, held: Mutex::default() }))
    }

    /// Appends payloads, in one piece. Durable when it returns.
    ///
    /// # Errors
    /// If there is none, or the store refuses.
    pub async fn append(self: &Arc<Self>, payloads: &[&[u8]]) -> Result<Stored> {
        let mut builder = RecordBatchBuilder::default();
        for data in payloads {
            builder.push(Record { key: "", explicit_hash_key: None, data });
        }
        let records = builder.finish().ok_or_else(|| StoreError::Invalid("no payload".into()))?;
        // Held before it is there, so that no mark can pass it in between.
        let mut hold = self.hold_from_end();
        let appended = self
            .log
            .append(AppendBatch { arrival: self.clock.now(), records, frees: false }, Expect::Any)
            .await?;
        hold.move_to(appended.first);
        Ok(Stored { first: appended.first, hold })
    }

    /// The payload at this position, without a copy; `None` if it was released or never there.
    ///
    /// # Errors
    /// If the store cannot read it.
    pub async fn read(&self, at: Position) -> Result<Option<Bytes>> {
        Ok(self
            .read_run(at, 1, usize::MAX)
            .await?
            .into_iter()
            .next()
            .filter(|(p, _)| *p == at)
            .map(|(_, b)| b))
    }

    /// Payloads from this position on: at most so many, and about so many bytes, at least one if there is one.
    ///
    /// # Errors
    /// If the store cannot read them.
    pub async fn read_run(&self, from: Position, count: u32, bytes: usize) -> Result<Vec<(Position, Bytes)>> {
        let read = self.log.read(from, ReadLimit { records: count, bytes }).await?;
        let mut found = Vec::new();
        for batch in &read.batches {
            if batch.records.is_sealed() {
                return Err(StoreError::Corrupt("a payload is a sealed record".into()).into());
            }
            for (i, record) in batch.records.records().enumerate() {
                found.push((batch.first.plus(i as u64), batch.records.bytes().slice_ref(record.data)));
            }
        }
        Ok(found)
    }

    /// The first position that is kept and the one after the last.
    pub fn bounds(&self) -> (Position, Position) {
        let bounds = self.log.bounds();
        (bounds.start, bounds.end)
    }

    /// A position before which every payload was either referred to by a command that is applied by now, or never will
    /// be. To be asked before the state is.
    pub(crate) fn settled(&self) -> Position {
        let held = self.held.lock();
        held.keys().next().copied().unwrap_or_else(|| self.log.bounds().end)
    }

    /// Releases everything before the mark.
    pub(crate) async fn release(&self, mark: Position) -> Result<()> {
        debug_assert!(mark <= self.settled(), "a payload is released that a command may refer to");
        Ok(self.log.trim(mark).await?)
    }

    fn hold_from_end(self: &Arc<Self>) -> Hold {
        let mut held = self.held.lock();
        let from = self.log.bounds().end;
        *held.entry(from).or_default() += 1;
        Hold { payloads: self.clone(), from }
    }

    fn let_go(held: &mut BTreeMap<Position, usize>, from: Position) {
        if let Some(times) = held.get_mut(&from) {
            *times -= 1;
            if *times == 0 {
                held.remove(&from);
            }
        }
    }
}

impl Hold {
    fn move_to(&mut self, from: Position) {
        debug_assert!(from >= self.from, "a log's end moved backwards");
        let mut held = self.payloads.held.lock();
        *held.entry(from).or_default() += 1;
        Payloads::let_go(&mut held, self.from);
        self.from = from;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        Payloads::let_go(&mut self.payloads.held.lock(), self.from);
    }
}
