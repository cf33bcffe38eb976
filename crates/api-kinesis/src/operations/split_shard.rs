//! SplitShard.

use headwater_types::HashKey;
use headwater_wire::Codec;
use headwater_wire::shape::Text;

use super::operation;
use crate::checks::{Checks, HASH_KEY, NAME};
use crate::context::Context;
use crate::error::{KinesisError, Result};
use crate::resource::{shard_named, stream_ref};

operation!("SplitShard", rate: SplitShardCalls, changes: true);

headwater_wire::shape! {
    struct Input<'a> {
        stream_id: Text<'a> = "StreamId",
        stream_name: Text<'a> = "StreamName",
        stream_arn: Text<'a> = "StreamARN",
        shard_to_split: Text<'a> = "ShardToSplit",
        new_starting_hash_key: Text<'a> = "NewStartingHashKey",
    }
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let stream = stream_ref!(input);
    let mut checks = Checks::default();
    context.expect_stream(&mut checks, &input.stream_id);
    checks.required_text("newStartingHashKey", &input.new_starting_hash_key, HASH_KEY);
    checks.required_text("shardToSplit", &input.shard_to_split, NAME);
    stream.check(&mut checks);
    checks.done()?;
    let at = input.new_starting_hash_key.as_deref().unwrap_or_default();
    let at = HashKey::parse(at).ok_or_else(|| {
        KinesisError::invalid_argument(format!("NewStartingHashKey {at} is not in the range [0, 2^128-1]."))
    })?;
    let key = stream.key(context)?;
    let shard = shard_named(&key, input.shard_to_split.as_deref().unwrap_or_default())?;
    let (handle, _) = context.find(&key)?;
    context.streams.split_shard(&handle, shard, at).await?;
    Ok(Vec::new())
}
