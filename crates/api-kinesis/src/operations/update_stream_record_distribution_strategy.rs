//! UpdateStreamRecordDistributionStrategy.

use headwater_wire::Codec;
use headwater_wire::shape::Text;

use super::create_stream::{check_strategy, distribution_of};
use super::operation;
use crate::checks::{Checks, STREAM_ARN};
use crate::context::Context;
use crate::error::Result;
use crate::resource::stream_of_arn;

operation!("UpdateStreamRecordDistributionStrategy", rate: none, changes: true);

headwater_wire::shape! {
    struct Input<'a> {
        stream_id: Text<'a> = "StreamId",
        stream_arn: Text<'a> = "StreamARN",
        record_distribution_strategy: Text<'a> = "RecordDistributionStrategy",
    }
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let strategy = &input.record_distribution_strategy;
    let mut checks = Checks::default();
    context.expect_stream(&mut checks, &input.stream_id);
    checks.required("recordDistributionStrategy", strategy);
    check_strategy(&mut checks, strategy);
    checks.required_text("streamARN", &input.stream_arn, STREAM_ARN);
    checks.done()?;
    let key = stream_of_arn(context, input.stream_arn.as_deref().unwrap_or_default())?;
    let (handle, _) = context.find(&key)?;
    context.streams.update_distribution(&handle, distribution_of(strategy)).await?;
    Ok(Vec::new())
}
