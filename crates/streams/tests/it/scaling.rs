//! On-demand streams under traffic of known rates, the clock moved and upkeep called as the server does it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use headwater_store::{Expected, LogStore, MetaStore};
use headwater_streams::{
    CommitmentStatus, CreateStream, Distribution, LimitPolicy, Mode, PutEntry, StartingPosition, StreamMode,
    StreamStatus, StreamsError, WarmThroughput,
};
use headwater_types::limits::Limit;
use headwater_types::{HashKey, Region, ShardId};

use crate::harness::{World, entry, entry_at, key, records, request};

/// Interval of upkeep's looks.
const LOOK: Duration = Duration::from_secs(15);
/// Key of the stream's metadata.
const META_KEY: &str = "kds/stream/123456789012/s";
const DAY: Duration = Duration::from_secs(24 * 3600);
/// A minute of traffic, and the looks at its beginning and end.
const MINUTE_AND_A_QUARTER: u32 = 5;

/// Keys all round the ring.
fn spread(keys: u128) -> Vec<u128> {
    (0..keys).map(|i| (u128::MAX / keys) * i + 1000).collect()
}

impl World {
    /// `per_s` records of `bytes` a second, one key after the other, each second's at once, for so many looks.
    async fn drive(&self, keys: &[u128], per_s: usize, bytes: usize, looks: u32) {
        let data = vec![b'x'; bytes - 1];
        let mut next = keys.iter().cycle();
        for _ in 0..looks {
            for _ in 0..LOOK.as_secs() {
                let entries: Vec<_> = (&mut next).take(per_s).map(|&hash| entry_at(hash, &data)).collect();
                for some in entries.chunks(500) {
                    self.put_many("s", some).await.unwrap();
                }
                self.clock.advance(Duration::from_secs(1));
            }
            self.service.upkeep().await;
        }
    }

    /// Nothing is written for so many days.
    async fn rest(&self, days: u32) {
        for _ in 0..days {
            self.clock.advance(DAY - 5 * LOOK);
            self.look(5).await;
        }
    }

    async fn look(&self, looks: u32) {
        for _ in 0..looks {
            self.clock.advance(LOOK);
            self.service.upkeep().await;
        }
    }

    fn open_shards(&self) -> u32 {
        self.service.find(&key("s")).unwrap().0.view().meta().open_shards()
    }

    async fn stored(&self) -> bytes::Bytes {
        self.store.get(META_KEY).await.unwrap().unwrap().value
    }
}

#[tokio::test]
async fn shards_above_half_of_what_they_take_are_split_within_a_minute_and_a_quarter() {
    let world = World::new(LimitPolicy::OFF).await;
    world.create_on_demand("s").await;
    let keys = spread(64);
    world.drive(&keys, 1900, 10, 8).await;
    assert_eq!(world.open_shards(), 4, "475 records a second and shard");
    world.drive(&keys, 2400, 10, MINUTE_AND_A_QUARTER).await;
    assert_eq!(world.open_shards(), 8);
    world.drive(&keys, 2400, 10, 8).await;
    assert_eq!(world.open_shards(), 8, "300 records a second and shard");
    world.drive(&keys, 4400, 10, MINUTE_AND_A_QUARTER).await;
    assert_eq!(world.open_shards(), 16);
}

#[tokio::test]
async fn bytes_count_like_records() {
    let world = World::new(LimitPolicy::OFF).await;
    let handle = world.create("s", 1).await;
    world.service.update_mode(&handle, StreamMode::OnDemand, None).await.unwrap();
    world.settle();
    assert_eq!(world.open_shards(), 1, "a switch keeps the shards");
    world.drive(&spread(64), 9, 50_000, 8).await;
    assert_eq!(world.open_shards(), 1);
    world.drive(&spread(64), 12, 50_000, MINUTE_AND_A_QUARTER).await;
    assert_eq!(world.open_shards(), 2);
}

