//! The bytes of a segment and of its index.
//!
//! Integers little-endian; every structure carries a CRC-32C of itself, taken with the CRC field zero.
//! ```text
//! .seg   header 64: magic "HWSG", version u32, crc u32, 0 u32, id u64, from u64, to u64, to_end u64, identity 16
//!        frames (see `frame`; the file id in their place is the low half of the segment's id)
//! .idx   header 64: magic "HWIX", version u32, crc u32, entries u32, id u64, from u64, to u64, runs u64,
//!                   segment_len u64, stamp u64
//!        entries, 64 each, by log:  log u32, crc u32, run_first u32, runs u32, first u64, end u64,
//!                                   first_arrival u64, last_arrival u64, offset u64, len u64
//!        runs, 32 each:             first u64, arrival u64, offset u32, len u32, 0 u32, crc u32
//! ```
//! `from` and `to` are the first and the last journal whose records are here, `to_end` says where the last one ended (0:
//! not known). Version 1 had zeros in the place of `to_end`, identity and stamp.

use crate::frame::{u32_at, u64_at};
use crate::identity::{Identity, Stamp};

pub(crate) const SEGMENT_HEADER_LEN: usize = 64;
pub(crate) const INDEX_HEADER_LEN: usize = 64;
pub(crate) const ENTRY_LEN: usize = 64;
pub(crate) const RUN_LEN: usize = 32;

const VERSION: u32 = 2;
const VERSION_WITHOUT_IDENTITY: u32 = 1;

/// Head of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) id: u64,
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// End of journal `to`, 0 if that is not known.
    pub(crate) to_end: u64,
    /// `None` in version 1.
    pub(crate) identity: Option<Identity>,
}

/// Head of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IndexHeader {
    pub(crate) id: u64,
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) stamp: Stamp,
    pub(crate) entries: u32,
    pub(crate) runs: u64,
    pub(crate) segment_len: u64,
}

/// One log's share of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Entry {
    pub(crate) log: u32,
    pub(crate) run_first: u32,
    pub(crate) runs: u32,
    pub(crate) first: u64,
    pub(crate) end: u64,
    pub(crate) first_arrival: u64,
    pub(crate) last_arrival: u64,
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

/// Some neighbouring frames of one log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Run {
    pub(crate) first: u64,
    pub(crate) arrival: u64,
    pub(crate) offset: u32,
    pub(crate) len: u32,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER_LEN] {
        let mut out = [0; SEGMENT_HEADER_LEN];
        let version = if self.identity.is_some() { VERSION } else { VERSION_WITHOUT_IDENTITY };
        put_head(&mut out, b"HWSG", version, [self.id, self.from, self.to]);
        out[40..48].copy_from_slice(&self.to_end.to_le_bytes());
        if let Some(identity) = self.identity {
            out[48..64].copy_from_slice(&identity.bytes());
        }
        sign(&mut out, 8);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = signed::<SEGMENT_HEADER_LEN>(bytes, 8)?;
        if bytes[0..4] != *b"HWSG" {
            return None;
        }
        let identity = match u32_at(bytes, 4) {
            VERSION_WITHOUT_IDENTITY => None,
            VERSION => Some(Identity::from_bytes(*bytes[48..64].first_chunk()?)?),
            _ => return None,
        };
        let (id, from, to, to_end) =
            (u64_at(bytes, 16), u64_at(bytes, 24), u64_at(bytes, 32), u64_at(bytes, 40));
        Some(Self { id, from, to, to_end, identity })
    }

    /// Stamp of the frames and of the index.
    pub(crate) fn stamp(&self) -> Stamp {
        self.identity.map_or(Stamp::NONE, Identity::stamp)
    }
}

fn put_head(out: &mut [u8], magic: &[u8; 4], version: u32, ids: [u64; 3]) {
    out[0..4].copy_from_slice(magic);
    out[4..8].copy_from_slice(&version.to_le_bytes());
    for (out, id) in out[16..40].chunks_exact_mut(8).zip(ids) {
        out.copy_from_slice(&id.to_le_bytes());
    }
}

