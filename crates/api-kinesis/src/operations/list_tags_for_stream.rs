//! ListTagsForStream.

use headwater_wire::Codec;
use headwater_wire::shape::{Int, Text};
use serde::Serialize;

use super::operation;
use super::tags::Tag;
use crate::checks::{Checks, any_text};
use crate::context::Context;
use crate::error::Result;
use crate::resource::stream_ref;

operation!("ListTagsForStream", rate: ListTagsForStreamCalls);

headwater_wire::shape! {
    struct Input<'a> {
        stream_id: Text<'a> = "StreamId",
        stream_name: Text<'a> = "StreamName",
        stream_arn: Text<'a> = "StreamARN",
        exclusive_start_tag_key: Text<'a> = "ExclusiveStartTagKey",
        limit: Int = "Limit",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    tags: Vec<Tag<'a>>,
    has_more_tags: bool,
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let stream = stream_ref!(input);
    let mut checks = Checks::default();
    context.expect_stream(&mut checks, &input.stream_id);
    checks.int("limit", input.limit, 1..=50);
    checks.text("exclusiveStartTagKey", &input.exclusive_start_tag_key, any_text(1..=128));
    stream.check(&mut checks);
    checks.done()?;
    let (handle, _) = stream.find(context)?;
    let view = handle.view();
    let after = input.exclusive_start_tag_key.as_deref();
    let mut wanted =
        view.meta().tags.iter().filter(|(key, _)| after.is_none_or(|after| key.as_str() > after));
    let limit = input.limit.map_or(usize::MAX, |Int(limit)| limit as usize);
    let tags = wanted.by_ref().take(limit).map(|(key, value)| Tag { key, value }).collect();
    let has_more_tags = wanted.next().is_some();
    Ok(codec.encode(&Output { tags, has_more_tags }))
}
