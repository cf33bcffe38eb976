//! PutRecords.

use std::borrow::Cow;

use headwater_streams::{PutEntry, PutFailure, PutPlaced};
use headwater_types::StreamKey;
use headwater_types::limits::{PUT_RECORDS_BYTES_MAX, PUT_RECORDS_MAX};
use headwater_wire::Codec;
use headwater_wire::shape::{Blob, Bool, List, Text};
use serde::Serialize;

use super::operation;
use super::put_record::{Number, Placed, ShardName, check_record, hash_key, kms};
use crate::checks::{Checks, flag};
use crate::context::Context;
use crate::error::{KinesisError, Result};
use crate::resource::stream_ref;

operation!("PutRecords", rate: shards, changes: records);

headwater_wire::shape! {
    struct Input<'a> {
        stream_id: Text<'a> = "StreamId",
        stream_name: Text<'a> = "StreamName",
        stream_arn: Text<'a> = "StreamARN",
        records: List<Entry<'a>> = "Records",
        dry_run: Bool = "DryRun",
    }
}

headwater_wire::shape! {
    struct Entry<'a> {
        data: Blob<'a> = "Data",
        partition_key: Text<'a> = "PartitionKey",
        explicit_hash_key: Text<'a> = "ExplicitHashKey",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    failed_record_count: usize,
    records: Vec<Answer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption_type: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Placed(Placed),
    Failed(Failed),
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Failed {
    error_code: &'static str,
    error_message: String,
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let records: &[Entry<'_>] = input.records.as_ref().map_or(&[], |list| &list.0);
    // All payloads in one piece of memory; bad base64 comes before any violated constraint.
    let capacity = records.iter().filter_map(|record| record.data.as_ref()).map(Blob::len).sum();
    let mut arena = Vec::with_capacity(capacity);
    let mut lens = Vec::with_capacity(records.len());
    for record in records {
        let from = arena.len();
        if let Some(data) = &record.data {
            data.append_to(&mut arena)?;
        }
        lens.push(arena.len() - from);
    }
    check(context, &input, records)?;
    let mut entries = Vec::with_capacity(records.len());
    let (mut rest, mut total) = (arena.as_slice(), 0);
    for (record, len) in records.iter().zip(lens) {
        let partition_key = Cow::Borrowed(record.partition_key.as_deref().unwrap_or_default());
        total += partition_key.len() + len;
        let explicit_hash_key = hash_key(&record.explicit_hash_key)?;
        let (data, others) = rest.split_at(len);
        entries.push(PutEntry { partition_key, explicit_hash_key, data });
        rest = others;
    }
    if total > PUT_RECORDS_BYTES_MAX {
        return Err(KinesisError::invalid_argument("Records size exceeds 10 MB limit"));
    }
    let stream = stream_ref!(input).key(context)?;
    let handle = context.streams.find_readable(&stream)?;
    if flag(input.dry_run) {
        context.streams.check_put(&handle, &entries, None)?;
        return Err(context.dry_run(handle.key()));
    }
    let answers = context.streams.put_records(&handle, &entries).await?;
    let failed_record_count = answers.iter().filter(|answer| answer.is_err()).count();
    // A batch of the moment at which encryption is started or stopped may have gone both ways.
    let encryption_type = kms(answers.iter().flatten().any(|placed| placed.encrypted));
    let records = answers.into_iter().map(|answer| answer_of(&stream, answer)).collect();
    let mut out = Vec::with_capacity(128 * entries.len() + 64);
    codec.encode_into(&Output { failed_record_count, records, encryption_type }, &mut out);
    Ok(out)
}

fn check(context: &Context<'_>, input: &Input<'_>, records: &[Entry<'_>]) -> Result<()> {
    let mut checks = Checks::default();
    context.expect_stream(&mut checks, &input.stream_id);
    match &input.records {
        None => checks.required("records", &input.records),
        Some(list) => checks.size("records", list.len(), 1..=PUT_RECORDS_MAX),
    }
    for (i, record) in records.iter().enumerate() {
        let path = |member: &str| format!("records.{}.member.{member}", i + 1);
        let data_len = record.data.as_ref().map(Blob::len);
        check_record(&mut checks, &path, &record.partition_key, &record.explicit_hash_key, data_len);
    }
    stream_ref!(input).check(&mut checks);
    Ok(checks.done()?)
}

fn answer_of(stream: &StreamKey, answer: std::result::Result<PutPlaced, PutFailure>) -> Answer {
    match answer {
        Ok(placed) => Answer::Placed(Placed {
            shard_id: ShardName(placed.shard),
            sequence_number: Number(placed.sequence_number),
            encryption_type: None,
        }),
        Err(PutFailure::Throttled(shard)) => Answer::Failed(Failed {
            error_code: "ProvisionedThroughputExceededException",
            error_message: format!("Rate exceeded for shard {shard} in {stream}."),
        }),
        Err(PutFailure::Internal) => Answer::Failed(Failed {
            error_code: "InternalFailure",
            error_message: "Internal service failure.".to_owned(),
        }),
    }
}
