//! GetRecords.

use headwater_streams::{ReadOutcome, ReadRequest, StreamsError};
use headwater_types::limits::GET_RECORDS_MAX;
use headwater_types::{SequenceNumber, Shard, ShardId};
use headwater_wire::Codec;
use headwater_wire::shape::{Blob, Bool, Int, Text, Time};
use serde::{Serialize, Serializer};

use super::operation;
use super::put_record::{Number, Shown};
use crate::answer::HashKeyRange;
use crate::checks::{Checks, STREAM_ARN, any_text, flag};
use crate::context::Context;
use crate::error::Result;
use crate::resource::stream_of_arn;

operation!("GetRecords", rate: shards);

headwater_wire::shape! {
    struct Input<'a> {
        shard_iterator: Text<'a> = "ShardIterator",
        limit: Int = "Limit",
        stream_arn: Text<'a> = "StreamARN",
        dry_run: Bool = "DryRun",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    records: Records<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_shard_iterator: Option<String>,
    millis_behind_latest: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    child_shards: Vec<ChildShard>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ChildShard {
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
struct Records<'a>(&'a ReadOutcome);

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Record<'a> {
    sequence_number: Number,
    approximate_arrival_timestamp: Time,
    data: Blob<'a>,
    /// Absent where the record was put without one.
    #[serde(skip_serializing_if = "str::is_empty")]
    partition_key: &'a str,
}

impl Serialize for Records<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        let ReadOutcome { shard, batches, .. } = self.0;
        to.collect_seq(batches.iter().flat_map(|batch| {
            batch.records.records().zip(0u64..).map(move |(record, i)| {
                let position = batch.first.plus(i);
                let number = SequenceNumber::of_record(shard.id, shard.created, position, batch.arrival);
                Record {
                    sequence_number: Number(number),
                    approximate_arrival_timestamp: Time(batch.arrival),
                    data: Blob::new(record.data),
                    partition_key: record.key,
                }
            })
        }))
    }
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let mut checks = Checks::default();
    checks.int("limit", input.limit, 1..=GET_RECORDS_MAX);
    checks.required_text("shardIterator", &input.shard_iterator, any_text(1..=512));
    checks.text("streamARN", &input.stream_arn, STREAM_ARN);
    checks.done()?;

    // The shell habit of passing on the quotes of a JSON answer works with AWS too.
    let text = input.shard_iterator.as_deref().unwrap_or_default().trim_matches('"');
    let token =
        base64_simd::STANDARD.decode_to_vec(text.as_bytes()).map_err(|_| StreamsError::InvalidIterator)?;
    let iterator = context.streams.open_iterator(&token)?;
    if let Some(arn) = &input.stream_arn {
        let named = stream_of_arn(context, arn)?;
        if named != iterator.stream {
            let (stream, arn_name) = (iterator.stream, named.name.to_string());
            return Err(StreamsError::IteratorOfOtherStream { stream, arn_name }.into());
        }
    }
    if flag(input.dry_run) {
        context.streams.check_read(&iterator)?;
        return Err(context.dry_run(&iterator.stream));
    }
    let limit = input.limit.map_or(GET_RECORDS_MAX, |Int(limit)| limit);
    let read = ReadRequest { iterator, limit: u32::try_from(limit).unwrap_or(1) };
    let _slot = context.reads.acquire().await;
    let outcome = context.streams.read(read).await?;
    let next = outcome.next.as_ref().map(|next| context.streams.sign_iterator(next));
    let output = Output {
        records: Records(&outcome),
        next_shard_iterator: next.map(|token| base64_simd::STANDARD.encode_to_string(token)),
        millis_behind_latest: outcome.millis_behind_latest,
        child_shards: outcome.children.iter().map(ChildShard::from).collect(),
    };
    let mut out = Vec::with_capacity(answer_len(&outcome));
    codec.encode_into(&output, &mut out);
    Ok(out)
}

/// About how long the answer will be: base64 of the data, and what stands around each record.
fn answer_len(outcome: &ReadOutcome) -> usize {
    let records = |batch: &headwater_store::StoredBatch| {
        batch.records.bytes().len() * 4 / 3 + 192 * batch.records.count() as usize
    };
    512 + outcome.batches.iter().map(records).sum::<usize>()
}
