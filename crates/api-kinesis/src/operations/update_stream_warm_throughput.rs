//! UpdateStreamWarmThroughput.

use headwater_types::limits::WARM_THROUGHPUT_MIBPS_MAX;
use headwater_wire::Codec;
use headwater_wire::shape::{Int, Text};
use serde::Serialize;

use super::operation;
use crate::checks::Checks;
use crate::context::Context;
use crate::error::Result;
use crate::resource::stream_ref;

operation!("UpdateStreamWarmThroughput", rate: UpdateStreamWarmThroughputCalls, changes: true);

headwater_wire::shape! {
    struct Input<'a> {
        stream_id: Text<'a> = "StreamId",
        stream_name: Text<'a> = "StreamName",
        stream_arn: Text<'a> = "StreamARN",
        warm_throughput_mibps: Int = "WarmThroughputMiBps",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    stream_name: &'a str,
    warm_throughput: WarmThroughput,
}

/// Also a member of DescribeStreamSummary's answer.
#[derive(Serialize)]
pub(super) struct WarmThroughput {
    #[serde(rename = "TargetMiBps")]
    target_mibps: u32,
    #[serde(rename = "CurrentMiBps")]
    current_mibps: u32,
}

impl From<headwater_streams::WarmThroughput> for WarmThroughput {
    fn from(warm: headwater_streams::WarmThroughput) -> Self {
        Self { target_mibps: warm.target_mibps, current_mibps: warm.current_mibps }
    }
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let mut checks = Checks::default();
    context.expect_stream(&mut checks, &input.stream_id);
    checks.required("warmThroughputMiBps", &input.warm_throughput_mibps);
    checks.int("warmThroughputMiBps", input.warm_throughput_mibps, 0..=WARM_THROUGHPUT_MIBPS_MAX);
    let stream = stream_ref!(input);
    stream.check(&mut checks);
    checks.done()?;
    let (handle, _) = stream.find(context)?;
    let mibps = input.warm_throughput_mibps.map_or(0, |Int(mibps)| mibps);
    let warm = context.streams.update_warm_throughput(&handle, mibps).await?;
    Ok(codec.encode(&Output {
        stream_arn: handle.key().arn(),
        stream_name: handle.key().name.as_str(),
        warm_throughput: warm.into(),
    }))
}
