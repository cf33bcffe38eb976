use headwater_streams::{LimitPolicy, Mode, StreamStatus, StreamsError};
use headwater_types::{AccountId, Realm, StreamKey};

use crate::harness::{TRANSITION, World, key, request};

async fn world() -> World {
    World::new(LimitPolicy::OFF).await
}

fn status(world: &World, name: &str) -> Option<StreamStatus> {
    world.service.find(&key(name)).ok().map(|(_, status)| status)
}

#[tokio::test]
async fn a_stream_is_creating_then_active_then_deleting_then_gone() {
    let world = world().await;
    world.service.create_stream(request("s", Mode::Provisioned { shards: 2 })).await.unwrap();
    assert_eq!(status(&world, "s"), Some(StreamStatus::Creating));
    let (handle, _) = world.service.find(&key("s")).unwrap();
    assert_eq!(world.service.visible_shards(&handle.view()).count(), 0);
    assert!(matches!(world.try_put("s", "k", "x").await, Err(StreamsError::StreamNotFound(_))));
    world.clock.advance(TRANSITION);
    assert_eq!(status(&world, "s"), Some(StreamStatus::Active));
    world.service.delete_stream(&key("s"), false).await.unwrap();
    assert_eq!(status(&world, "s"), Some(StreamStatus::Deleting));
    world.clock.advance(TRANSITION);
    assert_eq!(status(&world, "s"), None);
}

#[tokio::test]
async fn a_new_stream_of_the_same_name_has_nothing_of_the_old_one() {
    let world = world().await;
    world.create("s", 1).await;
    world.put("s", "k", "old").await;
    let old = world.iterator("s", "0", headwater_streams::StartingPosition::TrimHorizon).await.unwrap();
    world.service.delete_stream(&key("s"), false).await.unwrap();
    world.settle();
    world.create("s", 1).await;
    assert!(world.read_shard("s", "0").await.is_empty());
    assert!(matches!(world.read(old, 10).await, Err(StreamsError::NoSuchShard { .. })));
}

#[tokio::test]
async fn a_name_is_taken_until_its_stream_is_gone() {
    let world = world().await;
    world.create("s", 1).await;
    let again = || world.service.create_stream(request("s", Mode::Provisioned { shards: 1 }));
    assert!(matches!(again().await, Err(StreamsError::StreamExists(_))));
    world.service.delete_stream(&key("s"), false).await.unwrap();
    assert!(matches!(again().await, Err(StreamsError::StreamExists(_))));
    world.settle();
    again().await.unwrap();
}

#[tokio::test]
async fn streams_and_records_outlive_the_process() {
    let mut world = world().await;
    world.create("s", 2).await;
    let placed = world.put("s", "a", "x").await;
    world.reopen().await;
    assert_eq!(status(&world, "s"), Some(StreamStatus::Active));
    assert_eq!(world.read_shard("s", "0").await[0].number, placed.sequence_number);
}

#[tokio::test]
async fn deleted_streams_leave_no_logs() {
    let mut world = world().await;
    world.create("s", 3).await;
    world.service.delete_stream(&key("s"), false).await.unwrap();
    world.settle();
    world.reopen().await;
    world.service.upkeep().await;
    assert!(headwater_store::LogStore::list(&*world.store, "").await.unwrap().is_empty());
    assert!(headwater_store::MetaStore::list(&*world.store, "kds/stream/").await.unwrap().is_empty());
}

#[tokio::test]
async fn accounts_do_not_see_each_other() {
    let world = world().await;
    world.create("s", 1).await;
    let account = AccountId::new("999999999999").unwrap();
    let other = StreamKey { realm: Realm { account, ..key("s").realm }, ..key("s") };
    assert!(world.service.find(&other).is_err());
    assert!(world.service.list_streams(other.realm, None, 10).0.is_empty());
}

#[tokio::test]
async fn on_demand_streams_begin_with_four_shards_or_what_they_are_warmed_for() {
    let world = world().await;
    world.commit().await;
    for (warm, shards) in [(None, 4), (Some(2), 4), (Some(9), 9)] {
        let name = format!("s{shards}{}", warm.is_some());
        world
            .service
            .create_stream(request(&name, Mode::OnDemand { warm_throughput_mibps: warm }))
            .await
            .unwrap();
        let (handle, _) = world.service.find(&key(&name)).unwrap();
        assert_eq!(handle.view().meta().open_shards(), shards);
    }
}
