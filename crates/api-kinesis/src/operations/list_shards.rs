//! ListShards.

use headwater_streams::{ShardFilter, ShardPage};
use headwater_types::StreamKey;
use headwater_wire::Codec;
use headwater_wire::shape::{Int, Text, Time};
use serde::Serialize;

use super::{operation, page_token};
use crate::answer::ShardShape;
use crate::checks::{Checks, NAME, any_text};
use crate::context::{Context, Resource};
use crate::error::{KinesisError, Result};
use crate::resource::{require_issued, shard_named, stream_ref};

operation!("ListShards", rate: ListShardsCalls);

headwater_wire::shape! {
    struct Input<'a> {
        stream_id: Text<'a> = "StreamId",
        stream_name: Text<'a> = "StreamName",
        stream_arn: Text<'a> = "StreamARN",
        next_token: Text<'a> = "NextToken",
        exclusive_start_shard_id: Text<'a> = "ExclusiveStartShardId",
        max_results: Int = "MaxResults",
        stream_creation_timestamp: Time = "StreamCreationTimestamp",
        shard_filter: Filter<'a> = "ShardFilter",
    }
}

headwater_wire::shape! {
    struct Filter<'a> {
        kind: Text<'a> = "Type",
        shard_id: Text<'a> = "ShardId",
        timestamp: Time = "Timestamp",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    shards: Vec<ShardShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// Shards in one answer, by default and at the most (documentation).
const SHARDS_MAX: usize = 1000;
const FILTERS: [&str; 6] =
    ["AFTER_SHARD_ID", "AT_TRIM_HORIZON", "FROM_TRIM_HORIZON", "AT_LATEST", "AT_TIMESTAMP", "FROM_TIMESTAMP"];

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let mut checks = Checks::default();
    context.expect_stream(&mut checks, &input.stream_id);
    checks.text("exclusiveStartShardId", &input.exclusive_start_shard_id, NAME);
    checks.int("maxResults", input.max_results, 1..=10_000);
    checks.text("nextToken", &input.next_token, any_text(1..=1_048_576));
    if let Some(filter) = &input.shard_filter {
        checks.required("shardFilter.type", &filter.kind);
        checks.one_of("shardFilter.type", &filter.kind, &FILTERS);
        checks.text("shardFilter.shardId", &filter.shard_id, NAME);
    }
    stream_ref!(input).check(&mut checks);
    checks.done()?;
    let limit = input.max_results.map_or(SHARDS_MAX, |Int(limit)| (limit as usize).min(SHARDS_MAX));
    let page = match &input.next_token {
        Some(token) => next_page(context, &input, token, limit)?,
        None => first_page(context, &input, limit)?,
    };
    let next = page.next.map(|token| context.streams.sign_page(&token));
    Ok(codec.encode(&Output {
        shards: page.shards.iter().map(ShardShape::from).collect(),
        next_token: next.map(page_token::encode),
    }))
}

fn first_page(context: &Context<'_>, input: &Input<'_>, limit: usize) -> Result<ShardPage> {
    if input.stream_name.is_none() && input.stream_arn.is_none() {
        return Err(KinesisError::invalid_argument("Either NextToken or StreamName should be provided."));
    }
    let key = stream_ref!(input).key(context)?;
    let after = input.exclusive_start_shard_id.as_deref().map(|text| shard_named(&key, text)).transpose()?;
    let filter = input.shard_filter.as_ref();
    let filter = filter.map_or(Ok(ShardFilter::FromTrimHorizon), |filter| shard_filter(&key, filter))?;
    let (handle, _) = context.find(&key)?;
    if input
        .stream_creation_timestamp
        .is_some_and(|Time(time)| time.as_secs() != handle.view().meta().created.as_secs())
    {
        // The stream that was meant has been deleted; another one has its name.
        return Err(headwater_streams::StreamsError::StreamNotFound(handle.key().clone()).into());
    }
    let filtered = match filter {
        ShardFilter::AfterShardId(shard) => Some(shard),
        _ => None,
    };
    for shard in after.into_iter().chain(filtered) {
        require_issued(&handle, shard)?;
    }
    Ok(context.streams.list_shards(&handle, filter, after, limit)?)
}

fn next_page(context: &Context<'_>, input: &Input<'_>, token: &str, limit: usize) -> Result<ShardPage> {
    let excluded = [
        ("StreamName", input.stream_name.is_some()),
        ("StreamARN", input.stream_arn.is_some()),
        ("ShardFilter", input.shard_filter.is_some()),
        ("ExclusiveStartShardId", input.exclusive_start_shard_id.is_some()),
        ("StreamCreationTimestamp", input.stream_creation_timestamp.is_some()),
    ];
    if let Some((name, _)) = excluded.iter().find(|(_, given)| *given) {
        return Err(KinesisError::invalid_argument(format!(
            "NextToken and {name} cannot be provided together."
        )));
    }
    let token = page_token::decode(token, |bytes| context.tokens().open_page(bytes, context.realm.region))?;
    context.authorize(Resource::Stream(&token.stream))?;
    context.find(&token.stream)?;
    Ok(context.streams.list_shards_after(&token, limit)?)
}

fn shard_filter(stream: &StreamKey, filter: &Filter<'_>) -> Result<ShardFilter> {
    let missing = |what: &str, kind: &str| {
        KinesisError::invalid_argument(format!("{what} must be provided in ShardFilter when Type is {kind}."))
    };
    let excess = |what: &str, kind: &str| {
        KinesisError::invalid_argument(format!(
            "{what} cannot be provided in ShardFilter when Type is {kind}."
        ))
    };
    let kind = filter.kind.as_deref().unwrap_or_default();
    if filter.shard_id.is_some() && kind != "AFTER_SHARD_ID" {
        return Err(excess("ShardId", kind));
    }
    if filter.timestamp.is_some() && !matches!(kind, "AT_TIMESTAMP" | "FROM_TIMESTAMP") {
        return Err(excess("Timestamp", kind));
    }
    let time = || filter.timestamp.map(|Time(time)| time).ok_or_else(|| missing("Timestamp", kind));
    match kind {
        "AFTER_SHARD_ID" => {
            let text = filter.shard_id.as_deref().ok_or_else(|| missing("ShardId", kind))?;
            Ok(ShardFilter::AfterShardId(shard_named(stream, text)?))
        }
        "AT_TRIM_HORIZON" => Ok(ShardFilter::AtTrimHorizon),
        "AT_LATEST" => Ok(ShardFilter::AtLatest),
        "AT_TIMESTAMP" => Ok(ShardFilter::AtTimestamp(time()?)),
        "FROM_TIMESTAMP" => Ok(ShardFilter::FromTimestamp(time()?)),
        _ => Ok(ShardFilter::FromTrimHorizon),
    }
}
