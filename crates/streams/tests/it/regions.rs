//! Names, lists, quotas and tokens are apart by region, and keys of the home region are what they were.

use headwater_store::MetaStore;
use headwater_streams::{CommitmentStatus, LimitPolicy, Mode, ShardFilter, StartingPosition, StreamsError};
use headwater_types::StreamKey;
use headwater_types::limits::{Limit, RegionalPolicy};

use crate::harness::{HOME, World, entry, key, realm, request};

fn there(name: &str) -> StreamKey {
    StreamKey { realm: realm("eu-central-1"), ..key(name) }
}

/// The same stream in two regions.
async fn world() -> World {
    let world = World::with_limits(LimitPolicy::OFF.into()).await;
    for key in [key("s"), there("s")] {
        let mode = Mode::Provisioned { shards: 1 };
        world
            .service
            .create_stream(headwater_streams::CreateStream { key, ..request("s", mode) })
            .await
            .unwrap();
    }
    world.settle();
    world
}

#[tokio::test]
async fn names_are_apart() {
    let mut world = world().await;
    for _ in 0..2 {
        let uid = |key: &StreamKey| world.service.find_readable(key).unwrap().view().meta().uid;
        assert_ne!(uid(&key("s")), uid(&there("s")));
        for key in [key("s"), there("s")] {
            let (listed, _) = world.service.list_streams(key.realm, None, 10);
            assert_eq!(listed.iter().map(|(handle, _)| handle.key()).collect::<Vec<_>>(), [&key]);
        }
        assert!(world.service.list_streams(realm("eu-west-1"), None, 10).0.is_empty());
        world.reopen().await;
    }
    let handle = world.service.find_readable(&there("s")).unwrap();
    world.service.put_record(&handle, entry("k", b"there"), None).await.unwrap();
    assert!(world.read_shard("s", "0").await.is_empty());
    world.service.delete_stream(&there("s"), false).await.unwrap();
    assert!(world.service.find_readable(&key("s")).is_ok());
}

#[tokio::test]
async fn stored_keys_of_the_home_region_are_as_they_were() {
    let world = world().await;
    world.service.set_commitment(there("s").realm, true).await.unwrap();
    world.commit().await;
    let keys: Vec<_> = world.store.list("kds/").await.unwrap().into_iter().map(|(key, _)| key).collect();
    for expected in [
        "kds/stream/123456789012/s",
        "kds/stream/123456789012@eu-central-1/s",
        "kds/account/123456789012",
        "kds/account/123456789012@eu-central-1",
    ] {
        assert!(keys.iter().any(|key| key == expected), "{expected} is not among {keys:?}");
    }
    let counts = world.service.count_streams();
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(realm("eu-central-1"), 1), (realm("us-east-1"), 1)]);
}

#[tokio::test]
async fn tokens_are_good_in_their_region_only() {
    let world = world().await;
    let europe = there("s").realm.region;
    for (key, here, elsewhere) in [(key("s"), HOME, europe), (there("s"), europe, HOME)] {
        let iterator = world.service.shard_iterator(&key, "0", &StartingPosition::TrimHorizon).await.unwrap();
        let token = world.service.sign_iterator(&iterator);
        assert_eq!(token.len(), 152, "as long as AWS's");
        assert_eq!(world.service.open_iterator(&token, here).unwrap(), iterator);
        let refused = world.service.open_iterator(&token, elsewhere);
        assert!(matches!(refused, Err(StreamsError::InvalidIterator)), "{refused:?}");

        let (handle, _) = world.service.find(&key).unwrap();
        world.service.update_shard_count(&handle, 2).await.unwrap();
        world.settle();
        let page = world.service.list_shards(&handle, ShardFilter::FromTrimHorizon, None, 1).unwrap();
        let token = world.service.sign_page(&page.next.unwrap());
        assert_eq!(world.service.open_page(&token, here).unwrap().stream, key);
        assert!(world.service.open_page(&token, elsewhere).is_err());
    }
}

#[tokio::test]
async fn quotas_and_settings_are_of_a_region() {
    let world = World::with_limits(RegionalPolicy::new(LimitPolicy::aws)).await;
    let shards = |name: &str| {
        let report = world.service.limits_report(realm(name));
        (report.shard_limit, report.open_shards)
    };
    let create = |key: StreamKey, shards| {
        let request = headwater_streams::CreateStream { key, ..request("s", Mode::Provisioned { shards }) };
        world.service.create_stream(request)
    };
    create(there("s"), 1_000).await.unwrap();
    world.settle();
    assert_eq!((shards("eu-central-1"), shards("us-east-1")), ((1_000, 1_000), (20_000, 0)));
    let refused = create(there("t"), 1).await.unwrap_err();
    assert!(
        matches!(refused, StreamsError::ShardQuota { realm: r, limit: 1_000, .. } if r == there("t").realm)
    );
    create(key("t"), 1_001).await.unwrap();

    world.service.set_commitment(there("s").realm, true).await.unwrap();
    for (name, status) in
        [("eu-central-1", CommitmentStatus::Enabled), ("us-east-1", CommitmentStatus::Disabled)]
    {
        assert_eq!(world.service.account_settings(realm(name)).await.unwrap().commitment.status, status);
    }
    let limit = Limit::DescribeLimitsCalls;
    for name in ["eu-central-1", "us-east-1"] {
        world.service.count_account_call(realm(name), limit).unwrap();
        assert!(world.service.count_account_call(realm(name), limit).is_err());
    }
}
