//! The files of a [`SimDisk`](super::SimDisk) and what becomes of them when the power fails.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::Faults;

/// A device writes a sector whole or not at all.
const SECTOR: usize = 512;

#[derive(Debug, Default, Clone)]
pub(super) struct State {
    pub(super) inodes: BTreeMap<u64, Inode>,
    inode_next: u64,
    /// Names as processes see them.
    pub(super) names: BTreeMap<PathBuf, u64>,
    /// Names as a crash would leave them if none of the pending changes reached the device.
    durable_names: BTreeMap<PathBuf, u64>,
    /// Changes of names since the last sync of their directory, in order.
    pending: Vec<NameChange>,
    pub(super) dirs: BTreeSet<PathBuf>,
    pub(super) locks: BTreeSet<Locked>,
    pub(super) faults: Faults,
    pub(super) changes: u64,
    pub(super) halted: bool,
    /// Counts power failures; a handle from before one is dead.
    pub(super) power_cycles: u64,
}

/// Something that is locked: it stays so when its name goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Locked {
    File(u64),
    Directory(PathBuf),
}

/// One atomic change of names within a directory.
#[derive(Debug, Clone)]
struct NameChange {
    dir: PathBuf,
    sets: Vec<(PathBuf, Option<u64>)>,
}

#[derive(Debug, Default, Clone)]
pub(super) struct Inode {
    pub(super) bytes: Vec<u8>,
    durable: Vec<u8>,
    dirty: BTreeSet<usize>,
    len_dirty: bool,
    /// A sync failed: the kernel shows bytes that the device may not have, and believes it has them.
    sync_failed: bool,
    /// Bytes given back by punching holes, by 4 KiB page.
    pub(super) holes: BTreeSet<u64>,
}

impl Inode {
    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if self.bytes.len() < end {
            self.resize(end);
        }
        self.bytes[offset..end].copy_from_slice(bytes);
        if !bytes.is_empty() {
            self.dirty.extend(offset / SECTOR..=(end - 1) / SECTOR);
            let pages = (offset / 4096) as u64..=((end - 1) / 4096) as u64;
            self.holes.retain(|page| !pages.contains(page));
        }
    }

    pub(super) fn resize(&mut self, len: usize) {
        self.len_dirty = true;
        let before = self.bytes.len();
        self.bytes.resize(len, 0);
        if len > before {
            self.dirty.extend(before / SECTOR..=(len - 1) / SECTOR);
        }
    }

    pub(super) fn sync(&mut self) {
        if self.sync_failed {
            // The pages are clean as far as the kernel knows: nothing is written, and it says all is well.
            return;
        }
        if self.durable.len() == self.bytes.len() {
            for sector in std::mem::take(&mut self.dirty) {
                let from = sector * SECTOR;
                let to = (from + SECTOR).min(self.bytes.len());
                if from < to {
                    self.durable[from..to].copy_from_slice(&self.bytes[from..to]);
                }
            }
        } else {
            self.durable = self.bytes.clone();
            self.dirty.clear();
        }
        self.len_dirty = false;
        self.sync_failed = false;
    }

    pub(super) fn fail_sync(&mut self) {
        self.sync_failed = true;
    }

    /// Shows what the device has, where a failed sync left something else in the cache.
    pub(super) fn forget_cached(&mut self, coin: &mut impl FnMut() -> bool) {
        if self.sync_failed {
            self.crash(coin);
        }
    }

    fn crash(&mut self, coin: &mut impl FnMut() -> bool) {
        let len = if self.len_dirty && coin() { self.bytes.len() } else { self.durable.len() };
        let mut after = self.durable.clone();
        after.resize(len, 0);
        for sector in std::mem::take(&mut self.dirty) {
            let from = sector * SECTOR;
            let to = (from + SECTOR).min(len).min(self.bytes.len());
            if from < to && coin() {
                after[from..to].copy_from_slice(&self.bytes[from..to]);
            }
        }
        self.bytes = after;
        self.durable = self.bytes.clone();
        self.len_dirty = false;
        self.sync_failed = false;
    }
}

impl State {
    pub(super) fn add_inode(&mut self) -> u64 {
        self.inode_next += 1;
        self.inodes.insert(self.inode_next, Inode::default());
        self.inode_next
    }

    pub(super) fn set_names(&mut self, sets: Vec<(PathBuf, Option<u64>)>) {
        let dir = sets[0].0.parent().unwrap_or(Path::new("")).to_owned();
        apply(&mut self.names, &sets);
        self.pending.push(NameChange { dir, sets });
    }

    pub(super) fn sync_dir(&mut self, dir: &Path) {
        for change in self.pending.extract_if(.., |change| change.dir == dir) {
            apply(&mut self.durable_names, &change.sets);
        }
    }

    pub(super) fn used_bytes(&self, under: &Path) -> u64 {
        let names = self.names.iter().filter(|(path, _)| path.starts_with(under));
        let named: BTreeSet<u64> = names.map(|(_, inode)| *inode).collect();
        let inodes = named.iter().filter_map(|id| self.inodes.get(id));
        inodes.map(|inode| inode.bytes.len() as u64 - 4096 * inode.holes.len() as u64).sum()
    }

    /// Leaves what the device holds after a power failure: of the names a beginning of what was done in each directory,
    /// of the bytes any of the sectors that were not synced.
    pub(super) fn crash(&mut self, mut random: impl FnMut() -> u64) {
        let mut stopped = BTreeSet::new();
        for change in std::mem::take(&mut self.pending) {
            if stopped.contains(&change.dir) || random().is_multiple_of(2) {
                stopped.insert(change.dir);
            } else {
                apply(&mut self.durable_names, &change.sets);
            }
        }
        self.names = self.durable_names.clone();
        let named: BTreeSet<u64> = self.names.values().copied().collect();
        self.inodes.retain(|id, _| named.contains(id));
        for inode in self.inodes.values_mut() {
            // Usually nearly all or nearly nothing gets out; now and then any mixture.
            let odds = random() % 4;
            inode.crash(&mut || match odds {
                0 => false,
                1 => true,
                _ => random().is_multiple_of(2),
            });
        }
        self.restart();
    }

    /// Forgets locks and faults: all users of the disk are gone.
    pub(super) fn restart(&mut self) {
        self.locks.clear();
        self.faults = Faults::default();
        self.halted = false;
        self.power_cycles += 1;
    }

    /// Counts a changing operation. `Ok(true)` is the one in whose middle the power fails.
    pub(super) fn change(&mut self) -> io::Result<bool> {
        self.alive()?;
        let at = self.changes;
        self.changes += 1;
        self.halted = self.faults.halt_at.is_some_and(|halt| at >= halt);
        Ok(self.halted)
    }

    pub(super) fn alive(&self) -> io::Result<()> {
        if self.halted { Err(power_failed()) } else { Ok(()) }
    }
}

pub(super) fn power_failed() -> io::Error {
    io::Error::other("the simulated power has failed")
}

fn apply(names: &mut BTreeMap<PathBuf, u64>, sets: &[(PathBuf, Option<u64>)]) {
    for (path, inode) in sets {
        match inode {
            Some(inode) => names.insert(path.clone(), *inode),
            None => names.remove(path),
        };
    }
}
