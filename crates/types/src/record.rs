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
//! or, for a record that was sealed before it was handed to the engine:
//! ```text
//! mark               varint   0xffff_fffe: a key length that no record has
//! sealed_len         varint
//! sealed             sealed_len bytes, of which only who sealed it knows more
//! ```
//! The number of records is not in the bytes: it travels beside them, in the engine's own header. What a client
//! sends becomes a key and data of a plain record, whose lengths are counted here: it cannot look like a mark.
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

/// A record as it lies in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredRecord<'a> {
    /// As it was put.
    Plain(Record<'a>),
    /// Key, hash key and data, sealed: not to be given to anybody before it was opened.
    Sealed(&'a [u8]),
}

impl StoredRecord<'_> {
    fn plain_bytes(&self) -> u64 {
        match self {
            Self::Plain(record) => (record.key.len() + record.data.len()) as u64,
            Self::Sealed(_) => 0,
        }
    }
}

/// Instead of the key's length and the flag. The largest even number of 32 bits.
const SEALED_MARK: u32 = u32::MAX - 1;

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
    sealed: bool,
    plain_bytes: u64,
}

impl RecordBatch {
    /// Checks that `bytes` hold exactly `count` records, `count` at least 1.
    pub fn parse(bytes: Bytes, count: u32) -> Result<Self, RecordBatchError> {
        let mut at = 0;
        let mut seen = 0u32;
        let (mut sealed, mut plain_bytes) = (false, 0);
        while at < bytes.len() {
            let (record, len) = decode(&bytes[at..]).ok_or(RecordBatchError { at, len: bytes.len() })?;
            sealed |= matches!(record, StoredRecord::Sealed(_));
            plain_bytes += record.plain_bytes();
            at += len;
            seen += 1;
        }
        if seen == count && count > 0 {
            Ok(Self { bytes, count, sealed, plain_bytes })
        } else {
            Err(RecordBatchError { at, len: bytes.len() })
        }
    }

    /// Number of records, at least 1.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The encoding.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// True if any of the records is sealed.
    pub fn is_sealed(&self) -> bool {
        self.sealed
    }

    /// Bytes of the keys and data of all records that are not sealed.
    pub fn plain_bytes(&self) -> u64 {
        self.plain_bytes
    }

    /// The records in order, whatever they are.
    pub fn stored(&self) -> StoredRecords<'_> {
        StoredRecords { rest: &self.bytes }
    }

    /// Bytes of the encoding that each record takes, in order. For engines, which must not look inside.
    pub fn encoded_lens(&self) -> impl Iterator<Item = usize> {
        let mut stored = self.stored();
        std::iter::from_fn(move || {
            let before = stored.rest.len();
            stored.next().map(|_| before - stored.rest.len())
        })
    }

    /// The records in order, for whoever knows that none of them is sealed ([`RecordBatch::is_sealed`]); sealed
    /// ones would be left out.
    pub fn records(&self) -> Records<'_> {
        debug_assert!(!self.sealed, "sealed records are read as if they were plain");
        Records(self.stored())
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
        let mut records = self.stored();
        for _ in 0..skip {
            records.next();
        }
        let start = self.bytes.len() - records.rest.len();
        let (mut sealed, mut plain_bytes) = (false, 0);
        for record in records.by_ref().take(count as usize) {
            sealed |= matches!(record, StoredRecord::Sealed(_));
            plain_bytes += record.plain_bytes();
        }
        let end = self.bytes.len() - records.rest.len();
        Some(Self { bytes: self.bytes.slice(start..end), count, sealed, plain_bytes })
    }
}

/// Iterator over the plain records of a batch.
#[derive(Debug, Clone)]
pub struct Records<'a>(StoredRecords<'a>);

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        self.0.find_map(|stored| match stored {
            StoredRecord::Plain(record) => Some(record),
            StoredRecord::Sealed(_) => None,
        })
    }
}

