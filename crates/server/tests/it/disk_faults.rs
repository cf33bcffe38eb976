//! A disk that refuses to make things durable, and a disk that is full.

use std::time::Duration;

use headwater_host::disk::{Disk, Faults};
use serde_json::{Value, json};

use crate::harness::{Got, TRANSITION, World, base64, eventually, put_input};
use crate::http::{Answer, CODECS};

const INTERNAL: &str = "InternalFailureException";

fn entries(stream: &str, keys: &[&str]) -> Value {
    let records: Vec<_> = keys.iter().map(|key| json!({"Data": base64(b"x"), "PartitionKey": key})).collect();
    json!({"StreamName": stream, "Records": records})
}

fn assert_internal(answer: &Answer) {
    answer.assert_error(500, INTERNAL, "Internal service failure.");
}

fn data(got: &[Got]) -> Vec<&[u8]> {
    got.iter().map(|got| got.data.as_slice()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_fsync_stops_writes_until_the_restart() {
    let mut world = World::new("fsync").await;
    world.create("s", 3).await;
    let mut acknowledged = Vec::new();
    for i in 0..20 {
        let data = format!("record {i}").into_bytes();
        let number = world.put("s", &data).await;
        acknowledged.push(Got { number, data });
    }
    assert_eq!(world.get("/health").await.status, 200);

    world.disk.set_faults(Faults { fail_syncs_of: Some("/journal/".into()), ..Faults::default() });
    assert_internal(&world.try_put("s", b"in doubt").await);
    // The disk is well again, but nobody knows what it holds.
    world.disk.set_faults(Faults::default());
    for codec in CODECS {
        assert_internal(&world.call_in(codec, "PutRecord", put_input("s", b"refused")).await);
    }
    let several = world.call("PutRecords", entries("s", &["a", "b", "e"])).await.ok();
    assert_eq!(several["FailedRecordCount"], 3);
    for record in several["Records"].as_array().unwrap() {
        let expected = json!({"ErrorCode": "InternalFailure", "ErrorMessage": "Internal service failure."});
        assert_eq!(*record, expected);
    }
    assert_internal(&world.call("CreateStream", json!({"StreamName": "t", "ShardCount": 1})).await);
    let split = json!({"StreamName": "s", "ShardToSplit": "0", "NewStartingHashKey": "5"});
    assert_internal(&world.call("SplitShard", split).await);
    assert_internal(&world.call("DeleteStream", json!({"StreamName": "s"})).await);

    let health = world.get("/health").await;
    assert_eq!(health.status, 503);
    assert!(health.text.contains("writes have stopped"), "{}", health.text);
    assert!(world.get("/metrics").await.text.contains("headwater_open_shards 3"));
    let log = world.logged("the store accepts no more writes");
    assert_eq!(log.len(), 1, "said once: {log:?}");
    assert!(log[0].contains("fdatasync of /fsync/journal/"), "{log:?}");
    assert!(log[0].contains("simulated sync error"), "{log:?}");

    assert_eq!(world.read("s", 1).await, acknowledged, "reads go on, and what is in doubt is not shown");
    assert_eq!(world.status("s").await, "ACTIVE", "what was refused has not happened");

    world.cut_power().await;
    world.start().await.unwrap();
    assert_eq!(world.get("/health").await.status, 200);
    let after = world.read("s", 1).await;
    assert_eq!(after[..acknowledged.len()], acknowledged);
    let rest = data(&after[acknowledged.len()..]);
    assert!(rest.is_empty() || rest == [b"in doubt"], "{rest:?}");
    world.put("s", b"accepted").await;
    assert_eq!(world.read("s", 1).await.last().unwrap().data, b"accepted");
}

/// The same with the process restarted on a machine that runs on: the page cache shows what the device does
/// not have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_fsync_and_a_restart_of_the_process_alone() {
    let mut world = World::new("fsync-process").await;
    world.create("s", 1).await;
    let first = world.put("s", b"acknowledged").await;
    world.disk.set_faults(Faults { fail_syncs_of: Some("/journal/".into()), ..Faults::default() });
    assert_internal(&world.try_put("s", b"in doubt").await);
    world.disk.set_faults(Faults::default());
    world.stop().await;
    world.start().await.unwrap();
    let found = world.read("s", 0).await;
    assert_eq!(found[0], Got { number: first, data: b"acknowledged".to_vec() });
    let shown = found.len();
    world.put("s", b"later").await;
    // What the restart found is durable now.
    world.cut_power().await;
    world.start().await.unwrap();
    let again = world.read("s", 0).await;
    assert_eq!(again[..shown], found);
    assert_eq!(again.last().unwrap().data, b"later");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_fails_stops_writes_too() {
    let mut world = World::new("write").await;
    world.create("s", 1).await;
    world.put("s", b"acknowledged").await;
    let journal = Some("/write/journal/".to_owned());
    world.disk.set_faults(Faults { fail_writes_of: journal, ..Faults::default() });
    assert_internal(&world.try_put("s", b"refused").await);
    world.disk.set_faults(Faults::default());
    assert_internal(&world.try_put("s", b"refused").await);
    assert_eq!(world.get("/health").await.status, 503);
    let metrics = world.get("/metrics").await.text;
    assert!(metrics.contains("headwater_writes_stopped 1\n"), "{metrics}");
    assert!(world.logged("the store accepts no more writes")[0].contains("write of /write/journal/"));
    assert_eq!(data(&world.read("s", 0).await), [b"acknowledged"]);
    world.cut_power().await;
    world.start().await.unwrap();
    assert_eq!(data(&world.read("s", 0).await), [b"acknowledged"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_that_fail_are_an_error_and_no_more() {
    let world = World::new("read").await;
    world.create("s", 1).await;
    world.put("s", b"x").await;
    world.disk.set_faults(Faults { fail_reads_of: Some("/read/journal/".into()), ..Faults::default() });
    let (found, error) = world.try_read("s", 0).await;
    assert!(found.is_empty());
    assert_internal(&error.unwrap());
    assert!(!world.logged("simulated read error").is_empty());
    world.put("s", b"writes go on").await;
    world.disk.set_faults(Faults::default());
    assert_eq!(data(&world.read("s", 0).await), [b"x".as_slice(), b"writes go on"]);
    assert_eq!(world.get("/health").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_and_keeps_serving_reads() {
    let mut world = World::new("full").await;
    world.create("s", 1).await;
    let used = || world.disk.used_bytes("/full".as_ref());
    let mut acknowledged = Vec::new();
    world.disk.set_faults(Faults { capacity_bytes: Some(used() + (1 << 20)), ..Faults::default() });
    let refused = loop {
        let data = format!("{:0>40000}", acknowledged.len()).into_bytes();
        let answer = world.try_put("s", &data).await;
        if answer.status != 200 {
            break answer;
        }
        let number = answer.body["SequenceNumber"].as_str().unwrap().to_owned();
        acknowledged.push(Got { number, data });
        assert!(acknowledged.len() < 200, "the disk never gets full");
        world.wait_a_little();
    };
    let text = "The disk of the server is full: writes are refused until there is space.";
    refused.assert_error(503, "ServiceUnavailable", text);
    for codec in CODECS {
        let again = world.call_in(codec, "PutRecord", put_input("s", &[b'x'; 40_000])).await;
        again.assert_error(503, "ServiceUnavailable", text);
    }
    assert_eq!(world.get("/health").await.status, 200, "the disk is full, not broken");
    assert_eq!(world.read("s", 0).await, acknowledged);

    world.disk.set_faults(Faults::default());
    // The store looks every second of real time.
    eventually("writes resume", async || world.try_put("s", b"resumed").await.status == 200).await;
    let found = world.read("s", 0).await;
    assert_eq!(found[..acknowledged.len()], acknowledged);
    assert_eq!(found.last().unwrap().data, b"resumed");

    world.cut_power().await;
    world.start().await.unwrap();
    assert_eq!(world.read("s", 0).await, found);
}

/// Deleting is how people make room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_can_be_deleted_and_retention_shortened_on_a_full_disk() {
    let world = World::new("full-delete").await;
    world.create("s", 1).await;
    world.create("victim", 1).await;
    let longer = json!({"StreamName": "s", "RetentionPeriodHours": 48});
    world.call("IncreaseStreamRetentionPeriod", longer).await.ok();
    world.clock.advance(TRANSITION);
    fill(&world, 100_000);
    eventually("the disk is found to be full", async || world.try_put("s", b"x").await.status == 503).await;
    let shorter = json!({"StreamName": "s", "RetentionPeriodHours": 24});
    world.call("DecreaseStreamRetentionPeriod", shorter).await.ok();
    world.call("DeleteStream", json!({"StreamName": "victim"})).await.ok();
    world.clock.advance(TRANSITION);
    eventually("the stream is gone", async || {
        let listed = world.call("ListStreams", json!({})).await.ok();
        listed["StreamNames"] == json!(["s"])
    })
    .await;
}

/// Somebody else fills the disk: so many bytes are left, which is less than the server wants to be free.
fn fill(world: &World, left_bytes: u64) {
    let file = world.disk.create("/filler".as_ref()).unwrap();
    file.set_len(16 << 20).unwrap();
    file.sync_data().unwrap();
    let capacity_bytes = Some(world.disk.used_bytes("".as_ref()) + left_bytes);
    world.disk.set_faults(Faults { capacity_bytes, ..Faults::default() });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_starts_and_serves_reads_on_a_full_disk() {
    let mut world = World::new("full-start").await;
    world.create("s", 1).await;
    for _ in 0..20 {
        world.put("s", &[b'x'; 10_000]).await;
    }
    world.stop().await;
    let used = world.disk.used_bytes("/full-start".as_ref());
    world.disk.set_faults(Faults { capacity_bytes: Some(used + 100), ..Faults::default() });
    world.start().await.unwrap();
    assert_eq!(world.read("s", 0).await.len(), 20);
    let refused = world.try_put("s", &[b'x'; 300_000]).await;
    assert_eq!(refused.error().0, 503, "{}", refused.text);
    world.disk.set_faults(Faults::default());
    eventually("writes resume", async || world.try_put("s", b"resumed").await.status == 200).await;
}

/// The power fails in the middle of whatever the disk is doing, under writers that remember what they were
/// told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_power_fails_under_writers() {
    let mut world = World::new("power").await;
    world.create("s", 2).await;
    let mut acknowledged: Vec<Got> = Vec::new();
    let mut sent: Vec<Vec<u8>> = Vec::new();
    for round in 0..20u64 {
        world.disk.set_faults(Faults { halt_at: Some(round * 7 % 60), ..Faults::default() });
        for i in 0..60 {
            let data = format!("{round}/{i}").into_bytes();
            sent.push(data.clone());
            let answer = world.try_put("s", &data).await;
            if answer.status != 200 {
                assert_internal(&answer);
                break;
            }
            let number = answer.body["SequenceNumber"].as_str().unwrap().to_owned();
            acknowledged.push(Got { number, data });
        }
        world.cut_power().await;
        world.start().await.unwrap();
        let found = world.read("s", 1).await;
        let missing: Vec<_> = acknowledged.iter().filter(|got| !found.contains(got)).collect();
        assert!(missing.is_empty(), "round {round}: {missing:?}");
        let mut at = sent.iter();
        for got in &found {
            assert!(at.any(|data| *data == got.data), "round {round}: {got:?} twice, or not in order");
        }
        world.clock.advance(Duration::from_secs(1));
    }
}

/// A reshard that was cut short cannot be finished where nothing can be written. That keeps nobody from reading.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reshard_cut_short_and_a_disk_that_cannot_be_written() {
    let mut unfinished = 0;
    for step in 0..12 {
        let name = format!("reshard-{step}");
        let mut world = World::new(&name).await;
        world.create("s", 1).await;
        let number = world.put("s", b"x").await;
        world.disk.set_faults(Faults { halt_at: Some(step), ..Faults::default() });
        let split = json!({"StreamName": "s", "ShardToSplit": "0", "NewStartingHashKey": "5"});
        let acknowledged = world.call("SplitShard", split).await.status == 200;
        world.cut_power().await;
        let fail_writes_of = Some(format!("/{name}/journal/"));
        world.disk.set_faults(Faults { fail_writes_of, ..Faults::default() });
        world.start().await.unwrap_or_else(|error| panic!("step {step}: {error}"));
        assert_eq!(world.read("s", 0).await, [Got { number, data: b"x".to_vec() }], "step {step}");
        world.clock.advance(TRANSITION);
        if world.status("s").await == "UPDATING" {
            unfinished += 1;
            assert_eq!(world.get("/health").await.status, 503, "step {step}");
        }
        world.cut_power().await;
        world.start().await.unwrap();
        world.clock.advance(TRANSITION);
        assert_eq!(world.status("s").await, "ACTIVE", "step {step}");
        world.put("s", b"y").await;
        let shards = world.call("ListShards", json!({"StreamName": "s"})).await.ok();
        let count = shards["Shards"].as_array().unwrap().len();
        assert!(count == 3 || (count == 1 && !acknowledged), "step {step}: {count} shards");
    }
    assert!(unfinished > 0, "no step left a reshard to be finished");
}
