//! Settings that clients may leave out.

use headwater_tables::{Billing, OnDemand, PointInTime, TableChange, TableOptions, TablesError, Throughput};
use headwater_types::limits::LimitPolicy;

use crate::harness::{Engine, World, item, put, s};

#[tokio::test]
async fn an_on_demand_table_uses_no_more_than_it_may() {
    let engine = Engine::Memory(headwater_store::memory::MemoryStore::new());
    let world =
        World::with(engine, |config| config.limits = LimitPolicy::aws(headwater_types::Region::US_EAST_1))
            .await;
    let bounded =
        TableOptions { on_demand: Some(OnDemand { read: None, write: Some(1) }), ..TableOptions::default() };
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
    let none = TableOptions { on_demand: Some(OnDemand::default()), ..TableOptions::default() };
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
