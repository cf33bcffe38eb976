//! CreateStream.

use std::collections::BTreeMap;

use headwater_streams::{CreateStream, Distribution, Mode};
use headwater_types::limits::{MAX_RECORD_SIZE_KIB, WARM_THROUGHPUT_MIBPS_MAX};
use headwater_types::{StreamKey, StreamName};
use headwater_wire::Codec;
use headwater_wire::shape::{Int, Map, Text};

use super::operation;
use super::tags::{check_stream_tags, check_tags, owned};
use crate::checks::{Checks, NAME};
use crate::context::{Context, Resource};
use crate::error::{KinesisError, Result};

operation!("CreateStream", rate: CreateStreamCalls, changes: true);

headwater_wire::shape! {
    struct Input<'a> {
        stream_name: Text<'a> = "StreamName",
        shard_count: Int = "ShardCount",
        stream_mode_details: ModeDetails<'a> = "StreamModeDetails",
        tags: Map<'a, Text<'a>> = "Tags",
        warm_throughput_mibps: Int = "WarmThroughputMiBps",
        max_record_size_in_kib: Int = "MaxRecordSizeInKiB",
        record_distribution_strategy: Text<'a> = "RecordDistributionStrategy",
    }
}

headwater_wire::shape! {
    /// Also a member of UpdateStreamMode.
    pub(super) struct ModeDetails<'a> {
        stream_mode: Text<'a> = "StreamMode",
    }
}

impl ModeDetails<'_> {
    pub(super) fn check(&self, checks: &mut Checks) {
        checks.required("streamModeDetails.streamMode", &self.stream_mode);
        checks.one_of("streamModeDetails.streamMode", &self.stream_mode, &["PROVISIONED", "ON_DEMAND"]);
    }

    pub(super) fn is_on_demand(&self) -> bool {
        self.stream_mode.as_deref() == Some("ON_DEMAND")
    }
}

/// Checks a member that says how records are spread.
pub(super) fn check_strategy(checks: &mut Checks, strategy: &Option<Text<'_>>) {
    checks.one_of("recordDistributionStrategy", strategy, &["AUTO", "USER_PARTITION_KEY"]);
}

/// Distribution of records; by partition key where nothing is said.
pub(super) fn distribution_of(strategy: &Option<Text<'_>>) -> Distribution {
    match strategy.as_deref() {
        Some("AUTO") => Distribution::Auto,
        _ => Distribution::PartitionKey,
    }
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let mut checks = Checks::default();
    checks.int("shardCount", input.shard_count, 1..=i32::MAX);
    checks.required_text("streamName", &input.stream_name, NAME);
    if let Some(details) = &input.stream_mode_details {
        details.check(&mut checks);
    }
    if let Some(tags) = &input.tags {
        check_tags(&mut checks, tags);
    }
    checks.int("warmThroughputMiBps", input.warm_throughput_mibps, 0..=WARM_THROUGHPUT_MIBPS_MAX);
    checks.int("maxRecordSizeInKiB", input.max_record_size_in_kib, MAX_RECORD_SIZE_KIB);
    check_strategy(&mut checks, &input.record_distribution_strategy);
    checks.done()?;

    let name = input.stream_name.as_deref().and_then(StreamName::new);
    let name = name.ok_or_else(|| KinesisError::invalid_argument("StreamName is required."))?;
    let warm_throughput_mibps =
        input.warm_throughput_mibps.map(|Int(mibps)| mibps).filter(|&mibps| mibps > 0);
    let on_demand = match &input.stream_mode_details {
        Some(details) => details.is_on_demand(),
        // With neither a mode nor a number of shards the service chooses both.
        None => input.shard_count.is_none(),
    };
    let mode = match (on_demand, input.shard_count) {
        (true, None) => Mode::OnDemand { warm_throughput_mibps },
        (true, Some(_)) => {
            return Err(KinesisError::validation(
                "ShardCount cannot be specified for a stream in ON_DEMAND mode.",
            ));
        }
        (false, Some(_)) if warm_throughput_mibps.is_some() => {
            let why = "WarmThroughputMiBps is only supported for streams in ON_DEMAND mode.";
            return Err(KinesisError::validation(why));
        }
        (false, Some(Int(shards))) => Mode::Provisioned { shards: u32::try_from(shards).unwrap_or(1) },
        (false, None) => {
            return Err(KinesisError::validation("ShardCount is required for a stream in PROVISIONED mode."));
        }
    };
    let distribution = distribution_of(&input.record_distribution_strategy);
    let tags = input.tags.as_ref().map_or_else(BTreeMap::new, owned);
    let key = StreamKey { realm: context.realm, name };
    context.note_tags(&tags);
    context.authorize(Resource::Stream(&key))?;
    if !tags.is_empty() {
        context.authorize_action("AddTagsToStream", Resource::Stream(&key))?;
    }
    check_stream_tags(&key, &tags)?;
    let max_record_kib = input.max_record_size_in_kib.map(|Int(kib)| kib);
    context.streams.create_stream(CreateStream { key, mode, distribution, max_record_kib, tags }).await?;
    Ok(Vec::new())
}
