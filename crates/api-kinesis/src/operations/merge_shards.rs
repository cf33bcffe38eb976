//! MergeShards.

use headwater_wire::Codec;
use headwater_wire::shape::Text;

use super::operation;
use crate::checks::{Checks, NAME};
use crate::context::Context;
use crate::error::Result;
use crate::resource::{shard_named, stream_ref};

operation!("MergeShards", rate: MergeShardsCalls, changes: true);

headwater_wire::shape! {
    struct Input<'a> {
        stream_id: Text<'a> = "StreamId",
        stream_name: Text<'a> = "StreamName",
        stream_arn: Text<'a> = "StreamARN",
        shard_to_merge: Text<'a> = "ShardToMerge",
        adjacent_shard_to_merge: Text<'a> = "AdjacentShardToMerge",
    }
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let stream = stream_ref!(input);
    let mut checks = Checks::default();
    context.expect_stream(&mut checks, &input.stream_id);
    checks.required_text("shardToMerge", &input.shard_to_merge, NAME);
    checks.required_text("adjacentShardToMerge", &input.adjacent_shard_to_merge, NAME);
    stream.check(&mut checks);
    checks.done()?;
    let key = stream.key(context)?;
    let first = shard_named(&key, input.shard_to_merge.as_deref().unwrap_or_default())?;
    let second = shard_named(&key, input.adjacent_shard_to_merge.as_deref().unwrap_or_default())?;
    let (handle, _) = context.find(&key)?;
    context.streams.merge_shards(&handle, first, second).await?;
    Ok(Vec::new())
}
