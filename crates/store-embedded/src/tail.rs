//! A witness of how far the journal went, so that the loss of its newest file, or an older one in its place, is
//! noticed.
//!
//! # Constraints
//! No acknowledgement waits for it: it is written at the start, when the journal goes on in another file, after a
//! moment without work, every few seconds under load, and on closing. What was written since may be missing from it;
//! what it says was durable. Written in place, in one sector, so that it needs no room on a full disk.
//!
//! # Format
//! `TAIL` has two slots of 512 bytes, written in turn; the valid one with the higher `sequence` counts. Little-endian:
//! ```text
//!  0 magic     "HWTL"
//!  4 version   u32  1
//!  8 crc       u32  CRC-32C of the first 80 bytes with this field zero
//! 12           u32  zero
//! 16 sequence  u64
//! 24 identity  16 bytes
//! 40 journal, end                 u64, u64  the journal that is written, and how much of it was durable
//! 56 journal_before, end_before   u64, u64  the journal before it that has frames, and where it ended
//! 72           u64  zero
//! ```

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Duration;

use headwater_host::disk::{Disk, DiskFile};

use crate::frame::{u32_at, u64_at};
use crate::identity::Identity;
use crate::journal::JournalFile;
use crate::layout::{Layout, unfinished};
use crate::shared::Shared;
use crate::stats::StoreStats;

const MAGIC: [u8; 4] = *b"HWTL";
const VERSION: u32 = 1;
const SLOT_LEN: usize = 512;
const HEAD_LEN: usize = 80;
/// Under load it is written this often.
const PAUSE: Duration = Duration::from_secs(5);

/// Progress of the journal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tail {
    pub(crate) journal: u64,
    pub(crate) end: u64,
    pub(crate) journal_before: u64,
    pub(crate) end_before: u64,
}

/// Contents of `TAIL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Witness {
    Missing,
    Damaged,
    Says { identity: Identity, tail: Tail, sequence: u64 },
}

impl Tail {
    /// Progress of a store in which nothing was written.
    pub(crate) const NOTHING: Self = Self { journal: 0, end: 0, journal_before: 0, end_before: 0 };

    /// Bytes of a journal that were durable, as far as is known here.
    pub(crate) fn durable_of(&self, journal: u64) -> u64 {
        let here = if self.journal == journal { self.end } else { 0 };
        let before = if self.journal_before == journal { self.end_before } else { 0 };
        here.max(before)
    }

    fn encode(&self, identity: Identity, sequence: u64) -> [u8; SLOT_LEN] {
        let mut out = [0; SLOT_LEN];
        out[0..4].copy_from_slice(&MAGIC);
        out[4..8].copy_from_slice(&VERSION.to_le_bytes());
        out[16..24].copy_from_slice(&sequence.to_le_bytes());
        out[24..40].copy_from_slice(&identity.bytes());
        let numbers = [self.journal, self.end, self.journal_before, self.end_before];
        for (out, number) in out[40..72].chunks_exact_mut(8).zip(numbers) {
            out.copy_from_slice(&number.to_le_bytes());
        }
        let crc = crc32c::crc32c(&out[..HEAD_LEN]);
        out[8..12].copy_from_slice(&crc.to_le_bytes());
        out
    }

    fn decode(slot: &[u8]) -> Option<(u64, Identity, Self)> {
        let mut head: [u8; HEAD_LEN] = *slot.first_chunk()?;
        let crc = u32_at(&head, 8);
        head[8..12].fill(0);
        if head[0..4] != MAGIC || u32_at(&head, 4) != VERSION || crc32c::crc32c(&head) != crc {
            return None;
        }
        let identity = Identity::from_bytes(*head[24..40].first_chunk()?)?;
        let [journal, end, journal_before, end_before] = [40, 48, 56, 64].map(|at| u64_at(&head, at));
        Some((u64_at(&head, 16), identity, Self { journal, end, journal_before, end_before }))
    }
}

/// The file, open for writing.
#[derive(Debug)]
pub(crate) struct TailFile {
    file: Arc<dyn DiskFile>,
    identity: Identity,
    sequence: u64,
    /// Content of the file, and the time since when.
    said: Tail,
    said_at: Duration,
    /// Content that it would have had at the last look.
    seen: Tail,
}

