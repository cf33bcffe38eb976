//! Sealing records and opening them.
//!
//! # Format
//! After its mark and length, what `types::record` calls sealed is:
//! ```text
//! format       1 byte     1
//! key          4 bytes    number of the data key, big-endian
//! nonce        12 bytes
//! ciphertext              of the record as it would be stored plain
//! tag          16 bytes
//! ```
//! Associated data: the stream's uid, the shard, and format and key as they stand there. So a sealed record opens in
//! the shard for which it was sealed and nowhere else. Its place in the shard is not bound: it is not known yet when
//! the record is sealed.

use headwater_store::{Position, StoreError, StoredBatch};
use headwater_types::{Record, RecordBatch, RecordBatchBuilder, ShardId, StoredRecord, Timestamp};
use headwater_vault::{Cipher, KeyTrouble, SEALED_OVERHEAD};

use super::StreamKeys;
use crate::error::{Result, StreamsError};
use crate::handle::{StreamHandle, StreamView};
use crate::service::StreamService;

const FORMAT: u8 = 1;
/// Format and key.
const HEAD_LEN: usize = 5;

/// Most that one sealed record takes beside its plain encoding, in bytes: mark, length, head, nonce, tag.
pub(crate) const SEALED_RECORD_OVERHEAD: usize = 5 + 5 + HEAD_LEN + SEALED_OVERHEAD;

/// A run of records as readers are given them.
#[derive(Debug, Clone)]
pub struct ServedBatch {
    /// Position of the first record here; record `i` stands `i` further.
    pub first: Position,
    /// When these records arrived.
    pub arrival: Timestamp,
    /// The records, none of them sealed.
    pub records: RecordBatch,
    /// True if they are stored encrypted.
    pub encrypted: bool,
}

/// Seals the records of a put.
pub(crate) struct Sealer<'a> {
    cipher: Cipher<'a>,
    uid: u64,
    number: u32,
}

impl<'a> Sealer<'a> {
    /// Sealer of this stream; `None` where records are stored as they are.
    pub(crate) fn of(view: &'a StreamView, stream: &StreamHandle) -> Result<Option<Self>> {
        match view.keys.sealing() {
            Ok(None) => Ok(None),
            Ok(Some((number, key))) => Ok(Some(Self { cipher: key.cipher(), uid: view.meta.uid, number })),
            Err(trouble) => Err(StreamsError::Key { stream: stream.key.clone(), trouble }),
        }
    }

    /// Adds a record to a batch that goes to this shard.
    pub(crate) fn push(&self, to: &mut RecordBatchBuilder, shard: ShardId, record: Record<'_>) -> Result<()> {
        let head = head(self.number);
        let len = HEAD_LEN + SEALED_OVERHEAD + record.encoded_len();
        let sealed = to.push_sealed(len, |out| {
            out.extend_from_slice(&head);
            self.cipher.seal(&place(self.uid, shard, head), out, |out| record.encode(out))
        });
        sealed.map_err(|exhausted| StreamsError::Unfinished(exhausted.to_string()))
    }
}

fn head(number: u32) -> [u8; HEAD_LEN] {
    let mut head = [FORMAT; HEAD_LEN];
    head[1..].copy_from_slice(&number.to_be_bytes());
    head
}

fn place(uid: u64, shard: ShardId, head: [u8; HEAD_LEN]) -> [u8; 18 + 8 + 4 + HEAD_LEN] {
    let mut place = *b"headwater record 1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    place[18..26].copy_from_slice(&uid.to_be_bytes());
    place[26..30].copy_from_slice(&shard.index().to_be_bytes());
    place[30..].copy_from_slice(&head);
    place
}

/// Records that were read, opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) batches: Vec<ServedBatch>,
    /// Position at which the next read goes on: before the first record that does not open, if there is one.
    pub(crate) next: Position,
}

/// Why a record does not open.
#[derive(Debug)]
enum Fault {
    /// The stream has no data key of this number, as far as the view knows.
    UnknownKey(u32),
    Trouble(KeyTrouble),
    Forged,
}