impl IndexHeader {
    pub(crate) fn encode(&self) -> [u8; INDEX_HEADER_LEN] {
        let mut out = [0; INDEX_HEADER_LEN];
        let version = if self.stamp == Stamp::NONE { VERSION_WITHOUT_IDENTITY } else { VERSION };
        put_head(&mut out, b"HWIX", version, [self.id, self.from, self.to]);
        out[12..16].copy_from_slice(&self.entries.to_le_bytes());
        out[40..48].copy_from_slice(&self.runs.to_le_bytes());
        out[48..56].copy_from_slice(&self.segment_len.to_le_bytes());
        out[56..64].copy_from_slice(&self.stamp.0.to_le_bytes());
        sign(&mut out, 8);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = signed::<INDEX_HEADER_LEN>(bytes, 8)?;
        let stamp = Stamp(u64_at(bytes, 56));
        let version = u32_at(bytes, 4);
        let known = version == VERSION_WITHOUT_IDENTITY && stamp == Stamp::NONE
            || version == VERSION && stamp != Stamp::NONE;
        (bytes[0..4] == *b"HWIX" && known).then(|| Self {
            id: u64_at(bytes, 16),
            from: u64_at(bytes, 24),
            to: u64_at(bytes, 32),
            stamp,
            entries: u32_at(bytes, 12),
            runs: u64_at(bytes, 40),
            segment_len: u64_at(bytes, 48),
        })
    }

    /// True if it is the index of this segment, which is so long.
    pub(crate) fn is_of(&self, segment: &SegmentHeader, len: u64) -> bool {
        (self.id, self.from, self.to, self.stamp) == (segment.id, segment.from, segment.to, segment.stamp())
            && self.segment_len == len
    }

    /// Offset at which the runs begin.
    pub(crate) fn runs_offset(entries: u32) -> u64 {
        (INDEX_HEADER_LEN + entries as usize * ENTRY_LEN) as u64
    }

    /// Length of the whole index.
    pub(crate) fn index_len(&self) -> u64 {
        self.runs.saturating_mul(RUN_LEN as u64).saturating_add(Self::runs_offset(self.entries))
    }
}

impl Entry {
    /// Bytes of an entry.
    pub(crate) const LEN: usize = ENTRY_LEN;

    /// True if what it speaks of can be in the segment. A checksum tells damage, not that a writer was right.
    pub(crate) fn fits(&self, header: &IndexHeader) -> bool {
        let runs_end = u64::from(self.run_first) + u64::from(self.runs);
        let end = self.offset.checked_add(self.len);
        self.first <= self.end
            && self.runs > 0
            && runs_end <= header.runs.min(u32::MAX.into())
            && end.is_some_and(|end| end <= header.segment_len)
    }

    pub(crate) fn encode(&self) -> [u8; ENTRY_LEN] {
        let mut out = [0; ENTRY_LEN];
        out[0..4].copy_from_slice(&self.log.to_le_bytes());
        out[8..12].copy_from_slice(&self.run_first.to_le_bytes());
        out[12..16].copy_from_slice(&self.runs.to_le_bytes());
        let wide = [self.first, self.end, self.first_arrival, self.last_arrival, self.offset, self.len];
        for (out, value) in out[16..].chunks_exact_mut(8).zip(wide) {
            out.copy_from_slice(&value.to_le_bytes());
        }
        sign(&mut out, 4);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = signed::<ENTRY_LEN>(bytes, 4)?;
        Some(Self {
            log: u32_at(bytes, 0),
            run_first: u32_at(bytes, 8),
            runs: u32_at(bytes, 12),
            first: u64_at(bytes, 16),
            end: u64_at(bytes, 24),
            first_arrival: u64_at(bytes, 32),
            last_arrival: u64_at(bytes, 40),
            offset: u64_at(bytes, 48),
            len: u64_at(bytes, 56),
        })
    }
}

impl Run {
    pub(crate) fn encode(&self) -> [u8; RUN_LEN] {
        let mut out = [0; RUN_LEN];
        out[0..8].copy_from_slice(&self.first.to_le_bytes());
        out[8..16].copy_from_slice(&self.arrival.to_le_bytes());
        out[16..20].copy_from_slice(&self.offset.to_le_bytes());
        out[20..24].copy_from_slice(&self.len.to_le_bytes());
        sign(&mut out, 28);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = signed::<RUN_LEN>(bytes, 28)?;
        Some(Self {
            first: u64_at(bytes, 0),
            arrival: u64_at(bytes, 8),
            offset: u32_at(bytes, 16),
            len: u32_at(bytes, 20),
        })
    }
}

fn sign(bytes: &mut [u8], at: usize) {
    let crc = crc32c::crc32c(bytes);
    bytes[at..at + 4].copy_from_slice(&crc.to_le_bytes());
}

/// The first `N` bytes if the CRC at `at` is that of them.
fn signed<const N: usize>(bytes: &[u8], at: usize) -> Option<&[u8; N]> {
    let bytes: &[u8; N] = bytes.get(..N)?.try_into().ok()?;
    let mut zeroed = *bytes;
    zeroed[at..at + 4].fill(0);
    (crc32c::crc32c(&zeroed) == u32_at(bytes, at)).then_some(bytes)
}
