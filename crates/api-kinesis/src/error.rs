//! Errors as AWS names and words them. The only place that knows these names.

use std::borrow::Cow;

use headwater_edge::{EdgeError, Fault, NO_OPERATION, Violations};
use headwater_store::StoreError;
use headwater_streams::{StreamStatus, StreamsError};
use headwater_types::{Realm, Timestamp};
use headwater_vault::KeyTrouble;
use headwater_wire::DecodeError;
use headwater_wire::date::shown;
use tracing::warn;

/// Result of an operation.
pub(crate) type Result<T> = std::result::Result<T, KinesisError>;

/// Told when the process has no file descriptors left.
const NO_FILES: &str = "The server has no file descriptors left: try again when there are fewer connections.";

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KinesisError {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) message: Option<Cow<'static, str>>,
}

impl KinesisError {
    pub(crate) fn new(kind: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status: 400, kind, message: Some(message.into()) }
    }

    pub(crate) const fn bare(status: u16, kind: &'static str) -> Self {
        Self { status, kind, message: None }
    }

    pub(crate) fn invalid_argument(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new("InvalidArgumentException", message)
    }

    pub(crate) fn validation(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new("ValidationException", message)
    }

    pub(crate) fn dry_run(operation: &str) -> Self {
        Self::new(
            "DryRunOperationException",
            format!(
                "DryRunOperation validation succeeded while calling {operation} operation.: Request would have \
                 succeeded, but DryRun flag is set."
            ),
        )
    }
}

impl From<EdgeError> for KinesisError {
    fn from(error: EdgeError) -> Self {
        let Fault { status, shape, message, .. } = error.usual();
        Self { status, kind: shape, message }
    }
}

impl From<DecodeError> for KinesisError {
    fn from(error: DecodeError) -> Self {
        EdgeError::from(error).into()
    }
}

impl From<Violations> for KinesisError {
    fn from(Violations(text): Violations) -> Self {
        Self::validation(text)
    }
}

impl From<KinesisError> for Fault {
    fn from(error: KinesisError) -> Self {
        let KinesisError { status, kind, message } = error;
        Self { message, ..Self::bare(status, kind) }
    }
}

/// A refusal of the edge, in the form in which Kinesis answers what it cannot make out.
pub(crate) fn edge_fault(error: EdgeError) -> Fault {
    match error {
        EdgeError::NoOperation => Fault::raw(403, "UnsupportedContentType", None, NO_OPERATION),
        EdgeError::TooLarge(_) => {
            Fault::raw(413, "RequestEntityTooLarge", None, "<RequestEntityTooLargeException/>\n")
        }
        EdgeError::Decode(_)
        | EdgeError::Auth(_)
        | EdgeError::Signature(_)
        | EdgeError::Key(_)
        | EdgeError::Denied(_)
        | EdgeError::UnknownOperation(_)
        | EdgeError::UnsupportedMedia { .. }
        | EdgeError::Encoding(_)
        | EdgeError::Unavailable
        | EdgeError::Internal => error.usual(),
    }
}

impl From<StoreError> for KinesisError {
    fn from(error: StoreError) -> Self {
        StreamsError::Store(error).into()
    }
}

