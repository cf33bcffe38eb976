//! DisableEnhancedMonitoring.

use headwater_wire::Codec;

use super::enhanced_monitoring::{Input, answer, checked};
use super::operation;
use crate::context::Context;
use crate::error::Result;

operation!("DisableEnhancedMonitoring", rate: DisableEnhancedMonitoringCalls, changes: true);

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let (stream, wanted) = checked(context, &input)?;
    let (handle, _) = stream.find(context)?;
    let changed = context
        .streams
        .update_monitoring(&handle, |metrics| metrics.retain(|metric| !wanted.contains(metric)))
        .await?;
    Ok(answer(codec, &handle, changed))
}
