//! AddTagsToStream.

use headwater_streams::Tagged;
use headwater_wire::Codec;
use headwater_wire::shape::{Map, Text};

use super::operation;
use super::tags::{check_stream_tags, check_tags, owned};
use crate::checks::Checks;
use crate::context::Context;
use crate::error::Result;
use crate::resource::stream_ref;

operation!("AddTagsToStream", rate: AddTagsToStreamCalls, changes: true);

headwater_wire::shape! {
    struct Input<'a> {
        stream_id: Text<'a> = "StreamId",
        stream_name: Text<'a> = "StreamName",
        stream_arn: Text<'a> = "StreamARN",
        tags: Map<'a, Text<'a>> = "Tags",
    }
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let stream = stream_ref!(input);
    let mut checks = Checks::default();
    context.expect_stream(&mut checks, &input.stream_id);
    checks.required("tags", &input.tags);
    if let Some(tags) = &input.tags {
        check_tags(&mut checks, tags);
    }
    stream.check(&mut checks);
    checks.done()?;
    let tags = input.tags.as_ref().map(owned).unwrap_or_default();
    context.note_tags(&tags);
    let key = stream.key(context)?;
    check_stream_tags(&key, &tags)?;
    let (handle, _) = context.find(&key)?;
    context.streams.add_tags(&Tagged::Stream(handle), &tags).await?;
    Ok(Vec::new())
}
