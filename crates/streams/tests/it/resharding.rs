use std::sync::Arc;
use std::time::Duration;

use headwater_streams::{LimitPolicy, ShardFilter, StartingPosition, StreamStatus, StreamsError};
use headwater_types::{HashKey, Shard};

use crate::harness::{World, entry_at, key, records, shard};

async fn world() -> World {
    World::new(LimitPolicy::OFF).await
}

fn tiles(shards: &[Shard]) -> bool {
    let mut ranges: Vec<_> = shards.iter().map(|shard| shard.range).collect();
    ranges.sort_by_key(|range| range.start());
    ranges.first().is_some_and(|first| first.start() == HashKey::MIN)
        && ranges.last().is_some_and(|last| last.end() == HashKey::MAX)
        && ranges.windows(2).all(|pair| pair[0].join(&pair[1]).is_some())
}

#[tokio::test]
async fn a_parent_is_read_to_its_end_and_names_its_children() {
    let world = world().await;
    let handle = world.create("s", 1).await;
    world.put("s", "a", "1").await;
    let before = world.iterator("s", "0", StartingPosition::TrimHorizon).await.unwrap();
    world.service.split_shard(&handle, shard(0), HashKey(1 << 127)).await.unwrap();
    assert_eq!(world.service.find(&key("s")).unwrap().1, StreamStatus::Updating);
    let again = world.service.split_shard(&handle, shard(1), HashKey(1 << 126)).await;
    assert!(matches!(again, Err(StreamsError::NotActive { status: StreamStatus::Updating, .. })));
    // The end is told without records.
    let last = world.read(before, 10).await.unwrap();
    assert_eq!((records(&last).len(), last.millis_behind_latest, last.children.len()), (1, 0, 0));
    let outcome = world.read(last.next.unwrap(), 10).await.unwrap();
    assert_eq!((records(&outcome).len(), outcome.next, outcome.millis_behind_latest), (0, None, 0));
    assert_eq!(outcome.children.iter().map(|child| child.id.index()).collect::<Vec<_>>(), [1, 2]);
    let placed = world.put("s", "a", "2").await;
    assert_eq!(placed.shard.index(), 1);
    assert!(placed.sequence_number > records_last(&world).await);
}

async fn records_last(world: &World) -> headwater_types::SequenceNumber {
    world.read_shard("s", "0").await.last().unwrap().number
}

#[tokio::test]
async fn reading_begins_at_the_end_of_a_closed_shard_but_not_after_it() {
    let world = world().await;
    let handle = world.create("s", 2).await;
    world.put_many("s", &[entry_at(0, b"x")]).await.unwrap();
    world.service.merge_shards(&handle, shard(0), shard(1)).await.unwrap();
    let end = handle.view().meta().shards.all()[0].ending_sequence_number().unwrap().to_string();
    let after = world.iterator("s", "0", StartingPosition::AfterSequenceNumber(end.clone())).await;
    assert!(matches!(after, Err(StreamsError::AfterEndOfShard)), "{after:?}");
    let iterator = world.iterator("s", "0", StartingPosition::AtSequenceNumber(end)).await.unwrap();
    let outcome = world.read(iterator, 10).await.unwrap();
    assert!(outcome.next.is_none());
    assert_eq!(outcome.children[0].parents.iter().count(), 2);
}

#[tokio::test]
async fn counts_change_between_half_and_twice() {
    let world = world().await;
    let handle = world.create("s", 3).await;
    for (target, allowed) in [(7, false), (1, false), (3, true), (6, true)] {
        let answer = world.service.update_shard_count(&handle, target).await;
        assert_eq!(answer.is_ok(), allowed, "{target}");
    }
    world.settle();
    assert_eq!(handle.view().meta().open_shards(), 6);
}

#[tokio::test]
async fn shards_open_at_any_time_tile_the_ring() {
    let world = world().await;
    let handle = world.create("s", 3).await;
    let begin = world.service.now();
    for target in [5, 4, 7, 4] {
        world.clock.advance(Duration::from_millis(3777));
        world.service.update_shard_count(&handle, target).await.unwrap();
        world.settle();
    }
    world.clock.advance(Duration::from_secs(10));
    let now = world.service.now().as_millis();
    for millis in (begin.as_millis()..=now).step_by(100) {
        let filter = ShardFilter::AtTimestamp(headwater_types::Timestamp::from_millis(millis));
        assert!(
            tiles(&world.service.list_shards(&handle, filter, None, 1000).unwrap().shards),
            "at {millis}"
        );
    }
    for filter in [ShardFilter::AtTrimHorizon, ShardFilter::AtLatest] {
        assert!(tiles(&world.service.list_shards(&handle, filter, None, 1000).unwrap().shards), "{filter:?}");
    }
}

#[tokio::test]
async fn the_horizon_tiles_the_ring_while_parents_expire() {
    let world = world().await;
    let handle = world.create("s", 2).await;
    world.service.update_shard_count(&handle, 3).await.unwrap();
    world.clock.advance(Duration::from_secs(24 * 3600 - 5));
    for step in 0..100 {
        let page = world.service.list_shards(&handle, ShardFilter::AtTrimHorizon, None, 1000).unwrap();
        assert!(tiles(&page.shards), "step {step}: {:?}", page.shards);
        if step % 7 == 0 {
            world.service.upkeep().await;
        }
        world.clock.advance(Duration::from_millis(100));
    }
}

