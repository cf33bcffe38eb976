//! DeregisterStreamConsumer.

use headwater_wire::Codec;

use super::consumers::ConsumerInput;
use super::operation;
use crate::context::Context;
use crate::error::Result;

operation!("DeregisterStreamConsumer", rate: DeregisterStreamConsumerCalls, changes: true);

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: ConsumerInput<'_> = codec.decode(body)?;
    let (handle, consumer) = input.find(context)?;
    context.streams.deregister_consumer(&handle, &consumer).await?;
    Ok(Vec::new())
}
