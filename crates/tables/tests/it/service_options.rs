//! Settings that clients may leave out.

use headwater_tables::{
    Billing, Bound, OnDemand, OnDemandChange, PointInTime, TableChange, TableOptions, TablesError, Throughput,
};
use headwater_types::limits::LimitPolicy;

use crate::harness::{Engine, World, item, put, s};

fn bounds(read: Option<Bound>, write: Option<Bound>) -> TableOptions {
    TableOptions { on_demand: Some(OnDemandChange { read, write }), ..TableOptions::default() }
}

#[tokio::test]
async fn bounds_are_changed_one_by_one_and_go_with_the_billing_mode() {
    let mut world = World::new().await;
    let table = world.create_with("t-1", |spec| spec.options = bounds(Some(Bound::AtMost(7)), None)).await;
    let update = async |world: &World, change| {
        world.service.update_table(&table, change).await.unwrap();
        world.settle();
        world.service.describe(&table).unwrap().settings.on_demand
    };
    let set = |options| TableChange { options, ..TableChange::default() };
    let both = Some(OnDemand { read: Some(7), write: Some(9) });
    assert_eq!(update(&world, set(bounds(None, Some(Bound::AtMost(9))))).await, both);
    let write = Some(OnDemand { read: None, write: Some(9) });
    assert_eq!(update(&world, set(bounds(Some(Bound::Unbounded), None))).await, write);
    let bill = |billing| TableChange { billing: Some(billing), ..TableChange::default() };
    let provisioned = Billing::Provisioned(Throughput { read: 1, write: 1 });
    assert_eq!(update(&world, bill(provisioned)).await, None);
    assert_eq!(update(&world, bill(Billing::PayPerRequest)).await, None, "it does not come back");
    world.reopen().await;
    assert_eq!(world.service.describe(&table).unwrap().settings.on_demand, None);
}

#[tokio::test]
async fn a_change_that_changes_nothing_is_not_written() {
    let store = headwater_store::memory::MemoryStore::new();
    let world = World::with(Engine::Memory(store.clone()), |_| {}).await;
    let table = world.create("t-1").await;
    let journal = headwater_store::LogId::new("tables/journal").unwrap();
    let log = headwater_store::LogStore::open(&*store, &journal).await.unwrap();
    let (end, before) = (log.bounds().end, world.service.describe(&table).unwrap());
    world.clock.advance(std::time::Duration::from_secs(1));
    let same = TableChange { billing: Some(Billing::PayPerRequest), ..TableChange::default() };
    let after = world.service.update_table(&table, same).await.unwrap();
    assert_eq!((after.status, after.pay_per_request_since), (before.status, before.pay_per_request_since));
    assert_eq!(log.bounds().end, end);
}

#[tokio::test]
async fn an_on_demand_table_uses_no_more_than_it_may() {
    let engine = Engine::Memory(headwater_store::memory::MemoryStore::new());
    let world =
        World::with(engine, |config| config.limits = LimitPolicy::aws(headwater_types::Region::US_EAST_1))
            .await;
    let bounded = bounds(None, Some(Bound::AtMost(1)));
    let table = world.create_with("t-1", |spec| spec.options = bounded.clone()).await;
    let free = world.create("t-2").await;
    let mut throttled = 0;
    for _ in 0..1000 {
        // What is unchanged costs as well.
        match world.service.write(put(&table, item([("pk", s("a"))]))).await {
            Ok(_) => {}
            Err(TablesError::Throttled(_)) => throttled += 1,
            Err(error) => panic!("{error}"),
        }
        world.put(&free, item([("pk", s("a"))])).await;
    }
    assert!(throttled > 500, "{throttled}");
    assert!(world.all(&table).len() == 1, "reads have no bound");
    let none = bounds(Some(Bound::Unbounded), Some(Bound::Unbounded));
    world
        .service
        .update_table(&table, TableChange { options: none, ..TableChange::default() })
        .await
        .unwrap();
    world.settle();
    world.put(&table, item([("pk", s("b"))])).await;
    assert_eq!(world.service.describe(&table).unwrap().settings.on_demand, None);

    let provisioned = TableChange {
        billing: Some(Billing::Provisioned(Throughput { read: 1, write: 1 })),
        options: bounded,
        ..TableChange::default()
    };
    let refused = world.service.update_table(&table, provisioned).await.unwrap_err();
    assert!(refused.to_string().contains("OnDemandThroughput can only"), "{refused}");
}

#[tokio::test]
async fn what_was_asked_for_is_told_after_a_restart() {
    let mut world = World::new().await;
    let warm = Some(Throughput { read: 12_000, write: 4000 });
    let options = TableOptions { warm, ..TableOptions::default() };
    let table = world.create_with("t-1", |spec| spec.options = options).await;
    world.service.set_point_in_time(&table, Some(PointInTime { days: 7 })).await.unwrap();
    for _ in 0..2 {
        let settings = world.service.describe(&table).unwrap().settings;
        assert_eq!((settings.warm, settings.point_in_time), (warm, Some(PointInTime { days: 7 })));
        world.reopen().await;
    }
    world.service.set_point_in_time(&table, None).await.unwrap();
    assert_eq!(world.service.describe(&table).unwrap().settings.point_in_time, None);
}
