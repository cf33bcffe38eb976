//! UntagResource.

use headwater_wire::Codec;
use headwater_wire::shape::{List, Text};

use super::operation;
use super::tags::{check_keys, check_resource_keys};
use crate::checks::Checks;
use crate::context::Context;
use crate::error::Result;
use crate::resource::tagged;

operation!("UntagResource", rate: none, changes: true);

headwater_wire::shape! {
    struct Input<'a> {
        stream_id: Text<'a> = "StreamId",
        resource_arn: Text<'a> = "ResourceARN",
        tag_keys: List<Text<'a>> = "TagKeys",
    }
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let mut checks = Checks::default();
    context.expect_stream(&mut checks, &input.stream_id);
    check_keys(&mut checks, &input.tag_keys);
    let keys: Vec<String> =
        input.tag_keys.iter().flat_map(|keys| keys.iter()).map(ToString::to_string).collect();
    context.note_tag_keys(&keys);
    let tagged = tagged(context, checks, &input.resource_arn, || check_resource_keys(&keys))?;
    context.streams.remove_tags(&tagged, &keys).await?;
    Ok(Vec::new())
}
