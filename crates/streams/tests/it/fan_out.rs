//! Subscriptions: what is pushed and when, and how they end.

use std::time::Duration;

use futures_util::FutureExt;
use headwater_streams::{
    ConsumerRef, Event, EventBudget, LimitPolicy, Push, PutEntry, StartingPosition, StreamsError,
    Subscription,
};
use headwater_types::limits::Limit;
use headwater_types::{ConsumerName, HashKey, Region};

use crate::harness::{World, entry, key, shard};

const SECOND: Duration = Duration::from_secs(1);

/// Next message of a subscription that is there without waiting.
fn now(subscription: &mut Subscription, room: &EventBudget) -> Option<Push> {
    // Out of tokio's budget a task is made to wait although it could go on.
    tokio::task::unconstrained(subscription.next(room))
        .now_or_never()
        .map(|push| push.expect("the subscription is over"))
}

fn event(subscription: &mut Subscription, room: &EventBudget) -> Event {
    match now(subscription, room) {
        Some(Push::Event(event)) => event,
        other => panic!("no event but {other:?}"),
    }
}

fn texts(event: &Event) -> Vec<String> {
    let records = event.batches.iter().flat_map(|batch| batch.records.records());
    records.map(|record| String::from_utf8_lossy(record.data).into_owned()).collect()
}

fn room() -> EventBudget {
    EventBudget::new(64 << 20)
}

async fn world() -> World {
    let world = World::new(LimitPolicy::aws(Region::US_EAST_1)).await;
    world.create("s", 1).await;
    world.register("s", "c").await.unwrap();
    world.settle();
    world
}

async fn subscribe(world: &World, start: StartingPosition) -> Result<Subscription, StreamsError> {
    world.subscribe("s", "c", "0", start).await
}

#[tokio::test]
async fn records_that_are_put_together_are_pushed_together() {
    let (world, room) = (world().await, room());
    let mut subscription = subscribe(&world, StartingPosition::Latest).await.unwrap();
    assert!(event(&mut subscription, &room).batches.is_empty(), "the first event comes at once");
    assert!(now(&mut subscription, &room).is_none());
    let entries: Vec<_> = ["a", "b", "c", "d", "e"].iter().map(|text| entry("k", text.as_bytes())).collect();
    world.put_many("s", &entries).await.unwrap();
    let pushed = event(&mut subscription, &room);
    assert_eq!(texts(&pushed), ["a", "b", "c", "d", "e"]);
    assert_eq!(pushed.millis_behind_latest, 0);
    assert!(now(&mut subscription, &room).is_none());
}

