//! DescribeStream.

use headwater_types::Shard;
use headwater_wire::Codec;
use headwater_wire::shape::{Int, Text, Time};
use serde::Serialize;

use super::operation;
use crate::answer::{EnhancedMetrics, ShardShape, StreamModeDetails, created, encryption_type};
use crate::checks::{Checks, NAME};
use crate::context::Context;
use crate::error::{Result, status_name};
use crate::resource::{require_issued, shard_named, stream_ref};

operation!("DescribeStream", rate: DescribeStreamCalls);

headwater_wire::shape! {
    struct Input<'a> {
        stream_id: Text<'a> = "StreamId",
        stream_name: Text<'a> = "StreamName",
        stream_arn: Text<'a> = "StreamARN",
        limit: Int = "Limit",
        exclusive_start_shard_id: Text<'a> = "ExclusiveStartShardId",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    stream_description: Description<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Description<'a> {
    stream_name: &'a str,
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    stream_status: &'static str,
    stream_mode_details: StreamModeDetails,
    shards: Vec<ShardShape>,
    has_more_shards: bool,
    retention_period_hours: i32,
    stream_creation_timestamp: Time,
    enhanced_monitoring: [EnhancedMetrics; 1],
    encryption_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<&'a str>,
}

/// Shards in one answer, by default and at the most (documentation).
const SHARDS_MAX: usize = 100;

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let stream = stream_ref!(input);
    let mut checks = Checks::default();
    context.expect_stream(&mut checks, &input.stream_id);
    checks.int("limit", input.limit, 1..=10_000);
    checks.text("exclusiveStartShardId", &input.exclusive_start_shard_id, NAME);
    stream.check(&mut checks);
    checks.done()?;

    let key = stream.key(context)?;
    let after = input.exclusive_start_shard_id.as_deref().map(|text| shard_named(&key, text)).transpose()?;
    let (handle, status) = context.find(&key)?;
    after.map_or(Ok(()), |after| require_issued(&handle, after))?;
    let limit = input.limit.map_or(SHARDS_MAX, |Int(limit)| (limit as usize).min(SHARDS_MAX));
    let view = handle.view();
    let mut wanted =
        context.streams.visible_shards(&view).filter(|shard: &&Shard| after.is_none_or(|id| shard.id > id));
    let shards = wanted.by_ref().take(limit).map(ShardShape::from).collect();
    let has_more_shards = wanted.next().is_some();
    let meta = view.meta();
    Ok(codec.encode(&Output {
        stream_description: Description {
            stream_name: handle.key().name.as_str(),
            stream_arn: handle.key().arn(),
            stream_status: status_name(status),
            stream_mode_details: meta.mode.into(),
            shards,
            has_more_shards,
            retention_period_hours: meta.retention_hours,
            stream_creation_timestamp: created(meta),
            enhanced_monitoring: EnhancedMetrics::of(meta),
            encryption_type: encryption_type(meta),
            key_id: meta.encryption().map(|key| key.given.as_str()),
        },
    }))
}
