use std::time::Duration;

use headwater_streams::{LimitPolicy, Mode, PutFailure, StartingPosition, StreamsError};

use crate::harness::{World, entry, key, request};

async fn world() -> World {
    World::new(LimitPolicy::AWS).await
}

#[tokio::test]
async fn a_shard_takes_a_thousand_records_a_second() {
    let world = world().await;
    world.create("s", 1).await;
    let entries = vec![entry("k", b"x"); 500];
    for _ in 0..2 {
        assert!(world.put_many("s", &entries).await.unwrap().iter().all(Result::is_ok));
    }
    let third = world.put_many("s", &entries).await.unwrap();
    assert!(third.iter().all(|answer| matches!(answer, Err(PutFailure::Throttled(_)))));
    world.clock.advance(Duration::from_millis(250));
    let later = world.put_many("s", &entries).await.unwrap();
    assert_eq!(later.iter().filter(|answer| answer.is_ok()).count(), 250);
}

#[tokio::test]
async fn a_shard_takes_a_mebibyte_a_second() {
    let world = world().await;
    world.create("s", 1).await;
    let data = vec![b'x'; 100 * 1024 - 1];
    let answers = world.put_many("s", &vec![entry("k", &data); 50]).await.unwrap();
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 10);
    assert_eq!(world.read_shard("s", "0").await.len(), 10);
}

#[tokio::test]
async fn a_shard_is_read_five_times_a_second() {
    let world = world().await;
    world.create("s", 1).await;
    let iterator = world.iterator("s", "0", StartingPosition::Latest).await.unwrap();
    for _ in 0..5 {
        world.read(iterator.clone(), 10).await.unwrap();
    }
    assert!(matches!(world.read(iterator.clone(), 10).await, Err(StreamsError::ReadThrottled { .. })));
    world.clock.advance(Duration::from_millis(200));
    world.read(iterator, 10).await.unwrap();
}

#[tokio::test]
async fn after_ten_megabytes_a_shard_pauses_for_about_five_seconds() {
    let world = world().await;
    world.create("s", 1).await;
    let data = vec![b'x'; 999_900];
    for _ in 0..11 {
        world.put_many("s", &[entry("k", &data)]).await.unwrap()[0].unwrap();
        world.clock.advance(Duration::from_secs(1));
    }
    let iterator = world.iterator("s", "0", StartingPosition::TrimHorizon).await.unwrap();
    let outcome = world.read(iterator, 10_000).await.unwrap();
    let next = outcome.next.unwrap();
    world.clock.advance(Duration::from_millis(4200));
    assert!(matches!(world.read(next.clone(), 10).await, Err(StreamsError::ReadThrottled { .. })));
    world.clock.advance(Duration::from_millis(800));
    world.read(next, 10).await.unwrap();
}

#[tokio::test]
async fn iterators_are_made_five_times_a_second() {
    let world = world().await;
    world.create("s", 1).await;
    for _ in 0..5 {
        world.iterator("s", "0", StartingPosition::Latest).await.unwrap();
    }
    let sixth = world.iterator("s", "0", StartingPosition::Latest).await;
    assert!(matches!(sixth, Err(StreamsError::ReadThrottled { .. })));
}

#[tokio::test]
async fn five_streams_may_be_in_transition() {
    let world = world().await;
    for i in 0..5 {
        world
            .service
            .create_stream(request(&format!("s{i}"), Mode::Provisioned { shards: 1 }))
            .await
            .unwrap();
    }
    let sixth = || world.service.create_stream(request("s5", Mode::Provisioned { shards: 1 }));
    assert!(matches!(sixth().await, Err(StreamsError::TransitionQuota { .. })));
    world.settle();
    sixth().await.unwrap();
}

#[tokio::test]
async fn the_shard_quota_counts_open_shards_of_all_streams() {
    let world = world().await;
    world.create("s", 10).await;
    let over = world.service.create_stream(request("t", Mode::Provisioned { shards: 19_991 })).await;
    let Err(StreamsError::ShardQuota { current, limit, additional, .. }) = over else { panic!("{over:?}") };
    assert_eq!((current, limit, additional), (10, 20_000, 19_991));
    assert!(world.service.find(&key("t")).is_err());
}

#[tokio::test]
async fn the_shard_count_changes_ten_times_a_day() {
    let world = world().await;
    let handle = world.create("s", 1).await;
    for target in [2, 1, 2, 1, 2, 1, 2, 1, 2, 1] {
        world.service.update_shard_count(&handle, target).await.unwrap();
        world.settle();
    }
    assert!(matches!(world.service.update_shard_count(&handle, 2).await, Err(StreamsError::TooOften { .. })));
    world.clock.advance(Duration::from_secs(24 * 3600));
    world.service.update_shard_count(&handle, 2).await.unwrap();
}

#[tokio::test]
async fn every_way_to_more_shards_counts_against_the_quota() {
    let world = World::new(LimitPolicy::AWS).await;
    let handle = world.create("s", 20_000).await;
    let split = world.service.split_shard(&handle, "0", headwater_types::HashKey(1 << 100)).await;
    assert!(matches!(split, Err(StreamsError::ShardQuota { additional: 1, .. })), "{split:?}");
    let count = world.service.update_shard_count(&handle, 20_001).await;
    assert!(matches!(count, Err(StreamsError::ShardQuota { .. })), "{count:?}");
    world.service.merge_shards(&handle, "0", "1").await.unwrap();
    world.settle();
    world.commit().await;
    let mode = headwater_streams::StreamMode::OnDemand;
    let warm = world.service.update_mode(&handle, mode, Some(20_002)).await;
    assert!(matches!(warm, Err(StreamsError::ShardQuota { .. })), "{warm:?}");
}
