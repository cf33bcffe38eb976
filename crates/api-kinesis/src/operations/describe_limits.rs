//! DescribeLimits.

use headwater_wire::Codec;
use serde::Serialize;

use super::{Nothing, operation};
use crate::context::Context;
use crate::error::Result;

operation!("DescribeLimits", rate: DescribeLimitsCalls, about: account);

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    shard_limit: u64,
    open_shard_count: u32,
    on_demand_stream_count: usize,
    on_demand_stream_count_limit: u64,
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    codec.decode::<Nothing>(body)?;
    let report = context.streams.limits_report(context.realm);
    Ok(codec.encode(&Output {
        shard_limit: report.shard_limit,
        open_shard_count: report.open_shards,
        on_demand_stream_count: report.on_demand_streams,
        on_demand_stream_count_limit: report.on_demand_streams_limit,
    }))
}
