//! UpdateMaxRecordSize.

use headwater_types::limits::MAX_RECORD_SIZE_KIB;
use headwater_wire::Codec;
use headwater_wire::shape::{Int, Text};

use super::operation;
use crate::checks::{Checks, STREAM_ARN};
use crate::context::Context;
use crate::error::Result;
use crate::resource::stream_of_arn;

operation!("UpdateMaxRecordSize", rate: none, changes: true);

headwater_wire::shape! {
    struct Input<'a> {
        stream_id: Text<'a> = "StreamId",
        stream_arn: Text<'a> = "StreamARN",
        max_record_size_in_kib: Int = "MaxRecordSizeInKiB",
    }
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let mut checks = Checks::default();
    context.expect_stream(&mut checks, &input.stream_id);
    checks.required("maxRecordSizeInKiB", &input.max_record_size_in_kib);
    checks.int("maxRecordSizeInKiB", input.max_record_size_in_kib, MAX_RECORD_SIZE_KIB);
    checks.required_text("streamARN", &input.stream_arn, STREAM_ARN);
    checks.done()?;
    let key = stream_of_arn(context, input.stream_arn.as_deref().unwrap_or_default())?;
    let (handle, _) = context.find(&key)?;
    let kib = input.max_record_size_in_kib.map_or(*MAX_RECORD_SIZE_KIB.start(), |Int(kib)| kib);
    context.streams.update_max_record_size(&handle, kib).await?;
    Ok(Vec::new())
}
