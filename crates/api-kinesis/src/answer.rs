//! Shapes that several answers share.

use headwater_streams::{StreamMeta, StreamMode};
use headwater_types::{HashRange, Shard};
use headwater_wire::shape::Time;
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct HashKeyRange {
    starting_hash_key: String,
    ending_hash_key: String,
}

impl From<HashRange> for HashKeyRange {
    fn from(range: HashRange) -> Self {
        Self { starting_hash_key: range.start().to_string(), ending_hash_key: range.end().to_string() }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SequenceNumberRange {
    starting_sequence_number: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ending_sequence_number: Option<String>,
}

/// A shard as Describe- and ListShards show it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ShardShape {
    shard_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_shard_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    adjacent_parent_shard_id: Option<String>,
    hash_key_range: HashKeyRange,
    sequence_number_range: SequenceNumberRange,
}

impl From<&Shard> for ShardShape {
    fn from(shard: &Shard) -> Self {
        let mut parents = shard.parents.iter().map(|id| id.to_string());
        Self {
            shard_id: shard.id.to_string(),
            parent_shard_id: parents.next(),
            adjacent_parent_shard_id: parents.next(),
            hash_key_range: shard.range.into(),
            sequence_number_range: SequenceNumberRange {
                starting_sequence_number: shard.starting_sequence_number().to_string(),
                ending_sequence_number: shard.ending_sequence_number().map(|number| number.to_string()),
            },
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct StreamModeDetails {
    stream_mode: &'static str,
}

impl From<StreamMode> for StreamModeDetails {
    fn from(mode: StreamMode) -> Self {
        Self { stream_mode: mode_name(mode) }
    }
}

pub(crate) fn mode_name(mode: StreamMode) -> &'static str {
    match mode {
        StreamMode::Provisioned => "PROVISIONED",
        StreamMode::OnDemand => "ON_DEMAND",
    }
}

/// Enhanced monitoring of a stream.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct EnhancedMetrics {
    shard_level_metrics: Vec<&'static str>,
}

impl EnhancedMetrics {
    pub(crate) fn of(meta: &StreamMeta) -> [Self; 1] {
        let metrics = meta.enhanced_monitoring.iter().map(|metric| metric.name());
        [Self { shard_level_metrics: metrics.collect() }]
    }
}

pub(crate) fn created(meta: &StreamMeta) -> Time {
    Time(meta.created)
}

/// Encryption type of a stream, `NONE` if it is not encrypted.
pub(crate) fn encryption_type(meta: &StreamMeta) -> &'static str {
    if meta.encryption().is_some() { "KMS" } else { "NONE" }
}

/// From what tells the stream from all others: 24 characters, as many as the model allows, but without the dash that
/// it asks for. To an id of the model's form the SDKs' endpoint rules answer with a host of AWS's that is named after
/// it, whatever endpoint the client was given; the KCL (3.5) sends by fan-out the id that DescribeStreamSummary gave.
pub(crate) fn stream_id(uid: u64) -> String {
    format!("{uid:024x}")
}