impl StreamService {
    /// Opens what was read from a shard. What opens before the first record that does not is served; the next read
    /// begins with that one and is told.
    pub(crate) async fn opened(
        &self,
        stream: &StreamHandle,
        view: &StreamView,
        shard: ShardId,
        batches: Vec<StoredBatch>,
        next: Position,
    ) -> Result<Opened> {
        let mut opened = Opened { batches: Vec::with_capacity(batches.len()), next };
        let Err((at, fault)) = open_all(&view.keys, view.meta.uid, shard, &batches, &mut opened.batches)
        else {
            return Ok(opened);
        };
        opened.next = at;
        if !opened.batches.is_empty() {
            return Ok(opened);
        }
        let fault = match fault {
            Fault::UnknownKey(_) => {
                // Sealed a moment ago, under a key that is newer than the view.
                let newest = self.newest_view(stream, view).await?;
                match open_all(&newest.keys, view.meta.uid, shard, &batches, &mut opened.batches) {
                    Ok(()) => return Ok(Opened { next, ..opened }),
                    Err((at, _)) if !opened.batches.is_empty() => return Ok(Opened { next: at, ..opened }),
                    Err((_, fault)) => fault,
                }
            }
            fault => fault,
        };
        let place = || format!("the record at position {at} of shard {shard} of {}", stream.key);
        Err(match fault {
            Fault::Trouble(trouble) => StreamsError::Key { stream: stream.key.clone(), trouble },
            Fault::Forged => {
                let why = "was changed, or was sealed for another place: it does not open";
                StoreError::Corrupt(format!("{} {why}", place())).into()
            }
            Fault::UnknownKey(number) => {
                let why = "which the metadata of the stream does not hold";
                StoreError::Corrupt(format!("{} is sealed under data key {number}, {why}", place())).into()
            }
        })
    }

    /// A view that is newer than `seen`, if there is one.
    async fn newest_view(
        &self,
        stream: &StreamHandle,
        seen: &StreamView,
    ) -> Result<std::sync::Arc<StreamView>> {
        let view = stream.view();
        if view.version == seen.version {
            // Another server may have changed the keys.
            let _changing = stream.changing.lock().await;
            self.reload(stream, &view).await?;
        }
        Ok(stream.view())
    }
}

fn open_all(
    keys: &StreamKeys,
    uid: u64,
    shard: ShardId,
    batches: &[StoredBatch],
    to: &mut Vec<ServedBatch>,
) -> std::result::Result<(), (Position, Fault)> {
    for batch in batches {
        let StoredBatch { first, arrival, records } = batch;
        if records.is_sealed() {
            open_batch(keys, uid, shard, batch, to)?;
        } else {
            let (first, arrival, records) = (*first, *arrival, records.clone());
            to.push(ServedBatch { first, arrival, records, encrypted: false });
        }
    }
    Ok(())
}

/// Opens a batch with sealed records in it: one served batch for each run of records of one kind. Usually all are.
fn open_batch(
    keys: &StreamKeys,
    uid: u64,
    shard: ShardId,
    batch: &StoredBatch,
    to: &mut Vec<ServedBatch>,
) -> std::result::Result<(), (Position, Fault)> {
    let mut opener = Opener { keys, uid, shard, cipher: None };
    let is_sealed = |stored: &StoredRecord<'_>| matches!(stored, StoredRecord::Sealed(_));
    let mut stored = batch.records.stored().peekable();
    let mut done = 0u32;
    while let Some(encrypted) = stored.peek().map(is_sealed) {
        let (first, arrival) = (batch.first.plus(done.into()), batch.arrival);
        let mut plain = Vec::with_capacity(batch.records.bytes().len());
        let mut count = 0u32;
        let mut fault = None;
        while let Some(record) = stored.next_if(|record| is_sealed(record) == encrypted) {
            match record {
                StoredRecord::Plain(record) => record.encode(&mut plain),
                StoredRecord::Sealed(sealed) => {
                    if let Err(found) = opener.open(sealed, &mut plain) {
                        fault = Some((batch.first.plus((done + count).into()), found));
                        break;
                    }
                }
            }
            count += 1;
        }
        if count > 0 {
            // Whoever could seal could have sealed anything, in theory: only records are served.
            let records = RecordBatch::parse(plain.into(), count).ok().filter(|records| !records.is_sealed());
            let records = records.ok_or((first, Fault::Forged))?;
            to.push(ServedBatch { first, arrival, records, encrypted });
        }
        if let Some(fault) = fault {
            return Err(fault);
        }
        done += count;
    }
    Ok(())
}

struct Opener<'a> {
    keys: &'a StreamKeys,
    uid: u64,
    shard: ShardId,
    /// Of the record before: usually the next one has the same.
    cipher: Option<(u32, Cipher<'a>)>,
}

impl Opener<'_> {
    fn open(&mut self, sealed: &[u8], plain: &mut Vec<u8>) -> std::result::Result<(), Fault> {
        let (&head, sealed) = sealed.split_first_chunk::<HEAD_LEN>().ok_or(Fault::Forged)?;
        let [format, number @ ..] = head;
        if format != FORMAT {
            return Err(Fault::Forged);
        }
        let number = u32::from_be_bytes(number);
        let cipher = match &mut self.cipher {
            Some((known, cipher)) if *known == number => cipher,
            other => {
                let key = self.keys.get(number).ok_or(Fault::UnknownKey(number))?;
                let key = key.as_ref().map_err(|trouble| Fault::Trouble(trouble.clone()))?;
                &mut other.insert((number, key.cipher())).1
            }
        };
        cipher.open(&place(self.uid, self.shard, head), sealed, plain).map_err(|_| Fault::Forged)
    }
}
