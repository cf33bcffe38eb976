//! Common parts of the operations on consumers: which consumer is meant, and how it is shown.

use std::sync::Arc;

use headwater_streams::{Consumer, ConsumerRef, ConsumerStatus, StreamHandle};
use headwater_types::{ConsumerArn, ConsumerName, StreamKey};
use headwater_wire::shape::{Text, Time};
use serde::Serialize;

use crate::checks::{CONSUMER_ARN, Checks, NAME, STREAM_ARN};
use crate::context::{Context, Resource};
use crate::error::{KinesisError, Result};
use crate::resource::{consumer_named_by_arn, named_by_arn};

headwater_wire::shape! {
    /// The members of Describe- and DeregisterStreamConsumer.
    pub(super) struct ConsumerInput<'a> {
        stream_id: Text<'a> = "StreamId",
        stream_arn: Text<'a> = "StreamARN",
        consumer_name: Text<'a> = "ConsumerName",
        consumer_arn: Text<'a> = "ConsumerARN",
    }
}

impl ConsumerInput<'_> {
    /// The consumer that is meant: by its ARN, by its stream and its name, or by all three if they agree.
    pub(super) fn find(&self, context: &Context<'_>) -> Result<(Arc<StreamHandle>, ConsumerRef)> {
        let mut checks = Checks::default();
        context.expect_stream(&mut checks, &self.stream_id);
        checks.text("streamARN", &self.stream_arn, STREAM_ARN);
        checks.text("consumerName", &self.consumer_name, NAME);
        checks.text("consumerARN", &self.consumer_arn, CONSUMER_ARN);
        checks.done()?;
        let stream = self.stream_arn.as_deref().map(|arn| named_by_arn(context, arn)).transpose()?;
        let name = self.consumer_name.as_deref().and_then(ConsumerName::new);
        let (stream, consumer) = match (&self.consumer_arn, stream, name) {
            (Some(arn), stream, name) => {
                let arn = consumer_named_by_arn(context, arn)?;
                let agrees = stream.is_none_or(|stream| stream == arn.stream)
                    && name.is_none_or(|name| name == arn.id.name);
                if !agrees {
                    return Err(KinesisError::invalid_argument(
                        "StreamARN and ConsumerName do not match the stream and the consumer of the ConsumerARN.",
                    ));
                }
                (arn.stream, ConsumerRef::Id(arn.id))
            }
            (None, Some(stream), Some(name)) => (stream, ConsumerRef::Name(name)),
            (None, _, _) => {
                return Err(KinesisError::invalid_argument(
                    "Either ConsumerARN or both StreamARN and ConsumerName should be provided.",
                ));
            }
        };
        context.authorize(Resource::Consumer(&stream, &consumer))?;
        Ok((context.find(&stream)?.0, consumer))
    }
}

/// A consumer as Register- and ListStreamConsumers show it, and with its stream as DescribeStreamConsumer does.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ConsumerShape {
    consumer_name: String,
    #[serde(rename = "ConsumerARN")]
    consumer_arn: String,
    consumer_status: &'static str,
    consumer_creation_timestamp: Time,
    #[serde(rename = "StreamARN", skip_serializing_if = "Option::is_none")]
    stream_arn: Option<String>,
}

impl ConsumerShape {
    /// Without its stream.
    pub(super) fn new(stream: &StreamKey, consumer: &Consumer) -> Self {
        let consumer_status = match consumer.status {
            ConsumerStatus::Creating => "CREATING",
            ConsumerStatus::Active => "ACTIVE",
            ConsumerStatus::Deleting => "DELETING",
        };
        Self {
            consumer_name: consumer.id.name.to_string(),
            consumer_arn: ConsumerArn { stream: stream.clone(), id: consumer.id.clone() }.to_string(),
            consumer_status,
            consumer_creation_timestamp: Time(consumer.created),
            stream_arn: None,
        }
    }

    /// The same with its stream.
    pub(super) fn with_stream(self, stream: &StreamKey) -> Self {
        Self { stream_arn: Some(stream.arn()), ..self }
    }
}
