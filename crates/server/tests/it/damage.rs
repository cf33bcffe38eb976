//! Bytes that are not what was written: never served as data, always said where.

use std::path::Path;
use std::time::Duration;

use headwater_host::disk::Faults;
use headwater_host::{Random, SeededRandom};
use serde_json::json;

use crate::harness::{Got, World, eventually};

/// A payload that can be found in a file.
fn marked(what: &str) -> Vec<u8> {
    format!("<<<{what}>>>{}", "-".repeat(500)).into_bytes()
}

fn data(got: &[Got]) -> Vec<&[u8]> {
    got.iter().map(|got| got.data.as_slice()).collect()
}

fn flip(world: &World, path: &Path, at: usize) {
    world.damage(path, |bytes| bytes[at] ^= 0x10);
}

/// Two streams, three records each, and one in the middle of the first is damaged.
async fn prepare(world: &World) {
    world.create("hurt", 1).await;
    world.create("well", 1).await;
    for name in ["one", "two", "three"] {
        world.put("hurt", &marked(&format!("hurt {name}"))).await;
        world.put("well", &marked(&format!("well {name}"))).await;
    }
}

/// Checks that records before the damage are served, the damage is an error that names file and offset, and other
/// streams notice nothing.
async fn check_damage(world: &World, path: &Path) {
    let (found, error) = world.try_read("hurt", 0).await;
    let shown: Vec<_> =
        found.iter().map(|got| String::from_utf8_lossy(&got.data[..20.min(got.data.len())])).collect();
    assert!(shown.is_empty() || (shown.len() == 1 && found[0].data == marked("hurt one")), "{shown:?}");
    let error = error.expect("damaged records are an error");
    error.assert_error(500, "InternalFailureException", "Internal service failure.");
    let logged = world.logged("stored data is corrupt");
    let named = format!("{} at offset ", path.display());
    assert!(logged.iter().any(|line| line.contains(&named)), "{named}: {logged:?}");
    assert_eq!(
        &data(&world.read("well", 0).await)[..3],
        [marked("well one"), marked("well two"), marked("well three")]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_byte_in_a_journal() {
    let mut world = World::new("flip-journal").await;
    prepare(&world).await;
    let (path, at) = world.find_bytes("journal", ".log", b"hurt two");
    flip(&world, &path, at);
    check_damage(&world, &path).await;
    world.put("hurt", b"writes go on").await;
    // It stays damaged, and findable, over a restart.
    world.cut_power().await;
    world.start().await.unwrap();
    check_damage(&world, &path).await;
    let after = json!({"StreamName": "hurt", "ShardId": "0", "ShardIteratorType": "LATEST"});
    let latest = world.call("GetShardIterator", after).await.ok();
    world.put("hurt", b"after").await;
    let read = world.call("GetRecords", json!({"ShardIterator": latest["ShardIterator"]})).await.ok();
    assert_eq!(read["Records"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_byte_in_a_journal_is_still_told_when_it_has_become_a_segment() {
    let mut world = World::new("flip-clustered").await;
    prepare(&world).await;
    let (journal, at) = world.find_bytes("journal", ".log", b"hurt two");
    flip(&world, &journal, at);
    world.make_segment("well").await;
    assert!(!world.logged("acknowledged records are damaged").is_empty());
    for _ in 0..2 {
        let (segment, _) = world.find_bytes("seg", ".seg", b"well two");
        check_damage(&world, &segment).await;
        world.cut_power().await;
        world.start().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_byte_in_a_segment() {
    let mut world = World::new("flip-segment").await;
    prepare(&world).await;
    world.make_segment("well").await;
    let (path, at) = world.find_bytes("seg", ".seg", b"hurt two");
    flip(&world, &path, at);
    for _ in 0..2 {
        check_damage(&world, &path).await;
        world.cut_power().await;
        world.start().await.unwrap();
    }
}

/// Every byte of an index, one after the other: whatever is hit, what is read is what was written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_byte_in_an_index() {
    let mut world = World::new("flip-index").await;
    prepare(&world).await;
    world.make_segment("well").await;
    let path = world.files("seg", ".idx").remove(0);
    let good = world.contents(&path);
    let whole = world.read("hurt", 0).await;
    for at in (0..good.len()).step_by(7) {
        flip(&world, &path, at);
        let (found, error) = world.try_read("hurt", 0).await;
        assert!(whole.starts_with(&found), "byte {at}: {found:?}");
        assert!(error.is_some() || found == whole, "byte {at}: records are missing and nobody says so");
        world.damage(&path, |bytes| bytes.clone_from(&good));
    }
    // An index is made again when the server finds it damaged at the start.
    flip(&world, &path, 70);
    world.cut_power().await;
    world.start().await.unwrap();
    assert_eq!(world.read("hurt", 0).await, whole);
    assert!(!world.logged("the index is missing or damaged and is made again").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_that_was_cut_short() {
    let mut world = World::new("cut-segment").await;
    prepare(&world).await;
    world.make_segment("well").await;
    let whole = world.read("hurt", 0).await;
    let (path, _) = world.find_bytes("seg", ".seg", b"hurt two");
    let good = world.contents(&path);
    for len in [good.len() - 1, good.len() / 2, 100, 63, 0] {
        world.damage(&path, |bytes| bytes.truncate(len));
        let (found, error) = world.try_read("hurt", 0).await;
        assert!(whole.starts_with(&found), "{len} bytes: {found:?}");
        assert!(error.is_some() || found == whole, "{len} bytes: records are missing and nobody says so");
        if let Some(error) = error {
            assert_eq!(error.status, 500, "{len} bytes: {}", error.text);
        }
    }
    // A server that finds less than was acknowledged does not start as if that were all.
    world.cut_power().await;
    let refused = world.start().await.unwrap_err().to_string();
    assert!(refused.contains("corrupt") && !refused.contains('\n'), "{refused}");
    world.damage(&path, |bytes| bytes.clone_from(&good));
    world.start().await.unwrap();
    assert_eq!(world.read("hurt", 0).await, whole, "nothing was changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_frame_header_or_snapshot_refuses_the_start_and_changes_nothing() {
    let mut world = World::new("flip-header").await;
    prepare(&world).await;
    let whole = world.read("hurt", 0).await;
    let (journal, at) = world.find_bytes("journal", ".log", b"hurt two");
    // The magic of the frame whose payload this is.
    let good = world.contents(&journal);
    let magic = good[..at].windows(4).rposition(|window| window == b"HWF1").unwrap();
    flip(&world, &journal, magic);
    world.cut_power().await;
    let refused = world.start().await.unwrap_err().to_string();
    let expected = format!("{} at offset {magic}", journal.display());
    assert!(refused.contains(&expected) && !refused.contains('\n'), "{refused}");
    flip(&world, &journal, magic);
    world.start().await.unwrap();
    assert_eq!(world.read("hurt", 0).await, whole);

    world.make_segment("well").await;
    let snapshot = world.files("meta", ".snap").remove(0);
    for at in [0, 9, 40, 80] {
        flip(&world, &snapshot, at);
        world.cut_power().await;
        let refused = world.start().await.unwrap_err().to_string();
        assert!(refused.contains(&snapshot.display().to_string()), "{refused}");
        flip(&world, &snapshot, at);
        world.start().await.unwrap();
        assert_eq!(world.read("hurt", 0).await, whole);
    }
}

/// The journal ends where the power failed, at any length of what was not acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_torn_tail() {
    for seed in 0..8 {
        let random = SeededRandom::new(seed);
        let mut world = World::new(&format!("torn-{seed}")).await;
        world.create("s", 1).await;
        let mut acknowledged = Vec::new();
        // Fewer restarts than make the journals a segment: with it comes a snapshot that knows of the record.
        for round in 0..5 {
            let data = marked(&format!("kept {round}"));
            acknowledged.push(Got { number: world.put("s", &data).await, data });
            // A record whose write did not come to its end was never noted as durable, in no file.
            let unnoted = Faults { fail_writes_of: Some("/TAIL".to_owned()), ..Faults::default() };
            world.disk.set_faults(unnoted.clone());
            let torn = marked(&format!("torn {round}"));
            world.put("s", &torn).await;
            let (path, at) = world.find_bytes("journal", ".log", format!("<<<torn {round}>>>").as_bytes());
            world.cut_power_under(unnoted).await;
            // As if the write of the last frame had not come to its end: its record counts as not acknowledged.
            world.damage(&path, |bytes| {
                let begin = bytes[..at].windows(4).rposition(|window| window == b"HWF1").unwrap();
                let reached = begin + random.next_u64() as usize % (at + torn.len() - 1 - begin);
                if random.next_u64().is_multiple_of(2) {
                    bytes[reached..].fill(0);
                } else {
                    // What an earlier use of the file has left, say.
                    random.fill(&mut bytes[reached..]);
                }
            });
            world.start().await.unwrap_or_else(|error| panic!("seed {seed}, round {round}: {error}"));
            assert_eq!(world.read("s", 0).await, acknowledged, "seed {seed}, round {round}");
        }
    }
}

/// A journal's length is durable before anything in it is acknowledged, so no crash makes it shorter.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_was_cut_short() {
    let mut world = World::new("cut-journal").await;
    prepare(&world).await;
    let whole = world.read("hurt", 0).await;
    let (path, at) = world.find_bytes("journal", ".log", b"hurt two");
    world.cut_power().await;
    let good = world.contents(&path);
    for len in [good.len() - 1, at, 100, 10, 0] {
        world.damage(&path, |bytes| bytes.truncate(len));
        let refused = world.start().await.unwrap_err().to_string();
        let expected = format!("{} at offset {len}: the file is cut short", path.display());
        assert!(refused.contains(&expected) && !refused.contains('\n'), "{len} bytes: {refused}");
        world.damage(&path, |bytes| bytes.clone_from(&good));
    }
    world.start().await.unwrap();
    assert_eq!(world.read("hurt", 0).await, whole, "nothing was changed");
}

/// Nobody reads the stream, nobody restarts the server: `/health`, the metrics and the log tell nevertheless, once, and
/// no longer when the damage is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_scrubber_reports_a_flipped_byte_before_a_reader_or_a_restart_does() {
    let world = World::with("scrub", |settings| settings.scrub = Some(Duration::from_secs(3600))).await;
    prepare(&world).await;
    world.make_segment("well").await;
    let well = "{\"status\":\"ok\"}\n";
    assert_eq!(world.get("/health").await.text, well);
    let (path, at) = world.find_bytes("seg", ".seg", b"hurt two");
    let magic = world.contents(&path)[..at].windows(4).rposition(|window| window == b"HWF1").unwrap();
    flip(&world, &path, at);
    let passes = async |told: &str| {
        eventually(told, async || {
            world.clock.advance(Duration::from_secs(60));
            world.get("/health").await.text.contains(told)
        })
        .await;
    };
    passes("damaged in one place; the log names file and offset").await;
    assert_eq!(world.get("/health").await.status, 200, "everything else is served");
    let metrics = world.get("/metrics").await.text;
    assert!(metrics.contains("headwater_damaged_frames 1\n"), "{metrics}");
    let place = format!("{} at offset {magic}: damaged records", path.display());
    let logged = world.logged("stored data is corrupt");
    assert_eq!(logged.len(), 1, "{logged:?}");
    assert!(logged[0].contains(&place) && logged[0].contains("ERROR"), "{logged:?}");

    flip(&world, &path, at);
    passes(well).await;
    eventually("a pass is complete", async || {
        world.clock.advance(Duration::from_secs(60));
        let metrics = world.get("/metrics").await.text;
        let complete = |line: &str| line.starts_with("headwater_scrub_last_complete_timestamp_seconds 17000");
        metrics.lines().any(complete)
    })
    .await;
    let metrics = world.get("/metrics").await.text;
    assert!(metrics.contains("headwater_damaged_frames 0\n"), "{metrics}");
    let read = metrics.lines().find_map(|line| line.strip_prefix("headwater_scrubbed_bytes_total "));
    assert!(read.is_some_and(|bytes| bytes.parse::<u64>().unwrap() > 4000), "{read:?}");
    assert_eq!(world.logged("stored data is corrupt").len(), 1, "each place is told once");
}
