//! RegisterStreamConsumer.

use headwater_streams::ConsumerRef;
use headwater_types::ConsumerName;
use headwater_wire::Codec;
use headwater_wire::shape::{Map, Text};
use serde::Serialize;

use super::consumers::ConsumerShape;
use super::operation;
use super::tags::{check_resource_tags, check_tags, owned};
use crate::checks::{Checks, NAME, STREAM_ARN};
use crate::context::{Context, Resource};
use crate::error::{KinesisError, Result};
use crate::resource::stream_of_arn;

operation!("RegisterStreamConsumer", rate: RegisterStreamConsumerCalls, changes: true);

headwater_wire::shape! {
    struct Input<'a> {
        stream_id: Text<'a> = "StreamId",
        stream_arn: Text<'a> = "StreamARN",
        consumer_name: Text<'a> = "ConsumerName",
        tags: Map<'a, Text<'a>> = "Tags",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    consumer: ConsumerShape,
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let mut checks = Checks::default();
    context.expect_stream(&mut checks, &input.stream_id);
    checks.required_text("streamARN", &input.stream_arn, STREAM_ARN);
    checks.required_text("consumerName", &input.consumer_name, NAME);
    if let Some(tags) = &input.tags {
        check_tags(&mut checks, tags);
    }
    checks.done()?;
    let tags = input.tags.as_ref().map(owned).unwrap_or_default();
    check_resource_tags(&tags)?;
    let name = input.consumer_name.as_deref().and_then(ConsumerName::new);
    let name = name.ok_or_else(|| KinesisError::invalid_argument("ConsumerName is required."))?;
    context.note_tags(&tags);
    let stream = stream_of_arn(context, input.stream_arn.as_deref().unwrap_or_default())?;
    if !tags.is_empty() {
        context
            .authorize_action("TagResource", Resource::Consumer(&stream, &ConsumerRef::Name(name.clone())))?;
    }
    let (handle, _) = context.find(&stream)?;
    let consumer = context.streams.register_consumer(&handle, &name, &tags).await?;
    Ok(codec.encode(&Output { consumer: ConsumerShape::new(&stream, &consumer) }))
}
