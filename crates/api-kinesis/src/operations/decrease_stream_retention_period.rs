//! DecreaseStreamRetentionPeriod.

use headwater_wire::Codec;

use super::increase_stream_retention_period::Input;
use super::operation;
use crate::context::Context;
use crate::error::Result;
use crate::resource::stream_ref;

operation!("DecreaseStreamRetentionPeriod", rate: DecreaseRetentionCalls, changes: true);

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let hours = input.checked_hours(context)?;
    let (handle, _) = stream_ref!(input).find(context)?;
    context.streams.decrease_retention(&handle, hours).await?;
    Ok(Vec::new())
}
