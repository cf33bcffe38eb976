//! GetShardIterator.

use headwater_streams::StartingPosition;
use headwater_wire::Codec;
use headwater_wire::shape::{Bool, Text, Time};
use serde::Serialize;

use super::operation;
use crate::checks::{Checks, NAME, SEQUENCE_NUMBER, flag};
use crate::context::Context;
use crate::error::{ApiError, Result};
use crate::resource::stream_ref;

operation!("GetShardIterator", rate: shards);

headwater_wire::shape! {
    struct Input<'a> {
        stream_name: Text<'a> = "StreamName",
        stream_arn: Text<'a> = "StreamARN",
        shard_id: Text<'a> = "ShardId",
        shard_iterator_type: Text<'a> = "ShardIteratorType",
        starting_sequence_number: Text<'a> = "StartingSequenceNumber",
        timestamp: Time = "Timestamp",
        dry_run: Bool = "DryRun",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    shard_iterator: String,
}

/// In the order in which AWS lists them.
const TYPES: [&str; 5] =
    ["AFTER_SEQUENCE_NUMBER", "LATEST", "AT_TIMESTAMP", "AT_SEQUENCE_NUMBER", "TRIM_HORIZON"];

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let stream = stream_ref!(input);
    let mut checks = Checks::default();
    checks.required_text("shardId", &input.shard_id, NAME);
    checks.required("shardIteratorType", &input.shard_iterator_type);
    checks.one_of("shardIteratorType", &input.shard_iterator_type, &TYPES);
    checks.text("startingSequenceNumber", &input.starting_sequence_number, SEQUENCE_NUMBER);
    stream.check(&mut checks);
    checks.done()?;

    let key = stream.key(context)?;
    let shard = input.shard_id.as_deref().unwrap_or_default();
    let start = starting_position(&input)?;
    if flag(input.dry_run) {
        context.streams.check_shard_iterator(&key, shard, &start).await?;
        return Err(context.dry_run(&key));
    }
    let iterator = context.streams.shard_iterator(&key, shard, &start).await?;
    let token = context.streams.sign_iterator(&iterator);
    Ok(codec.encode(&Output { shard_iterator: base64_simd::STANDARD.encode_to_string(token) }))
}

fn starting_position(input: &Input<'_>) -> Result<StartingPosition> {
    let kind = input.shard_iterator_type.as_deref().unwrap_or_default();
    let wrong = |ending: &str| {
        ApiError::invalid_argument(format!(
            "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) \
             TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified {kind} and {ending} \
             StartingSequenceNumber."
        ))
    };
    let number = input.starting_sequence_number.as_deref().map(str::to_owned);
    match (kind, number) {
        ("AT_SEQUENCE_NUMBER", Some(number)) => Ok(StartingPosition::AtSequenceNumber(number)),
        ("AFTER_SEQUENCE_NUMBER", Some(number)) => Ok(StartingPosition::AfterSequenceNumber(number)),
        ("AT_SEQUENCE_NUMBER" | "AFTER_SEQUENCE_NUMBER", None) => Err(wrong("no")),
        (_, Some(_)) => Err(wrong("also a")),
        ("LATEST", None) => Ok(StartingPosition::Latest),
        ("AT_TIMESTAMP", None) => match input.timestamp {
            Some(Time(time)) => Ok(StartingPosition::AtTimestamp(time)),
            None => Err(ApiError::invalid_argument(
                "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no \
                 timestamp parameter.",
            )),
        },
        (_, None) => Ok(StartingPosition::TrimHorizon),
    }
}
