//! A disk of a bounded size, by what the records of logs take on it.

use std::collections::HashMap;

use headwater_store::{LogId, Result, StoreError};
use headwater_types::Position;

/// Bytes of records, by log.
#[derive(Debug, Default)]
pub(super) struct Disk {
    /// `None`: there is room for everything.
    capacity_bytes: Option<u64>,
    /// Ends of appends and their bytes.
    logs: HashMap<LogId, Vec<(Position, u64)>>,
}

impl Disk {
    pub(super) fn bound(&mut self, capacity_bytes: u64) {
        self.capacity_bytes = Some(capacity_bytes);
    }

    pub(super) fn taken_bytes(&self) -> u64 {
        self.logs.values().flatten().map(|(_, bytes)| bytes).sum()
    }

    pub(super) fn has_room(&self, bytes: u64) -> bool {
        self.capacity_bytes.is_none_or(|capacity| self.taken_bytes() + bytes <= capacity)
    }

    pub(super) fn check(&self, bytes: u64) -> Result<()> {
        match self.has_room(bytes) {
            true => Ok(()),
            false => Err(StoreError::NoSpace("the disk is as full as it was to be".into())),
        }
    }

    pub(super) fn appended(&mut self, log: &LogId, end: Position, bytes: u64) {
        self.logs.entry(log.clone()).or_default().push((end, bytes));
    }

    pub(super) fn trimmed(&mut self, log: &LogId, before: Position) {
        if let Some(appends) = self.logs.get_mut(log) {
            appends.retain(|(end, _)| *end > before);
        }
    }

    pub(super) fn deleted(&mut self, logs: &[LogId]) {
        logs.iter().for_each(|log| drop(self.logs.remove(log)));
    }
}
