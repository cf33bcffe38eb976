use std::time::Duration;

use headwater_streams::{LimitPolicy, Mode, PutFailure, StartingPosition, StreamsError};

use headwater_types::limits::Limit;
use headwater_types::{AccountId, Realm, Region};

use crate::harness::{World, entry, entry_at, key, request, shard};

const REGION: Region = Region::US_EAST_1;

async fn world() -> World {
    World::new(LimitPolicy::aws(REGION)).await
}

/// A world in which AWS's value of this limit alone is enforced.
async fn world_of(limit: Limit) -> World {
    World::new(LimitPolicy::OFF.with(limit, Some(limit.aws(REGION)))).await
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

/// Number of these records that a shard takes at one moment.
async fn taken(world: &World, data: &[u8], count: usize) -> usize {
    let handle = world.create("s", 1).await;
    world.service.update_max_record_size(&handle, 10_240).await.unwrap();
    world.settle();
    let answers = world.put_many("s", &vec![entry("k", data); count]).await.unwrap();
    let throttled = answers.iter().filter(|answer| matches!(answer, Err(PutFailure::Throttled(_)))).count();
    let taken = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(taken + throttled, count);
    taken
}

#[tokio::test]
async fn each_limit_of_writes_is_enforced_without_the_others() {
    let (small, half, large) = (vec![0; 99], vec![0; (1 << 19) - 1], vec![0; (5 << 20) - 1]);
    let cases = [
        (Limit::ShardWriteRecords, &small, 1200, 1000),
        (Limit::ShardWriteRecords, &half, 4, 4),
        (Limit::ShardWriteRecords, &large, 3, 3),
        (Limit::ShardWriteBytes, &small, 1200, 1200),
        (Limit::ShardWriteBytes, &half, 4, 2),
        (Limit::ShardWriteBytes, &large, 3, 3),
        (Limit::LargeRecordBurst, &small, 1200, 1200),
        (Limit::LargeRecordBurst, &half, 4, 4),
        (Limit::LargeRecordBurst, &large, 3, 2),
    ];
    for (limit, data, count, expected) in cases {
        let case = format!("{} with {} records of {} bytes", limit.name(), count, data.len());
        assert_eq!(taken(&world_of(limit).await, data, count).await, expected, "only {case}");
    }
}

#[tokio::test]
async fn each_limit_of_writes_is_switched_off_without_the_others() {
    let (small, half, large) = (vec![0; 99], vec![0; (1 << 19) - 1], vec![0; (5 << 20) - 1]);
    let cases = [
        (Limit::ShardWriteRecords, &small, 1200, 1200),
        (Limit::ShardWriteRecords, &half, 4, 2),
        (Limit::ShardWriteBytes, &small, 1200, 1000),
        (Limit::ShardWriteBytes, &half, 4, 4),
        (Limit::ShardWriteBytes, &large, 3, 2),
        (Limit::LargeRecordBurst, &half, 4, 2),
        (Limit::LargeRecordBurst, &large, 3, 3),
    ];
    for (limit, data, count, expected) in cases {
        let case = format!("{} with {} records of {} bytes", limit.name(), count, data.len());
        let world = World::new(LimitPolicy::aws(REGION).with(limit, None)).await;
        assert_eq!(taken(&world, data, count).await, expected, "all but {case}");
    }
}

#[tokio::test]
async fn a_record_of_the_largest_size_can_be_put() {
    let world = world().await;
    // With its key it is all that the allowance ever holds.
    assert_eq!(taken(&world, &vec![0; (10 << 20) - 1], 2).await, 1);
    let again =
        || async { world.put_many("s", &[entry("k", &[0; (10 << 20) - 1])]).await.unwrap()[0].is_ok() };
    world.clock.advance(Duration::from_millis(9_900));
    assert!(!again().await);
    world.clock.advance(Duration::from_millis(200));
    assert!(again().await);
}

/// A rate below the size of a record makes the record large, not impossible.
#[tokio::test]
async fn a_byte_rate_that_is_smaller_than_a_record() {
    let policy = LimitPolicy::aws(REGION).with(Limit::ShardWriteBytes, Some(1000));
    let world = World::new(policy).await;
    assert_eq!(taken(&world, &[0; 1999], 3).await, 1);
}

/// Space that large records take is missing for the others: over time a shard takes its rate, whatever the records.
#[tokio::test]
async fn large_and_small_records_together_take_no_more_than_the_rate() {
    let world = world().await;
    let handle = world.create("s", 1).await;
    world.service.update_max_record_size(&handle, 10_240).await.unwrap();
    world.settle();
    let (small, large) = (vec![0; 100_000], vec![0; (1 << 20) + 1]);
    let mut taken = 0;
    for _ in 0..120 {
        let entries = [vec![entry("k", &large)], vec![entry("k", &small); 3]].concat();
        let answers = world.put_many("s", &entries).await.unwrap();
        let sizes = entries.iter().map(|entry| entry.data.len() + 1);
        taken +=
            sizes.zip(&answers).filter(|(_, answer)| answer.is_ok()).map(|(size, _)| size).sum::<usize>();
        world.clock.advance(Duration::from_millis(250));
    }
    let (burst, rate) = (10 << 20, 30 << 20);
    assert!((rate..=burst + rate + (1 << 20)).contains(&taken), "{taken} bytes in 30 s");
}

#[tokio::test]
async fn what_a_put_is_refused_is_told_in_the_order_of_the_request() {
    let world = world().await;
    world.create("s", 2).await;
    // The lower shard takes two halves of a MiB, the upper one as many; small records still fit the upper one.
    let half = vec![0; (1 << 19) - 1];
    let entries: Vec<_> =
        [(0, &half[..]), (0, &half), (0, &half), (u128::MAX, &half), (0, b"x"), (u128::MAX, b"x")]
            .into_iter()
            .map(|(hash, data)| entry_at(hash, data))
            .collect();
    let answers = world.put_many("s", &entries).await.unwrap();
    let placed: Vec<_> =
        answers.iter().map(|answer| answer.as_ref().ok().map(|placed| placed.shard.index())).collect();
    assert_eq!(placed, [Some(0), Some(0), None, Some(1), None, Some(1)]);
    for (answer, shard) in [(&answers[2], 0), (&answers[4], 0)] {
        assert!(matches!(answer, Err(PutFailure::Throttled(at)) if at.index() == shard));
    }
    assert_eq!(world.read_shard("s", "0").await.len(), 2);
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
    let world = world().await;
    let handle = world.create("s", 20_000).await;
    let split = world.service.split_shard(&handle, shard(0), headwater_types::HashKey(1 << 100)).await;
    assert!(matches!(split, Err(StreamsError::ShardQuota { additional: 1, .. })), "{split:?}");
    let count = world.service.update_shard_count(&handle, 20_001).await;
    assert!(matches!(count, Err(StreamsError::ShardQuota { .. })), "{count:?}");
    world.service.merge_shards(&handle, shard(0), shard(1)).await.unwrap();
    world.settle();
    world.commit().await;
    let mode = headwater_streams::StreamMode::OnDemand;
    let warm = world.service.update_mode(&handle, mode, Some(20_002)).await;
    assert!(matches!(warm, Err(StreamsError::ShardQuota { .. })), "{warm:?}");
}

#[tokio::test]
async fn dry_runs_have_a_rate_of_their_own() {
    let world = world().await;
    let handle = world.create("s", 1).await;
    let start = StartingPosition::Latest;
    for _ in 0..20 {
        world.service.check_shard_iterator(&key("s"), "0", &start).await.unwrap();
    }
    world.service.count_dry_run(handle.key()).unwrap();
    assert!(matches!(world.service.count_dry_run(handle.key()), Err(StreamsError::DryRunRate(_))));
    // Nothing of the shard's rate is gone.
    for _ in 0..5 {
        world.iterator("s", "0", StartingPosition::Latest).await.unwrap();
    }
    world.clock.advance(Duration::from_secs(1));
    world.service.count_dry_run(handle.key()).unwrap();
    assert!(matches!(world.service.count_dry_run(&key("t")), Err(StreamsError::StreamNotFound(_))));
}

#[tokio::test]
async fn accounts_have_rates_of_their_own() {
    let world = world().await;
    let account = |digit: char| AccountId::new(&digit.to_string().repeat(12)).unwrap();
    let realm = |digit| Realm { account: account(digit), region: REGION };
    let call = |digit| world.service.count_account_call(realm(digit), Limit::DescribeLimitsCalls);
    call('1').unwrap();
    assert!(matches!(call('1'), Err(StreamsError::AccountCallRate(_))));
    call('2').unwrap();
}

#[tokio::test]
async fn quotas_are_reported_as_they_are_set() {
    let policy = LimitPolicy::OFF.with(Limit::OnDemandStreams, Some(7));
    let report = World::new(policy).await.service.limits_report(key("s").realm);
    assert_eq!((report.on_demand_streams_limit, report.shard_limit), (7, 20_000));
}
