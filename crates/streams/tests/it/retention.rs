use std::time::Duration;

use headwater_streams::{LimitPolicy, ShardFilter, StartingPosition, StreamsError};
use headwater_types::HashKey;

use crate::harness::{World, key, records, shard};

const HOUR: Duration = Duration::from_secs(3600);

async fn world() -> World {
    World::new(LimitPolicy::OFF).await
}

#[tokio::test]
async fn expired_records_are_hidden_before_they_are_removed() {
    let world = world().await;
    world.create("s", 1).await;
    world.put("s", "k", "old").await;
    let before = world.iterator("s", "0", StartingPosition::TrimHorizon).await.unwrap();
    world.clock.advance(24 * HOUR);
    assert_eq!(world.read_shard("s", "0").await.len(), 1, "kept for exactly 24 hours");
    world.put("s", "k", "new").await;
    world.clock.advance(Duration::from_millis(1));
    let outcome = world.read(before, 10).await.unwrap();
    assert_eq!(records(&outcome)[0].data, "new");
}

#[tokio::test]
async fn upkeep_gives_the_space_back() {
    let world = world().await;
    let handle = world.create("s", 1).await;
    world.put("s", "k", "old").await;
    world.clock.advance(25 * HOUR);
    world.service.upkeep().await;
    // Raising the retention afterwards restores nothing.
    world.service.increase_retention(&handle, 48).await.unwrap();
    assert!(world.read_shard("s", "0").await.is_empty());
}

#[tokio::test]
async fn raising_the_retention_never_restores_what_had_expired() {
    let world = world().await;
    let handle = world.create("s", 1).await;
    world.put("s", "k", "old").await;
    world.clock.advance(25 * HOUR);
    world.service.increase_retention(&handle, 48).await.unwrap();
    assert!(world.read_shard("s", "0").await.is_empty());
}

#[tokio::test]
async fn a_closed_shard_goes_when_its_records_have() {
    let world = world().await;
    let handle = world.create("s", 1).await;
    world.put("s", "k", "x").await;
    world.service.split_shard(&handle, shard(0), HashKey(1 << 127)).await.unwrap();
    world.settle();
    let ids = |filter| -> Vec<u32> {
        let page = world.service.list_shards(&handle, filter, None, 100).unwrap();
        page.shards.iter().map(|shard| shard.id.index()).collect()
    };
    assert_eq!(ids(ShardFilter::FromTrimHorizon), [0, 1, 2]);
    world.clock.advance(24 * HOUR);
    assert_eq!(ids(ShardFilter::FromTrimHorizon), [1, 2]);
    let gone = world.iterator("s", "0", StartingPosition::TrimHorizon).await;
    assert!(matches!(gone, Err(StreamsError::NoSuchShard { .. })));
    world.service.upkeep().await;
    assert_eq!(handle.view().meta().shards.all().len(), 2);
    let logs = headwater_store::LogStore::list(&*world.store, "").await.unwrap();
    assert_eq!(logs.len(), 2);
    assert!(world.service.find(&key("s")).is_ok());
}

#[tokio::test]
async fn an_expired_shard_never_comes_back() {
    for upkeep in [false, true] {
        let mut world = world().await;
        let handle = world.create("s", 1).await;
        world.put("s", "k", "x").await;
        world.service.split_shard(&handle, shard(0), HashKey(1 << 127)).await.unwrap();
        world.settle();
        world.clock.advance(25 * HOUR);
        if upkeep {
            world.service.upkeep().await;
        }
        world.service.increase_retention(&handle, 48).await.unwrap();
        world.settle();
        // As it is stored, too.
        world.reopen().await;
        let handle = world.service.find(&key("s")).unwrap().0;
        for filter in [ShardFilter::FromTrimHorizon, ShardFilter::AtTrimHorizon] {
            let page = world.service.list_shards(&handle, filter, None, 100).unwrap();
            let ids: Vec<_> = page.shards.iter().map(|shard| shard.id.index()).collect();
            assert_eq!(ids, [1, 2], "{filter:?}");
        }
        let gone = world.iterator("s", "0", StartingPosition::TrimHorizon).await;
        assert!(matches!(gone, Err(StreamsError::NoSuchShard { .. })));
        // Shorter and longer again moves nothing back either.
        let horizon = handle.view().meta().horizon(world.service.now());
        world.service.decrease_retention(&handle, 24).await.unwrap();
        world.settle();
        world.service.increase_retention(&handle, 8760).await.unwrap();
        world.settle();
        assert!(handle.view().meta().horizon(world.service.now()) >= horizon);
    }
}

#[tokio::test]
async fn metadata_from_before_horizons_were_stored_is_read() {
    use headwater_store::{Expected, MetaStore};
    let mut world = world().await;
    world.create("s", 1).await;
    world.put("s", "k", "kept").await;
    let stored = world.store.get("kds/stream/123456789012/s").await.unwrap().unwrap();
    let mut meta: serde_json::Value = serde_json::from_slice(&stored.value).unwrap();
    assert!(meta.as_object_mut().unwrap().remove("expired_before").is_some());
    let (bytes, version) = (serde_json::to_vec(&meta).unwrap(), Expected::Version(stored.version));
    world.store.put("kds/stream/123456789012/s", bytes.into(), version).await.unwrap();
    world.reopen().await;
    let handle = world.service.find(&key("s")).unwrap().0;
    assert_eq!(handle.view().meta().horizon(world.service.now()), world.service.now().minus(24 * HOUR));
    assert_eq!(world.read_shard("s", "0").await.len(), 1);
}

#[tokio::test]
async fn a_clock_that_was_ahead_hides_nothing_afterwards() {
    let world = world().await;
    let handle = world.create("s", 1).await;
    world.clock.advance(1000 * HOUR);
    world.service.increase_retention(&handle, 48).await.unwrap();
    let meta = handle.view().meta().clone();
    // What a server sees whose clock has been set right.
    let right = world.service.now().minus(999 * HOUR);
    assert_eq!(meta.horizon(right), right.minus(48 * HOUR));
}

#[tokio::test]
async fn retention_moves_only_the_way_it_is_asked_to() {
    let world = world().await;
    let handle = world.create("s", 1).await;
    world.service.increase_retention(&handle, 24).await.unwrap();
    world.service.increase_retention(&handle, 48).await.unwrap();
    world.settle();
    let shorter = world.service.increase_retention(&handle, 47).await;
    assert!(matches!(shorter, Err(StreamsError::RetentionNotLonger { hours: 47, current: 48, .. })));
    let longer = world.service.decrease_retention(&handle, 49).await;
    assert!(matches!(longer, Err(StreamsError::RetentionNotShorter { hours: 49, current: 48, .. })));
    world.service.decrease_retention(&handle, 48).await.unwrap();
}
