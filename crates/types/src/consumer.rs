//! Registered consumers of a stream and the ARNs that name them.

use std::fmt;

use crate::stream::is_name;
use crate::{Arn, StreamKey};

/// A registered consumer's name: 1 to 128 of `[a-zA-Z0-9_.-]`, unique in its stream.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct ConsumerName(Box<str>);

impl ConsumerName {
    /// Checks the name.
    pub fn new(name: &str) -> Option<Self> {
        is_name(name).then(|| Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConsumerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One registration of a consumer: a name that is registered again is another one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ConsumerId {
    /// Its name.
    pub name: ConsumerName,
    /// When it was registered, in seconds since the epoch.
    pub created_s: u64,
}

/// The ARN of a consumer: `arn:aws:kinesis:REGION:ACCOUNT:stream/NAME/consumer/CONSUMER:CREATED`, the last part
/// in seconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerArn {
    /// Its stream.
    pub stream: StreamKey,
    /// Its registration with the stream.
    pub id: ConsumerId,
}

impl ConsumerArn {
    /// Reads the ARN of a consumer; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        Self::of_arn(&Arn::parse(text)?)
    }

    /// The consumer that an ARN names; `None` if it names something else.
    pub fn of_arn(arn: &Arn<'_>) -> Option<Self> {
        let (stream, consumer) = arn.resource.split_once("/consumer/")?;
        let (name, created) = consumer.rsplit_once(':')?;
        if created.is_empty() || !created.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let id = ConsumerId { name: ConsumerName::new(name)?, created_s: created.parse().ok()? };
        Some(Self { stream: StreamKey::of_arn(&Arn { resource: stream, ..*arn })?, id })
    }
}

impl fmt::Display for ConsumerArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (stream, ConsumerId { name, created_s }) = (&self.stream.name, &self.id);
        let resource = format!("stream/{stream}/consumer/{name}:{created_s}");
        Arn::of("kinesis", &self.stream.realm, &resource).fmt(f)
    }
}