#[tokio::test]
async fn a_stream_pinned_at_its_limit_doubles_each_minute() {
    let world = World::new(LimitPolicy::aws(Region::US_EAST_1)).await;
    let handle = world.create("s", 1).await;
    world.service.update_mode(&handle, StreamMode::OnDemand, None).await.unwrap();
    world.settle();
    for shards in [2, 4] {
        world.drive(&spread(64), 4500, 10, MINUTE_AND_A_QUARTER).await;
        assert_eq!(world.open_shards(), shards);
    }
}

#[tokio::test]
async fn an_idle_stream_never_changes_and_is_never_written() {
    let world = World::new(LimitPolicy::aws(Region::US_EAST_1)).await;
    world.create_on_demand("s").await;
    world.look(2).await;
    let before = world.stored().await;
    world.rest(65).await;
    assert_eq!(world.open_shards(), 4);
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn provisioned_streams_are_let_alone() {
    let world = World::new(LimitPolicy::OFF).await;
    world.create("s", 1).await;
    world.look(1).await;
    let before = world.stored().await;
    world.drive(&spread(64), 1500, 10, 8).await;
    assert_eq!(world.open_shards(), 1);
    world.rest(40).await;
    assert_eq!(world.open_shards(), 1);
    assert_eq!(before, world.stored().await);
}

#[tokio::test]
async fn a_single_hot_key_does_not_split_for_ever() {
    let world = World::new(LimitPolicy::aws(Region::US_EAST_1)).await;
    world.create_on_demand("s").await;
    world.drive(&[12345], 1500, 10, 12).await;
    assert_eq!(world.open_shards(), 4);
    // Beside others it is set apart, and then left alone.
    let mut keys = vec![12345; 40];
    keys.extend((0..10).map(|i| i << 120));
    world.drive(&keys, 1200, 10, 24).await;
    let after = world.open_shards();
    assert!((5..=7).contains(&after), "{after}");
    world.drive(&keys, 1200, 10, 12).await;
    assert_eq!(world.open_shards(), after);
}

#[tokio::test]
async fn skewed_keys_are_split_at_their_median() {
    let world = World::new(LimitPolicy::OFF).await;
    let handle = world.create_on_demand("s").await;
    let keys: Vec<u128> = (1..=10).map(|i| i * 1_000_000).collect();
    world.drive(&keys, 600, 10, MINUTE_AND_A_QUARTER).await;
    let view = handle.view();
    let starts: Vec<_> = view.meta().shards.open().map(|shard| shard.range.start().0).collect();
    assert_eq!(starts.len(), 5);
    assert!((5_000_000..=7_000_000).contains(&starts[1]), "{}", starts[1]);
    assert_eq!(starts[2], 1 << 126);
}

#[tokio::test]
async fn shards_that_nobody_needs_for_thirty_days_are_merged() {
    let mut world = World::new(LimitPolicy::OFF).await;
    world.create_on_demand("s").await;
    world.drive(&spread(64), 2400, 10, MINUTE_AND_A_QUARTER).await;
    world.rest(29).await;
    assert_eq!(world.open_shards(), 8);
    // Peaks outlive a restart: with 2,400 records a second no two of the shards could be one.
    world.reopen().await;
    world.rest(1).await;
    world.look(5).await;
    assert_eq!(world.open_shards(), 8);
    world.rest(3).await;
    assert_eq!(world.open_shards(), 4);
    world.rest(40).await;
    assert_eq!(world.open_shards(), 4);
}

#[tokio::test]
async fn traffic_that_comes_again_does_not_make_a_stream_go_up_and_down() {
    let world = World::new(LimitPolicy::OFF).await;
    world.create_on_demand("s").await;
    for _ in 0..5 {
        world.drive(&spread(64), 2400, 10, MINUTE_AND_A_QUARTER).await;
        for _ in 0..15 {
            assert_eq!(world.open_shards(), 8);
            world.rest(1).await;
        }
    }
}

#[tokio::test]
async fn a_stream_that_was_split_is_not_merged_within_a_month() {
    let world = World::new(LimitPolicy::OFF).await;
    world.create_on_demand("s").await;
    world.rest(31).await;
    world.drive(&spread(64), 2400, 10, MINUTE_AND_A_QUARTER).await;
    for _ in 0..28 {
        world.rest(1).await;
        assert_eq!(world.open_shards(), 8);
    }
}

#[tokio::test]
async fn the_account_quota_leaves_room_for_some() {
    let world = World::new(LimitPolicy::aws(Region::US_EAST_1)).await;
    world.create("other", 19_994).await;
    world.create_on_demand("s").await;
    world.drive(&spread(64), 2400, 10, 12).await;
    assert_eq!(world.open_shards(), 6);
    assert_eq!(world.service.limits_report(key("s").realm).open_shards, 20_000);
    world.service.delete_stream(&key("other"), false).await.unwrap();
    world.drive(&spread(64), 2400, 10, MINUTE_AND_A_QUARTER).await;
    assert_eq!(world.open_shards(), 8);
}

#[tokio::test]
async fn a_stream_scales_up_to_the_ceiling_of_its_region() {
    let world = World::new(LimitPolicy::aws(Region::new("eu-central-1").unwrap())).await;
    world.commit().await;
    let mode = Mode::OnDemand { warm_throughput_mibps: Some(199) };
    world.service.create_stream(request("s", mode)).await.unwrap();
    world.settle();
    let keys: Vec<_> = (0..60).map(|i| (i % 3) * (u128::MAX / 199) + (1 << 100) * (i + 1)).collect();
    world.drive(&keys, 1800, 10, 12).await;
    assert_eq!(world.open_shards(), 200);
}

#[tokio::test]
async fn the_ceiling_is_set_and_switched_off_by_itself() {
    for (ceiling, shards) in [(Some(6), 6), (Some(4), 4), (None, 8)] {
        let limits = LimitPolicy::aws(Region::US_EAST_1).with(Limit::OnDemandWriteMib, ceiling);
        let world = World::new(limits).await;
        world.create_on_demand("s").await;
        world.drive(&spread(64), 2400, 10, MINUTE_AND_A_QUARTER).await;
        assert_eq!(world.open_shards(), shards, "{ceiling:?}");
    }
}

/// Metadata of a version that did not know of peaks.
#[tokio::test]
async fn a_stream_of_which_nothing_is_remembered_is_watched_for_thirty_days_first() {
    let mut world = World::new(LimitPolicy::OFF).await;
    let handle = world.create("s", 8).await;
    world.service.update_mode(&handle, StreamMode::OnDemand, None).await.unwrap();
    world.settle();
    let stored = world.store.get(META_KEY).await.unwrap().unwrap();
    let mut value: serde_json::Value = serde_json::from_slice(&stored.value).unwrap();
    value.as_object_mut().unwrap().remove("demand").expect("it is stored");
    let bytes = serde_json::to_vec(&value).unwrap().into();
    world.store.put(META_KEY, bytes, Expected::Version(stored.version)).await.unwrap();
    world.clock.advance(40 * DAY);
    world.reopen().await;
    world.rest(29).await;
    assert_eq!(world.open_shards(), 8);
    world.rest(2).await;
    assert_eq!(world.open_shards(), 4);
}

/// Every record is there once, and those of a key are in the order in which they were put, while the stream goes from
/// 4 to 8 and 16 shards.
#[tokio::test]
async fn nothing_is_lost_or_reordered_while_a_stream_scales() {
    const KEYS: u128 = 48;
    let world = World::new(LimitPolicy::OFF).await;
    let handle = world.create_on_demand("s").await;
    let filler = "x".repeat(100_000);
    let mut sent: BTreeMap<u128, u32> = BTreeMap::new();
    for look in 0..2 * MINUTE_AND_A_QUARTER {
        let rounds = if look < MINUTE_AND_A_QUARTER { 8 } else { 16 };
        for _ in 0..rounds {
            let data: Vec<_> = (0..KEYS)
                .map(|key| {
                    let count = sent.entry(key).or_default();
                    *count += 1;
                    format!("{key}:{count}:{filler}")
                })
                .collect();
            let entries: Vec<_> = spread(KEYS)
                .into_iter()
                .zip(&data)
                .map(|(hash, data)| entry_at(hash, data.as_bytes()))
                .collect();
            assert!(world.put_many("s", &entries).await.unwrap().iter().all(Result::is_ok));
        }
        world.look(1).await;
    }
    assert_eq!(world.open_shards(), 16);
    let mut read: BTreeMap<u128, u32> = BTreeMap::new();
    // Parents have lower ids than their children.
    for shard in handle.view().meta().shards.all() {
        for record in world.read_shard("s", &shard.id.to_string()).await {
            let mut parts = record.data.split(':');
            let (key, count) = (parts.next().unwrap().parse().unwrap(), parts.next().unwrap());
            let before = read.entry(key).or_default();
            *before += 1;
            assert_eq!(before.to_string(), count, "key {key}");
        }
    }
    assert_eq!(read, sent);
}

/// Writers that never stop while the shard they write to becomes two and four.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn puts_that_race_scaling_land_once_and_in_order() {
    const WRITERS: u128 = 8;
    const KEYS: u128 = 4;
    const PUTS: usize = 120;
    const LOOKS: usize = 12;
    let world = Arc::new(World::new(LimitPolicy::OFF).await);
    let handle = world.create_on_demand("s").await;
    let done = Arc::new(AtomicUsize::new(0));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (world, done) = (world.clone(), done.clone());
            tokio::spawn(async move {
                for put in 0..PUTS {
                    let data: Vec<_> = (0..500).map(|i| format!("{writer}:{}", put * 500 + i)).collect();
                    let key = |i: usize| (writer * KEYS + i as u128 % KEYS) << 121;
                    let entries: Vec<_> =
                        data.iter().enumerate().map(|(i, data)| entry_at(key(i), data.as_bytes())).collect();
                    assert!(world.put_many("s", &entries).await.unwrap().iter().all(Result::is_ok));
                    done.fetch_add(1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for look in 1..=LOOKS {
        while done.load(Ordering::Relaxed) < look * PUTS * WRITERS as usize / LOOKS {
            tokio::task::yield_now().await;
        }
        world.look(1).await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert!(world.open_shards() >= 6, "{}", world.open_shards());
    let mut next: BTreeMap<(u128, usize), usize> = BTreeMap::new();
    for shard in handle.view().meta().shards.all() {
        let start = StartingPosition::TrimHorizon;
        let mut iterator = Some(world.iterator("s", &shard.id.to_string(), start).await.unwrap());
        while let Some(from) = iterator {
            let outcome = world.read(from, 10_000).await.unwrap();
            let found = records(&outcome);
            for record in &found {
                let (writer, number) = record.data.split_once(':').unwrap();
                let (writer, number): (u128, usize) = (writer.parse().unwrap(), number.parse().unwrap());
                let key = number % KEYS as usize;
                let expected = next.entry((writer, key)).or_insert(key);
                assert_eq!(number, *expected, "writer {writer}, key {key}");
                *expected += KEYS as usize;
            }
            iterator = outcome.next.filter(|_| !found.is_empty());
        }
    }
    assert_eq!(next.len(), (WRITERS * KEYS) as usize);
    assert!(next.values().all(|&end| end >= PUTS * 500), "{next:?}");
}

#[tokio::test]
async fn a_scaling_that_was_cut_short_is_finished_on_opening() {
    let mut world = World::new(LimitPolicy::OFF).await;
    let handle = world.create_on_demand("s").await;
    world.drive(&spread(64), 2400, 10, MINUTE_AND_A_QUARTER - 2).await;
    // What a server leaves that dies after it wrote the plan and sealed some of the parents.
    let view = handle.view();
    let splits: Vec<_> = view.meta().shards.open().map(|shard| (shard.id, shard.range.middle())).collect();
    let stored = world.store.get(META_KEY).await.unwrap().unwrap();
    let mut value: serde_json::Value = serde_json::from_slice(&stored.value).unwrap();
    value["reshard"] = serde_json::to_value(view.meta().shards.plan_splits(&splits).unwrap()).unwrap();
    let bytes = serde_json::to_vec(&value).unwrap().into();
    world.store.put(META_KEY, bytes, Expected::Version(stored.version)).await.unwrap();
    for log in LogStore::list(&*world.store, "kds/").await.unwrap().iter().take(2) {
        world.store.open(log).await.unwrap().seal().await.unwrap();
    }
    world.reopen().await;
    assert_eq!(world.open_shards(), 8);
    world.settle();
    world.drive(&spread(64), 2400, 10, 8).await;
    assert_eq!(world.open_shards(), 8);
}

fn is_refused<T: std::fmt::Debug>(answer: Result<T, StreamsError>, why: &str) {
    let Err(StreamsError::InvalidOption(text)) = answer else { panic!("{answer:?}") };
    assert!(text.contains(why), "{text}");
}

#[tokio::test]
async fn warm_throughput_splits_ahead_and_releases_at_once() {
    let world = World::new(LimitPolicy::aws(Region::US_EAST_1)).await;
    world.commit().await;
    let handle = world.create_on_demand("s").await;
    for (mibps, open) in [(20, 20), (20, 20), (30, 30), (6, 6), (2, 4), (12, 12), (0, 4)] {
        let warm = world.service.update_warm_throughput(&handle, mibps).await.unwrap();
        let target_mibps = u32::try_from(mibps).unwrap();
        assert_eq!(warm, WarmThroughput { target_mibps, current_mibps: open });
        assert_eq!(world.open_shards(), open);
        assert_eq!(world.service.find(&key("s")).unwrap().1, StreamStatus::Updating);
        world.settle();
        assert_eq!(world.service.find(&key("s")).unwrap().1, StreamStatus::Active);
    }
    // It is never merged below, however long nothing is written.
    world.service.update_warm_throughput(&handle, 9).await.unwrap();
    world.rest(40).await;
    assert_eq!(world.open_shards(), 9);
}

#[tokio::test]
async fn what_recent_traffic_asks_for_is_not_released() {
    let world = World::new(LimitPolicy::OFF).await;
    world.commit().await;
    let handle = world.create_on_demand("s").await;
    world.drive(&spread(64), 2400, 10, 8).await;
    let release = || world.service.update_warm_throughput(&handle, 0);
    assert_eq!(release().await.unwrap().current_mibps, 5);
    world.look(70).await;
    assert_eq!(release().await.unwrap().current_mibps, 4);
    world.rest(2).await;
    assert_eq!(world.open_shards(), 4);
}

#[tokio::test]
async fn warm_throughput_needs_the_commitment_and_keeps_it() {
    let world = World::new(LimitPolicy::OFF).await;
    let account = key("s").realm;
    let warm = |name: &str| request(name, Mode::OnDemand { warm_throughput_mibps: Some(5) });
    is_refused(world.service.create_stream(warm("s")).await, "MinimumThroughputBillingCommitment");
    let handle = world.create_on_demand("s").await;
    is_refused(world.service.update_warm_throughput(&handle, 5).await, "MinimumThroughputBillingCommitment");
    let provisioned = world.create("p", 1).await;
    is_refused(world.service.update_mode(&provisioned, StreamMode::OnDemand, Some(5)).await, "Commitment");
    assert_eq!(world.service.warm_throughput(&handle).await.unwrap(), None);

    world.commit().await;
    is_refused(world.service.update_warm_throughput(&provisioned, 5).await, "on-demand");
    let has = WarmThroughput { target_mibps: 4, current_mibps: 4 };
    assert_eq!(world.service.warm_throughput(&handle).await.unwrap(), Some(has));
    assert_eq!(world.service.warm_throughput(&provisioned).await.unwrap(), None);
    world.service.update_warm_throughput(&handle, 5).await.unwrap();
    world.settle();
    is_refused(world.service.set_commitment(account, false).await, "stream s under account");
    world.service.update_warm_throughput(&handle, 0).await.unwrap();
    let ending = world.service.set_commitment(account, false).await.unwrap().commitment.status;
    assert_eq!(ending, CommitmentStatus::EnabledUntilEarliestAllowedEnd);
    world.settle();
    is_refused(world.service.update_warm_throughput(&handle, 5).await, "Commitment");
}

#[tokio::test]
async fn auto_spreads_evenly_over_unequal_shards_and_ignores_keys() {
    let world = World::new(LimitPolicy::OFF).await;
    let handle = world.create_on_demand("s").await;
    // Unequal ranges, made by skewed keys.
    world.drive(&(1..=10).map(|i| i * 1_000_000).collect::<Vec<_>>(), 600, 10, MINUTE_AND_A_QUARTER).await;
    assert_eq!(world.open_shards(), 5);
    is_refused(world.put_many("s", &[entry("", b"x")]).await, "partition key is required");
    world.service.update_distribution(&handle, Distribution::Auto).await.unwrap();
    assert_eq!(world.service.find(&key("s")).unwrap().1, StreamStatus::Active, "at once");
    let mut counts: BTreeMap<ShardId, u32> = BTreeMap::new();
    let entries = [entry("same", b"1"), entry("", b"2"), entry_at(7, b"3")];
    let entries: Vec<PutEntry<'_>> = entries.iter().cycle().take(500).cloned().collect();
    for answer in world.put_many("s", &entries).await.unwrap() {
        *counts.entry(answer.unwrap().shard).or_default() += 1;
    }
    assert_eq!(counts.values().copied().collect::<Vec<_>>(), [100; 5]);
    let mut single: BTreeMap<ShardId, u32> = BTreeMap::new();
    for _ in 0..500 {
        *single.entry(world.put("s", "same", "x").await.shard).or_default() += 1;
    }
    assert!(single.len() == 5 && single.values().all(|&count| (60..=140).contains(&count)), "{single:?}");
    let last = handle.view().meta().shards.route(HashKey::MAX).id.to_string();
    let keys: Vec<_> = world.read_shard("s", &last).await.into_iter().map(|record| record.key).collect();
    assert!(["same", "", "k"].iter().all(|given| keys.iter().any(|key| key == given)));

    world.service.update_distribution(&handle, Distribution::PartitionKey).await.unwrap();
    assert_eq!(
        world.put("s", "a", "x").await.shard,
        handle.view().meta().shards.route(HashKey::of_partition_key("a")).id
    );
    let provisioned = world.create("p", 1).await;
    is_refused(world.service.update_distribution(&provisioned, Distribution::Auto).await, "on-demand");
    world.service.update_distribution(&provisioned, Distribution::PartitionKey).await.unwrap();
}

#[tokio::test]
async fn auto_streams_scale_too() {
    let world = World::new(LimitPolicy::OFF).await;
    let mode = Mode::OnDemand { warm_throughput_mibps: None };
    let auto = CreateStream { distribution: Distribution::Auto, ..request("s", mode) };
    world.service.create_stream(auto).await.unwrap();
    world.settle();
    world.drive(&[5], 2400, 10, MINUTE_AND_A_QUARTER).await;
    assert_eq!(world.open_shards(), 8);
    world.drive(&[5], 2400, 10, 8).await;
    assert_eq!(world.open_shards(), 8);
}
