//! `--limits aws`: what is refused, in AWS's words, and that time brings it back.

use std::time::Duration;

use headwater_server::LimitsChoice;
use serde_json::{Value, json};

use crate::harness::{HOUR, TRANSITION, World, base64, put_input};
use crate::http::{Answer, CODECS};

const THROUGHPUT: &str = "ProvisionedThroughputExceededException";
const LIMIT: &str = "LimitExceededException";

async fn world(name: &str) -> World {
    World::with(name, |settings| settings.limits = LimitsChoice::Aws).await
}

fn many(stream: &str, count: usize, data: &[u8]) -> Value {
    let record = json!({"Data": base64(data), "PartitionKey": "k"});
    json!({"StreamName": stream, "Records": vec![record; count]})
}

fn stored(answer: Answer) -> usize {
    let body = answer.ok();
    let records = body["Records"].as_array().unwrap();
    let failed: Vec<_> = records.iter().filter(|record| !record["ErrorCode"].is_null()).collect();
    for record in &failed {
        assert_eq!(record["ErrorCode"], THROUGHPUT);
        let text = "Rate exceeded for shard shardId-000000000000 in stream s under account 123456789012.";
        assert_eq!(record["ErrorMessage"], text);
        assert!(record["SequenceNumber"].is_null() && record["ShardId"].is_null());
    }
    assert_eq!(body["FailedRecordCount"], failed.len());
    records.len() - failed.len()
}

#[tokio::test]
async fn a_thousand_records_a_second() {
    let world = world("throttle-records").await;
    world.create("s", 1).await;
    for codec in CODECS {
        assert_eq!(stored(world.call_in(codec, "PutRecords", many("s", 500, b"x")).await), 500);
    }
    for codec in CODECS {
        assert_eq!(stored(world.call_in(codec, "PutRecords", many("s", 500, b"x")).await), 0);
        let text = "Rate exceeded for shard shardId-000000000000 in stream s under account 123456789012.";
        world.call_in(codec, "PutRecord", put_input("s", b"x")).await.assert_error(400, THROUGHPUT, text);
    }
    world.clock.advance(Duration::from_millis(100));
    assert_eq!(stored(world.call("PutRecords", many("s", 500, b"x")).await), 100);
    world.clock.advance(Duration::from_secs(10));
    assert_eq!(
        stored(world.call("PutRecords", many("s", 500, b"x")).await),
        500,
        "a second's worth is saved"
    );
    let metrics = world.get("/metrics").await.text;
    let line =
        "headwater_throttled_writes_total{account=\"123456789012\",region=\"us-east-1\",stream=\"s\"} 1402";
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test]
async fn a_mebibyte_a_second_and_a_burst_for_larger_records() {
    let world = world("throttle-bytes").await;
    world.create("s", 1).await;
    assert_eq!(stored(world.call("PutRecords", many("s", 20, &vec![0; 128 * 1024 - 1])).await), 8);
    world.clock.advance(Duration::from_millis(500));
    assert_eq!(stored(world.call("PutRecords", many("s", 20, &vec![0; 128 * 1024 - 1])).await), 4);
    let larger =
        json!({"StreamARN": "arn:aws:kinesis:us-east-1:123456789012:stream/s", "MaxRecordSizeInKiB": 5120});
    world.call("UpdateMaxRecordSize", larger).await.ok();
    world.clock.advance(TRANSITION);
    // What the small ones took of the ten mebibytes has to come back first.
    world.clock.advance(Duration::from_secs(2));
    let five = vec![0; 5 << 20];
    world.put("s", &five[1..]).await;
    world.put("s", &five[1..]).await;
    assert_eq!(world.try_put("s", &five[1..]).await.error().1, THROUGHPUT);
    world.clock.advance(Duration::from_secs(5));
    world.put("s", &five[1..]).await;
}

#[tokio::test]
async fn five_reads_a_second() {
    let world = world("throttle-reads").await;
    world.create("s", 1).await;
    let read = json!({"ShardIterator": world.iterator("s", 0).await});
    for _ in 0..5 {
        world.call("GetRecords", read.clone()).await.ok();
    }
    let text = "Rate exceeded for Shard - 123456789012/s/shardId-000000000000";
    for codec in CODECS {
        world.call_in(codec, "GetRecords", read.clone()).await.assert_error(400, THROUGHPUT, text);
    }
    world.clock.advance(Duration::from_millis(200));
    world.call("GetRecords", read.clone()).await.ok();
    world.call("GetRecords", read).await.assert_error(400, THROUGHPUT, text);
}

#[tokio::test]
async fn two_megabytes_read_a_second() {
    let world = world("throttle-read-bytes").await;
    world.create("s", 1).await;
    for _ in 0..11 {
        world.put("s", &[0; 1_000_000]).await;
        world.clock.advance(Duration::from_secs(1));
    }
    let read = json!({"ShardIterator": world.iterator("s", 0).await});
    let first = world.call("GetRecords", read.clone()).await.ok();
    assert!(first["Records"].as_array().unwrap().len() >= 9);
    // 10 MB are followed by about five seconds without.
    world.clock.advance(Duration::from_secs(4));
    assert_eq!(world.call("GetRecords", read.clone()).await.error().1, THROUGHPUT);
    world.clock.advance(Duration::from_secs(2));
    world.call("GetRecords", read).await.ok();
}

