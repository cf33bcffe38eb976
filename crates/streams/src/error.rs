//! Errors of operations on streams, sorted by what the caller should do next. `api-kinesis` gives these their AWS names
//! and texts, in one exhaustive match.

use headwater_store::StoreError;
use headwater_types::{
    AccountId, ConsumerId, ConsumerName, HashKey, HashRange, Realm, ShardId, StreamKey, Timestamp,
};
use headwater_vault::KeyTrouble;

use crate::meta::StreamStatus;

/// Result of an operation on streams.
pub type Result<T> = std::result::Result<T, StreamsError>;

/// Why an operation did not happen.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StreamsError {
    /// Create the stream, or mend its name.
    #[error("{0} not found")]
    StreamNotFound(StreamKey),
    /// Choose another name.
    #[error("{0} exists already")]
    StreamExists(StreamKey),
    /// Wait until the stream is ACTIVE.
    #[error("{stream} is {status:?}")]
    NotActive {
        /// The stream.
        stream: StreamKey,
        /// Its status instead.
        status: StreamStatus,
    },
    /// The text names no shard at all, or none of this stream (as the resharding operations say it).
    #[error("could not find shard {shard} in {stream}")]
    ShardNotFound {
        /// The stream.
        stream: StreamKey,
        /// The shard as the caller wrote it.
        shard: String,
    },
    /// The stream has no such shard, or no longer (as the reading operations say it).
    #[error("shard {shard} in {stream} does not exist")]
    NoSuchShard {
        /// The stream.
        stream: StreamKey,
        /// The shard.
        shard: ShardId,
    },
    /// Take one of the open shards.
    #[error("shard {shard} in {stream} was split or merged already")]
    ShardClosed {
        /// The stream.
        stream: StreamKey,
        /// The shard.
        shard: ShardId,
    },
    /// Choose a hash key inside the range.
    #[error("{at} does not split shard {shard} in {stream}")]
    SplitHashKey {
        /// The stream.
        stream: StreamKey,
        /// The shard.
        shard: ShardId,
        /// Hash key at which it was to be split.
        at: HashKey,
        /// Hash keys that the shard covers.
        range: HashRange,
    },
    /// Name two shards that touch, the lower one first.
    #[error("{first} and {second} in {stream} are not adjacent")]
    NotAdjacent {
        /// The stream.
        stream: StreamKey,
        /// As named first.
        first: ShardId,
        /// As named second.
        second: ShardId,
    },
    /// The operation is for provisioned streams.
    #[error("{0} is in on-demand mode")]
    OnDemand(StreamKey),
    /// Ask for a count between half and twice the current one.
    #[error("{stream}: {target} shards are not between half and twice {current}")]
    ShardCountRatio {
        /// The stream.
        stream: StreamKey,
        /// Open shards now.
        current: u32,
        /// Asked for.
        target: u32,
    },
    /// A limit for a day was reached: try again later.
    #[error("{stream}: {what} at most {limit} times in 24 hours")]
    TooOften {
        /// The stream.
        stream: StreamKey,
        /// Operation that was called.
        what: &'static str,
        /// Calls that are allowed in 24 hours.
        limit: u64,
    },
    /// The account would have more shards than its quota.
    #[error("account {realm} would exceed its quota of {limit} shards")]
    ShardQuota {
        /// Account and region of the quota.
        realm: Realm,
        /// Open shards now.
        current: u32,
        /// The quota.
        limit: u64,
        /// Open shards that this request would add.
        additional: u32,
    },
    /// Too many streams are being created or deleted: wait for one.
    #[error("account {account} has {limit} streams in transition")]
    TransitionQuota {
        /// Account of the quota.
        account: AccountId,
        /// The quota.
        limit: u64,
    },
    /// The account would have more on-demand streams than its quota.
    #[error("account {realm} has {current} on-demand streams of {limit}")]
    OnDemandQuota {
        /// Account and region of the quota.
        realm: Realm,
        /// On-demand streams now.
        current: usize,
        /// The quota.
        limit: u64,
    },
    /// Choose another name, or deregister the consumer that has it.
    #[error("consumer {consumer} of {stream} exists already")]
    ConsumerExists {
        /// The stream.
        stream: StreamKey,
        /// The consumer's name.
        consumer: ConsumerName,
    },
    /// Register the consumer, or mend its name or ARN.
    #[error("consumer {consumer} of {stream} not found")]
    ConsumerNotFound {
        /// The stream.
        stream: StreamKey,
        /// The consumer's name.
        consumer: ConsumerName,
    },
    /// Wait until the consumer is ACTIVE.
    #[error("consumer {} of {stream} is not active", consumer.name)]
    ConsumerNotActive {
        /// The stream.
        stream: StreamKey,
        /// The consumer.
        consumer: ConsumerId,
    },
    /// Wait until the consumer is ACTIVE: its policy can be changed then.
    #[error("consumer {} of {stream} is not active", consumer.name)]
    ConsumerInTransition {
        /// The stream.
        stream: StreamKey,
        /// The consumer.
        consumer: ConsumerId,
    },
    /// There is no policy to be removed.
    #[error("{0} has no policy")]
    PolicyNotFound(String),
    /// Deregister the consumers first, or say that they go with the stream.
    #[error("{0} has consumers")]
    HasConsumers(StreamKey),
    /// The stream would have more consumers than its quota.
    #[error("{stream} has {limit} consumers")]
    ConsumerQuota {
        /// The stream.
        stream: StreamKey,
        /// The quota.
        limit: u64,
    },
    /// Too many consumers are being registered: wait for one.
    #[error("{stream} has {limit} consumers in creation")]
    ConsumersCreating {
        /// The stream.
        stream: StreamKey,
        /// The quota.
        limit: u64,
    },
    /// The consumer is subscribed to the shard: wait a little to take over.
    #[error("consumer {consumer} is subscribed to {shard} of {stream} already")]
    SubscriptionActive {
        /// The stream.
        stream: StreamKey,
        /// The shard.
        shard: ShardId,
        /// The consumer.
        consumer: ConsumerName,
    },
    /// Slow down: one call a second for each consumer and shard.
    #[error("subscription rate exceeded for {shard} of {stream}")]
    SubscribeThrottled {
        /// The stream.
        stream: StreamKey,
        /// The shard.
        shard: ShardId,
    },
    /// Ask for a longer retention.
    #[error("retention of {hours} h is too short for {stream}, which has {current} h")]
    RetentionNotLonger {
        /// The stream.
        stream: StreamKey,
        /// Asked for.
        hours: i32,
        /// Its retention now.
        current: i32,
    },
    /// Ask for a shorter retention.
    #[error("retention of {hours} h is too long for {stream}, which has {current} h")]
    RetentionNotShorter {
        /// The stream.
        stream: StreamKey,
        /// Asked for.
        hours: i32,
        /// Its retention now.
        current: i32,
    },
    /// Remove some tags first.
    #[error("{stream} cannot have more than {limit} tags")]
    TooManyTags {
        /// The stream.
        stream: StreamKey,
        /// Most tags that it may have.
        limit: usize,
    },
    /// The option does not go with the stream's mode or with another option.
    #[error("{0}")]
    InvalidOption(String),
    /// Make the record smaller, or raise the stream's maximum.
    #[error("a record of {bytes} bytes is larger than {stream} allows ({limit_bytes})")]
    RecordTooLarge {
        /// The stream.
        stream: StreamKey,
        /// The record's data and partition key.
        bytes: usize,
        /// Largest size that the stream allows.
        limit_bytes: usize,
    },
    /// The number to order after is not one that this stream has issued.
    #[error("{number} does not order records of {stream}")]
    OrderingNumber {
        /// The stream.
        stream: StreamKey,
        /// As given.
        number: String,
    },
    /// Take a sequence number of this shard.
    #[error("{number} is no sequence number of {shard} in {stream}")]
    SequenceNumber {
        /// The stream.
        stream: StreamKey,
        /// The shard.
        shard: ShardId,
        /// As given.
        number: String,
        /// True if it is well-formed and issued elsewhere.
        foreign: bool,
    },
    /// The sequence number belongs to another shard.
    #[error("the sequence number encodes {encoded}, not {shard}")]
    SequenceNumberOfShard {
        /// The shard it belongs to.
        encoded: ShardId,
        /// The shard it was used with.
        shard: ShardId,
    },
    /// Read the children: nothing can come after the number with which a closed shard ends.
    #[error("nothing comes after the ending number of a shard")]
    AfterEndOfShard,
    /// Ask for a time that has passed.
    #[error("{asked} is later than now, {now}")]
    TimeInFuture {
        /// As given.
        asked: Timestamp,
        /// The server's time.
        now: Timestamp,
    },
    /// Get a new iterator: this one was never issued by this server.
    #[error("invalid shard iterator")]
    InvalidIterator,
    /// Get a new iterator: this one is too old.
    #[error("the iterator of {created} has expired at {now}")]
    ExpiredIterator {
        /// When it was issued.
        created: Timestamp,
        /// Now.
        now: Timestamp,
    },
    /// The iterator is for another stream than the ARN says.
    #[error("the iterator is for {stream}, not {arn_name}")]
    IteratorOfOtherStream {
        /// The iterator's stream.
        stream: StreamKey,
        /// The stream named beside it.
        arn_name: String,
    },
    /// Slow down: the shard's write rate is used up.
    #[error("write rate exceeded for {shard} in {stream}")]
    WriteThrottled {
        /// The stream.
        stream: StreamKey,
        /// The shard.
        shard: ShardId,
    },
    /// Slow down: the shard's read rate is used up.
    #[error("read rate exceeded for {shard} in {stream}")]
    ReadThrottled {
        /// The stream.
        stream: StreamKey,
        /// The shard.
        shard: ShardId,
    },
    /// Slow down: the account calls the operation too often.
    #[error("rate exceeded for account {0}")]
    AccountCallRate(AccountId),
    /// Slow down: the operation is called too often on the stream.
    #[error("rate exceeded for {0}")]
    StreamCallRate(StreamKey),
    /// Slow down: the stream is tried out too often.
    #[error("rate of dry runs exceeded for {0}")]
    DryRunRate(StreamKey),
    /// The stream's shards, closed ones included, would not fit its metadata: wait for closed shards to expire.
    #[error("{stream} would have {shards} shards with the closed ones, more than its metadata holds")]
    TooManyShards {
        /// The stream.
        stream: StreamKey,
        /// Open and closed ones.
        shards: usize,
    },
    /// A key of the stream cannot be used: mend what the trouble names.
    #[error("{stream}: {trouble}")]
    Key {
        /// The stream.
        stream: StreamKey,
        /// The key, and what is wrong with it.
        trouble: KeyTrouble,
    },
    /// The server could not carry it out; its log says why. Try again.
    #[error("{0}")]
    Unfinished(String),
    /// The server cannot do it now; its log says why.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Metadata that this server wrote cannot be read back.
    #[error("metadata of {key} is damaged: {cause}")]
    DamagedMeta {
        /// The key.
        key: String,
        /// Reason why it cannot be read.
        cause: String,
    },
}

impl StreamsError {
    /// The option is one of on-demand streams.
    pub fn only_on_demand(option: &str) -> Self {
        Self::InvalidOption(format!("{option} is only supported for on-demand streams."))
    }
}
