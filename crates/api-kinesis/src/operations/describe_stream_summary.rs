//! DescribeStreamSummary.

use headwater_streams::{Distribution, StreamMode};
use headwater_wire::Codec;
use headwater_wire::shape::{Text, Time};
use serde::Serialize;

use super::operation;
use super::update_stream_warm_throughput::WarmThroughput;
use crate::answer::{EnhancedMetrics, StreamModeDetails, created, encryption_type, stream_id};
use crate::checks::Checks;
use crate::context::Context;
use crate::error::{Result, status_name};
use crate::resource::stream_ref;

operation!("DescribeStreamSummary", rate: DescribeStreamSummaryCalls);

headwater_wire::shape! {
    struct Input<'a> {
        stream_id: Text<'a> = "StreamId",
        stream_name: Text<'a> = "StreamName",
        stream_arn: Text<'a> = "StreamARN",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    stream_description_summary: Summary<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Summary<'a> {
    stream_name: &'a str,
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    stream_id: String,
    stream_status: &'static str,
    stream_mode_details: StreamModeDetails,
    retention_period_hours: i32,
    stream_creation_timestamp: Time,
    enhanced_monitoring: [EnhancedMetrics; 1],
    encryption_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<&'a str>,
    open_shard_count: u32,
    consumer_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    warm_throughput: Option<WarmThroughput>,
    #[serde(rename = "MaxRecordSizeInKiB")]
    max_record_size_in_kib: i32,
    channel_count: u32,
    queue_count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    record_distribution_strategy: Option<&'static str>,
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let stream = stream_ref!(input);
    let mut checks = Checks::default();
    context.expect_stream(&mut checks, &input.stream_id);
    stream.check(&mut checks);
    checks.done()?;
    let (handle, status) = stream.find(context)?;
    let warm_throughput = context.streams.warm_throughput(&handle).await?;
    let view = handle.view();
    let meta = view.meta();
    let distribution = match meta.distribution {
        Distribution::Auto => "AUTO",
        Distribution::PartitionKey => "USER_PARTITION_KEY",
    };
    Ok(codec.encode(&Output {
        stream_description_summary: Summary {
            stream_name: handle.key().name.as_str(),
            stream_arn: handle.key().arn(),
            stream_id: stream_id(meta.uid),
            stream_status: status_name(status),
            stream_mode_details: meta.mode.into(),
            retention_period_hours: meta.retention_hours,
            stream_creation_timestamp: created(meta),
            enhanced_monitoring: EnhancedMetrics::of(meta),
            encryption_type: encryption_type(meta),
            key_id: meta.encryption().map(|key| key.given.as_str()),
            open_shard_count: meta.open_shards(),
            consumer_count: meta.consumers(context.streams.now()).count(),
            warm_throughput: warm_throughput.map(WarmThroughput::from),
            max_record_size_in_kib: meta.max_record_kib,
            channel_count: 0,
            queue_count: 0,
            record_distribution_strategy: (meta.mode == StreamMode::OnDemand).then_some(distribution),
        },
    }))
}
