//! ListTagsForResource.

use headwater_wire::Codec;
use headwater_wire::shape::Text;
use serde::Serialize;

use super::operation;
use super::tags::Tag;
use crate::checks::Checks;
use crate::context::Context;
use crate::error::Result;
use crate::resource::tagged;

operation!("ListTagsForResource", rate: none);

headwater_wire::shape! {
    struct Input<'a> {
        stream_id: Text<'a> = "StreamId",
        resource_arn: Text<'a> = "ResourceARN",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    tags: Vec<Tag<'a>>,
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let mut checks = Checks::default();
    context.expect_stream(&mut checks, &input.stream_id);
    let tagged = tagged(context, checks, &input.resource_arn, || Ok(()))?;
    let tags = context.streams.tags(&tagged)?;
    let tags = tags.iter().map(|(key, value)| Tag { key, value }).collect();
    Ok(codec.encode(&Output { tags }))
}
