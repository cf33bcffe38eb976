//! DescribeStreamSummary.

use headwater_types::Timestamp;
use headwater_wire::shape;
use headwater_wire::shape::{Text, Time};
use serde::Deserialize;

use super::list_streams::{StreamMode, timestamp};
use crate::{Client, Error};

shape! {
    struct Input<'a> {
        stream_name: Text<'a> = "StreamName",
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    stream_description_summary: StreamDescription,
}

/// A stream as a whole.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StreamDescription {
    /// Its name.
    pub stream_name: String,
    /// Its ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: String,
    /// CREATING, ACTIVE, UPDATING or DELETING.
    pub stream_status: String,
    /// Provisioned or on-demand; servers of old leave it out.
    #[serde(default)]
    pub stream_mode_details: StreamMode,
    /// Retention of records, in hours.
    pub retention_period_hours: i64,
    /// When it was created.
    #[serde(default, rename = "StreamCreationTimestamp")]
    created: Option<Time>,
    /// Shards that take records.
    #[serde(default)]
    pub open_shard_count: i64,
    /// Registered consumers.
    #[serde(default)]
    pub consumer_count: i64,
    /// Throughput that an on-demand stream is kept ready for.
    #[serde(default)]
    pub warm_throughput: Option<WarmThroughput>,
    /// AUTO or USER_PARTITION_KEY, of on-demand streams.
    #[serde(default)]
    pub record_distribution_strategy: Option<String>,
    /// KMS or NONE.
    #[serde(default)]
    pub encryption_type: Option<String>,
    /// The largest record in KiB.
    #[serde(default, rename = "MaxRecordSizeInKiB")]
    pub max_record_size_in_kib: Option<i64>,
}

/// Write throughput that needs no scaling first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct WarmThroughput {
    /// Throughput that was asked for, in MiB/s.
    #[serde(default, rename = "TargetMiBps")]
    pub target_mibps: i64,
    /// Throughput that is there, in MiB/s.
    #[serde(default, rename = "CurrentMiBps")]
    pub current_mibps: i64,
}

impl StreamDescription {
    /// When the stream was created.
    pub fn created(&self) -> Option<Timestamp> {
        timestamp(self.created)
    }
}

impl Client {
    /// A stream without its shards.
    pub async fn describe_stream_summary(&self, name: &str) -> Result<StreamDescription, Error> {
        let input = Input { stream_name: Some(name.into()) };
        let output: Output = self.call("DescribeStreamSummary", &input).await?;
        Ok(output.stream_description_summary)
    }
}
