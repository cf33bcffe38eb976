//! DeleteStream.

use headwater_wire::Codec;
use headwater_wire::shape::{Bool, Text};

use super::operation;
use crate::checks::{Checks, flag};
use crate::context::Context;
use crate::error::Result;
use crate::resource::stream_ref;

operation!("DeleteStream", rate: DeleteStreamCalls, changes: true);

headwater_wire::shape! {
    struct Input<'a> {
        stream_id: Text<'a> = "StreamId",
        stream_name: Text<'a> = "StreamName",
        stream_arn: Text<'a> = "StreamARN",
        enforce_consumer_deletion: Bool = "EnforceConsumerDeletion",
    }
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let stream = stream_ref!(input);
    let mut checks = Checks::default();
    context.expect_stream(&mut checks, &input.stream_id);
    stream.check(&mut checks);
    checks.done()?;
    let key = stream.key(context)?;
    context.streams.delete_stream(&key, flag(input.enforce_consumer_deletion)).await?;
    Ok(Vec::new())
}
