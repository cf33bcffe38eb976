//! Section 8, cases 56 and 69: tokens live for 300 seconds.

use std::time::Duration;

use serde_json::json;

use crate::harness::World;
use crate::http::CODECS;

#[tokio::test]
async fn case_56_an_iterator_expires_after_300_seconds() {
    let world = World::new("case-56").await;
    world.create("s", 1).await;
    let iterator = world.iterator("s", 0).await;
    let read = json!({"ShardIterator": iterator});
    world.clock.advance(Duration::from_secs(300));
    for codec in CODECS {
        world.call_in(codec, "GetRecords", read.clone()).await.ok();
    }
    world.clock.advance(Duration::from_millis(1));
    for codec in CODECS {
        world.call_in(codec, "GetRecords", read.clone()).await.assert_error(
            400,
            "ExpiredIteratorException",
            "Iterator expired. The iterator was created at time Tue Nov 14 22:13:20 UTC 2023 while right now it is \
             Tue Nov 14 22:18:20 UTC 2023 which is further in the future than the tolerated delay of 300000 \
             milliseconds.",
        );
    }
}

#[tokio::test]
async fn case_56_each_read_gives_an_iterator_with_a_life_of_its_own() {
    let world = World::new("case-56-next").await;
    world.create("s", 1).await;
    let mut iterator = json!(world.iterator("s", 0).await);
    for _ in 0..5 {
        world.clock.advance(Duration::from_secs(299));
        let read = world.call("GetRecords", json!({"ShardIterator": iterator})).await.ok();
        iterator = read["NextShardIterator"].clone();
    }
}

#[tokio::test]
async fn case_69_a_list_shards_token_expires_after_300_seconds() {
    let world = World::new("case-69").await;
    world.create("s", 3).await;
    let page = world.call("ListShards", json!({"StreamName": "s", "MaxResults": 1})).await.ok();
    let next = json!({"NextToken": page["NextToken"]});
    world.clock.advance(Duration::from_secs(300));
    for codec in CODECS {
        let page = world.call_in(codec, "ListShards", next.clone()).await.ok();
        assert_eq!(page["Shards"].as_array().unwrap().len(), 2);
    }
    world.clock.advance(Duration::from_millis(1));
    for codec in CODECS {
        world.call_in(codec, "ListShards", next.clone()).await.assert_error(
            400,
            "ExpiredNextTokenException",
            "The pagination token passed to the operation is expired.",
        );
    }
}

#[tokio::test]
async fn tokens_outlive_the_server_that_made_them() {
    let mut world = World::new("tokens-restart").await;
    world.create("s", 2).await;
    world.put("s", b"x").await;
    // Where the hash of the key is.
    let read = json!({"ShardIterator": world.iterator("s", 1).await});
    let page = world.call("ListShards", json!({"StreamName": "s", "MaxResults": 1})).await.ok();
    world.cut_power().await;
    world.start().await.unwrap();
    let found = world.call("GetRecords", read).await.ok();
    assert_eq!(found["Records"].as_array().unwrap().len(), 1);
    world.call("ListShards", json!({"NextToken": page["NextToken"]})).await.ok();
}
