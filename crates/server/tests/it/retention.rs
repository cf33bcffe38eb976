//! Records vanish when their time has come, and their space comes back.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;

use crate::harness::{HOUR, TRANSITION, World, base64, eventually};

async fn put_much(world: &World, stream: &str) {
    let data = base64(&[b'x'; 50_000]);
    for _ in 0..5 {
        let records: Vec<_> = (0..8).map(|i| json!({"Data": data, "PartitionKey": format!("{i}")})).collect();
        let answer = world.call("PutRecords", json!({"StreamName": stream, "Records": records})).await.ok();
        assert_eq!(answer["FailedRecordCount"], 0);
        world.wait_a_little();
    }
}

fn segment_bytes(world: &World) -> u64 {
    world.disk.used_bytes(&world.settings.data_dir.join("seg"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expired_records_vanish_and_their_space_is_given_back() {
    let world = World::new("retention").await;
    world.create("short", 2).await;
    world.create("long", 1).await;
    let longer = json!({"StreamName": "long", "RetentionPeriodHours": 48});
    world.call("IncreaseStreamRetentionPeriod", longer).await.ok();
    world.clock.advance(TRANSITION);
    put_much(&world, "short").await;
    world.put("long", b"kept").await;
    world.make_segment("short").await;
    let full = segment_bytes(&world);
    assert!(full > 1_900_000, "{full}");

    world.clock.advance(23 * HOUR);
    assert!(!world.read("short", 0).await.is_empty(), "kept for 24 hours");
    world.clock.advance(2 * HOUR);
    assert!(world.read("short", 0).await.is_empty(), "hidden at once");
    assert!(world.read("short", 1).await.is_empty(), "hidden at once");
    assert_eq!(world.read("long", 0).await[0].data, b"kept");

    eventually("the space is given back", async || {
        // Upkeep comes every 15 seconds of the clock that stands still.
        world.clock.advance(Duration::from_secs(15));
        segment_bytes(&world) < full / 10
    })
    .await;
    assert!(world.server().store().stats().segment_bytes.load(Ordering::Relaxed) <= full);
    assert_eq!(world.read("long", 0).await[0].data, b"kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_stream_gives_its_space_back() {
    let world = World::new("delete-space").await;
    world.create("gone", 2).await;
    world.create("stays", 1).await;
    put_much(&world, "gone").await;
    world.put("stays", b"kept").await;
    world.make_segment("gone").await;
    let full = segment_bytes(&world);
    world.call("DeleteStream", json!({"StreamName": "gone"})).await.ok();
    world.clock.advance(TRANSITION);
    eventually("the space is given back", async || segment_bytes(&world) < full / 10).await;
    assert_eq!(world.read("stays", 0).await[0].data, b"kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_had_expired_does_not_come_back_with_a_longer_retention_or_a_restart() {
    let mut world = World::new("retention-restart").await;
    world.create("s", 1).await;
    world.put("s", b"old").await;
    world.clock.advance(25 * HOUR);
    world.put("s", b"new").await;
    let longer = json!({"StreamName": "s", "RetentionPeriodHours": 8760});
    world.call("IncreaseStreamRetentionPeriod", longer).await.ok();
    for _ in 0..2 {
        let found: Vec<_> = world.read("s", 0).await.into_iter().map(|got| got.data).collect();
        assert_eq!(found, [b"new"]);
        world.cut_power().await;
        world.start().await.unwrap();
    }
}
