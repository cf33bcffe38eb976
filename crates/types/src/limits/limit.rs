//! The one list of limits that can be set or switched off: name, unit, scope, AWS's value, source.

use std::ops::RangeInclusive;

use super::MIB;
use crate::Region;

/// Quantity that a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes a second.
    BytesPerSecond,
    /// Records a second.
    RecordsPerSecond,
    /// Calls a second of an operation that reads or writes records.
    CallsPerSecond,
    /// Calls a second of an operation of the control plane.
    ControlCallsPerSecond,
    /// MiB a second.
    MibPerSecond,
    /// Calls in a rolling 24 hours.
    CallsPerDay,
    /// Bytes.
    Bytes,
    /// Things that there are at one time.
    Count,
}

/// Resource that has a limit of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Each account.
    Account,
    /// Each stream.
    Stream,
    /// Each shard.
    Shard,
    /// Each consumer on each shard.
    Subscription,
}

/// Value that AWS enforces.
#[derive(Debug, Clone, Copy)]
enum Aws {
    Everywhere(u64),
    /// In the large regions, and in the others.
    ByRegion(u64, u64),
}
use Aws::{ByRegion, Everywhere};

struct Row {
    name: &'static str,
    unit: Unit,
    scope: Scope,
    aws: Aws,
}