#[tokio::test]
async fn five_iterators_a_second() {
    let world = world("throttle-iterators").await;
    world.create("s", 1).await;
    let input = json!({"StreamName": "s", "ShardId": "0", "ShardIteratorType": "LATEST"});
    for _ in 0..5 {
        world.call("GetShardIterator", input.clone()).await.ok();
    }
    assert_eq!(world.call("GetShardIterator", input.clone()).await.error().1, THROUGHPUT);
    world.clock.advance(Duration::from_millis(200));
    world.call("GetShardIterator", input).await.ok();
}

#[tokio::test]
async fn nothing_is_throttled_without_limits() {
    let world = World::new("throttle-off").await;
    world.create("s", 1).await;
    for _ in 0..5 {
        assert_eq!(stored(world.call("PutRecords", many("s", 500, b"x")).await), 500);
    }
    let read = json!({"ShardIterator": world.iterator("s", 0).await});
    for _ in 0..20 {
        world.call("GetRecords", read.clone()).await.ok();
    }
}

#[tokio::test]
async fn the_quota_of_shards() {
    let world = World::with("quota-shards", |settings| {
        settings.limits = LimitsChoice::Aws;
        settings.regions = "eu-north-1".parse().unwrap();
    })
    .await;
    world.create("s", 3).await;
    let text = |count: u32, more: u32| {
        format!(
            "This request would exceed the shard limit for the account 123456789012 in eu-north-1. Current shard count \
             for the account: {count}. Limit: 1000. Number of additional shards that would have resulted from this \
             request: {more}. Refer to the AWS Service Limits page \
             (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to \
             request higher limits."
        )
    };
    let over = world.call("CreateStream", json!({"StreamName": "t", "ShardCount": 998})).await;
    over.assert_error(400, LIMIT, &text(3, 998));
    world.create("t", 996).await;
    let grow = json!({"StreamName": "s", "TargetShardCount": 5, "ScalingType": "UNIFORM_SCALING"});
    world.call("UpdateShardCount", grow).await.assert_error(400, LIMIT, &text(999, 2));
}

#[tokio::test]
async fn five_streams_in_transition() {
    let world = World::with("quota-transition", |settings| {
        settings.limits = LimitsChoice::Aws;
        // AWS creates no more than five streams a second either.
        settings.limit_changes[0] = vec!["control-plane=off".parse().unwrap()];
    })
    .await;
    for i in 0..5 {
        world.call("CreateStream", json!({"StreamName": format!("s{i}"), "ShardCount": 1})).await.ok();
    }
    let sixth = json!({"StreamName": "s5", "ShardCount": 1});
    for codec in CODECS {
        world.call_in(codec, "CreateStream", sixth.clone()).await.assert_error(
            400,
            LIMIT,
            "This request would have exceed the limit on the number of streams that can simultaneously be in CREATING \
             or DELETING for the account 123456789012. Limit: 5.",
        );
    }
    world.clock.advance(TRANSITION);
    world.call("CreateStream", sixth).await.ok();
}

#[tokio::test]
async fn fifty_on_demand_streams() {
    let world = world("quota-on-demand").await;
    let create =
        |i: u32| json!({"StreamName": format!("s{i}"), "StreamModeDetails": {"StreamMode": "ON_DEMAND"}});
    for i in 0..50 {
        world.call("CreateStream", create(i)).await.ok();
        world.clock.advance(TRANSITION);
    }
    world.call("CreateStream", create(50)).await.assert_error(
        400,
        LIMIT,
        "This request would exceed the limit on the number of On-Demand streams for the account `123456789012` in \
         `us-east-1`. Current On-Demand streams count: 50. Limit: 50.",
    );
}

#[tokio::test]
async fn ten_resizes_and_two_mode_switches_a_day() {
    let world = world("quota-day").await;
    world.create("s", 2).await;
    let resize = |target: u32| json!({"StreamName": "s", "TargetShardCount": target, "ScalingType": "UNIFORM_SCALING"});
    for i in 0..10 {
        world.call("UpdateShardCount", resize(if i % 2 == 0 { 3 } else { 2 })).await.ok();
        world.clock.advance(TRANSITION);
    }
    let text = "UpdateShardCount for stream s under account 123456789012 is limited to 10 successful calls in a \
                rolling 24 hours.";
    world.call("UpdateShardCount", resize(3)).await.assert_error(400, LIMIT, text);

    let switch = |mode: &str| {
        let arn = "arn:aws:kinesis:us-east-1:123456789012:stream/s";
        json!({"StreamARN": arn, "StreamModeDetails": {"StreamMode": mode}})
    };
    for mode in ["ON_DEMAND", "PROVISIONED"] {
        world.call("UpdateStreamMode", switch(mode)).await.ok();
        world.clock.advance(TRANSITION);
    }
    let text = "UpdateStreamMode for stream s under account 123456789012 is limited to 2 successful calls in a \
                rolling 24 hours.";
    world.call("UpdateStreamMode", switch("ON_DEMAND")).await.assert_error(400, LIMIT, text);
    world.clock.advance(24 * HOUR);
    world.call("UpdateShardCount", resize(3)).await.ok();
    world.clock.advance(TRANSITION);
    world.call("UpdateStreamMode", switch("ON_DEMAND")).await.ok();
}