/// Reads the witness.
pub(crate) fn read(disk: &dyn Disk, layout: &Layout) -> io::Result<Witness> {
    let file = match disk.open(&layout.tail()) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Witness::Missing),
        Err(error) => return Err(error),
    };
    let mut bytes = [0; 2 * SLOT_LEN];
    file.read_at(&mut bytes, 0)?;
    let slots = bytes.chunks_exact(SLOT_LEN).filter_map(Tail::decode);
    Ok(match slots.max_by_key(|(sequence, ..)| *sequence) {
        Some((sequence, identity, tail)) => Witness::Says { identity, tail, sequence },
        None => Witness::Damaged,
    })
}

impl TailFile {
    /// Writes the file anew.
    pub(crate) fn create(
        disk: &dyn Disk,
        layout: &Layout,
        identity: Identity,
        tail: Tail,
        now: Duration,
    ) -> io::Result<Self> {
        let path = layout.tail();
        let temporary = unfinished(&path);
        let _ = disk.remove(&temporary);
        let file = disk.create(&temporary)?;
        let (first, second) = (tail.encode(identity, 1), tail.encode(identity, 2));
        file.write_all_at(&mut [IoSlice::new(&first), IoSlice::new(&second)], 0)?;
        file.sync_data()?;
        disk.rename(&temporary, &path)?;
        disk.sync_dir(&layout.root)?;
        Ok(Self { file, identity, sequence: 2, said: tail, said_at: now, seen: tail })
    }

    /// Goes on in the file that is there, which needs no room on the disk.
    pub(crate) fn open(
        disk: &dyn Disk,
        layout: &Layout,
        identity: Identity,
        (tail, sequence): (Tail, u64),
        now: Duration,
    ) -> io::Result<Self> {
        let file = disk.open(&layout.tail())?;
        Ok(Self { file, identity, sequence, said: tail, said_at: now, seen: tail })
    }

    fn say(&mut self, tail: Tail, now: Duration) -> io::Result<()> {
        let slot = tail.encode(self.identity, self.sequence + 1);
        // The slot that counts now stays whole.
        let offset = (self.sequence % 2) * SLOT_LEN as u64;
        self.file.write_all_at(&mut [IoSlice::new(&slot)], offset)?;
        self.file.sync_data()?;
        self.sequence += 1;
        self.said = tail;
        self.said_at = now;
        Ok(())
    }

    /// Is it time to write what is so now?
    fn is_due(&mut self, tail: Tail, now: Duration) -> bool {
        let at_rest = std::mem::replace(&mut self.seen, tail) == tail;
        let moved_on = tail.journal != self.said.journal;
        tail != self.said && (at_rest || moved_on || now.saturating_sub(self.said_at) >= PAUSE)
    }
}

/// The journal that is written, and the one before it.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) file: Arc<JournalFile>,
    pub(crate) before: (u64, u64),
}

impl Shared {
    /// The journal is written to another file from now on.
    pub(crate) fn set_active(&self, file: Arc<JournalFile>, before: (u64, u64)) {
        *self.active.lock() = Some(Active { file, before });
    }

    /// Brings the witness up to date if it is time to, or at once.
    pub(crate) fn note_tail(&self, at_once: bool) {
        // After a failure nobody knows; and a directory that is another's now is left alone.
        if self.writable().is_err() {
            return;
        }
        let tail = {
            let active = self.active.lock();
            let Some(Active { file, before }) = &*active else { return };
            Tail { journal: file.id, end: file.end(), journal_before: before.0, end_before: before.1 }
        };
        let now = self.options.clock.elapsed();
        let mut witness = self.tail.lock();
        let due = witness.is_due(tail, now);
        if !due && (!at_once || tail == witness.said) {
            return;
        }
        if let Err(error) = witness.say(tail, now) {
            tracing::warn!(%error, "cannot note how far the journal went");
            StoreStats::add(&self.stats.background_failures, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_read_as_written_and_a_flipped_bit_is_noticed() {
        let identity = Identity::from_bytes([9; 16]).unwrap();
        let tail = Tail { journal: 7, end: 1000, journal_before: 5, end_before: 64 };
        let slot = tail.encode(identity, 3);
        assert_eq!(Tail::decode(&slot), Some((3, identity, tail)));
        for bit in 0..HEAD_LEN * 8 {
            let mut slot = slot;
            slot[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Tail::decode(&slot), None, "bit {bit}");
        }
        assert_eq!([4, 5, 6, 7].map(|id| tail.durable_of(id)), [0, 64, 0, 1000]);
    }
}
