//! TagResource.

use headwater_wire::Codec;
use headwater_wire::shape::{Map, Text};

use super::operation;
use super::tags::{check_resource_tags, check_tags, owned};
use crate::checks::Checks;
use crate::context::Context;
use crate::error::Result;
use crate::resource::tagged;

operation!("TagResource", rate: none, changes: true);

headwater_wire::shape! {
    struct Input<'a> {
        stream_id: Text<'a> = "StreamId",
        resource_arn: Text<'a> = "ResourceARN",
        tags: Map<'a, Text<'a>> = "Tags",
    }
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let mut checks = Checks::default();
    context.expect_stream(&mut checks, &input.stream_id);
    checks.required("tags", &input.tags);
    if let Some(tags) = &input.tags {
        check_tags(&mut checks, tags);
    }
    let tags = input.tags.as_ref().map(owned).unwrap_or_default();
    context.note_tags(&tags);
    let tagged = tagged(context, checks, &input.resource_arn, || check_resource_tags(&tags))?;
    context.streams.add_tags(&tagged, &tags).await?;
    Ok(Vec::new())
}