#[tokio::test]
async fn a_waiting_subscription_is_woken_by_the_append() {
    let (world, room) = (world().await, room());
    let mut subscription = subscribe(&world, StartingPosition::Latest).await.unwrap();
    event(&mut subscription, &room);
    let waiting = tokio::spawn(async move { subscription.next(&room).await });
    tokio::task::yield_now().await;
    world.put("s", "k", "a").await;
    // The clock stands still: nothing but the append can have woken it.
    match waiting.await.unwrap() {
        Some(Push::Event(pushed)) => assert_eq!(texts(&pushed), ["a"]),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn silence_is_broken_every_five_seconds_by_a_growing_number() {
    let (world, room) = (world().await, room());
    world.put("s", "k", "a").await;
    let mut subscription = subscribe(&world, StartingPosition::TrimHorizon).await.unwrap();
    let mut last = event(&mut subscription, &room).continuation;
    for _ in 0..3 {
        world.clock.advance(SECOND * 4);
        assert!(now(&mut subscription, &room).is_none());
        world.clock.advance(SECOND);
        let beat = event(&mut subscription, &room);
        assert!(beat.batches.is_empty() && beat.continuation > last, "{} then {}", last, beat.continuation);
        assert_eq!(beat.millis_behind_latest, 0);
        last = beat.continuation;
    }
}

#[tokio::test]
async fn it_ends_after_five_minutes() {
    let (world, room) = (world().await, room());
    let mut subscription = subscribe(&world, StartingPosition::Latest).await.unwrap();
    for second in 0..60 {
        world.clock.advance(SECOND * 5);
        let next = tokio::task::unconstrained(subscription.next(&room)).now_or_never();
        match next.expect("an event or the end") {
            Some(Push::Event(_)) if second < 59 => {}
            None if second == 59 => {}
            other => panic!("{other:?} after {} s", (second + 1) * 5),
        }
    }
    assert!(subscription.next(&room).await.is_none(), "nothing comes after the end");
    subscribe(&world, StartingPosition::Latest).await.unwrap();
}

#[tokio::test]
async fn a_second_call_is_refused_for_five_seconds_and_then_takes_over() {
    let (world, room) = (world().await, room());
    let mut first = subscribe(&world, StartingPosition::Latest).await.unwrap();
    for _ in 0..2 {
        let refused = subscribe(&world, StartingPosition::Latest).await;
        assert!(matches!(refused, Err(StreamsError::SubscriptionActive { .. })), "{refused:?}");
        world.clock.advance(Duration::from_millis(2490));
    }
    world.clock.advance(Duration::from_millis(20));
    event(&mut first, &room);
    let mut second = subscribe(&world, StartingPosition::Latest).await.unwrap();
    match first.next(&room).await {
        Some(Push::Failed(StreamsError::SubscriptionActive { consumer, .. })) => {
            assert_eq!(consumer.as_str(), "c")
        }
        other => panic!("{other:?}"),
    }
    assert!(first.next(&room).await.is_none());
    drop(first);
    world.put("s", "k", "a").await;
    assert_eq!(texts(&event(&mut second, &room)), ["a"]);
}

#[tokio::test]
async fn one_call_a_second_for_each_consumer_and_shard() {
    let world = world().await;
    let bad = || subscribe(&world, StartingPosition::AtSequenceNumber("9".repeat(60)));
    assert!(matches!(bad().await, Err(StreamsError::SequenceNumber { .. })));
    assert!(matches!(bad().await, Err(StreamsError::SubscribeThrottled { .. })));
    world.clock.advance(Duration::from_millis(999));
    assert!(matches!(bad().await, Err(StreamsError::SubscribeThrottled { .. })));
    world.clock.advance(Duration::from_millis(1));
    assert!(matches!(bad().await, Err(StreamsError::SequenceNumber { .. })));
}

#[tokio::test]
async fn consumers_and_shards_do_not_get_in_each_others_way() {
    let (world, room) = (World::new(LimitPolicy::aws(Region::US_EAST_1)).await, room());
    world.create("s", 2).await;
    world.register("s", "c").await.unwrap();
    world.register("s", "d").await.unwrap();
    world.settle();
    let mut all = Vec::new();
    for consumer in ["c", "d"] {
        for shard in ["0", "1"] {
            all.push(world.subscribe("s", consumer, shard, StartingPosition::TrimHorizon).await.unwrap());
        }
    }
    world
        .put_many("s", &[crate::harness::entry_at(0, b"low"), crate::harness::entry_at(u128::MAX, b"high")])
        .await
        .unwrap();
    for (subscription, expected) in all.iter_mut().zip(["low", "high", "low", "high"]) {
        assert_eq!(texts(&event(subscription, &room)), [expected]);
    }
}

#[tokio::test]
async fn only_active_consumers_subscribe() {
    let world = World::new(LimitPolicy::aws(Region::US_EAST_1)).await;
    let stream = world.create("s", 1).await;
    world.register("s", "c").await.unwrap();
    let early = subscribe(&world, StartingPosition::Latest).await;
    assert!(matches!(early, Err(StreamsError::ConsumerNotActive { .. })), "{early:?}");
    world.settle();
    let unknown_shard = world.subscribe("s", "c", "7", StartingPosition::Latest).await;
    assert!(matches!(unknown_shard, Err(StreamsError::NoSuchShard { .. })));
    let no_shard = world.subscribe("s", "c", "abc", StartingPosition::Latest).await;
    assert!(matches!(no_shard, Err(StreamsError::ShardNotFound { .. })));
    let mut subscription = subscribe(&world, StartingPosition::Latest).await.unwrap();
    let name = ConsumerRef::Name(ConsumerName::new("c").unwrap());
    let (said, done) = (room(), tokio::sync::Notify::new());
    event(&mut subscription, &said);
    let waiting = async {
        let push = subscription.next(&said).await;
        done.notify_one();
        push
    };
    let (push, ()) = tokio::join!(waiting, async {
        world.service.deregister_consumer(&stream, &name).await.unwrap();
        done.notified().await;
    });
    assert!(matches!(push, Some(Push::Failed(StreamsError::ConsumerNotActive { .. }))), "{push:?}");
    world.settle();
    let gone = subscribe(&world, StartingPosition::Latest).await;
    assert!(matches!(gone, Err(StreamsError::StreamNotFound(_) | StreamsError::ConsumerNotFound { .. })));
}

#[tokio::test]
async fn a_deleted_stream_ends_it() {
    let (world, room) = (world().await, room());
    let mut subscription = subscribe(&world, StartingPosition::Latest).await.unwrap();
    event(&mut subscription, &room);
    world.service.delete_stream(&key("s"), true).await.unwrap();
    let push = subscription.next(&room).await;
    assert!(matches!(push, Some(Push::Failed(StreamsError::StreamNotFound(_)))), "{push:?}");
}

#[tokio::test]
async fn at_the_end_of_a_shard_come_its_children() {
    let (world, room) = (world().await, room());
    let stream = world.service.find_readable(&key("s")).unwrap();
    let mut subscription = subscribe(&world, StartingPosition::TrimHorizon).await.unwrap();
    world.put("s", "k", "a").await;
    world.service.split_shard(&stream, shard(0), HashKey(1 << 127)).await.unwrap();
    world.put("s", "k", "b").await;
    assert_eq!(texts(&event(&mut subscription, &room)), ["a"]);
    match now(&mut subscription, &room) {
        Some(Push::Children(parent, children)) => {
            assert_eq!(parent.id.index(), 0);
            assert_eq!(children.iter().map(|child| child.id.index()).collect::<Vec<_>>(), [1, 2]);
        }
        other => panic!("{other:?}"),
    }
    assert!(subscription.next(&room).await.is_none());
}

#[tokio::test]
async fn a_subscription_that_waits_at_the_tip_learns_of_the_children() {
    let (world, room) = (world().await, room());
    let stream = world.service.find_readable(&key("s")).unwrap();
    let mut subscription = subscribe(&world, StartingPosition::Latest).await.unwrap();
    event(&mut subscription, &room);
    let waiting = tokio::spawn(async move { subscription.next(&room).await });
    tokio::task::yield_now().await;
    world.service.split_shard(&stream, shard(0), HashKey(1 << 127)).await.unwrap();
    let push = waiting.await.unwrap();
    assert!(matches!(push, Some(Push::Children(_, ref children)) if children.len() == 2), "{push:?}");
}

/// Bytes pushed at once, and in the four seconds after, of 12 MB that wait.
async fn pushed_of_much(limits: LimitPolicy) -> (usize, usize) {
    let (world, room) = (World::new(limits).await, room());
    world.create("s", 1).await;
    world.register("s", "c").await.unwrap();
    let data = vec![b'x'; 100_000];
    for _ in 0..24 {
        for answer in world.put_many("s", &vec![entry("k", &data); 5]).await.unwrap() {
            answer.unwrap();
        }
        world.clock.advance(SECOND);
    }
    let mut subscription = subscribe(&world, StartingPosition::TrimHorizon).await.unwrap();
    let take = |subscription: &mut Subscription| {
        let mut bytes = 0;
        while let Some(push) = now(subscription, &room) {
            let Push::Event(event) = push else { panic!("{push:?}") };
            bytes += event.batches.iter().map(|batch| batch.records.bytes().len()).sum::<usize>();
        }
        bytes
    };
    let (first, mut later) = (take(&mut subscription), 0);
    for _ in 0..4 {
        world.clock.advance(SECOND);
        later += take(&mut subscription);
    }
    (first, later)
}

#[tokio::test]
async fn so_many_bytes_a_second_and_no_more() {
    let aws = || LimitPolicy::aws(Region::US_EAST_1);
    let set = |value| aws().with(Limit::SubscriptionBytes, value);
    // A second's worth is saved, and the event that overdraws it is sent whole.
    let event = 256 << 10;
    for (limits, rate) in [(aws(), 2 << 20), (set(Some(1_000_000)), 1_000_000)] {
        let (first, later) = pushed_of_much(limits).await;
        assert!((rate..=rate + event).contains(&first), "{first} at once of {rate} a second");
        assert!((4 * rate - event..=4 * rate + event).contains(&later), "{later} in 4 s of {rate} a second");
    }
    for limits in [set(None), LimitPolicy::OFF] {
        let (first, later) = pushed_of_much(limits).await;
        assert!(first > 12_000_000 && later == 0, "{first}, {later}");
    }
}

#[tokio::test]
async fn each_consumer_has_its_own_bytes_a_second_and_readers_have_theirs() {
    let (world, room) = (world().await, room());
    world.register("s", "d").await.unwrap();
    let handle = world.service.find_readable(&key("s")).unwrap();
    world.service.update_max_record_size(&handle, 10_240).await.unwrap();
    world.settle();
    world.put_many("s", &[entry("k", &vec![b'x'; 4 << 20])]).await.unwrap()[0].as_ref().unwrap();
    world.clock.advance(SECOND);
    world.put("s", "k", "after").await;
    let mut both = Vec::new();
    for consumer in ["c", "d"] {
        both.push(world.subscribe("s", consumer, "0", StartingPosition::TrimHorizon).await.unwrap());
    }
    let iterator = world.iterator("s", "0", StartingPosition::TrimHorizon).await.unwrap();
    assert_eq!(crate::harness::records(&world.read(iterator, 10).await.unwrap()).len(), 2);
    for subscription in &mut both {
        assert_eq!(event(subscription, &room).batches[0].records.count(), 1, "nobody waits for another");
        assert!(now(subscription, &room).is_none(), "four mebibytes, of which two were saved: owes a second");
    }
    world.clock.advance(Duration::from_millis(900));
    both.iter_mut().for_each(|subscription| assert!(now(subscription, &room).is_none()));
    world.clock.advance(Duration::from_millis(200));
    both.iter_mut().for_each(|subscription| assert_eq!(texts(&event(subscription, &room)), ["after"]));
}

#[tokio::test]
async fn what_is_owed_outlives_the_subscription() {
    let (world, room) = (world().await, room());
    world
        .service
        .update_max_record_size(&world.service.find_readable(&key("s")).unwrap(), 10_240)
        .await
        .unwrap();
    world.settle();
    let data = vec![b'x'; (10 << 20) - 1];
    world.put_many("s", &[entry("k", &data)]).await.unwrap()[0].unwrap();
    world.clock.advance(SECOND);
    world.put("s", "k", "after").await;
    let mut subscription = subscribe(&world, StartingPosition::TrimHorizon).await.unwrap();
    assert_eq!(event(&mut subscription, &room).batches[0].records.count(), 1);
    drop(subscription);
    world.clock.advance(SECOND * 5);
    let mut subscription = subscribe(&world, StartingPosition::TrimHorizon).await.unwrap();
    // The ten mebibytes less the two that were saved take four seconds: they are paid, and the same comes again.
    assert_eq!(event(&mut subscription, &room).batches[0].records.count(), 1);
    assert!(now(&mut subscription, &room).is_none(), "owes four seconds");
    world.clock.advance(Duration::from_millis(3900));
    assert!(now(&mut subscription, &room).is_none());
    world.clock.advance(Duration::from_millis(1200));
    assert_eq!(texts(&event(&mut subscription, &room)), ["after"]);
}

/// A world in which two consumers have a mebibyte each to read, and room for one of these events.
async fn two_with_little_room(data: &[u8]) -> (World, EventBudget, Subscription, Subscription) {
    let world = World::new(LimitPolicy::OFF).await;
    world.create("s", 1).await;
    world.register("s", "c").await.unwrap();
    world.register("s", "d").await.unwrap();
    world.settle();
    world.put_many("s", &[entry("k", data)]).await.unwrap();
    let first = world.subscribe("s", "c", "0", StartingPosition::TrimHorizon).await.unwrap();
    let second = world.subscribe("s", "d", "0", StartingPosition::TrimHorizon).await.unwrap();
    (world, EventBudget::new(1400 << 10), first, second)
}

#[tokio::test]
async fn a_large_record_waits_for_room() {
    let (world, room, mut first, mut second) = two_with_little_room(&[b'x'; (1 << 20) - 1]).await;
    let held = event(&mut first, &room);
    assert!(event(&mut second, &room).batches.is_empty(), "the first sign of life comes meanwhile");
    assert!(now(&mut second, &room).is_none());
    assert!(room.is_scarce());
    drop(held);
    assert_eq!(event(&mut second, &room).batches.len(), 1);
    assert!(!room.is_scarce());
    // An event that is larger than all the room there is takes all of it, and comes.
    let small = EventBudget::new(1024);
    drop(second);
    world.clock.advance(SECOND * 5);
    let mut third = world.subscribe("s", "d", "0", StartingPosition::TrimHorizon).await.unwrap();
    while event(&mut third, &small).batches.is_empty() {}
}

#[tokio::test]
async fn who_waits_for_room_still_lives_and_ends() {
    let (world, room, mut first, mut second) = two_with_little_room(&[b'x'; (1 << 20) - 1]).await;
    let _held = event(&mut first, &room);
    event(&mut second, &room);
    assert!(now(&mut second, &room).is_none());
    world.clock.advance(SECOND * 5);
    let beat = event(&mut second, &room);
    assert!(beat.batches.is_empty());
    assert_eq!(beat.millis_behind_latest, 5000, "what waits is behind");
    let mut other = world.subscribe("s", "d", "0", StartingPosition::TrimHorizon).await.unwrap();
    match now(&mut second, &room) {
        Some(Push::Failed(StreamsError::SubscriptionActive { .. })) => {}
        push => panic!("not told that it was taken over: {push:?}"),
    }
    event(&mut other, &room);
    world.clock.advance(SECOND * 300);
    assert!(other.next(&room).await.is_none(), "five minutes are over");
    assert!(!room.is_scarce(), "who is gone waits no longer");
}

#[tokio::test]
async fn small_records_need_no_room() {
    let (world, room, mut first, mut second) = two_with_little_room(&[b'x'; (1 << 20) - 1]).await;
    let _held = event(&mut first, &room);
    drop(second);
    world.clock.advance(SECOND * 5);
    let texts_put: Vec<String> = (0..500).map(|i| format!("{i}-{}", "x".repeat(400))).collect();
    second = world.subscribe("s", "d", "0", StartingPosition::Latest).await.unwrap();
    event(&mut second, &room);
    let entries: Vec<PutEntry<'_>> = texts_put.iter().map(|text| entry("k", text.as_bytes())).collect();
    for some in entries.chunks(50) {
        world.put_many("s", some).await.unwrap();
    }
    let mut got = Vec::new();
    while got.len() < texts_put.len() {
        let event = event(&mut second, &room);
        assert!(event.room.is_none());
        let len = headwater_streams::encoded_len(&event.batches);
        assert!(len <= 64 << 10, "small enough to go uncounted");
        let usual_len = headwater_streams::usual_encoded_len(&event.batches);
        assert!((len..=len + len / 50).contains(&usual_len), "{usual_len} for {len}");
        got.extend(texts(&event));
    }
    assert_eq!(got, texts_put);
}

#[tokio::test]
async fn keys_that_grow_by_their_escapes_are_counted() {
    let world = World::new(LimitPolicy::OFF).await;
    world.create("s", 1).await;
    world.register("s", "c").await.unwrap();
    world.settle();
    // Each byte of the key becomes six on the wire.
    let key = "\u{1}".repeat(256);
    let entries = vec![entry(&key, b"x"); 200];
    for _ in 0..5 {
        world.put_many("s", &entries).await.unwrap();
    }
    let room = EventBudget::new(64 << 20);
    let mut subscription = world.subscribe("s", "c", "0", StartingPosition::TrimHorizon).await.unwrap();
    let mut seen = 0;
    while seen < 1000 {
        let event = event(&mut subscription, &room);
        let records: u64 = event.batches.iter().map(|batch| u64::from(batch.records.count())).sum();
        let reserved = event.room.as_ref().map_or(64 << 10, |room| room.num_permits() << 10);
        assert!(headwater_streams::encoded_len(&event.batches) <= reserved);
        assert!(headwater_streams::encoded_len(&event.batches) as u64 >= records * 256 * 6);
        seen += records;
    }
}

#[tokio::test]
async fn lag_is_that_of_the_last_record_pushed() {
    let (world, room) = (World::new(LimitPolicy::OFF).await, room());
    world.create("s", 1).await;
    world.register("s", "c").await.unwrap();
    let data = vec![b'x'; 200 << 10];
    for _ in 0..3 {
        world.put_many("s", &[entry("k", &data)]).await.unwrap();
        world.clock.advance(SECOND);
    }
    let mut subscription = subscribe(&world, StartingPosition::TrimHorizon).await.unwrap();
    let mut lag = Vec::new();
    while let Some(Push::Event(event)) = now(&mut subscription, &room) {
        lag.push(event.millis_behind_latest);
    }
    assert_eq!(lag, [3000, 2000, 0]);
}

#[tokio::test]
async fn a_server_that_stops_ends_them_all() {
    let (world, room) = (world().await, room());
    let mut subscription = subscribe(&world, StartingPosition::Latest).await.unwrap();
    event(&mut subscription, &room);
    world.service.end_subscriptions();
    assert!(subscription.next(&room).await.is_none());
    world.clock.advance(SECOND * 5);
    let mut late = subscribe(&world, StartingPosition::Latest).await.unwrap();
    assert!(late.next(&room).await.is_none());
}

#[tokio::test]
async fn subscribers_and_pushed_records_are_counted() {
    let (world, room) = (world().await, room());
    let stream = world.service.find_readable(&key("s")).unwrap();
    let report = || stream.view().shards().next().unwrap().1.report(world.service.now());
    let mut subscription = subscribe(&world, StartingPosition::Latest).await.unwrap();
    assert_eq!(report().subscriptions, 1);
    event(&mut subscription, &room);
    world.put("s", "key", "data").await;
    event(&mut subscription, &room);
    drop(subscription);
    let after = report();
    assert_eq!((after.subscriptions, after.records_in, after.bytes_in), (0, 1, 7));
    assert_eq!((after.records_out, after.bytes_out), (1, 7));
    assert_eq!((after.slowest_subscription, after.polls_behind_ms), (None, None));
}

#[tokio::test]
async fn the_age_of_a_shard_is_that_of_its_slowest_reader() {
    let (world, room) = (World::new(LimitPolicy::OFF).await, room());
    world.create("s", 1).await;
    world.register("s", "c").await.unwrap();
    world.register("s", "d").await.unwrap();
    world.settle();
    let stream = world.service.find_readable(&key("s")).unwrap();
    let age = async || world.service.shard_samples(&stream).await[0].iterator_age_ms;
    assert_eq!(age().await, None, "nobody reads");
    let slow = world.subscribe("s", "c", "0", StartingPosition::Latest).await.unwrap();
    let mut fast = world.subscribe("s", "d", "0", StartingPosition::Latest).await.unwrap();
    event(&mut fast, &room);
    world.put("s", "k", "a").await;
    assert_eq!(texts(&event(&mut fast, &room)), ["a"]);
    world.clock.advance(SECOND * 7);
    assert_eq!(age().await, Some(7000), "a client that does not read falls behind all the same");
    drop(slow);
    assert_eq!(age().await, Some(0));
    // Of those who poll, the worst of the last while counts, whoever polled last.
    let poll = async |start| world.read(world.iterator("s", "0", start).await?, 1).await;
    world.put("s", "k", "b").await;
    world.clock.advance(SECOND * 3);
    poll(StartingPosition::TrimHorizon).await.unwrap();
    drop(fast);
    poll(StartingPosition::Latest).await.unwrap();
    assert_eq!(age().await, Some(10_000));
    for _ in 0..2 {
        world.clock.advance(SECOND * 31);
        poll(StartingPosition::Latest).await.unwrap();
    }
    assert_eq!(age().await, Some(0), "who was behind has caught up");
    world.clock.advance(SECOND * 301);
    assert_eq!(age().await, None, "nobody polls any more");
}

/// Whatever is put, wherever a subscription is cut, and whether the next one begins at the continuation number or
/// after it: each record comes once and in order.
#[tokio::test]
async fn resuming_loses_and_repeats_nothing() {
    for seed in 0..200u64 {
        let mut dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut roll = |sides: u64| {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            dice % sides
        };
        let (world, room) = (World::new(LimitPolicy::OFF).await, room());
        world.create("s", 1).await;
        world.register("s", "c").await.unwrap();
        world.settle();
        let (mut put, mut got) = (0u64, Vec::new());
        let mut subscription = Some(subscribe(&world, StartingPosition::Latest).await.unwrap());
        let mut continuation = None;
        for _ in 0..60 {
            match roll(4) {
                0 => {
                    let texts: Vec<String> = (0..=roll(5)).map(|i| (put + i).to_string()).collect();
                    let entries: Vec<PutEntry<'_>> =
                        texts.iter().map(|text| entry("k", text.as_bytes())).collect();
                    world.put_many("s", &entries).await.unwrap();
                    put += entries.len() as u64;
                }
                1 => world.clock.advance(Duration::from_millis(roll(3000))),
                2 if continuation.is_some() => {
                    drop(subscription.take());
                    world.clock.advance(SECOND * 5);
                    let number =
                        |number: &Option<headwater_types::SequenceNumber>| number.unwrap().to_string();
                    let start = if roll(2) == 0 {
                        StartingPosition::AtSequenceNumber(number(&continuation))
                    } else {
                        StartingPosition::AfterSequenceNumber(number(&continuation))
                    };
                    subscription = Some(subscribe(&world, start).await.unwrap());
                }
                _ => match now(subscription.as_mut().unwrap(), &room) {
                    Some(Push::Event(event)) => {
                        got.extend(texts(&event));
                        continuation = Some(event.continuation);
                    }
                    None => {}
                    other => panic!("{other:?}"),
                },
            }
        }
        while let Some(push) = now(subscription.as_mut().unwrap(), &room) {
            let Push::Event(event) = push else { panic!("{push:?}") };
            got.extend(texts(&event));
        }
        let expected: Vec<String> = (0..put).map(|i| i.to_string()).collect();
        assert_eq!(got, expected, "seed {seed}");
    }
}
