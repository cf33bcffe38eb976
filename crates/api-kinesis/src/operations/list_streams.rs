//! ListStreams.

use headwater_types::Realm;
use headwater_wire::Codec;
use headwater_wire::shape::{Int, Text, Time};
use serde::Serialize;

use super::operation;
use crate::answer::{StreamModeDetails, created};
use crate::checks::{Checks, NAME, any_text};
use crate::context::Context;
use crate::error::{KinesisError, Result, status_name};

operation!("ListStreams", rate: ListStreamsCalls, about: account);

headwater_wire::shape! {
    struct Input<'a> {
        limit: Int = "Limit",
        exclusive_start_stream_name: Text<'a> = "ExclusiveStartStreamName",
        next_token: Text<'a> = "NextToken",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    stream_names: Vec<String>,
    has_more_streams: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
    stream_summaries: Vec<Summary>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Summary {
    stream_name: String,
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    stream_status: &'static str,
    stream_mode_details: StreamModeDetails,
    stream_creation_timestamp: Time,
}

/// Streams in one answer, by default and at the most (documentation).
const STREAMS_MAX: usize = 100;

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let mut checks = Checks::default();
    checks.int("limit", input.limit, 1..=10_000);
    checks.text("exclusiveStartStreamName", &input.exclusive_start_stream_name, NAME);
    checks.text("nextToken", &input.next_token, any_text(1..=1_048_576));
    checks.done()?;
    if input.next_token.is_some() && input.exclusive_start_stream_name.is_some() {
        let why = "NextToken and ExclusiveStartStreamName cannot be provided together.";
        return Err(KinesisError::invalid_argument(why));
    }
    // The token is the last name with whose it is, encoded: a list of names needs no memory and no age.
    let after = match &input.next_token {
        Some(token) => Some(decode_token(context.realm, token)?),
        None => input.exclusive_start_stream_name.map(Text::into_owned),
    };
    let limit = input.limit.map_or(STREAMS_MAX, |Int(limit)| (limit as usize).min(STREAMS_MAX));
    let (found, has_more_streams) = context.streams.list_streams(context.realm, after.as_deref(), limit);
    let stream_names: Vec<_> = found.iter().map(|(handle, _)| handle.key().name.to_string()).collect();
    let next_token =
        stream_names.last().filter(|_| has_more_streams).map(|name| encode_token(context.realm, name));
    let stream_summaries = found.iter().map(|(handle, status)| Summary {
        stream_name: handle.key().name.to_string(),
        stream_arn: handle.key().arn(),
        stream_status: status_name(*status),
        stream_mode_details: handle.view().meta().mode.into(),
        stream_creation_timestamp: created(handle.view().meta()),
    });
    let stream_summaries = stream_summaries.collect();
    Ok(codec.encode(&Output { stream_names, has_more_streams, next_token, stream_summaries }))
}

fn encode_token(realm: Realm, name: &str) -> String {
    let Realm { account, region } = realm;
    base64_simd::STANDARD.encode_to_string(format!("{account}@{region}/{name}"))
}

fn decode_token(realm: Realm, token: &str) -> Result<String> {
    let bytes = base64_simd::STANDARD.decode_to_vec(token.as_bytes()).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let Realm { account, region } = realm;
    let name = text.as_deref().and_then(|text| text.strip_prefix(&format!("{account}@{region}/")));
    name.map(str::to_owned).ok_or_else(|| KinesisError::invalid_argument("NextToken is invalid."))
}
