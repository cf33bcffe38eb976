//! Registered consumers: their life, their quotas, and what they mean for their stream.

use std::collections::BTreeMap;
use std::time::Duration;

use headwater_streams::{ConsumerRef, ConsumerStatus, LimitPolicy, StreamsError, Tagged};
use headwater_types::{ConsumerName, Region};

use crate::harness::{TRANSITION, World, key};

fn named(name: &str) -> ConsumerRef {
    ConsumerRef::Name(ConsumerName::new(name).unwrap())
}

#[tokio::test]
async fn a_consumer_is_creating_then_active_then_deleting_then_gone() {
    let world = World::new(LimitPolicy::aws(Region::US_EAST_1)).await;
    let stream = world.create("s", 1).await;
    let registered = world.register("s", "c").await.unwrap();
    assert_eq!(registered.status, ConsumerStatus::Creating);
    assert_eq!(registered.created.as_secs(), registered.id.created_s);
    let status = || world.service.find_consumer(&stream, &named("c")).map(|found| found.status);
    world.settle();
    assert_eq!(status().unwrap(), ConsumerStatus::Active);
    world.service.deregister_consumer(&stream, &named("c")).await.unwrap();
    assert_eq!(status().unwrap(), ConsumerStatus::Deleting);
    world.service.deregister_consumer(&stream, &named("c")).await.unwrap();
    world.settle();
    assert!(matches!(status(), Err(StreamsError::ConsumerNotFound { .. })));
    let again = world.service.deregister_consumer(&stream, &named("c")).await;
    assert!(matches!(again, Err(StreamsError::ConsumerNotFound { .. })));
}

#[tokio::test]
async fn a_name_is_taken_until_its_consumer_is_gone_and_then_means_another() {
    let world = World::new(LimitPolicy::aws(Region::US_EAST_1)).await;
    let stream = world.create("s", 1).await;
    let first = world.register("s", "c").await.unwrap();
    let taken = |result| matches!(result, Err(StreamsError::ConsumerExists { .. }));
    assert!(taken(world.register("s", "c").await));
    world.settle();
    assert!(taken(world.register("s", "c").await));
    world.service.deregister_consumer(&stream, &named("c")).await.unwrap();
    assert!(taken(world.register("s", "c").await));
    world.settle();
    // In the same second as the first: the ARN must differ all the same.
    assert_eq!(world.service.now().as_secs(), first.id.created_s);
    let second = world.register("s", "c").await.unwrap();
    assert_ne!(first.id, second.id);
    let of_first = world.service.find_consumer(&stream, &ConsumerRef::Id(first.id));
    assert!(matches!(of_first, Err(StreamsError::ConsumerNotFound { .. })));
    world.service.find_consumer(&stream, &ConsumerRef::Id(second.id)).unwrap();
}

#[tokio::test]
async fn consumers_outlive_the_process() {
    let mut world = World::new(LimitPolicy::aws(Region::US_EAST_1)).await;
    world.create("s", 1).await;
    let registered = world.register("s", "c").await.unwrap();
    world.settle();
    world.reopen().await;
    let stream = world.service.find_readable(&key("s")).unwrap();
    let found = world.service.find_consumer(&stream, &ConsumerRef::Id(registered.id)).unwrap();
    assert_eq!(found.status, ConsumerStatus::Active);
}

#[tokio::test]
async fn a_stream_with_consumers_is_deleted_only_if_they_may_go_with_it() {
    let world = World::new(LimitPolicy::aws(Region::US_EAST_1)).await;
    let stream = world.create("s", 1).await;
    world.register("s", "c").await.unwrap();
    let refused = world.service.delete_stream(&key("s"), false).await;
    assert!(matches!(refused, Err(StreamsError::HasConsumers(_))));
    world.service.delete_stream(&key("s"), true).await.unwrap();
    assert_eq!(stream.view().meta().consumers(world.service.now()).count(), 0);

    let world = World::new(LimitPolicy::aws(Region::US_EAST_1)).await;
    let stream = world.create("s", 1).await;
    world.register("s", "c").await.unwrap();
    world.service.deregister_consumer(&stream, &named("c")).await.unwrap();
    world.settle();
    world.service.delete_stream(&key("s"), false).await.unwrap();
}

#[tokio::test]
async fn streams_in_transition_take_no_consumers() {
    let world = World::new(LimitPolicy::aws(Region::US_EAST_1)).await;
    let request = crate::harness::request("s", headwater_streams::Mode::Provisioned { shards: 1 });
    world.service.create_stream(request).await.unwrap();
    let refused = |result| matches!(result, Err(StreamsError::NotActive { .. }));
    assert!(refused(world.register("s", "c").await));
    world.settle();
    world.service.delete_stream(&key("s"), false).await.unwrap();
    assert!(refused(world.register("s", "c").await));
}

#[tokio::test]
async fn consumers_are_listed_by_name_a_page_at_a_time() {
    let world = World::new(LimitPolicy::OFF).await;
    let stream = world.create("s", 1).await;
    for name in ["b", "d", "a", "c", "e"] {
        world.register("s", name).await.unwrap();
    }
    let (mut names, mut after) = (Vec::new(), None);
    loop {
        let (page, more) = world.service.list_consumers(&stream, after.as_ref(), 2);
        names.extend(page.iter().map(|consumer| consumer.id.name.to_string()));
        if !more {
            break;
        }
        let token = world.service.sign_consumer_page(&stream, &page.last().unwrap().id.name);
        after = world.service.open_consumer_page(&token).unwrap().after(&stream);
        assert!(after.is_some());
    }
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    let other = world.create("t", 1).await;
    let token = world.service.sign_consumer_page(&stream, &ConsumerName::new("a").unwrap());
    assert_eq!(world.service.open_consumer_page(&token).unwrap().after(&other), None);
    world.clock.advance(Duration::from_secs(301));
    assert!(matches!(
        world.service.open_consumer_page(&token),
        Err(headwater_streams::TokenError::Expired { .. })
    ));
}

#[tokio::test]
async fn tags_of_a_consumer_are_its_own() {
    let world = World::new(LimitPolicy::aws(Region::US_EAST_1)).await;
    let stream = world.create("s", 1).await;
    let consumer = world.register("s", "c").await.unwrap();
    let of_consumer = Tagged::Consumer(stream.clone(), ConsumerRef::Id(consumer.id));
    let of_stream = Tagged::Stream(stream.clone());
    let tags = BTreeMap::from([("team".to_owned(), "web".to_owned())]);
    world.service.add_tags(&of_consumer, &tags).await.unwrap();
    assert_eq!(world.service.tags(&of_consumer).unwrap(), tags);
    assert!(world.service.tags(&of_stream).unwrap().is_empty());
    world.service.remove_tags(&of_consumer, &["team".to_owned(), "none".to_owned()]).await.unwrap();
    assert!(world.service.tags(&of_consumer).unwrap().is_empty());
    let many = (0..51).map(|i| (i.to_string(), String::new())).collect();
    let refused = world.service.add_tags(&of_consumer, &many).await;
    assert!(matches!(refused, Err(StreamsError::TooManyTags { limit: 50, .. })));
    world.service.deregister_consumer(&stream, &named("c")).await.unwrap();
    world.clock.advance(TRANSITION);
    let gone = world.service.add_tags(&of_consumer, &tags).await;
    assert!(matches!(gone, Err(StreamsError::ConsumerNotFound { .. })));
}
