//! Trials of each limit.

use std::time::Duration;

use headwater_types::limits::{Limit, MIB, Scope};
use serde_json::{Value, json};

use super::REGION;
use crate::harness::{HOUR, TRANSITION, World, base64};
use crate::http::Answer;

const SECOND: Duration = Duration::from_secs(1);
const THROUGHPUT: &str = "ProvisionedThroughputExceededException";
const LIMIT: &str = "LimitExceededException";

/// Place of the test that meets a limit.
pub(super) enum Met {
    /// Like this.
    Here(Trial),
    /// In tests of what it belongs to, which are these.
    In(&'static str),
}

/// Steps that meet a limit and show that it holds.
pub(super) struct Trial {
    kind: Kind,
    /// A value that is not AWS's.
    pub(super) other_value: u64,
    /// Error that an allowed call answers: none, where it succeeds.
    pub(super) success: &'static str,
    /// Exception and text of what is refused at a value.
    pub(super) refusal: Box<dyn Fn(u64) -> (&'static str, String)>,
    /// Limits that would be met before.
    pub(super) in_the_way: &'static [Limit],
}

enum Kind {
    /// A call that takes one from a rate.
    Call { operation: &'static str, input: fn(u64) -> Value },
    /// PutRecord of an eighth of what a second takes.
    WriteBytes,
    /// PutRecord of a byte.
    WriteRecords,
    /// PutRecord of half of the burst.
    LargeRecords,
    /// GetRecords that returns twice what a second gives.
    ReadBytes,
    /// GetRecords of an empty shard.
    ReadCalls,
    /// CreateStream at one moment.
    Transitions,
    /// CreateStream with half of the shards.
    Shards,
    /// CreateStream in on-demand mode.
    OnDemand,
    /// UpdateShardCount to and fro.
    Resizes,
    /// UpdateShardCount to the value itself, then by one more.
    Target,
    /// UpdateStreamMode to and fro.
    Switches,
    /// StartStreamEncryption under one key and the other in turn.
    Starts,
    /// StopStreamEncryption, started again each time.
    Stops,
    /// RegisterStreamConsumer, each ACTIVE before the next.
    Consumers,
    /// The same for a stream in on-demand mode of an account with the billing commitment.
    ConsumersAdvantage,
    /// RegisterStreamConsumer at one moment.
    ConsumersCreating,
    /// SubscribeToShard from a place that there is not.
    Subscribe,
}

fn of_stream() -> String {
    "Rate exceeded for stream s under account 123456789012.".into()
}

fn here(kind: Kind, other_value: u64, refusal: impl Fn(u64) -> (&'static str, String) + 'static) -> Met {
    Met::Here(Trial { kind, other_value, success: "", refusal: Box::new(refusal), in_the_way: &[] })
}

/// An operation of the control plane, with the input of the nth call.
fn call(limit: Limit, operation: &'static str, input: fn(u64) -> Value) -> Met {
    let account = limit.scope() == Scope::Account;
    here(Kind::Call { operation, input }, 3, move |_| {
        (LIMIT, if account { "Rate exceeded for account 123456789012.".into() } else { of_stream() })
    })
}

/// An operation of the control plane on the stream `s` that needs nothing else.
fn call_on_stream(limit: Limit, operation: &'static str) -> Met {
    call(limit, operation, |_| json!({"StreamName": "s"}))
}

impl Met {
    fn but(mut self, change: impl FnOnce(&mut Trial)) -> Self {
        if let Self::Here(trial) = &mut self {
            change(trial);
        }
        self
    }
}

/// Every limit has a place where it is tested: there is no `_` here.
pub(super) fn trial(limit: Limit) -> Met {
    use Limit as L;
    match limit {
        L::ShardWriteBytes => here(Kind::WriteBytes, 64 * 1024, |_| write_refused()),
        L::ShardWriteRecords => here(Kind::WriteRecords, 40, |_| write_refused()),
        L::LargeRecordBurst => here(Kind::LargeRecords, 4 * MIB as u64, |_| write_refused()),
        L::ShardReadBytes => here(Kind::ReadBytes, 64 * 1024, |_| read_refused()),
        L::ShardReadCalls => here(Kind::ReadCalls, 3, |_| read_refused())
            .but(|trial| trial.in_the_way = &[L::ShardIteratorCalls]),
        L::ShardIteratorCalls => {
            let input = |_| json!({"StreamName": "s", "ShardId": "0", "ShardIteratorType": "LATEST"});
            here(Kind::Call { operation: "GetShardIterator", input }, 3, |_| read_refused())
        }
        L::DryRunCalls => {
            let input =
                |_| json!({"StreamName": "s", "PartitionKey": "k", "Data": base64(b"x"), "DryRun": true});
            here(Kind::Call { operation: "PutRecord", input }, 3, |_| ("ThrottlingException", of_stream()))
                .but(|trial| trial.success = "DryRunOperationException")
        }
        // No answer refuses it: what is beyond the rate comes later.
        L::SubscriptionBytes => Met::In("fan_out of the crate streams"),
        L::SubscribeCalls => here(Kind::Subscribe, 3, |_| {
            (LIMIT, "Rate exceeded for shard shardId-000000000000 in stream s under account 123456789012.".into())
        })
        .but(|trial| trial.success = "InvalidArgumentException"),
        L::ConsumersPerStream => here(Kind::Consumers, 3, too_many_consumers),
        L::ConsumersPerStreamAdvantage => here(Kind::ConsumersAdvantage, 3, too_many_consumers),
        L::ConsumersCreating => here(Kind::ConsumersCreating, 2, |value| {
            let text = format!(
                "This request would exceed the limit on the number of consumers that can simultaneously be in CREATING \
                 for stream s under account 123456789012. Limit: {value}."
            );
            (LIMIT, text)
        })
        .but(|trial| trial.in_the_way = &[L::RegisterStreamConsumerCalls]),
        L::DeregisterStreamConsumerCalls => call(limit, "DeregisterStreamConsumer", nobody)
            .but(|trial| trial.success = "ResourceNotFoundException"),
        L::DescribeStreamConsumerCalls => call(limit, "DescribeStreamConsumer", nobody)
            .but(|trial| trial.success = "ResourceNotFoundException"),
        L::ListStreamConsumersCalls => {
            call(limit, "ListStreamConsumers", |_| json!({"StreamARN": arn()}))
        }
        L::RegisterStreamConsumerCalls => call(limit, "RegisterStreamConsumer", register)
            .but(|trial| trial.in_the_way = &[L::ConsumersCreating]),
        // No request meets it: it is up to it that a stream scales by itself.
        L::OnDemandWriteMib => Met::In("scaling of the crate streams"),
        L::UpdateStreamWarmThroughputCalls => call(limit, "UpdateStreamWarmThroughput", |_| {
            json!({"StreamName": "s", "WarmThroughputMiBps": 8})
        })
        .but(|trial| trial.success = "InvalidArgumentException"),
        L::StreamsInTransition => here(Kind::Transitions, 2, |value| {
            let text = format!(
                "This request would have exceed the limit on the number of streams that can simultaneously be in \
                 CREATING or DELETING for the account 123456789012. Limit: {value}."
            );
            (LIMIT, text)
        })
        .but(|trial| trial.in_the_way = &[L::CreateStreamCalls]),
        L::ShardsPerAccount => {
            here(Kind::Shards, 10, |value| (LIMIT, too_many_shards(value, value, value / 2)))
        }
        L::OnDemandStreams => here(Kind::OnDemand, 2, |value| {
            let text = format!(
                "This request would exceed the limit on the number of On-Demand streams for the account \
                 `123456789012` in `{REGION}`. Current On-Demand streams count: {value}. Limit: {value}."
            );
            (LIMIT, text)
        }),
        L::ShardCountUpdatesPerDay => {
            here(Kind::Resizes, 3, |value| (LIMIT, too_often("UpdateShardCount", value)))
        }
        L::ShardCountTarget => here(Kind::Target, 5, |value| (LIMIT, too_many_shards(value, value, 1)))
            .but(|trial| trial.in_the_way = &[L::ShardsPerAccount]),
        L::ModeSwitchesPerDay => {
            here(Kind::Switches, 3, |value| (LIMIT, too_often("UpdateStreamMode", value)))
        }
        L::StartStreamEncryptionPerDay => {
            here(Kind::Starts, 3, |value| (LIMIT, too_often("StartStreamEncryption", value)))
        }
        L::StopStreamEncryptionPerDay => {
            here(Kind::Stops, 3, |value| (LIMIT, too_often("StopStreamEncryption", value)))
                .but(|trial| trial.in_the_way = &[L::StartStreamEncryptionPerDay])
        }
        L::AddTagsToStreamCalls => {
            call(limit, "AddTagsToStream", |_| json!({"StreamName": "s", "Tags": {"a": "b"}}))
        }
        L::CreateStreamCalls => {
            call(limit, "CreateStream", |n| json!({"StreamName": format!("c{n}"), "ShardCount": 1}))
                .but(|trial| trial.in_the_way = &[L::StreamsInTransition])
        }
        L::DecreaseRetentionCalls => call(limit, "DecreaseStreamRetentionPeriod", retention),
        // Whether it exists makes no difference to an account's rate.
        L::DeleteStreamCalls => call(limit, "DeleteStream", |n| json!({"StreamName": format!("d{n}")}))
            .but(|trial| trial.success = "ResourceNotFoundException"),
        L::PutResourcePolicyCalls => {
            call(limit, "PutResourcePolicy", |_| json!({"ResourceARN": arn(), "Policy": r#"{"Statement":[]}"#}))
        }
        L::GetResourcePolicyCalls => call(limit, "GetResourcePolicy", |_| json!({"ResourceARN": arn()})),
        L::DeleteResourcePolicyCalls => {
            call(limit, "DeleteResourcePolicy", |_| json!({"ResourceARN": arn()}))
                .but(|trial| trial.success = "ResourceNotFoundException")
        }
        L::DescribeAccountSettingsCalls => call(limit, "DescribeAccountSettings", |_| json!({})),
        L::DescribeLimitsCalls => call(limit, "DescribeLimits", |_| json!({})),
        L::DescribeStreamCalls => call_on_stream(limit, "DescribeStream"),
        L::DescribeStreamSummaryCalls => call_on_stream(limit, "DescribeStreamSummary"),
        L::DisableEnhancedMonitoringCalls => call(limit, "DisableEnhancedMonitoring", all_metrics),
        // It is so already, so that the stream stays ACTIVE.
        L::EnableEnhancedMonitoringCalls => call(limit, "EnableEnhancedMonitoring", all_metrics),
        L::IncreaseRetentionCalls => call(limit, "IncreaseStreamRetentionPeriod", retention),
        L::ListShardsCalls => call_on_stream(limit, "ListShards"),
        L::ListStreamsCalls => call(limit, "ListStreams", |_| json!({})),
        L::ListTagsForStreamCalls => call_on_stream(limit, "ListTagsForStream"),
        L::MergeShardsCalls => call(limit, "MergeShards", |_| {
            json!({"StreamName": "s", "ShardToMerge": "0", "AdjacentShardToMerge": "0"})
        })
        .but(|trial| trial.success = "InvalidArgumentException"),
        L::RemoveTagsFromStreamCalls => {
            call(limit, "RemoveTagsFromStream", |_| json!({"StreamName": "s", "TagKeys": ["a"]}))
        }
        L::SplitShardCalls => call(limit, "SplitShard", |_| {
            json!({"StreamName": "s", "ShardToSplit": "0", "NewStartingHashKey": "0"})
        })
        .but(|trial| trial.success = "InvalidArgumentException"),
        L::UpdateAccountSettingsCalls => call(
            limit,
            "UpdateAccountSettings",
            |_| json!({"MinimumThroughputBillingCommitment": {"Status": "DISABLED"}}),
        ),
    }
}

fn register(n: u64) -> Value {
    json!({"StreamARN": arn(), "ConsumerName": format!("c{n}")})
}

fn all_metrics(_: u64) -> Value {
    json!({"StreamName": "s", "ShardLevelMetrics": ["ALL"]})
}

fn nobody(_: u64) -> Value {
    json!({"StreamARN": arn(), "ConsumerName": "nobody"})
}

fn too_many_consumers(value: u64) -> (&'static str, String) {
    let text = format!(
        "This request would exceed the limit on the number of registered consumers for stream s under account \
         123456789012. Limit: {value}."
    );
    (LIMIT, text)
}

fn retention(_: u64) -> Value {
    json!({"StreamName": "s", "RetentionPeriodHours": 24})
}

fn write_refused() -> (&'static str, String) {
    (
        THROUGHPUT,
        "Rate exceeded for shard shardId-000000000000 in stream s under account 123456789012.".into(),
    )
}

fn read_refused() -> (&'static str, String) {
    (THROUGHPUT, "Rate exceeded for Shard - 123456789012/s/shardId-000000000000".into())
}

fn too_often(what: &str, times: u64) -> String {
    format!(
        "{what} for stream s under account 123456789012 is limited to {times} successful calls in a rolling 24 hours."
    )
}

fn too_many_shards(count: u64, limit: u64, more: u64) -> String {
    format!(
        "This request would exceed the shard limit for the account 123456789012 in {REGION}. Current shard count for \
         the account: {count}. Limit: {limit}. Number of additional shards that would have resulted from this request: \
         {more}. Refer to the AWS Service Limits page \
         (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to request \
         higher limits."
    )
}

impl Trial {
    /// Makes what attempts need.
    pub(super) async fn prepare(&self, world: &World, value: u64) {
        match self.kind {
            Kind::Transitions | Kind::Shards | Kind::OnDemand => {}
            Kind::ConsumersAdvantage => {
                let input = json!({"MinimumThroughputBillingCommitment": {"Status": "ENABLED"}});
                world.call("UpdateAccountSettings", input).await.ok();
                let input = json!({"StreamName": "s", "StreamModeDetails": {"StreamMode": "ON_DEMAND"}});
                world.call("CreateStream", input).await.ok();
            }
            Kind::Subscribe => {
                world.create("s", 1).await;
                world.call("RegisterStreamConsumer", register(0)).await.ok();
            }
            Kind::Target => world.create("s", u32::try_from(value * 3 / 5).unwrap()).await,
            Kind::Resizes => world.create("s", 2).await,
            Kind::LargeRecords => {
                world.create("s", 1).await;
                let input = json!({"StreamARN": arn(), "MaxRecordSizeInKiB": 10240});
                world.call("UpdateMaxRecordSize", input).await.ok();
                world.clock.advance(TRANSITION);
            }
            Kind::ReadBytes => {
                world.create("s", 1).await;
                // Data and partition key are four times half of what a second gives.
                for _ in 0..4 {
                    world.put("s", &vec![0; bytes(value / 2)]).await;
                    world.clock.advance(SECOND);
                }
            }
            Kind::Call { operation: "EnableEnhancedMonitoring", input } => {
                world.create("s", 1).await;
                world.call("EnableEnhancedMonitoring", input(0)).await.ok();
                world.clock.advance(TRANSITION);
            }
            Kind::Call { .. }
            | Kind::WriteBytes
            | Kind::WriteRecords
            | Kind::ReadCalls
            | Kind::Switches
            | Kind::Starts
            | Kind::Stops
            | Kind::Consumers
            | Kind::ConsumersCreating => world.create("s", 1).await,
        }
        world.clock.advance(SECOND);
    }

    /// Attempts that are within the limit.
    pub(super) fn within(&self, value: u64) -> u64 {
        match self.kind {
            Kind::WriteBytes => 8,
            Kind::LargeRecords | Kind::Shards => 2,
            Kind::ReadBytes | Kind::Target => 1,
            Kind::Call { .. }
            | Kind::WriteRecords
            | Kind::ReadCalls
            | Kind::Transitions
            | Kind::OnDemand
            | Kind::Resizes
            | Kind::Switches
            | Kind::Starts
            | Kind::Stops
            | Kind::Consumers
            | Kind::ConsumersAdvantage
            | Kind::ConsumersCreating
            | Kind::Subscribe => value,
        }
    }

    /// The time that makes room for one more attempt, if time does.
    pub(super) fn recovery(&self, value: u64) -> Option<Duration> {
        match self.kind {
            Kind::Call { .. } | Kind::WriteRecords | Kind::ReadCalls | Kind::Subscribe => {
                Some(Duration::from_nanos(1_000_000_000_u64.div_ceil(value)))
            }
            Kind::WriteBytes => Some(SECOND / 8),
            // The allowance fills with AWS's rate where no other is set.
            Kind::LargeRecords => Some(SECOND * u32::try_from(value / 2 / MIB as u64).unwrap()),
            Kind::ReadBytes => Some(2 * SECOND + Duration::from_millis(1)),
            Kind::Transitions | Kind::ConsumersCreating => Some(TRANSITION),
            Kind::Resizes | Kind::Switches | Kind::Starts | Kind::Stops => Some(24 * HOUR),
            Kind::Shards | Kind::OnDemand | Kind::Target | Kind::Consumers | Kind::ConsumersAdvantage => None,
        }
    }

    /// Makes room in another way.
    pub(super) async fn mend(&self, world: &World) {
        if matches!(self.kind, Kind::Shards | Kind::OnDemand) {
            world.call("DeleteStream", json!({"StreamName": "s0"})).await.ok();
            world.clock.advance(TRANSITION);
        }
        if matches!(self.kind, Kind::Consumers | Kind::ConsumersAdvantage) {
            world.call("DeregisterStreamConsumer", register(0)).await.ok();
            world.clock.advance(TRANSITION);
        }
    }

    pub(super) async fn attempt(&self, world: &World, value: u64, i: u64) -> Answer {
        let name = format!("s{i}");
        match self.kind {
            Kind::Call { operation, input } => world.call(operation, input(i)).await,
            Kind::WriteBytes => world.try_put("s", &vec![0; bytes(value / 8)]).await,
            Kind::WriteRecords => world.try_put("s", b"x").await,
            Kind::LargeRecords => world.try_put("s", &vec![0; bytes(value / 2)]).await,
            Kind::ReadBytes | Kind::ReadCalls => {
                let read = json!({"ShardIterator": world.iterator("s", 0).await});
                world.call("GetRecords", read).await
            }
            Kind::Transitions => {
                world.call("CreateStream", json!({"StreamName": name, "ShardCount": 1})).await
            }
            Kind::Shards => {
                let answer =
                    world.call("CreateStream", json!({"StreamName": name, "ShardCount": value / 2})).await;
                world.clock.advance(TRANSITION);
                answer
            }
            Kind::OnDemand => {
                let input = json!({"StreamName": name, "StreamModeDetails": {"StreamMode": "ON_DEMAND"}});
                let answer = world.call("CreateStream", input).await;
                world.clock.advance(TRANSITION);
                answer
            }
            Kind::Consumers | Kind::ConsumersAdvantage => {
                let answer = world.call("RegisterStreamConsumer", register(i)).await;
                world.clock.advance(TRANSITION);
                answer
            }
            Kind::ConsumersCreating => world.call("RegisterStreamConsumer", register(i)).await,
            Kind::Subscribe => {
                let found = world.call("DescribeStreamConsumer", register(0)).await.ok();
                let consumer = &found["ConsumerDescription"]["ConsumerARN"];
                let start = json!({"Type": "AT_SEQUENCE_NUMBER", "SequenceNumber": "9".repeat(60)});
                let input = json!({"ConsumerARN": consumer, "ShardId": "0", "StartingPosition": start});
                world.call("SubscribeToShard", input).await
            }
            Kind::Resizes => resize(world, 3 - i % 2).await,
            // The value, one more, and one less, which is always allowed.
            Kind::Target => resize(world, [value, value + 1, value - 1][usize::try_from(i).unwrap()]).await,
            Kind::Starts => {
                encrypt(world, "StartStreamEncryption", KEYS[usize::try_from(i % 2).unwrap()]).await
            }
            Kind::Stops => {
                encrypt(world, "StartStreamEncryption", KEYS[0]).await.ok();
                encrypt(world, "StopStreamEncryption", KEYS[0]).await
            }
            Kind::Switches => {
                let mode = if i.is_multiple_of(2) { "ON_DEMAND" } else { "PROVISIONED" };
                let input = json!({"StreamARN": arn(), "StreamModeDetails": {"StreamMode": mode}});
                let answer = world.call("UpdateStreamMode", input).await;
                world.clock.advance(TRANSITION);
                answer
            }
        }
    }
}

async fn resize(world: &World, target: u64) -> Answer {
    let input = json!({"StreamName": "s", "TargetShardCount": target, "ScalingType": "UNIFORM_SCALING"});
    let answer = world.call("UpdateShardCount", input).await;
    world.clock.advance(TRANSITION);
    answer
}

/// Two names of the one key there is: to call it otherwise is a change.
const KEYS: [&str; 2] = ["alias/aws/kinesis", "alias/other"];

async fn encrypt(world: &World, operation: &str, key: &str) -> Answer {
    let input = json!({"StreamName": "s", "EncryptionType": "KMS", "KeyId": key});
    let answer = world.call(operation, input).await;
    world.clock.advance(TRANSITION);
    answer
}

fn arn() -> String {
    format!("arn:aws:kinesis:{REGION}:123456789012:stream/s")
}

/// The data of a record that takes so many bytes with its partition key of one.
fn bytes(of_record: u64) -> usize {
    usize::try_from(of_record).unwrap() - 1
}
