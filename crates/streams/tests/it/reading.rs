use std::time::Duration;

use headwater_streams::{LimitPolicy, StartingPosition, StreamsError};
use headwater_types::{HashKey, Position, SequenceNumber, Shard, Timestamp};

use crate::harness::{HOME, START, World, entry, entry_at, records, shard};

async fn world() -> World {
    World::new(LimitPolicy::OFF).await
}

fn data(outcome: &headwater_streams::ReadOutcome) -> Vec<String> {
    records(outcome).into_iter().map(|record| record.data).collect()
}

#[tokio::test]
async fn sequence_numbers_include_and_exclude() {
    let world = world().await;
    world.create("s", 1).await;
    let mut numbers = Vec::new();
    for text in ["a", "b", "c"] {
        numbers.push(world.put("s", "k", text).await.sequence_number.to_string());
    }
    for (start, expected) in [
        (StartingPosition::AtSequenceNumber(numbers[1].clone()), &["b", "c"][..]),
        (StartingPosition::AfterSequenceNumber(numbers[1].clone()), &["c"]),
        (StartingPosition::AfterSequenceNumber(numbers[2].clone()), &[]),
        (StartingPosition::TrimHorizon, &["a", "b", "c"]),
        (StartingPosition::Latest, &[]),
    ] {
        let iterator = world.iterator("s", "0", start.clone()).await.unwrap();
        assert_eq!(data(&world.read(iterator, 10).await.unwrap()), expected, "{start:?}");
    }
}

#[tokio::test]
async fn the_starting_number_of_a_shard_is_its_beginning() {
    let world = world().await;
    let handle = world.create("s", 1).await;
    world.put("s", "k", "a").await;
    let start = handle.view().meta().shards.all()[0].starting_sequence_number().to_string();
    for position in
        [StartingPosition::AtSequenceNumber(start.clone()), StartingPosition::AfterSequenceNumber(start)]
    {
        let iterator = world.iterator("s", "0", position).await.unwrap();
        assert_eq!(data(&world.read(iterator, 10).await.unwrap()), ["a"]);
    }
}

#[tokio::test]
async fn numbers_of_other_shards_and_streams_are_refused() {
    let world = world().await;
    world.create("s", 2).await;
    world.clock.advance(Duration::from_secs(5));
    world.create("t", 2).await;
    let upper = world.put_many("s", &[entry_at(u128::MAX, b"x")]).await.unwrap()[0].unwrap();
    let at = |number: &str| StartingPosition::AtSequenceNumber(number.to_owned());
    let number = upper.sequence_number.to_string();
    let other_shard = world.iterator("s", "0", at(&number)).await;
    assert!(matches!(other_shard, Err(StreamsError::SequenceNumberOfShard { .. })), "{other_shard:?}");
    let other_stream = world.iterator("t", "1", at(&number)).await;
    assert!(matches!(other_stream, Err(StreamsError::SequenceNumber { foreign: true, .. })));
    let nonsense =
        world.iterator("s", "0", at("99999999999999999999999999999999999999999999999999999999")).await;
    assert!(matches!(nonsense, Err(StreamsError::SequenceNumber { foreign: false, .. })));
}

#[tokio::test]
async fn times_find_the_first_record_at_or_after() {
    let world = world().await;
    world.create("s", 1).await;
    let begin = world.service.now();
    for text in ["a", "b", "c"] {
        world.put("s", "k", text).await;
        world.clock.advance(Duration::from_secs(10));
    }
    let at = |seconds: u64| Timestamp::from_millis(begin.as_millis() + seconds * 1000);
    for (time, expected) in [
        (Timestamp::EPOCH, &["a", "b", "c"][..]),
        (at(0), &["a", "b", "c"]),
        (at(1), &["b", "c"]),
        (at(10), &["b", "c"]),
        (at(21), &[]),
    ] {
        let iterator = world.iterator("s", "0", StartingPosition::AtTimestamp(time)).await.unwrap();
        assert_eq!(data(&world.read(iterator, 10).await.unwrap()), expected, "{time}");
    }
    let future = world.iterator("s", "0", StartingPosition::AtTimestamp(at(31))).await;
    assert!(matches!(future, Err(StreamsError::TimeInFuture { .. })));
}

#[tokio::test]
async fn the_lag_is_the_age_of_what_was_read() {
    let world = world().await;
    world.create("s", 1).await;
    for text in ["a", "b"] {
        world.put("s", "k", text).await;
        world.clock.advance(Duration::from_secs(10));
    }
    let iterator = world.iterator("s", "0", StartingPosition::TrimHorizon).await.unwrap();
    let first = world.read(iterator, 1).await.unwrap();
    assert_eq!(first.millis_behind_latest, 20_000);
    let second = world.read(first.next.unwrap(), 1).await.unwrap();
    assert_eq!(second.millis_behind_latest, 0);
}

#[tokio::test]
async fn iterators_can_be_used_again_and_expire() {
    let world = world().await;
    world.create("s", 1).await;
    world.put("s", "k", "a").await;
    let iterator = world.iterator("s", "0", StartingPosition::TrimHorizon).await.unwrap();
    let token = world.service.sign_iterator(&iterator);
    assert_ne!(token, world.service.sign_iterator(&iterator), "no two tokens are equal");
    assert_eq!((token.len(), &token[..8]), (152, &[0, 0, 0, 0, 0, 0, 0, 1][..]));
    for _ in 0..2 {
        let opened = world.service.open_iterator(&token, HOME).unwrap();
        assert_eq!(data(&world.read(opened, 10).await.unwrap()), ["a"]);
    }
    world.clock.advance(Duration::from_millis(300_000));
    assert!(world.service.open_iterator(&token, HOME).is_ok());
    world.clock.advance(Duration::from_millis(1));
    let expired = world.service.open_iterator(&token, HOME);
    let Err(StreamsError::ExpiredIterator { created, now }) = expired else { panic!("{expired:?}") };
    assert_eq!(now.millis_since(created), 300_001);
    assert!(created > START);
}

