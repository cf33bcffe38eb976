//! IncreaseStreamRetentionPeriod.

use headwater_types::limits::RETENTION_HOURS;
use headwater_wire::Codec;
use headwater_wire::shape::{Int, Text};

use super::operation;
use crate::checks::Checks;
use crate::context::Context;
use crate::error::{KinesisError, Result};
use crate::resource::stream_ref;

operation!("IncreaseStreamRetentionPeriod", rate: IncreaseRetentionCalls, changes: true);

headwater_wire::shape! {
    /// Also the input of DecreaseStreamRetentionPeriod.
    pub(super) struct Input<'a> {
        stream_id: Text<'a> = "StreamId",
        stream_name: Text<'a> = "StreamName",
        stream_arn: Text<'a> = "StreamARN",
        retention_period_hours: Int = "RetentionPeriodHours",
    }
}

impl Input<'_> {
    /// The hours, once all members were checked.
    pub(super) fn checked_hours(&self, context: &Context<'_>) -> Result<i32> {
        let mut checks = Checks::default();
        context.expect_stream(&mut checks, &self.stream_id);
        checks.required("retentionPeriodHours", &self.retention_period_hours);
        stream_ref!(self).check(&mut checks);
        checks.done()?;
        let hours = self.retention_period_hours.map_or(0, |Int(hours)| hours);
        let (min, max) = (*RETENTION_HOURS.start(), *RETENTION_HOURS.end());
        if hours < min {
            return Err(KinesisError::invalid_argument(format!(
                "Minimum allowed retention period is {min} hours. Requested retention period ({hours} hours) is too \
                 short."
            )));
        }
        if hours > max {
            return Err(KinesisError::invalid_argument(format!(
                "Maximum allowed retention period is {max} hours. Requested retention period ({hours} hours) is too \
                 long."
            )));
        }
        Ok(hours)
    }
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let hours = input.checked_hours(context)?;
    let (handle, _) = stream_ref!(input).find(context)?;
    context.streams.increase_retention(&handle, hours).await?;
    Ok(Vec::new())
}
