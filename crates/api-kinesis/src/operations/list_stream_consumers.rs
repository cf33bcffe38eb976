//! ListStreamConsumers.

use headwater_streams::StreamsError;
use headwater_wire::Codec;
use headwater_wire::shape::{Int, Text, Time};
use serde::Serialize;

use super::consumers::ConsumerShape;
use super::{operation, page_token};
use crate::checks::{Checks, STREAM_ARN, any_text};
use crate::context::Context;
use crate::error::{KinesisError, Result};
use crate::resource::stream_of_arn;

operation!("ListStreamConsumers", rate: ListStreamConsumersCalls);

headwater_wire::shape! {
    struct Input<'a> {
        stream_id: Text<'a> = "StreamId",
        stream_arn: Text<'a> = "StreamARN",
        next_token: Text<'a> = "NextToken",
        max_results: Int = "MaxResults",
        stream_creation_timestamp: Time = "StreamCreationTimestamp",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    consumers: Vec<ConsumerShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// Consumers in one answer, by default and at the most (documentation).
const CONSUMERS_MAX: usize = 100;

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let mut checks = Checks::default();
    context.expect_stream(&mut checks, &input.stream_id);
    checks.required_text("streamARN", &input.stream_arn, STREAM_ARN);
    checks.text("nextToken", &input.next_token, any_text(1..=1_048_576));
    checks.int("maxResults", input.max_results, 1..=10_000);
    checks.done()?;
    if input.next_token.is_some() && input.stream_creation_timestamp.is_some() {
        let why = "NextToken and StreamCreationTimestamp cannot be provided together.";
        return Err(KinesisError::invalid_argument(why));
    }
    let stream = stream_of_arn(context, input.stream_arn.as_deref().unwrap_or_default())?;
    let token = input.next_token.as_deref();
    let token = token
        .map(|token| page_token::decode(token, |bytes| context.streams.open_consumer_page(bytes)))
        .transpose()?;
    let (handle, _) = context.find(&stream)?;
    let created_s = handle.view().meta().created.as_secs();
    if input.stream_creation_timestamp.is_some_and(|Time(time)| time.as_secs() != created_s) {
        // The stream that was meant has been deleted; another one has its name.
        return Err(StreamsError::StreamNotFound(stream).into());
    }
    let after = token.map(|token| token.after(&handle).ok_or_else(page_token::invalid)).transpose()?;
    let limit = input.max_results.map_or(CONSUMERS_MAX, |Int(limit)| (limit as usize).min(CONSUMERS_MAX));
    let (found, more) = context.streams.list_consumers(&handle, after.as_ref(), limit);
    let next = found.last().filter(|_| more);
    let next =
        next.map(|last| page_token::encode(context.streams.sign_consumer_page(&handle, &last.id.name)));
    let consumers = found.iter().map(|consumer| ConsumerShape::new(&stream, consumer)).collect();
    Ok(codec.encode(&Output { consumers, next_token: next }))
}
