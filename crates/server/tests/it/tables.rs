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
    create_named(world, "leases").await;
}

async fn create_named(world: &World, name: &str) {
    let input = json!({
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "leaseKey", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "leaseKey", "KeyType": "HASH"}],
    });
    call(world, "CreateTable", input).await.ok();
    world.clock.advance(TRANSITION);
}

async fn put(world: &World, key: &str) -> Answer {
    put_into(world, "leases", key).await
}

async fn put_into(world: &World, name: &str, key: &str) -> Answer {
    let item = json!({"leaseKey": {"S": key}, "mark": {"S": format!("<<<{key}>>>")}});
    call(world, "PutItem", json!({"TableName": name, "Item": item})).await
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
    world.disk.set_faults(Faults { fail_syncs_of: Some("/journal/".into()), ..Faults::default() });
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
    let health = world.get("/health").await;
    assert_eq!(health.status, 503);
    assert!(health.text.contains("no table can be used"), "{}", health.text);
    assert!(world.get("/metrics").await.text.contains("headwater_damaged_tables 1\n"));
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

/// Two tables, of which the first has an acknowledged item that is damaged in a file.
async fn prepare(world: &World) {
    world.create("orders", 1).await;
    create(world).await;
    create_named(world, "other").await;
    for key in ["first", "second", "third"] {
        put(world, key).await.ok();
    }
    // So that the log tells how many changes each table has had.
    for i in 0..20 {
        put_into(world, "other", &format!("key-{i}-{}", "x".repeat(100))).await.ok();
    }
}

async fn assert_only_the_touched_table_is_refused(world: &World) {
    let listed = call(world, "ListTables", json!({})).await.ok();
    assert_eq!(listed["TableNames"], json!(["leases", "other"]));
    call(world, "DescribeTable", json!({"TableName": "leases"})).await.ok();
    let other = call(world, "Scan", json!({"TableName": "other", "Select": "COUNT"})).await.ok();
    assert_eq!(other["Count"], 20);
    for answer in [
        call(world, "Scan", json!({"TableName": "leases"})).await,
        call(world, "GetItem", json!({"TableName": "leases", "Key": {"leaseKey": {"S": "first"}}})).await,
        put(world, "more").await,
    ] {
        let (status, kind, message) = answer.error();
        assert_eq!((status, kind.as_str()), (500, "com.amazonaws.dynamodb.v20120810#InternalServerError"));
        assert!(message.contains("Table leases has lost changes to damage"), "{message}");
        assert!(!message.contains(".log") && !message.contains(".seg"), "no paths: {message}");
    }
    let health = world.get("/health").await;
    assert_eq!(health.status, 200, "streams and other tables are served");
    assert!(health.text.contains("\"status\":\"impaired\""), "{}", health.text);
    assert!(
        health.text.contains("lost changes to damage and are not served: 1; served: 1"),
        "{}",
        health.text
    );
    assert!(health.text.contains("of the log of changes"), "the place: {}", health.text);
    assert!(!health.text.contains("leases") && !health.text.contains("tables-"), "no names: {}", health.text);
    assert!(world.get("/metrics").await.text.contains("headwater_damaged_tables 1\n"));
    world.put("orders", b"a stream goes on").await;
}

/// Damages the file that has the item, looks at what is served, and takes the way out.
async fn check_damage(world: &mut World, folder: &str) {
    world.stop().await;
    let (path, at) = world.find_bytes(folder, "", b"<<<second>>>");
    world.damage(&path, |bytes| bytes[at] ^= 0x10);
    for _ in 0..2 {
        world.start().await.unwrap();
        assert_only_the_touched_table_is_refused(world).await;
        assert!(!world.logged("tables are damaged").is_empty(), "the log says where");
        world.stop().await;
    }
    let dir = world.settings.data_dir.clone();
    for (accept, expected) in [(false, 1), (true, 1), (false, 0)] {
        let losses =
            headwater_server::repair_tables(&dir, world.host(), &Default::default(), accept).await.unwrap();
        assert_eq!(losses.tables.len(), expected, "accept {accept}");
        assert_eq!(losses.whole, 2 - expected);
    }
    world.start().await.unwrap();
    assert_eq!(keys(world).await, ["first", "third"], "what is left");
    put(world, "second").await.ok();
    assert!(world.get("/health").await.text.contains("\"status\":\"ok\""));
    assert!(world.get("/metrics").await.text.contains("headwater_damaged_tables 0\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_bit_in_a_journal_takes_only_the_table_that_it_touched() {
    let mut world = World::new("tables-bit-journal").await;
    prepare(&world).await;
    check_damage(&mut world, "journal").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_bit_in_a_segment_takes_only_the_table_that_it_touched() {
    let mut world = World::new("tables-bit-segment").await;
    // Far from one another, since a damaged frame hides those that are found through it.
    prepare(&world).await;
    world.make_segment("orders").await;
    for i in 0..20 {
        put_into(&world, "other", &format!("key-{i}-{}", "x".repeat(100))).await.ok();
    }
    put_into(&world, "other", &format!("key-{}-{}", 0, "x".repeat(100))).await.ok();
    check_damage(&mut world, "seg").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_bit_at_the_end_takes_all_tables_and_no_stream() {
    let mut world = World::new("tables-bit-end").await;
    world.create("orders", 1).await;
    create(&world).await;
    put(&world, "second").await.ok();
    // Nothing comes behind it in the log of the tables.
    world.cut_power().await;
    let (path, at) = world.find_bytes("journal", "", b"<<<second>>>");
    world.start().await.unwrap();
    world.put("orders", b"so that the end of the journal is elsewhere").await;
    world.cut_power().await;
    world.damage(&path, |bytes| bytes[at] ^= 0x10);
    world.start().await.unwrap();
    let listed = call(&world, "ListTables", json!({})).await.ok();
    assert_eq!(listed["TableNames"], json!(["leases"]));
    assert_eq!(put(&world, "more").await.status, 500);
    let missing = call(&world, "DescribeTable", json!({"TableName": "missing"})).await;
    assert_eq!(missing.status, 500, "there may have been one: {}", missing.text);
    assert!(world.get("/health").await.text.contains("others may be missing"));
    world.put("orders", b"a stream goes on").await;
}
