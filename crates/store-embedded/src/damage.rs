//! Places in files that were found damaged, each once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

/// More places than this are not told apart: the disk is gone.
const PLACES_MAX: usize = 10_000;

/// Damage that was found and is still stored.
#[derive(Debug, Default)]
pub(crate) struct Damage {
    places: Mutex<BTreeMap<PathBuf, BTreeSet<u64>>>,
}

impl Damage {
    /// Notes a place; true if it is a new one.
    pub(crate) fn found(&self, path: &Path, offset: u64) -> bool {
        let mut places = self.places.lock();
        let full = places.values().map(BTreeSet::len).sum::<usize>() >= PLACES_MAX;
        !full && places.entry(path.to_owned()).or_default().insert(offset)
    }

    /// A file was looked through: of what was known of it, this is left.
    pub(crate) fn looked_through(&self, path: &Path, found: &BTreeSet<u64>) {
        let mut places = self.places.lock();
        if let Some(known) = places.get_mut(path) {
            known.retain(|offset| found.contains(offset));
            if known.is_empty() {
                places.remove(path);
            }
        }
    }

    /// Is anything wrong with this file?
    pub(crate) fn is_known(&self, path: &Path) -> bool {
        self.places.lock().contains_key(path)
    }

    /// A file is gone, and what was wrong with it.
    pub(crate) fn forget(&self, path: &Path) {
        self.places.lock().remove(path);
    }

    /// Number of places that are known.
    pub(crate) fn count(&self) -> u64 {
        self.places.lock().values().map(|offsets| offsets.len() as u64).sum()
    }
}