impl From<StreamsError> for KinesisError {
    fn from(error: StreamsError) -> Self {
        use StreamsError as E;
        let not_found = |message: String| Self::new("ResourceNotFoundException", message);
        let in_use = |message: String| Self::new("ResourceInUseException", message);
        let invalid = |message: String| Self::invalid_argument(message);
        let limit = |message: String| Self::new("LimitExceededException", message);
        let throughput = |message: String| Self::new("ProvisionedThroughputExceededException", message);
        match error {
            E::StreamNotFound(stream) => {
                not_found(format!("Stream {} under account {} not found.", stream.name, stream.realm.account))
            }
            E::StreamExists(stream) => {
                in_use(format!("Stream {} under account {} already exists.", stream.name, stream.realm.account))
            }
            E::NotActive { stream, status } => in_use(format!(
                "Stream {} under account {} not ACTIVE, instead in state {}",
                stream.name,
                stream.realm.account,
                status_name(status)
            )),
            E::ShardNotFound { stream, shard } => {
                not_found(format!("Could not find shard {shard} in {stream}."))
            }
            E::NoSuchShard { stream, shard } => {
                not_found(format!("Shard {shard} in {stream} does not exist"))
            }
            E::ShardClosed { stream, shard } => invalid(format!(
                "Shard {shard} in {stream} has already been merged or split, and thus is not eligible for merging or \
                 splitting."
            )),
            E::SplitHashKey { stream, shard, at, range } => invalid(format!(
                "NewStartingHashKey {at} used in SplitShard() on shard {shard} in {stream} is not both greater than \
                 one plus the shard's StartingHashKey {} and less than the shard's EndingHashKey {}.",
                range.start(),
                range.end()
            )),
            E::NotAdjacent { stream, first, second } => invalid(format!(
                "Shards {first} and {second} in {stream} are not an adjacent pair of shards eligible for merging"
            )),
            E::OnDemand(stream) => Self::validation(format!(
                "Request is invalid. Stream {} under account {} is in On-Demand mode.",
                stream.name, stream.realm.account
            )),
            E::ShardCountRatio { current, target, .. } => invalid(format!(
                "UpdateShardCount cannot scale up over double or scale down below half of the current open shard \
                 count. Current open shard count: {current}. Target shard count: {target}."
            )),
            E::TooOften { stream, what, limit: times } => limit(format!(
                "{what} for {stream} is limited to {times} successful calls in a rolling 24 hours."
            )),
            E::ShardQuota { realm, current, limit: quota, additional } => limit(format!(
                "This request would exceed the shard limit for the account {realm}. Current shard \
                 count for the account: {current}. Limit: {quota}. Number of additional shards that would have \
                 resulted from this request: {additional}. Refer to the AWS Service Limits page \
                 (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how \
                 to request higher limits."
            )),
            E::TransitionQuota { account, limit: quota } => limit(format!(
                "This request would have exceed the limit on the number of streams that can simultaneously be in \
                 CREATING or DELETING for the account {account}. Limit: {quota}."
            )),
            E::OnDemandQuota { realm: Realm { account, region }, current, limit: quota } => limit(format!(
                "This request would exceed the limit on the number of On-Demand streams for the account `{account}` \
                 in `{region}`. Current On-Demand streams count: {current}. Limit: {quota}."
            )),
            E::ConsumerExists { stream, consumer } => in_use(format!(
                "Consumer {consumer} under stream: {}, account {} already exists.",
                stream.name, stream.realm.account
            )),
            E::ConsumerNotFound { stream, consumer } => not_found(format!(
                "Consumer {consumer} under stream: {}, account {} not found.",
                stream.name, stream.realm.account
            )),
            E::ConsumerNotActive { stream, consumer } => in_use(format!(
                "Consumer {} with creation timestamp {} under stream: {} , account {} is not in ACTIVE status.",
                consumer.name, consumer.created_s, stream.name, stream.realm.account
            )),
            E::ConsumerInTransition { stream, consumer } => in_use(format!(
                "Consumer {} with creation timestamp {} under stream {} and account {} is not in ACTIVE status.",
                consumer.name, consumer.created_s, stream.name, stream.realm.account
            )),
            E::PolicyNotFound(arn) => not_found(format!("No resource policy found for resource ARN {arn}")),
            E::HasConsumers(stream) => in_use(format!(
                "DeleteStream can't delete {account}:{name} because there are consumers associated with this data \
                 stream. To delete {name} anyway, set the EnforceConsumerDeletion parameter to true to force the \
                 deletion of all the consumers that are associated with it.",
                account = stream.realm.account,
                name = stream.name
            )),
            E::ConsumerQuota { stream, limit: quota } => limit(format!(
                "This request would exceed the limit on the number of registered consumers for {stream}. Limit: \
                 {quota}."
            )),
            E::ConsumersCreating { stream, limit: quota } => limit(format!(
                "This request would exceed the limit on the number of consumers that can simultaneously be in \
                 CREATING for {stream}. Limit: {quota}."
            )),
            E::SubscriptionActive { stream, shard, consumer } => in_use(format!(
                "Another active subscription exists for this consumer: {}:{}:{shard}:{consumer}",
                stream.realm.account, stream.name
            )),
            E::SubscribeThrottled { stream, shard } => {
                limit(format!("Rate exceeded for shard {shard} in {stream}."))
            }
            E::RetentionNotLonger { stream, hours, current } => invalid(format!(
                "Requested retention period ({hours} hours) for stream {} can not be shorter than existing retention \
                 period ({current} hours). Use DecreaseRetentionPeriod API.",
                stream.name
            )),
            E::RetentionNotShorter { stream, hours, current } => invalid(format!(
                "Requested retention period ({hours} hours) for stream {} can not be longer than existing retention \
                 period ({current} hours). Use IncreaseRetentionPeriod API.",
                stream.name
            )),
            E::TooManyTags { stream, limit: tags } => invalid(format!(
                "Failed to add tags to {stream} because a given stream cannot have more than {tags} tags associated \
                 with it."
            )),
            E::InvalidOption(message) => invalid(message),
            E::RecordTooLarge { stream, bytes, limit_bytes } => invalid(format!(
                "A record of {bytes} bytes exceeds the maximum record size of {limit_bytes} bytes of {stream}."
            )),
            E::OrderingNumber { stream, number } => invalid(format!(
                "ExclusiveMinimumSequenceNumber {number} used in PutRecord on {stream} is invalid."
            )),
            E::SequenceNumber { stream, shard, number, foreign } => {
                let why = if foreign { " because it did not come from this stream" } else { "" };
                invalid(format!(
                    "StartingSequenceNumber {number} used in GetShardIterator on shard {shard} in {stream} is \
                     invalid{why}."
                ))
            }
            E::SequenceNumberOfShard { encoded, shard } => invalid(format!(
                "Invalid StartingSequenceNumber. It encodes {encoded}, while it was used in a call to a shard with \
                 {shard}"
            )),
            E::AfterEndOfShard => invalid(
                "Invalid SequenceNumber for ShardIteratorType AFTER_SEQUENCE_NUMBER, SequenceNumber has reached max \
                 possible value for the shard."
                    .to_owned(),
            ),
            E::TimeInFuture { asked, now } => invalid(format!(
                "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. \
                 timestampInMillis: {}, currentTimestampInMillis: {}",
                asked.as_millis(),
                now.as_millis()
            )),
            E::InvalidIterator => invalid("Invalid ShardIterator.".to_owned()),
            E::ExpiredIterator { created, now } => Self::new(
                "ExpiredIteratorException",
                format!(
                    "Iterator expired. The iterator was created at time {} while right now it is {} which is further \
                     in the future than the tolerated delay of 300000 milliseconds.",
                    java_date(created),
                    java_date(now)
                ),
            ),
            E::IteratorOfOtherStream { stream, arn_name } => invalid(format!(
                "Input stream name {} doesn't match the inferred name in stream arn {arn_name}",
                stream.name
            )),
            E::WriteThrottled { stream, shard } => {
                throughput(format!("Rate exceeded for shard {shard} in {stream}."))
            }
            E::ReadThrottled { stream, shard } => {
                throughput(format!("Rate exceeded for Shard - {}/{}/{shard}", stream.realm.account, stream.name))
            }
            E::AccountCallRate(account) => limit(format!("Rate exceeded for account {account}.")),
            E::StreamCallRate(stream) => limit(format!("Rate exceeded for {stream}.")),
            E::DryRunRate(stream) => Self::new("ThrottlingException", format!("Rate exceeded for {stream}.")),
            E::Store(StoreError::Busy) => {
                throughput("Rate exceeded: the server's log takes no more at this moment.".to_owned())
            }
            E::Store(StoreError::NoSpace(cause)) => {
                warn!(%cause, "a write was refused for want of space");
                Self {
                    status: 503,
                    kind: "ServiceUnavailable",
                    message: Some(
                        "The disk of the server is full: writes are refused until there is space.".into(),
                    ),
                }
            }
            E::Store(StoreError::NoFiles(cause)) => {
                warn!(%cause, "a request was refused for want of file descriptors");
                let message = Some(NO_FILES.into());
                Self { status: 503, kind: "ServiceUnavailable", message }
            }
            E::Store(
                cause @ (StoreError::Closed
                | StoreError::NoSuchLog(_)
                | StoreError::Conflict
                | StoreError::Corrupt(_)
                | StoreError::Read(_)
                | StoreError::Poisoned(_)
                | StoreError::Invalid(_)),
            ) => EdgeError::internal(&cause).into(),
            E::TooManyShards { stream, shards } => limit(format!(
                "{stream} would have {shards} shards, counting closed ones that have not expired, which is more than a \
                 stream can have."
            )),
            E::Key { trouble, .. } => {
                let kind = match trouble {
                    KeyTrouble::NoKeys(_) | KeyTrouble::NotFound(_) => "KMSNotFoundException",
                    KeyTrouble::Disabled(_) => "KMSDisabledException",
                    KeyTrouble::VersionNotFound { .. } | KeyTrouble::Wrong { .. } => {
                        "KMSInvalidStateException"
                    }
                };
                Self::new(kind, trouble.to_string())
            }
            cause @ (E::DamagedMeta { .. } | E::Unfinished(_)) => EdgeError::internal(&cause).into(),
        }
    }
}

/// The API's name of a status.
pub(crate) fn status_name(status: StreamStatus) -> &'static str {
    match status {
        StreamStatus::Creating => "CREATING",
        StreamStatus::Active => "ACTIVE",
        StreamStatus::Updating => "UPDATING",
        StreamStatus::Deleting => "DELETING",
    }
}

/// `Fri Mar 15 07:58:30 UTC 2024`, as Java prints a date.
fn java_date(time: Timestamp) -> impl std::fmt::Display {
    shown(time, "%a %b %d %H:%M:%S UTC %Y")
}
