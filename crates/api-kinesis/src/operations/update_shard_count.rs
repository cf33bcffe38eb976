//! UpdateShardCount.

use headwater_wire::Codec;
use headwater_wire::shape::{Int, Text};
use serde::Serialize;

use super::operation;
use crate::checks::Checks;
use crate::context::Context;
use crate::error::Result;
use crate::resource::stream_ref;

operation!("UpdateShardCount", rate: none, changes: true);

headwater_wire::shape! {
    struct Input<'a> {
        stream_id: Text<'a> = "StreamId",
        stream_name: Text<'a> = "StreamName",
        stream_arn: Text<'a> = "StreamARN",
        target_shard_count: Int = "TargetShardCount",
        scaling_type: Text<'a> = "ScalingType",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    stream_name: &'a str,
    current_shard_count: u32,
    target_shard_count: u32,
    #[serde(rename = "StreamARN")]
    stream_arn: String,
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let stream = stream_ref!(input);
    let mut checks = Checks::default();
    context.expect_stream(&mut checks, &input.stream_id);
    checks.required("scalingType", &input.scaling_type);
    checks.one_of("scalingType", &input.scaling_type, &["UNIFORM_SCALING"]);
    checks.required("targetShardCount", &input.target_shard_count);
    checks.int("targetShardCount", input.target_shard_count, 1..=i32::MAX);
    stream.check(&mut checks);
    checks.done()?;
    let (handle, _) = stream.find(context)?;
    let target = input.target_shard_count.and_then(|Int(count)| u32::try_from(count).ok()).unwrap_or(1);
    let change = context.streams.update_shard_count(&handle, target).await?;
    Ok(codec.encode(&Output {
        stream_name: handle.key().name.as_str(),
        current_shard_count: change.current,
        target_shard_count: change.target,
        stream_arn: handle.key().arn(),
    }))
}
