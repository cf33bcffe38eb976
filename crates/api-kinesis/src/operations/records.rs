//! Records and child shards, as GetRecords and SubscribeToShard answer them.

use headwater_streams::ServedBatch;
use headwater_types::{SequenceNumber, Shard, ShardId};
use headwater_wire::shape::{Blob, Time};
use serde::{Serialize, Serializer};

use super::put_record::{Number, Shown, kms};
use crate::answer::HashKeyRange;

/// A shard that takes over from the one that was read.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ChildShard {
    shard_id: Shown<ShardId>,
    parent_shards: Vec<Shown<ShardId>>,
    hash_key_range: HashKeyRange,
}

impl From<&Shard> for ChildShard {
    fn from(shard: &Shard) -> Self {
        Self {
            shard_id: Shown(shard.id),
            parent_shards: shard.parents.iter().map(Shown).collect(),
            hash_key_range: shard.range.into(),
        }
    }
}

/// The records of an answer, serialized from the batches as they lie in memory.
pub(super) struct Records<'a> {
    shard: &'a Shard,
    batches: &'a [ServedBatch],
}

impl<'a> Records<'a> {
    /// Records of this shard.
    pub(super) fn new(shard: &'a Shard, batches: &'a [ServedBatch]) -> Self {
        Self { shard, batches }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Record<'a> {
    sequence_number: Number,
    approximate_arrival_timestamp: Time,
    data: Blob<'a>,
    /// Absent where the record was put without one.
    #[serde(skip_serializing_if = "str::is_empty")]
    partition_key: &'a str,
    /// Absent where the record is stored as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption_type: Option<&'static str>,
}

impl Serialize for Records<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self { shard, batches } = self;
        to.collect_seq(batches.iter().flat_map(|batch| {
            batch.records.records().zip(0u64..).map(move |(record, i)| {
                let position = batch.first.plus(i);
                let number = SequenceNumber::of_record(shard.id, shard.created, position, batch.arrival);
                Record {
                    sequence_number: Number(number),
                    approximate_arrival_timestamp: Time(batch.arrival),
                    data: Blob::new(record.data),
                    partition_key: record.key,
                    encryption_type: kms(batch.encrypted),
                }
            })
        }))
    }
}