#[tokio::test]
async fn forged_iterators_are_refused() {
    let world = world().await;
    world.create("s", 1).await;
    let iterator = world.iterator("s", "0", StartingPosition::TrimHorizon).await.unwrap();
    let token = world.service.sign_iterator(&iterator);
    for at in 0..token.len() {
        let mut forged = token.clone();
        forged[at] ^= 1;
        assert!(
            matches!(world.service.open_iterator(&forged, HOME), Err(StreamsError::InvalidIterator)),
            "byte {at}"
        );
        assert!(world.service.open_iterator(&token[..at], HOME).is_err(), "cut at {at}");
    }
}

#[tokio::test]
async fn pages_of_shards_go_on_where_they_ended() {
    let world = world().await;
    let handle = world.create("s", 5).await;
    let first =
        world.service.list_shards(&handle, headwater_streams::ShardFilter::AtLatest, None, 2).unwrap();
    let token = world.service.sign_page(&first.next.unwrap());
    let second = world.service.list_shards_after(&world.service.open_page(&token, HOME).unwrap(), 2).unwrap();
    assert_eq!(second.shards.iter().map(|shard| shard.id.index()).collect::<Vec<_>>(), [2, 3]);
    let third = world.service.list_shards_after(&second.next.unwrap(), 2).unwrap();
    assert_eq!(third.shards.len(), 1);
    assert!(third.next.is_none());
    world.clock.advance(Duration::from_millis(300_001));
    assert!(matches!(
        world.service.open_page(&token, HOME),
        Err(headwater_streams::TokenError::Expired { .. })
    ));
}

#[tokio::test]
async fn an_ordering_number_is_one_that_a_shard_could_have_issued() {
    let world = World::new(LimitPolicy::OFF).await;
    let handle = world.create("s", 1).await;
    let first = world.put("s", "k", "x").await.sequence_number;
    world.service.split_shard(&handle, shard(0), HashKey(1 << 127)).await.unwrap();
    let (parent, child) = {
        let meta = handle.view().meta().clone();
        (meta.shards.get(shard(0)).unwrap().clone(), meta.shards.get(shard(1)).unwrap().clone())
    };
    // Before the second in which it counts as created.
    let early = world.put_many("s", &[entry_at(0, b"y")]).await.unwrap()[0].unwrap().sequence_number;
    let of = |shard: &Shard, position: u64, time| {
        SequenceNumber::of_record(shard.id, shard.created, Position::new(position).unwrap(), time).to_string()
    };
    let hex = |text: &str| u128::from_str_radix(text, 16).unwrap().to_string();
    let now = world.service.now();
    let (later, foreign) = (now.plus(Duration::from_secs(1)), Timestamp::from_secs(1_500_000_000));
    let of_foreign =
        |created, time| SequenceNumber::of_record(shard(7), created, Position::START, time).to_string();
    for (number, allowed) in [
        (first.to_string(), true),
        (early.to_string(), true),
        (parent.starting_sequence_number().to_string(), true),
        (parent.ending_sequence_number().unwrap().to_string(), true),
        (of_foreign(foreign, now), true),
        // Two that AWS takes (kinesalite): all zeros, of versions 2 and 1.
        ("49039857307708443467467104868809893875799651909875269634".to_owned(), true),
        ("49039857307708443467467104868809893875799651909875269633".to_owned(), true),
        // Later than now, older than its shard, behind the end of its shard, an ending that has not come.
        (of(&child, 0, later), false),
        (of_foreign(now, foreign), false),
        (of(&parent, 1, now), false),
        (of(&child, 1, now), false),
        (SequenceNumber::ending(child.id, child.created, now).to_string(), false),
        // Of version 0, created in 2477 and tomorrow; no number at all.
        (hex("13bb2cc3d80000000000000000000000"), false),
        (hex(&format!("1{:09x}0000000000000000000000", now.as_secs() + 86_400)), false),
        ("x".to_owned(), false),
    ] {
        let put = world.service.put_record(&handle, entry("k", b"z"), Some(&number)).await;
        assert_eq!(put.is_ok(), allowed, "{number}: {put:?}");
        assert!(allowed || matches!(put, Err(StreamsError::OrderingNumber { .. })), "{number}: {put:?}");
    }
}

#[tokio::test]
async fn a_record_is_its_data_and_its_partition_key() {
    let world = World::new(LimitPolicy::OFF).await;
    let handle = world.create("s", 1).await;
    for kib in [1024, 2048] {
        world.service.update_max_record_size(&handle, kib).await.unwrap();
        world.settle();
        let limit = usize::try_from(kib).unwrap() << 10;
        for (key_len, data_len, fits) in
            [(256, limit - 256, true), (256, limit - 255, false), (1, limit - 1, true), (1, limit, false)]
        {
            let (key, data) = ("k".repeat(key_len), vec![0; data_len]);
            let one = world.service.put_record(&handle, entry(&key, &data), None).await;
            assert_eq!(one.is_ok(), fits, "{key_len} and {data_len} bytes of {limit}");
            let several = world.put_many("s", &[entry("k", b"small"), entry(&key, &data)]).await;
            assert_eq!(several.is_ok(), fits, "the same among several");
            assert!(
                fits || matches!(several, Err(StreamsError::RecordTooLarge { bytes, limit_bytes, .. })
                if bytes == key_len + data_len && limit_bytes == limit)
            );
        }
    }
}