/// Iterator over all records of a batch.
#[derive(Debug, Clone)]
pub struct StoredRecords<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for StoredRecords<'a> {
    type Item = StoredRecord<'a>;

    fn next(&mut self) -> Option<StoredRecord<'a>> {
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
    sealed: bool,
    plain_bytes: u64,
}

impl RecordBatchBuilder {
    /// An empty builder with room for `capacity_bytes`.
    pub fn with_capacity(capacity_bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity_bytes), ..Self::default() }
    }

    /// Most bytes that one record takes.
    pub const fn encoded_len_max(key_len: usize, data_len: usize) -> usize {
        key_len + data_len + 5 + 5 + 16
    }

    /// Adds one record. Its key and data must each be shorter than 2^31 - 1 bytes.
    pub fn push(&mut self, record: Record<'_>) {
        record.encode(&mut self.bytes);
        self.plain_bytes += StoredRecord::Plain(record).plain_bytes();
        self.count += 1;
    }

    /// Adds a record that `seal` appends in its sealed form, which takes exactly `len` bytes.
    pub fn push_sealed<E>(
        &mut self,
        len: usize,
        seal: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.bytes.len();
        put_varint(&mut self.bytes, SEALED_MARK);
        put_varint(&mut self.bytes, len as u32);
        let from = self.bytes.len();
        let sealed = seal(&mut self.bytes);
        if sealed.is_err() {
            self.bytes.truncate(start);
            return sealed;
        }
        assert_eq!(self.bytes.len() - from, len, "a sealed record is as long as was said");
        self.count += 1;
        self.sealed = true;
        Ok(())
    }

    /// Records so far.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The batch, or `None` if nothing was pushed.
    pub fn finish(self) -> Option<RecordBatch> {
        let Self { bytes, count, sealed, plain_bytes } = self;
        (count > 0).then(|| RecordBatch { bytes: Bytes::from(bytes), count, sealed, plain_bytes })
    }
}

impl Record<'_> {
    /// Number of bytes that [`Record::encode`] appends.
    pub fn encoded_len(&self) -> usize {
        let hash_len = if self.explicit_hash_key.is_some() { 16 } else { 0 };
        let (key, data) = (self.key.len(), self.data.len());
        varint_len((key as u32) << 1) + key + hash_len + varint_len(data as u32) + data
    }

    /// Appends the encoding.
    pub fn encode(&self, to: &mut Vec<u8>) {
        let flag = u32::from(self.explicit_hash_key.is_some());
        put_varint(to, ((self.key.len() as u32) << 1) | flag);
        to.extend_from_slice(self.key.as_bytes());
        if let Some(hash) = self.explicit_hash_key {
            to.extend_from_slice(&hash.to_be_bytes());
        }
        put_varint(to, self.data.len() as u32);
        to.extend_from_slice(self.data);
    }
}

fn put_varint(to: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

fn varint_len(value: u32) -> usize {
    (u32::BITS - value.leading_zeros()).div_ceil(7).max(1) as usize
}

fn decode(bytes: &[u8]) -> Option<(StoredRecord<'_>, usize)> {
    let mut at = 0;
    let head = varint(bytes, &mut at)?;
    if head == SEALED_MARK {
        let sealed_len = varint(bytes, &mut at)? as usize;
        return Some((StoredRecord::Sealed(take(bytes, &mut at, sealed_len)?), at));
    }
    let key = take(bytes, &mut at, (head >> 1) as usize)?;
    let key = std::str::from_utf8(key).ok()?;
    let explicit_hash_key = if head & 1 == 1 {
        Some(u128::from_be_bytes(take(bytes, &mut at, 16)?.try_into().ok()?))
    } else {
        None
    };
    let data_len = varint(bytes, &mut at)? as usize;
    let data = take(bytes, &mut at, data_len)?;
    Some((StoredRecord::Plain(Record { key, explicit_hash_key, data }), at))
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
