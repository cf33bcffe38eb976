//! Items and entries of indexes that are gone and still take memory: they are freed a stretch at a time.
//!
//! # Constraints
//! A table of a million items takes a second to free, for which nobody is to wait. Until it is freed it counts.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::limits::PLACE_BYTES;
use crate::order::Place;
use crate::state::Entries;
use crate::value::{Item, memory_bytes, size_bytes};

/// Maps that are gone, the oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Discarded(VecDeque<Gone>);

#[derive(Debug, Clone)]
struct Gone {
    entries: Entries,
    /// False for an index, whose items are the table's.
    has_items: bool,
}

impl Discarded {
    /// Takes the items of a table, after its indexes: an item is free when no map has it.
    pub(crate) fn items(&mut self, entries: Entries) {
        self.push(Gone { entries, has_items: true });
    }

    /// Takes the entries of an index.
    pub(crate) fn index(&mut self, entries: Entries) {
        self.push(Gone { entries, has_items: false });
    }

    fn push(&mut self, gone: Gone) {
        if !gone.entries.is_empty() {
            self.0.push_back(gone);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|gone| gone.entries.len()).sum()
    }

    /// Takes about `limit_bytes` out, to be dropped. Gives the memory that was counted for it, in bytes.
    pub(crate) fn take(&mut self, limit_bytes: usize, taken: &mut Vec<(Place, Arc<Item>)>) -> usize {
        let (mut freed, mut bytes) = (0, 0);
        while bytes < limit_bytes
            && let Some(Gone { entries, has_items }) = self.0.front_mut()
        {
            match entries.pop_first() {
                Some((place, item)) => {
                    bytes += PLACE_BYTES + size_bytes(&item);
                    freed += place.memory_bytes() + if *has_items { memory_bytes(&item) } else { 0 };
                    taken.push((place, item));
                }
                None => drop(self.0.pop_front()),
            }
        }
        // Nothing is left to be done for an empty map.
        while self.0.front().is_some_and(|gone| gone.entries.is_empty()) {
            self.0.pop_front();
        }
        freed
    }
}