macro_rules! limits {
    ($($(#[$doc:meta])+ $limit:ident: $name:literal, $unit:ident, $scope:ident, $aws:expr;)+) => {
        /// A limit that can be set or switched off by itself.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Limit {
            $($(#[$doc])+ $limit,)+
        }

        impl Limit {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$limit,)+];

            const fn row(self) -> Row {
                match self {
                    $(Self::$limit => {
                        Row { name: $name, unit: Unit::$unit, scope: Scope::$scope, aws: $aws }
                    })+
                }
            }
        }
    };
}

const MIB_U64: u64 = MIB as u64;

// "Quotas" is the page "Quotas and limits" of the developer guide, "API" the operation's page in the API reference,
// "model" the service model.
limits! {
    /// Data and partition keys written (quotas: 1 MB/s).
    ShardWriteBytes: "shard-write-bytes", BytesPerSecond, Shard, Everywhere(MIB_U64);
    /// Records written (quotas).
    ShardWriteRecords: "shard-write-records", RecordsPerSecond, Shard, Everywhere(1000);
    /// Bytes by which records above 1 MiB may run ahead of the byte rate (developer guide, large records: about 10 MiB,
    /// refilled at the byte rate).
    LargeRecordBurst: "large-record-burst", Bytes, Shard, Everywhere(10 * MIB_U64);
    /// Data and partition keys read by GetRecords, all readers together (quotas: 2 MB/s).
    ShardReadBytes: "shard-read-bytes", BytesPerSecond, Shard, Everywhere(2 * MIB_U64);
    /// GetRecords (quotas).
    ShardReadCalls: "shard-read-calls", CallsPerSecond, Shard, Everywhere(5);
    /// GetShardIterator (API).
    ShardIteratorCalls: "shard-iterator-calls", CallsPerSecond, Shard, Everywhere(5);
    /// Bytes that SubscribeToShard pushes (quotas: 2 MB/s for each consumer).
    SubscriptionBytes: "subscription-bytes", BytesPerSecond, Subscription, Everywhere(2 * MIB_U64);
    /// SubscribeToShard (model).
    SubscribeCalls: "subscribe-calls", CallsPerSecond, Subscription, Everywhere(1);
    /// Puts, reads and subscriptions that ask for a dry run, all together (API: DryRun).
    DryRunCalls: "dry-run-calls", CallsPerSecond, Stream, Everywhere(1);

    /// Registered consumers (quotas).
    ConsumersPerStream: "consumers-per-stream", Count, Stream, Everywhere(20);
    /// Registered consumers where the account has the billing commitment, "On-demand Advantage" (quotas).
    ConsumersPerStreamAdvantage: "consumers-per-stream-advantage", Count, Stream, Everywhere(50);
    /// Consumers that are CREATING at once (API: RegisterStreamConsumer).
    ConsumersCreating: "consumers-creating", Count, Stream, Everywhere(5);
    /// Streams that are CREATING or DELETING at once (API: CreateStream).
    StreamsInTransition: "streams-in-transition", Count, Account, Everywhere(5);
    /// Open shards (quotas: 20,000 in three regions, 1,000 or 6,000 elsewhere without saying where; the lower figure
    /// is taken).
    ShardsPerAccount: "shards-per-account", Count, Account, ByRegion(20_000, 1_000);
    /// On-demand streams (quotas).
    OnDemandStreams: "on-demand-streams", Count, Account, Everywhere(50);
    /// Writes for which an on-demand stream is scaled (quotas: 10 GB/s in three regions, else 200 MB/s).
    OnDemandWriteMib: "on-demand-write-mib", MibPerSecond, Stream, ByRegion(10 * 1024, 200);
    /// UpdateShardCount that changed something (API).
    ShardCountUpdatesPerDay: "shard-count-updates-per-day", CallsPerDay, Stream, Everywhere(10);
    /// Shards up to which UpdateShardCount scales (API).
    ShardCountTarget: "shard-count-target", Count, Stream, Everywhere(10_000);
    /// Switches between provisioned and on-demand (API: UpdateStreamMode).
    ModeSwitchesPerDay: "mode-switches-per-day", CallsPerDay, Stream, Everywhere(2);
    /// StartStreamEncryption that changed something (model).
    StartStreamEncryptionPerDay: "start-stream-encryption-per-day", CallsPerDay, Stream, Everywhere(25);
    /// StopStreamEncryption that changed something (model).
    StopStreamEncryptionPerDay: "stop-stream-encryption-per-day", CallsPerDay, Stream, Everywhere(25);

    /// AddTagsToStream (API).
    AddTagsToStreamCalls: "add-tags-to-stream-calls", ControlCallsPerSecond, Account, Everywhere(5);
    /// CreateStream (quotas).
    CreateStreamCalls: "create-stream-calls", ControlCallsPerSecond, Account, Everywhere(5);
    /// DecreaseStreamRetentionPeriod (quotas).
    DecreaseRetentionCalls:
        "decrease-stream-retention-period-calls", ControlCallsPerSecond, Stream, Everywhere(5);
    /// DeleteResourcePolicy (API).
    DeleteResourcePolicyCalls: "delete-resource-policy-calls", ControlCallsPerSecond, Account, Everywhere(5);
    /// DeleteStream (quotas).
    DeleteStreamCalls: "delete-stream-calls", ControlCallsPerSecond, Account, Everywhere(5);
    /// DeregisterStreamConsumer (quotas).
    DeregisterStreamConsumerCalls:
        "deregister-stream-consumer-calls", ControlCallsPerSecond, Stream, Everywhere(5);
    /// DescribeAccountSettings (API).
    DescribeAccountSettingsCalls:
        "describe-account-settings-calls", ControlCallsPerSecond, Account, Everywhere(5);
    /// DescribeLimits (quotas).
    DescribeLimitsCalls: "describe-limits-calls", ControlCallsPerSecond, Account, Everywhere(1);
    /// DescribeStream (quotas).
    DescribeStreamCalls: "describe-stream-calls", ControlCallsPerSecond, Account, Everywhere(10);
    /// DescribeStreamConsumer (quotas).
    DescribeStreamConsumerCalls:
        "describe-stream-consumer-calls", ControlCallsPerSecond, Stream, Everywhere(20);
    /// DescribeStreamSummary (quotas).
    DescribeStreamSummaryCalls:
        "describe-stream-summary-calls", ControlCallsPerSecond, Account, Everywhere(20);
    /// DisableEnhancedMonitoring (quotas).
    DisableEnhancedMonitoringCalls:
        "disable-enhanced-monitoring-calls", ControlCallsPerSecond, Stream, Everywhere(5);
    /// EnableEnhancedMonitoring (quotas).
    EnableEnhancedMonitoringCalls:
        "enable-enhanced-monitoring-calls", ControlCallsPerSecond, Stream, Everywhere(5);
    /// GetResourcePolicy (API).
    GetResourcePolicyCalls: "get-resource-policy-calls", ControlCallsPerSecond, Account, Everywhere(5);
    /// IncreaseStreamRetentionPeriod (quotas).
    IncreaseRetentionCalls:
        "increase-stream-retention-period-calls", ControlCallsPerSecond, Stream, Everywhere(5);
    /// ListShards (quotas; older texts say 100).
    ListShardsCalls: "list-shards-calls", ControlCallsPerSecond, Stream, Everywhere(1000);
    /// ListStreamConsumers (quotas).
    ListStreamConsumersCalls: "list-stream-consumers-calls", ControlCallsPerSecond, Stream, Everywhere(5);
    /// ListStreams (quotas).
    ListStreamsCalls: "list-streams-calls", ControlCallsPerSecond, Account, Everywhere(5);
    /// ListTagsForStream (quotas).
    ListTagsForStreamCalls: "list-tags-for-stream-calls", ControlCallsPerSecond, Stream, Everywhere(5);
    /// MergeShards (quotas).
    MergeShardsCalls: "merge-shards-calls", ControlCallsPerSecond, Stream, Everywhere(5);
    /// PutResourcePolicy (API).
    PutResourcePolicyCalls: "put-resource-policy-calls", ControlCallsPerSecond, Account, Everywhere(5);
    /// RegisterStreamConsumer (quotas; the model says by account).
    RegisterStreamConsumerCalls:
        "register-stream-consumer-calls", ControlCallsPerSecond, Stream, Everywhere(5);
    /// RemoveTagsFromStream (quotas).
    RemoveTagsFromStreamCalls: "remove-tags-from-stream-calls", ControlCallsPerSecond, Stream, Everywhere(5);
    /// SplitShard (quotas).
    SplitShardCalls: "split-shard-calls", ControlCallsPerSecond, Stream, Everywhere(5);
    /// UpdateAccountSettings (API).
    UpdateAccountSettingsCalls: "update-account-settings-calls", ControlCallsPerSecond, Account, Everywhere(5);
    /// UpdateStreamWarmThroughput (API).
    UpdateStreamWarmThroughputCalls:
        "update-stream-warm-throughput-calls", ControlCallsPerSecond, Account, Everywhere(5);
}

/// Largest value of a count: the API shows counts as signed integers of 32 bits.
const COUNT_MAX: u64 = i32::MAX as u64;
/// Largest value of anything else: more than any machine does, and little enough to be counted in parts.
const RATE_MAX: u64 = 1_000_000_000_000;

impl Limit {
    /// As settings name it.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The quantity that it counts.
    pub const fn unit(self) -> Unit {
        self.row().unit
    }

    /// The resource that has this limit for itself.
    pub const fn scope(self) -> Scope {
        self.row().scope
    }

    /// AWS's value in a region, in the limit's unit.
    pub fn aws(self, region: Region) -> u64 {
        match self.row().aws {
            Everywhere(value) => value,
            ByRegion(large, _) if region.is_large() => large,
            ByRegion(_, elsewhere) => elsewhere,
        }
    }

    /// The limit of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|limit| limit.name() == name)
    }

    /// True for the rates at which operations of the control plane may be called.
    pub fn is_control_plane(self) -> bool {
        self.unit() == Unit::ControlCallsPerSecond
    }

    /// The values it can be set to. Zero is one of them where it forbids one thing and leaves the rest working.
    pub fn range(self) -> RangeInclusive<u64> {
        let zero_is_sensible = matches!(
            self,
            Self::ConsumersPerStream
                | Self::ConsumersPerStreamAdvantage
                | Self::OnDemandStreams
                | Self::ShardCountUpdatesPerDay
                | Self::ModeSwitchesPerDay
                | Self::StartStreamEncryptionPerDay
                | Self::StopStreamEncryptionPerDay
        );
        let max = match self.unit() {
            Unit::Count | Unit::CallsPerDay => COUNT_MAX,
            Unit::BytesPerSecond
            | Unit::RecordsPerSecond
            | Unit::CallsPerSecond
            | Unit::ControlCallsPerSecond
            | Unit::MibPerSecond
            | Unit::Bytes => RATE_MAX,
        };
        u64::from(!zero_is_sensible)..=max
    }
}
