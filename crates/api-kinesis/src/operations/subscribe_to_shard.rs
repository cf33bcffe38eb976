//! SubscribeToShard.
//!
//! Refusals are ordinary errors before the first frame. From then on frames leave as records become durable; events are
//! JSON whatever the request's encoding (model).
//!
//! # Pauses
//! The answer begins [`ANSWER_PAUSE`] after the subscription, and the first event follows [`FIRST_EVENT_PAUSE`] after
//! `initial-response`. Clients that were written against a service some milliseconds away take both for granted; see
//! decision 0008. Events after the first leave at once.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use headwater_edge::Frames;
use headwater_host::Clock;
use headwater_streams::{EventBudget, Push, Reserved, StreamsError, Subscription, encoded_len};
use headwater_wire::shape::{Bool, Text, Time};
use headwater_wire::{Codec, event_stream};
use serde::Serialize;

use super::operation;
use super::put_record::Number;
use super::records::{ChildShard, Records};
use super::starting_position::{POSITION_TYPES, starting_position};
use crate::checks::{CONSUMER_ARN, Checks, NAME, SEQUENCE_NUMBER, flag};
use crate::context::Context;
use crate::error::{KinesisError, Result};
use crate::resource::consumer_of_arn;

operation!("SubscribeToShard", rate: shards);

/// Before the head of the answer. The AWS SDK for Go closes an HTTP/1.1 connection that was answered before its own
/// sending goroutine was done with the request.
const ANSWER_PAUSE: Duration = Duration::from_millis(5);
/// Between `initial-response` and the first event. Parsers that take one message a read lose the second of two.
const FIRST_EVENT_PAUSE: Duration = Duration::from_millis(20);

headwater_wire::shape! {
    struct Input<'a> {
        stream_id: Text<'a> = "StreamId",
        consumer_arn: Text<'a> = "ConsumerARN",
        shard_id: Text<'a> = "ShardId",
        starting_position: Position<'a> = "StartingPosition",
        dry_run: Bool = "DryRun",
    }
}

headwater_wire::shape! {
    struct Position<'a> {
        kind: Text<'a> = "Type",
        sequence_number: Text<'a> = "SequenceNumber",
        timestamp: Time = "Timestamp",
    }
}

#[derive(Serialize)]
struct Nothing {}

/// Without a continuation number at the end of a shard.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Event<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    continuation_sequence_number: Option<Number>,
    millis_behind_latest: u64,
    records: Records<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    child_shards: Vec<ChildShard>,
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Frames> {
    let input: Input<'_> = codec.decode(body)?;
    let mut checks = Checks::default();
    context.expect_stream(&mut checks, &input.stream_id);
    checks.required_text("consumerARN", &input.consumer_arn, CONSUMER_ARN);
    checks.required_text("shardId", &input.shard_id, NAME);
    checks.required("startingPosition", &input.starting_position);
    if let Some(position) = &input.starting_position {
        checks.required("startingPosition.type", &position.kind);
        checks.one_of("startingPosition.type", &position.kind, &POSITION_TYPES);
        checks.text("startingPosition.sequenceNumber", &position.sequence_number, SEQUENCE_NUMBER);
    }
    checks.done()?;
    let position = input.starting_position.unwrap_or_default();
    let (kind, number) = (position.kind.as_deref().unwrap_or_default(), position.sequence_number.as_deref());
    let start = starting_position(kind, number, position.timestamp)?;
    let consumer = consumer_of_arn(context, input.consumer_arn.as_deref().unwrap_or_default())?;
    let shard = input.shard_id.as_deref().unwrap_or_default();
    if flag(input.dry_run) {
        context.streams.check_subscribe(&consumer, shard, &start).await?;
        return Err(context.dry_run(&consumer.stream));
    }
    let subscription = context.streams.subscribe(&consumer, shard, &start).await?;
    context.clock().sleep(ANSWER_PAUSE).await;
    Ok(frames(subscription, context.events.clone(), context.clock().clone()))
}

fn frames(subscription: Subscription, room: EventBudget, clock: Arc<dyn Clock>) -> Frames {
    let first = Bytes::from(event_stream::event("initial-response", &Nothing {}, 2));
    let ends_at = subscription.ends_at();
    // Begins once the connection has taken the first frame, which it sends while nothing else is to be had.
    let paused = stream::once(async move {
        clock.sleep(FIRST_EVENT_PAUSE).await;
        (subscription, room)
    });
    let pushes = paused.flat_map(|state| {
        stream::unfold(state, |(mut subscription, room)| async move {
            let push = subscription.next(&room).await?;
            Some((frame(push), (subscription, room)))
        })
    });
    Frames::new(stream::once(std::future::ready(first)).chain(pushes), ends_at)
}

fn frame(push: Push) -> Bytes {
    match push {
        Push::Event(event) => {
            let shape = Event {
                continuation_sequence_number: Some(Number(event.continuation)),
                millis_behind_latest: event.millis_behind_latest,
                records: Records::new(&event.shard, &event.batches),
                child_shards: Vec::new(),
            };
            let bytes = event_stream::event("SubscribeToShardEvent", &shape, encoded_len(&event.batches));
            match event.room {
                Some(room) => Bytes::from_owner(Held { bytes, _room: room }),
                None => bytes.into(),
            }
        }
        Push::Children(shard, children) => {
            let shape = Event {
                continuation_sequence_number: None,
                millis_behind_latest: 0,
                records: Records::new(&shard, &[]),
                child_shards: children.iter().map(ChildShard::from).collect(),
            };
            event_stream::event("SubscribeToShardEvent", &shape, 512).into()
        }
        Push::Failed(error) => {
            let error = in_stream(error);
            event_stream::exception(error.kind, error.message.as_deref().unwrap_or_default()).into()
        }
    }
}

/// The exceptions that the model knows inside the stream; everything else is a failure of the server.
fn in_stream(error: StreamsError) -> KinesisError {
    let error = KinesisError::from(error);
    match error.kind {
        "ResourceNotFoundException"
        | "ResourceInUseException"
        | "KMSDisabledException"
        | "KMSInvalidStateException"
        | "KMSNotFoundException" => error,
        _ => KinesisError {
            message: Some("Internal Service Error".into()),
            ..KinesisError::bare(500, "InternalFailureException")
        },
    }
}

/// An encoded event and its share of the memory for events.
struct Held {
    bytes: Vec<u8>,
    _room: Reserved,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
