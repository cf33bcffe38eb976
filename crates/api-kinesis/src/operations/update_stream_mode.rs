//! UpdateStreamMode.

use headwater_streams::{StreamMode, StreamsError};
use headwater_types::limits::WARM_THROUGHPUT_MIBPS_MAX;
use headwater_wire::Codec;
use headwater_wire::shape::{Int, Text};

use super::create_stream::ModeDetails;
use super::operation;
use crate::checks::{Checks, STREAM_ARN};
use crate::context::Context;
use crate::error::Result;
use crate::resource::stream_of_arn;

operation!("UpdateStreamMode", rate: none, changes: true);

headwater_wire::shape! {
    struct Input<'a> {
        stream_id: Text<'a> = "StreamId",
        stream_arn: Text<'a> = "StreamARN",
        stream_mode_details: ModeDetails<'a> = "StreamModeDetails",
        warm_throughput_mibps: Int = "WarmThroughputMiBps",
    }
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let mut checks = Checks::default();
    context.expect_stream(&mut checks, &input.stream_id);
    checks.required_text("streamARN", &input.stream_arn, STREAM_ARN);
    checks.required("streamModeDetails", &input.stream_mode_details);
    if let Some(details) = &input.stream_mode_details {
        details.check(&mut checks);
    }
    checks.int("warmThroughputMiBps", input.warm_throughput_mibps, 0..=WARM_THROUGHPUT_MIBPS_MAX);
    checks.done()?;
    let on_demand = input.stream_mode_details.as_ref().is_some_and(ModeDetails::is_on_demand);
    let mode = if on_demand { StreamMode::OnDemand } else { StreamMode::Provisioned };
    let warm_throughput_mibps =
        input.warm_throughput_mibps.map(|Int(mibps)| mibps).filter(|&mibps| mibps > 0);
    if mode == StreamMode::Provisioned && warm_throughput_mibps.is_some() {
        return Err(StreamsError::only_on_demand("WarmThroughputMiBps").into());
    }
    let key = stream_of_arn(context, input.stream_arn.as_deref().unwrap_or_default())?;
    let (handle, _) = context.find(&key)?;
    context.streams.update_mode(&handle, mode, warm_throughput_mibps).await?;
    Ok(Vec::new())
}
