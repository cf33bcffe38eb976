//! GetShardIterator.

use headwater_wire::Codec;
use headwater_wire::shape::{Bool, Text, Time};
use serde::Serialize;

use super::operation;
use super::starting_position::{POSITION_TYPES, starting_position};
use crate::checks::{Checks, NAME, SEQUENCE_NUMBER, flag};
use crate::context::Context;
use crate::error::Result;
use crate::resource::stream_ref;

operation!("GetShardIterator", rate: shards);

headwater_wire::shape! {
    struct Input<'a> {
        stream_id: Text<'a> = "StreamId",
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

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let stream = stream_ref!(input);
    let mut checks = Checks::default();
    context.expect_stream(&mut checks, &input.stream_id);
    checks.required_text("shardId", &input.shard_id, NAME);
    checks.required("shardIteratorType", &input.shard_iterator_type);
    checks.one_of("shardIteratorType", &input.shard_iterator_type, &POSITION_TYPES);
    checks.text("startingSequenceNumber", &input.starting_sequence_number, SEQUENCE_NUMBER);
    stream.check(&mut checks);
    checks.done()?;

    let key = stream.key(context)?;
    let shard = input.shard_id.as_deref().unwrap_or_default();
    let number = input.starting_sequence_number.as_deref();
    let kind = input.shard_iterator_type.as_deref().unwrap_or_default();
    let start = starting_position(kind, number, input.timestamp)?;
    if flag(input.dry_run) {
        context.streams.check_shard_iterator(&key, shard, &start).await?;
        return Err(context.dry_run(&key));
    }
    let iterator = context.streams.shard_iterator(&key, shard, &start).await?;
    let token = context.streams.sign_iterator(&iterator);
    Ok(codec.encode(&Output { shard_iterator: base64_simd::STANDARD.encode_to_string(token) }))
}
