//! States of a stream, by the clock.

use serde_json::json;

use crate::harness::{TRANSITION, World};

const HALF: &str = "170141183460469231731687303715884105728";

#[tokio::test]
async fn creating_active_updating_deleting_gone() {
    let world = World::new("lifecycle").await;
    let named = json!({"StreamName": "s"});
    world.call("CreateStream", json!({"StreamName": "s", "ShardCount": 1})).await.ok();
    let creating = world.call("DescribeStream", named.clone()).await.ok();
    assert_eq!(creating["StreamDescription"]["StreamStatus"], "CREATING");
    assert_eq!(creating["StreamDescription"]["Shards"], json!([]));
    let early = world.try_put("s", b"x").await;
    early.assert_error(400, "ResourceNotFoundException", "Stream s under account 123456789012 not found.");

    world.clock.advance(TRANSITION);
    let active = world.call("DescribeStream", named.clone()).await.ok();
    assert_eq!(active["StreamDescription"]["StreamStatus"], "ACTIVE");
    assert_eq!(active["StreamDescription"]["Shards"].as_array().unwrap().len(), 1);
    world.put("s", b"before").await;

    let split =
        json!({"StreamName": "s", "ShardToSplit": "shardId-000000000000", "NewStartingHashKey": HALF});
    world.call("SplitShard", split).await.ok();
    assert_eq!(world.status("s").await, "UPDATING");
    let merge = json!({"StreamName": "s", "ShardToMerge": "1", "AdjacentShardToMerge": "2"});
    world.call("MergeShards", merge.clone()).await.assert_error(
        400,
        "ResourceInUseException",
        "Stream s under account 123456789012 not ACTIVE, instead in state UPDATING",
    );
    world.put("s", b"while updating").await;

    world.clock.advance(TRANSITION);
    assert_eq!(world.status("s").await, "ACTIVE");
    world.call("MergeShards", merge).await.ok();
    world.clock.advance(TRANSITION);

    world.call("DeleteStream", named.clone()).await.ok();
    assert_eq!(world.status("s").await, "DELETING");
    world.call("DeleteStream", named.clone()).await.assert_error(
        400,
        "ResourceInUseException",
        "Stream s under account 123456789012 not ACTIVE, instead in state DELETING",
    );
    world.clock.advance(TRANSITION);
    world.call("DescribeStreamSummary", named).await.assert_error(
        400,
        "ResourceNotFoundException",
        "Stream s under account 123456789012 not found.",
    );
    let listed = world.call("ListStreams", json!({})).await.ok();
    assert_eq!(listed["StreamNames"], json!([]));
    world.create("s", 1).await;
    assert!(world.read("s", 0).await.is_empty(), "a new stream of an old name is empty");
}

#[tokio::test]
async fn a_transition_goes_on_after_a_power_failure() {
    let mut world = World::new("lifecycle-restart").await;
    world.create("updating", 1).await;
    world.create("deleting", 1).await;
    world.put("deleting", b"x").await;
    world.call("CreateStream", json!({"StreamName": "creating", "ShardCount": 2})).await.ok();
    let split = json!({"StreamName": "updating", "ShardToSplit": "0", "NewStartingHashKey": HALF});
    world.call("SplitShard", split).await.ok();
    world.call("DeleteStream", json!({"StreamName": "deleting"})).await.ok();
    world.cut_power().await;
    world.start().await.unwrap();
    assert_eq!(world.status("creating").await, "CREATING");
    assert_eq!(world.status("updating").await, "UPDATING");
    assert_eq!(world.status("deleting").await, "DELETING");
    world.clock.advance(TRANSITION);
    assert_eq!(world.status("creating").await, "ACTIVE");
    assert_eq!(world.status("updating").await, "ACTIVE");
    let listed = world.call("ListStreams", json!({})).await.ok();
    assert_eq!(listed["StreamNames"], json!(["creating", "updating"]));
    world.put("creating", b"x").await;
    world.put("updating", b"x").await;
}
