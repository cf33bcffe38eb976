//! Tables when the disk fails, the power does, or what is stored is not what was written.

use headwater_host::disk::Faults;
use headwater_store::{Expected, MetaStore};
use serde_json::{Value, json};

use crate::harness::{TRANSITION, World};
use crate::http::{Answer, call_tables};

async fn call(world: &World, operation: &str, input: Value) -> Answer {
    call_tables(world.server().address(), operation, &input).await
}

async fn create(world: &World) {
    let input = json!({
        "TableName": "leases",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "leaseKey", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "leaseKey", "KeyType": "HASH"}],
    });
    call(world, "CreateTable", input).await.ok();
    world.clock.advance(TRANSITION);
}

async fn put(world: &World, key: &str) -> Answer {
    let item = json!({"leaseKey": {"S": key}, "mark": {"S": format!("<<<{key}>>>")}});
    call(world, "PutItem", json!({"TableName": "leases", "Item": item})).await
}

async fn keys(world: &World) -> Vec<String> {
    let found = call(world, "Scan", json!({"TableName": "leases"})).await.ok();
    let mut keys: Vec<_> = found["Items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["leaseKey"]["S"].as_str().unwrap().to_owned())
        .collect();
    keys.sort();
    keys
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_items_outlive_the_power() {
    let mut world = World::new("tables-power").await;
    create(&world).await;
    for key in ["a", "b", "c"] {
        put(&world, key).await.ok();
    }
    world.cut_power().await;
    world.start().await.unwrap();
    assert_eq!(keys(&world).await, ["a", "b", "c"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_fsync_stops_writes_and_not_reads() {
    let mut world = World::new("tables-fsync").await;
    create(&world).await;
    put(&world, "kept").await.ok();
    world.disk.set_faults(Faults { fail_sync_at: Some(0), ..Faults::default() });
    assert_eq!(put(&world, "in doubt").await.status, 500);
    world.disk.set_faults(Faults::default());
    assert_eq!(put(&world, "refused").await.status, 500, "nobody knows what the disk holds");
    assert_eq!(keys(&world).await, ["kept"], "what is in doubt is not shown");
    world.cut_power().await;
    world.start().await.unwrap();
    let found = keys(&world).await;
    assert!(found == ["kept"] || found == ["in doubt", "kept"], "{found:?}");
    put(&world, "accepted").await.ok();
}

/// Streams are served, and what is asked of tables is refused, not answered as if there were none.
async fn assert_tables_only_are_refused(world: &World) {
    for (operation, input) in [
        ("ListTables", json!({})),
        ("DescribeTable", json!({"TableName": "leases"})),
        ("Scan", json!({"TableName": "leases"})),
    ] {
        let answer = call(world, operation, input).await;
        let (status, kind, _) = answer.error();
        assert_eq!(status, 500, "{operation}: {}", answer.text);
        assert_eq!(kind, "com.amazonaws.dynamodb.v20120810#InternalServerError", "{operation}");
    }
    assert_eq!(put(world, "more").await.status, 500);
    world.put("orders", b"a stream goes on").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_that_cannot_be_read_are_no_reason_not_to_serve_streams() {
    let mut world = World::new("tables-root").await;
    world.create("orders", 1).await;
    create(&world).await;
    let store = world.server().store().clone();
    let root = store.get("tables/root").await.unwrap().expect("the root of the tables");
    store.put("tables/root", "nonsense".into(), Expected::Version(root.version)).await.unwrap();
    drop(store);
    world.stop().await;
    world.start().await.unwrap();
    assert_tables_only_are_refused(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_bit_is_never_served() {
    let mut world = World::new("tables-bit").await;
    world.create("orders", 1).await;
    create(&world).await;
    for key in ["first", "second", "third"] {
        put(&world, key).await.ok();
    }
    world.stop().await;
    let (path, at) = world.find_bytes("journal", "", b"<<<second>>>");
    world.damage(&path, |bytes| bytes[at] ^= 0x10);
    world.start().await.unwrap();
    assert_tables_only_are_refused(&world).await;
}
