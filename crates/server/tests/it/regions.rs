//! Several regions on one server, and the one that a data directory is at home in.

use headwater_host::disk::Faults;
use headwater_store::{Expected, MetaStore};
use serde_json::{Value, json};

use crate::harness::{TRANSITION, World, base64, put_input};
use crate::http::{Answer, call_for};

const HOME: &str = "server/home-region";

async fn call(world: &World, region: &str, operation: &str, input: Value) -> Answer {
    call_for(world.server().address(), region, operation, &input).await
}

async fn create(world: &World, region: &str, name: &str) {
    call(world, region, "CreateStream", json!({"StreamName": name, "ShardCount": 1})).await.ok();
    world.clock.advance(TRANSITION);
}

async fn names(world: &World, region: &str) -> Value {
    call(world, region, "ListStreams", json!({})).await.ok()["StreamNames"].clone()
}

async fn iterator(world: &World, region: &str) -> Value {
    let input = json!({"StreamName": "s", "ShardId": "0", "ShardIteratorType": "TRIM_HORIZON"});
    call(world, region, "GetShardIterator", input).await.ok()["ShardIterator"].clone()
}

async fn data(world: &World, region: &str) -> Vec<String> {
    let input = json!({"ShardIterator": iterator(world, region).await});
    let records = call(world, region, "GetRecords", input).await.ok();
    let data = |record: &Value| record["Data"].as_str().unwrap().to_owned();
    records["Records"].as_array().unwrap().iter().map(data).collect()
}

async fn restart(world: &mut World, regions: &str) {
    world.stop().await;
    world.settings.regions = regions.parse().unwrap();
    world.start().await.unwrap();
}

fn arn(region: &str) -> String {
    format!("arn:aws:kinesis:{region}:123456789012:stream/s")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_apart_whatever_the_order_of_the_setting() {
    let (first, second) = ("us-west-2", "eu-west-1");
    let mut world =
        World::with("regions-apart", |settings| settings.regions = "us-west-2,eu-west-1".parse().unwrap())
            .await;
    for region in [first, second] {
        create(&world, region, "s").await;
        let input = put_input("s", region.as_bytes());
        call(&world, region, "PutRecord", input).await.ok();
    }
    create(&world, second, "only-there").await;
    for regions in ["us-west-2,eu-west-1", "eu-west-1,us-west-2", "any"] {
        restart(&mut world, regions).await;
        assert_eq!(names(&world, first).await, json!(["s"]), "{regions}");
        assert_eq!(names(&world, second).await, json!(["only-there", "s"]), "{regions}");
        for region in [first, second] {
            assert_eq!(data(&world, region).await, [base64(region.as_bytes())]);
            let input = json!({"StreamARN": arn(region)});
            let summary = call(&world, region, "DescribeStreamSummary", input).await.ok();
            assert_eq!(summary["StreamDescriptionSummary"]["StreamARN"], arn(region));
        }
    }
    assert_eq!(names(&world, "ap-south-1").await, json!([]));
    let refused = call(&world, first, "DescribeStreamSummary", json!({"StreamARN": arn(second)})).await;
    refused.assert_error(
        400,
        "InvalidArgumentException",
        &format!("{} is in region {second}, and this endpoint serves {first}.", arn(second)),
    );
    let input = json!({"ShardIterator": iterator(&world, first).await});
    let refused = call(&world, second, "GetRecords", input).await;
    assert_eq!(refused.error().1, "InvalidArgumentException", "{}", refused.text);

    call(&world, second, "DeleteStream", json!({"StreamName": "s"})).await.ok();
    world.clock.advance(TRANSITION);
    assert_eq!(names(&world, first).await, json!(["s"]));
    let metrics = world.get("/metrics").await.text;
    let series = |region: &str| {
        let labels = format!("{{account=\"123456789012\",region=\"{region}\",stream=\"s\"}}");
        metrics.contains(&format!("headwater_stream_open_shards{labels} 1"))
    };
    assert!(series(first), "{metrics}");
    for (query, status) in
        [("", 404), ("&region=us-west-2", 200), ("&region=eu-west-1", 404), ("&region=X", 400)]
    {
        let answer = world.get(&format!("/metrics/shards?stream=s{query}")).await;
        assert_eq!(answer.status, status, "{query}: {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_belongs_to_the_region_that_it_was_written_for() {
    let mut world =
        World::with("regions-home", |settings| settings.regions = "us-west-2".parse().unwrap()).await;
    create(&world, "us-west-2", "s").await;
    restart(&mut world, "us-east-1").await;
    assert_eq!(names(&world, "us-east-1").await, json!([]));
    assert_eq!(world.logged("a region that is not served has streams or tables").len(), 1);
    create(&world, "us-east-1", "s").await;
    restart(&mut world, "us-east-1,us-west-2").await;
    for region in ["us-east-1", "us-west-2"] {
        assert_eq!(names(&world, region).await, json!(["s"]));
    }
    let stored = world.server().store().get(HOME).await.unwrap().unwrap();
    assert_eq!(stored.value.as_ref(), b"us-west-2");
}

/// As one that was written before there were regions: the key is not there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_without_a_region_belongs_to_the_first_of_the_setting() {
    let mut world = World::new("regions-before").await;
    create(&world, "us-east-1", "s").await;
    let store = world.server().store().clone();
    let stored = store.get(HOME).await.unwrap().unwrap();
    assert_eq!(stored.value.as_ref(), b"us-east-1");
    store.delete(HOME, stored.version).await.unwrap();
    drop(store);
    restart(&mut world, "eu-west-1,us-east-1").await;
    assert_eq!(names(&world, "eu-west-1").await, json!(["s"]));
    assert_eq!(names(&world, "us-east-1").await, json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_without_a_region_is_opened_on_a_full_disk() {
    let mut world = World::new("regions-full").await;
    create(&world, "us-east-1", "s").await;
    let store = world.server().store().clone();
    let stored = store.get(HOME).await.unwrap().unwrap();
    store.delete(HOME, stored.version).await.unwrap();
    drop(store);
    world.stop().await;
    world.disk.set_faults(Faults { capacity_bytes: Some(0), ..Faults::default() });
    world.start().await.unwrap();
    assert_eq!(names(&world, "us-east-1").await, json!(["s"]));
    world.disk.set_faults(Faults::default());
    restart(&mut world, "us-east-1,us-west-2").await;
    assert_eq!(names(&world, "us-east-1").await, json!(["s"]));
    assert!(world.server().store().get(HOME).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_region_that_cannot_be_read_stops_the_start() {
    let mut world = World::new("regions-damaged").await;
    let store = world.server().store().clone();
    let stored = store.get(HOME).await.unwrap().unwrap();
    let wrong = bytes::Bytes::from_static(b"No Region");
    store.put(HOME, wrong, Expected::Version(stored.version)).await.unwrap();
    drop(store);
    world.stop().await;
    let error = world.start().await.unwrap_err().to_string();
    assert!(error.contains("server/home-region names no region"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_regions_than_the_only_one_are_served_as_that_to_anybody() {
    let world = World::new("regions-one").await;
    create(&world, "eu-west-1", "s").await;
    for region in ["us-east-1", "eu-west-1", "no region"] {
        assert_eq!(names(&world, region).await, json!(["s"]));
    }
    let refused =
        call(&world, "eu-west-1", "DescribeStreamSummary", json!({"StreamARN": arn("eu-west-1")})).await;
    assert!(refused.text.contains("is in region eu-west-1, and this endpoint serves us-east-1."));
}
