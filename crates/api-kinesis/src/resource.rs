//! Stream that a request means: by name, by ARN, or by both.

use std::sync::Arc;

use headwater_streams::{ConsumerRef, StreamHandle, StreamStatus, StreamsError, Tagged};
use headwater_types::{Arn, ConsumerArn, ShardId, StreamKey, StreamName};
use headwater_wire::shape::Text;

use crate::checks::{Checks, NAME, RESOURCE_ARN, STREAM_ARN};
use crate::context::{Context, Resource};
use crate::error::{KinesisError, Result};

/// The members that name a stream in almost every input.
pub(crate) struct StreamRef<'a> {
    pub(crate) name: &'a Option<Text<'a>>,
    pub(crate) arn: &'a Option<Text<'a>>,
}

/// `StreamRef` of an input with the usual members.
macro_rules! stream_ref {
    ($input:expr) => {
        $crate::resource::StreamRef { name: &$input.stream_name, arn: &$input.stream_arn }
    };
}
pub(crate) use stream_ref;

impl StreamRef<'_> {
    pub(crate) fn check(&self, checks: &mut Checks) {
        checks.text("streamARN", self.arn, STREAM_ARN);
        checks.text("streamName", self.name, NAME);
    }

    /// Owner and name of a stream that the caller may have. Call after the members were checked.
    pub(crate) fn key(&self, context: &Context<'_>) -> Result<StreamKey> {
        let key = self.named(context)?;
        context.authorize(Resource::Stream(&key))?;
        Ok(key)
    }

    fn named(&self, context: &Context<'_>) -> Result<StreamKey> {
        let by_name = self.name.as_deref().and_then(StreamName::new);
        let by_arn = self.arn.as_deref().map(|text| named_by_arn(context, text)).transpose()?;
        match (by_name, by_arn) {
            (Some(name), None) => Ok(StreamKey { realm: context.realm, name }),
            (None, Some(key)) => Ok(key),
            (Some(name), Some(key)) if name == key.name => Ok(key),
            (Some(name), Some(key)) => Err(KinesisError::invalid_argument(format!(
                "StreamName {name} does not match the stream of the StreamARN, {}.",
                key.name
            ))),
            (None, None) => {
                Err(KinesisError::invalid_argument("Either StreamName or StreamARN should be provided."))
            }
        }
    }

    /// The stream, in whatever state.
    pub(crate) fn find(&self, context: &Context<'_>) -> Result<(Arc<StreamHandle>, StreamStatus)> {
        context.find(&self.key(context)?)
    }
}

/// The shard that a text names. Like everything that the request alone decides, to be read before the stream is looked
/// up: a text that is no shard id is refused the same way whether the stream exists or not.
pub(crate) fn shard_named(stream: &StreamKey, text: &str) -> Result<ShardId> {
    let unknown = || StreamsError::ShardNotFound { stream: stream.clone(), shard: text.to_owned() };
    Ok(ShardId::parse(text).ok_or_else(unknown)?)
}

/// Refuses a shard that the stream never had, after which a list would be empty for ever. One that has expired will do.
pub(crate) fn require_issued(handle: &StreamHandle, shard: ShardId) -> Result<()> {
    if shard < handle.view().meta().shards.next_id() {
        return Ok(());
    }
    Err(StreamsError::ShardNotFound { stream: handle.key().clone(), shard: shard.to_string() }.into())
}

/// The stream that an ARN names, if the caller may have it.
pub(crate) fn stream_of_arn(context: &Context<'_>, text: &str) -> Result<StreamKey> {
    let key = named_by_arn(context, text)?;
    context.authorize(Resource::Stream(&key))?;
    Ok(key)
}

/// The stream that an ARN names; whether the caller may have it is still to be asked.
pub(crate) fn named_by_arn(context: &Context<'_>, text: &str) -> Result<StreamKey> {
    let wrong = || KinesisError::invalid_argument(format!("{text} is not the ARN of a stream."));
    let arn = Arn::parse(text).ok_or_else(wrong)?;
    check_region(context, text, &arn)?;
    StreamKey::of_arn(&arn).ok_or_else(wrong)
}

/// The consumer that an ARN names, if the caller may have it.
pub(crate) fn consumer_of_arn(context: &Context<'_>, text: &str) -> Result<ConsumerArn> {
    let arn = consumer_named_by_arn(context, text)?;
    context.authorize(Resource::Consumer(&arn.stream, &ConsumerRef::Id(arn.id.clone())))?;
    Ok(arn)
}

/// The consumer that an ARN names; whether the caller may have it is still to be asked.
pub(crate) fn consumer_named_by_arn(context: &Context<'_>, text: &str) -> Result<ConsumerArn> {
    let wrong = || KinesisError::invalid_argument(format!("{text} is not the ARN of a consumer."));
    let arn = Arn::parse(text).ok_or_else(wrong)?;
    check_region(context, text, &arn)?;
    ConsumerArn::of_arn(&arn).ok_or_else(wrong)
}

fn check_region(context: &Context<'_>, text: &str, arn: &Arn<'_>) -> Result<()> {
    let (here, region) = (context.realm.region, arn.region);
    if region == here.as_str() {
        return Ok(());
    }
    Err(KinesisError::invalid_argument(format!(
        "{text} is in region {region}, and this endpoint serves {here}."
    )))
}

/// The stream or consumer that the ResourceARN of an operation names. `check` looks at the other members, before the
/// stream is looked up.
pub(crate) fn tagged(
    context: &Context<'_>,
    mut checks: Checks,
    arn: &Option<Text<'_>>,
    check: impl FnOnce() -> Result<()>,
) -> Result<Tagged> {
    checks.required_text("resourceARN", arn, RESOURCE_ARN);
    checks.done()?;
    check()?;
    let arn = arn.as_deref().unwrap_or_default();
    if arn.contains("/consumer/") {
        let arn = consumer_of_arn(context, arn)?;
        return Ok(Tagged::Consumer(context.find(&arn.stream)?.0, ConsumerRef::Id(arn.id)));
    }
    Ok(Tagged::Stream(context.find(&stream_of_arn(context, arn)?)?.0))
}
