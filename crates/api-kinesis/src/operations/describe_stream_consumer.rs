//! DescribeStreamConsumer.

use headwater_wire::Codec;
use serde::Serialize;

use super::consumers::{ConsumerInput, ConsumerShape};
use super::operation;
use crate::context::Context;
use crate::error::Result;

operation!("DescribeStreamConsumer", rate: DescribeStreamConsumerCalls);

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    consumer_description: ConsumerShape,
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: ConsumerInput<'_> = codec.decode(body)?;
    let (handle, consumer) = input.find(context)?;
    let consumer = context.streams.find_consumer(&handle, &consumer)?;
    let shape = ConsumerShape::new(handle.key(), &consumer);
    Ok(codec.encode(&Output { consumer_description: shape.with_stream(handle.key()) }))
}
