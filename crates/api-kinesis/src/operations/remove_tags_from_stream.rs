//! RemoveTagsFromStream.

use headwater_streams::Tagged;
use headwater_wire::Codec;
use headwater_wire::shape::{List, Text};

use super::operation;
use super::tags::{check_keys, check_stream_keys};
use crate::checks::Checks;
use crate::context::Context;
use crate::error::Result;
use crate::resource::stream_ref;

operation!("RemoveTagsFromStream", rate: RemoveTagsFromStreamCalls, changes: true);

headwater_wire::shape! {
    struct Input<'a> {
        stream_id: Text<'a> = "StreamId",
        stream_name: Text<'a> = "StreamName",
        stream_arn: Text<'a> = "StreamARN",
        tag_keys: List<Text<'a>> = "TagKeys",
    }
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let stream = stream_ref!(input);
    let mut checks = Checks::default();
    context.expect_stream(&mut checks, &input.stream_id);
    check_keys(&mut checks, &input.tag_keys);
    stream.check(&mut checks);
    checks.done()?;
    let keys: Vec<String> =
        input.tag_keys.iter().flat_map(|keys| keys.iter()).map(ToString::to_string).collect();
    context.note_tag_keys(&keys);
    let key = stream.key(context)?;
    check_stream_keys(&key, &keys)?;
    let (handle, _) = context.find(&key)?;
    context.streams.remove_tags(&Tagged::Stream(handle), &keys).await?;
    Ok(Vec::new())
}
