//! Records and the encoding that carries them from the request to the disk and back.
//!
//! # Constraints
//! A batch is encoded once, by the task that parsed the request, and its bytes are what the engine
//! checksums, writes, replicates and serves. Engines never look inside; readers never copy a record.
//!
//! # Format
//! Records one after the other, integers LEB128 (at most five bytes):
//! ```text
//! key_len_and_flag   varint   (key length << 1) | (1 if an explicit hash key follows)
//! key                key_len bytes, UTF-8
//! explicit_hash_key  16 bytes, big-endian, only with the flag
//! data_len           varint
//! data               data_len bytes
//! ```
//! The number of records is not in the bytes: it travels beside them, in the engine's own header.
//!
//! # Recovery
//! Bytes that come from a disk are checked once ([`RecordBatch::parse`]); afterwards iteration cannot fail.

use bytes::Bytes;

/// One record as it is put and as it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Partition key (or, for a journaled state machine, whatever it files its changes under).
    pub key: &'a str,
    /// The hash key that was given explicitly instead of the key's MD5.
    pub explicit_hash_key: Option<u128>,
    /// The payload.
    pub data: &'a [u8],
}

/// Why bytes are not a batch of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("record batch is malformed at byte {at} of {len}")]
pub struct RecordBatchError {
    /// Offset of the record that cannot be read.
    pub at: usize,
    /// Length of the whole batch in bytes.
    pub len: usize,
}

/// One or more records, encoded, immutable and cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordBatch {
    bytes: Bytes,
    count: u32,
}

impl RecordBatch {
    /// Checks that `bytes` hold exactly `count` records, `count` at least 1.
    pub fn parse(bytes: Bytes, count: u32) -> Result<Self, RecordBatchError> {
        let mut at = 0;
        let mut seen = 0u32;
        while at < bytes.len() {
            let len = decode(&bytes[at..]).ok_or(RecordBatchError { at, len: bytes.len() })?.1;
            at += len;
            seen += 1;
        }
        if seen == count && count > 0 {
            Ok(Self { bytes, count })
        } else {
            Err(RecordBatchError { at, len: bytes.len() })
        }
    }

    /// How many records, at least 1.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The encoding.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The records in order.
    pub fn records(&self) -> Records<'_> {
        Records { rest: &self.bytes }
    }

    /// The batch less its first `skip` records and cut after `take`; `None` where nothing is left.
    pub fn slice(&self, skip: u32, take: u32) -> Option<Self> {
        let count = self.count.saturating_sub(skip).min(take);
        if count == 0 {
            return None;
        }
        if count == self.count {
            return Some(self.clone());
        }
        let mut records = self.records();
        for _ in 0..skip {
            records.next();
        }
        let start = self.bytes.len() - records.rest.len();
        for _ in 0..count {
            records.next();
        }
        let end = self.bytes.len() - records.rest.len();
        Some(Self { bytes: self.bytes.slice(start..end), count })
    }
}

/// Iterator over the records of a batch.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        // A batch was checked when it was made, so decoding ends the iteration only at its end.
        let (record, len) = decode(self.rest)?;
        self.rest = &self.rest[len..];
        Some(record)
    }
}

/// Encodes records into a batch.
#[derive(Debug, Default)]
pub struct RecordBatchBuilder {
    bytes: Vec<u8>,
    count: u32,
}

impl RecordBatchBuilder {
    /// An empty builder with room for `capacity_bytes`.
    pub fn with_capacity(capacity_bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity_bytes), count: 0 }
    }

    /// What one record takes at the most, in bytes.
    pub const fn encoded_len_max(key_len: usize, data_len: usize) -> usize {
        key_len + data_len + 5 + 5 + 16
    }

    /// Adds one record. Its key and data must each be shorter than 2^31 bytes.
    pub fn push(&mut self, record: Record<'_>) {
        let flag = u32::from(record.explicit_hash_key.is_some());
        self.varint(((record.key.len() as u32) << 1) | flag);
        self.bytes.extend_from_slice(record.key.as_bytes());
        if let Some(hash) = record.explicit_hash_key {
            self.bytes.extend_from_slice(&hash.to_be_bytes());
        }
        self.varint(record.data.len() as u32);
        self.bytes.extend_from_slice(record.data);
        self.count += 1;
    }

    /// Records so far.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The batch, or `None` if nothing was pushed.
    pub fn finish(self) -> Option<RecordBatch> {
        (self.count > 0).then(|| RecordBatch { bytes: Bytes::from(self.bytes), count: self.count })
    }

    fn varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }
}

fn decode(bytes: &[u8]) -> Option<(Record<'_>, usize)> {
    let mut at = 0;
    let head = varint(bytes, &mut at)?;
    let key = take(bytes, &mut at, (head >> 1) as usize)?;
    let key = std::str::from_utf8(key).ok()?;
    let explicit_hash_key = if head & 1 == 1 {
        Some(u128::from_be_bytes(take(bytes, &mut at, 16)?.try_into().ok()?))
    } else {
        None
    };
    let data_len = varint(bytes, &mut at)? as usize;
    let data = take(bytes, &mut at, data_len)?;
    Some((Record { key, explicit_hash_key, data }, at))
}

fn take<'a>(bytes: &'a [u8], at: &mut usize, len: usize) -> Option<&'a [u8]> {
    let taken = bytes.get(*at..at.checked_add(len)?)?;
    *at += len;
    Some(taken)
}

fn varint(bytes: &[u8], at: &mut usize) -> Option<u32> {
    let mut value = 0u32;
    for shift in (0..35).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        if shift == 28 && byte > 0x0f {
            return None;
        }
        value |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