/// Writers put to one hash key each while the stream is split and merged: nothing fails, nothing is lost or
/// doubled, and each writer's records are in the order in which they were acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn puts_that_race_reshards_land_once_and_in_order() {
    let world = Arc::new(world().await);
    let handle = world.create("s", 2).await;
    const WRITERS: u128 = 8;
    const PUTS: u32 = 300;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let world = world.clone();
            tokio::spawn(async move {
                let mut numbers = Vec::new();
                for put in 0..PUTS {
                    let data = format!("{writer}:{put}");
                    let answer =
                        world.put_many("s", &[entry_at(writer << 125, data.as_bytes())]).await.unwrap();
                    numbers.push(answer[0].unwrap().sequence_number);
                    tokio::task::yield_now().await;
                }
                assert!(numbers.is_sorted(), "numbers of one writer grow");
            })
        })
        .collect();
    for target in [4, 3, 6, 5, 8, 4, 2] {
        world.service.update_shard_count(&handle, target).await.unwrap();
        world.settle();
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let mut all = Vec::new();
    for shard in handle.view().meta().shards.all() {
        all.extend(world.read_shard("s", &shard.id.to_string()).await);
    }
    all.sort_by_key(|record| record.number);
    for writer in 0..WRITERS {
        let prefix = format!("{writer}:");
        let seen: Vec<_> =
            all.iter().filter(|record| record.data.starts_with(&prefix)).map(|r| r.data.clone()).collect();
        let expected: Vec<_> = (0..PUTS).map(|put| format!("{writer}:{put}")).collect();
        assert_eq!(seen, expected);
    }
}

#[tokio::test]
async fn a_reshard_that_was_cut_short_is_finished_on_opening() {
    use headwater_store::{Expected, MetaStore};
    let mut world = world().await;
    let handle = world.create("s", 1).await;
    world.put("s", "a", "x").await;
    // What a server leaves that dies right after it wrote the plan.
    let meta_key = format!("kds/stream/{}/s", handle.key().realm.account);
    let stored = world.store.get(&meta_key).await.unwrap().unwrap();
    let mut value: serde_json::Value = serde_json::from_slice(&stored.value).unwrap();
    let plan =
        handle.view().meta().shards.plan_split(headwater_types::ShardId::new(0).unwrap(), HashKey(1 << 127));
    value["reshard"] = serde_json::to_value(plan.unwrap()).unwrap();
    let bytes = serde_json::to_vec(&value).unwrap().into();
    world.store.put(&meta_key, bytes, Expected::Version(stored.version)).await.unwrap();

    world.reopen().await;
    let (handle, _) = world.service.find(&key("s")).unwrap();
    assert_eq!(handle.view().meta().open_shards(), 2);
    assert_eq!(world.put("s", "a", "y").await.shard.index(), 1);
    assert_eq!(world.read_shard("s", "0").await.len(), 1);
}

/// Closed shards stay for the retention, so a stream that is resharded again and again grows; it is refused before
/// anything is sealed, and goes on working.
#[tokio::test]
async fn a_stream_never_outgrows_its_metadata() {
    let world = world().await;
    let handle = world.create("s", 20_000).await;
    let mut refused = false;
    for target in [40_000, 20_000, 40_000, 20_000, 40_000, 20_000] {
        match world.service.update_shard_count(&handle, target).await {
            Ok(_) => world.settle(),
            Err(StreamsError::TooManyShards { .. }) => refused = true,
            Err(error) => panic!("{error}"),
        }
        if refused {
            break;
        }
    }
    assert!(refused);
    assert_eq!(world.service.find(&key("s")).unwrap().1, StreamStatus::Active);
    world.put("s", "a", "x").await;
    let too_many = crate::harness::request("t", headwater_streams::Mode::Provisioned { shards: u32::MAX });
    assert!(matches!(world.service.create_stream(too_many).await, Err(StreamsError::TooManyShards { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_put_that_races_reshard_and_deletion_finds_the_stream_gone() {
    for round in 0..20 {
        let world = Arc::new(world().await);
        let handle = world.create("s", 2).await;
        let putter = {
            let world = world.clone();
            tokio::spawn(async move {
                loop {
                    match world.try_put("s", "a", "x").await {
                        Ok(_) => tokio::task::yield_now().await,
                        Err(StreamsError::StreamNotFound(_)) => return,
                        Err(error) => panic!("{error}"),
                    }
                }
            })
        };
        let resharder = {
            let world = world.clone();
            tokio::spawn(async move { world.service.update_shard_count(&handle, 4).await })
        };
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        world.service.delete_stream(&key("s"), false).await.unwrap();
        match resharder.await.unwrap() {
            Ok(_) | Err(StreamsError::StreamNotFound(_) | StreamsError::NotActive { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        world.settle();
        world.service.upkeep().await;
        putter.await.unwrap();
    }
}
