//! Common parts of EnableEnhancedMonitoring and DisableEnhancedMonitoring.

use std::collections::BTreeSet;

use headwater_streams::{ShardMetric, StreamHandle};
use headwater_wire::Codec;
use headwater_wire::shape::{List, Text};
use serde::Serialize;

use crate::checks::Checks;
use crate::context::Context;
use crate::error::Result;
use crate::resource::{StreamRef, stream_ref};

headwater_wire::shape! {
    pub(super) struct Input<'a> {
        stream_id: Text<'a> = "StreamId",
        stream_name: Text<'a> = "StreamName",
        stream_arn: Text<'a> = "StreamARN",
        shard_level_metrics: List<Text<'a>> = "ShardLevelMetrics",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    stream_name: &'a str,
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    current_shard_level_metrics: Vec<&'static str>,
    desired_shard_level_metrics: Vec<&'static str>,
}

/// Every metric (model: `MetricsName`).
const ALL: &str = "ALL";

/// The stream's members and the metrics that are meant.
pub(super) fn checked<'i>(
    context: &Context<'_>,
    input: &'i Input<'_>,
) -> Result<(StreamRef<'i>, BTreeSet<ShardMetric>)> {
    let stream = stream_ref!(input);
    let mut checks = Checks::default();
    context.expect_stream(&mut checks, &input.stream_id);
    checks.required("shardLevelMetrics", &input.shard_level_metrics);
    let mut wanted = BTreeSet::new();
    if let Some(names) = &input.shard_level_metrics {
        checks.size("shardLevelMetrics", names.len(), 1..=7);
        let mut unknown = false;
        for name in names.iter() {
            match ShardMetric::ALL.iter().find(|metric| metric.name() == name.as_str()) {
                Some(&metric) => drop(wanted.insert(metric)),
                None if name.as_str() == ALL => wanted.extend(ShardMetric::ALL),
                None => unknown = true,
            }
        }
        if unknown {
            let known = ShardMetric::ALL.iter().map(|metric| metric.name()).chain([ALL]);
            let rule = format!(
                "Member must satisfy constraint: [Member must satisfy enum value set: [{}]]",
                known.collect::<Vec<_>>().join(", ")
            );
            checks.fail(Some(names), "shardLevelMetrics", &rule);
        }
    }
    stream.check(&mut checks);
    checks.done()?;
    Ok((stream, wanted))
}

/// The answer, with the metrics before and after.
pub(super) fn answer(
    codec: Codec,
    handle: &StreamHandle,
    [before, after]: [BTreeSet<ShardMetric>; 2],
) -> Vec<u8> {
    let names = |metrics: BTreeSet<ShardMetric>| metrics.into_iter().map(ShardMetric::name).collect();
    codec.encode(&Output {
        stream_name: handle.key().name.as_str(),
        stream_arn: handle.key().arn(),
        current_shard_level_metrics: names(before),
        desired_shard_level_metrics: names(after),
    })
}
