//! The frame: what journals and segments are made of.
//!
//! # Constraints
//! A frame describes itself, so that a file can be read without an index; it is refused wherever it does not
//! belong, so that what an older use of a recycled file left behind is never taken for data. It carries the stamp of
//! its store, which clients do not know, so that nothing they send is taken for a frame.
//!
//! # Format
//! A header of 64 bytes, little-endian, then the payload:
//! ```text
//!  0 magic        u32  "HWF1"
//!  4 len          u32  header and payload, in bytes
//!  8 header_crc   u32  CRC-32C of the header with this field zero
//! 12 payload_crc  u32  CRC-32C of the payload
//! 16 place        u64  file id << 32 | offset of this frame in the file
//! 24 commit       u32  in a journal: everything before this offset was durable when the frame was written
//! 28 log          u32  number of the log, 0 where none is meant
//! 32 count        u32  records in the payload
//! 36 first        u64  position of the first record; in a control frame its sequence number
//! 44 arrival      u64  milliseconds since the epoch
//! 52 kind         u8   see `Kind`
//! 53 flags        u8   zero
//! 54 header_len   u16  64
//! 56 stamp         u64  see `identity`; zero in files of format 1
//! ```
//! The payload of `Kind::Records` is a `RecordBatch` as it is.

use bytes::Bytes;
use headwater_store::{Position, RecordBatch, StoredBatch, Timestamp};

use crate::identity::Stamp;

/// Bytes of a header.
pub(crate) const HEADER_LEN: usize = 64;
/// The longest payload: a file of any journal must be able to hold it.
pub(crate) const PAYLOAD_LEN_MAX: usize = 64 << 20;

const MAGIC: [u8; 4] = *b"HWF1";

/// Content of a frame. The numbers are on disk: add, never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// First frame of a journal: `first` is the id of the journal before it, `arrival` that one's end,
    /// `count` the length of the file.
    Open = 1,
    /// Records of one log.
    Records = 2,
    /// Logs come into being.
    Create = 3,
    /// A log ends.
    Seal = 4,
    /// A log forgets its beginning.
    Trim = 5,
    /// Logs go.
    Delete = 6,
    /// A key gets a value.
    MetaPut = 7,
    /// A key goes.
    MetaDelete = 8,
    /// Nothing; its `commit` says that what is before it was durable.
    Mark = 9,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Open,
            2 => Self::Records,
            3 => Self::Create,
            4 => Self::Seal,
            5 => Self::Trim,
            6 => Self::Delete,
            7 => Self::MetaPut,
            8 => Self::MetaDelete,
            9 => Self::Mark,
            _ => return None,
        })
    }
}

/// A header, decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) len: u32,
    pub(crate) payload_crc: u32,
    pub(crate) place: u64,
    pub(crate) commit: u32,
    pub(crate) log: u32,
    pub(crate) count: u32,
    pub(crate) first: u64,
    pub(crate) arrival: u64,
    pub(crate) kind: Kind,
}

/// The place of a frame: which file, where in it.
pub(crate) fn place(file_id: u64, offset: u64) -> u64 {
    file_id << 32 | offset
}

impl Header {
    /// A frame that belongs nowhere yet.
    pub(crate) fn new(kind: Kind, payload: &[u8]) -> Self {
        Self {
            len: (HEADER_LEN + payload.len()) as u32,
            payload_crc: crc32c::crc32c(payload),
            place: 0,
            commit: 0,
            log: 0,
            count: 0,
            first: 0,
            arrival: 0,
            kind,
        }
    }

    pub(crate) fn encode(&self, stamp: Stamp) -> [u8; HEADER_LEN] {
        let mut out = [0; HEADER_LEN];
        out[0..4].copy_from_slice(&MAGIC);
        out[4..8].copy_from_slice(&self.len.to_le_bytes());
        out[12..16].copy_from_slice(&self.payload_crc.to_le_bytes());
        out[16..24].copy_from_slice(&self.place.to_le_bytes());
        out[24..28].copy_from_slice(&self.commit.to_le_bytes());
        out[28..32].copy_from_slice(&self.log.to_le_bytes());
        out[32..36].copy_from_slice(&self.count.to_le_bytes());
        out[36..44].copy_from_slice(&self.first.to_le_bytes());
        out[44..52].copy_from_slice(&self.arrival.to_le_bytes());
        out[52] = self.kind as u8;
        out[54..56].copy_from_slice(&(HEADER_LEN as u16).to_le_bytes());
        out[56..64].copy_from_slice(&stamp.0.to_le_bytes());
        let crc = crc32c::crc32c(&out);
        out[8..12].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// The header at the beginning of `bytes` if one is there that belongs at `place` in a file of this stamp.
    pub(crate) fn decode(bytes: &[u8], place: u64, stamp: Stamp) -> Option<Self> {
        let header: [u8; HEADER_LEN] = bytes.get(..HEADER_LEN)?.try_into().ok()?;
        if u64_at(&header, 16) != place || u64_at(&header, 56) != stamp.0 {
            return None;
        }
        Self::decode_any(&header).map(|(header, _)| header)
    }

    /// The header at the beginning of `bytes` wherever it belongs, and its stamp.
    pub(crate) fn decode_any(bytes: &[u8]) -> Option<(Self, Stamp)> {
        let header: [u8; HEADER_LEN] = bytes.get(..HEADER_LEN)?.try_into().ok()?;
        if header[0..4] != MAGIC {
            return None;
        }
        let mut zeroed = header;
        zeroed[8..12].fill(0);
        if crc32c::crc32c(&zeroed) != u32_at(&header, 8) {
            return None;
        }
        let len = u32_at(&header, 4);
        let known =
            header[53] == 0 && usize::from(u16::from_le_bytes([header[54], header[55]])) == HEADER_LEN;
        let fits = (HEADER_LEN..=HEADER_LEN + PAYLOAD_LEN_MAX).contains(&(len as usize));
        if !known || !fits {
            return None;
        }
        let found = Self {
            len,
            payload_crc: u32_at(&header, 12),
            place: u64_at(&header, 16),
            commit: u32_at(&header, 24),
            log: u32_at(&header, 28),
            count: u32_at(&header, 32),
            first: u64_at(&header, 36),
            arrival: u64_at(&header, 44),
            kind: Kind::from_byte(header[52])?,
        };
        Some((found, Stamp(u64_at(&header, 56))))
    }

    /// One past the last position.
    pub(crate) fn end(&self) -> u64 {
        self.first.saturating_add(u64::from(self.count))
    }

    pub(crate) fn payload_is_good(&self, payload: &[u8]) -> bool {
        payload.len() + HEADER_LEN == self.len as usize && crc32c::crc32c(payload) == self.payload_crc
    }
}

/// The first offset at or after `from` where bytes look like the beginning of a header.
pub(crate) fn find_magic(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(found) = bytes.get(at..)?.iter().position(|&byte| byte == MAGIC[0]) {
        at += found;
        if bytes[at..].starts_with(&MAGIC) {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// The records of a frame, `None` unless everything about it is as it should be.
pub(crate) fn stored_batch(header: &Header, payload: Bytes) -> Option<StoredBatch> {
    if header.kind != Kind::Records || !header.payload_is_good(&payload) {
        return None;
    }
    Some(StoredBatch {
        first: Position::new(header.first)?,
        arrival: Timestamp::from_millis(header.arrival),
        records: RecordBatch::parse(payload, header.count).ok()?,
    })
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
