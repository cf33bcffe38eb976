//! Names, tokens and keys are apart by region, and what is stored of the home region is as it was.

use headwater_store::memory::MemoryStore;
use headwater_store::{LogStore, ReadLimit};
use headwater_tables::{TableKey, TablesError, TransactionToken};
use headwater_types::Region;

use crate::harness::{Engine, World, item, key, n, put, s, spec};

fn there(name: &str) -> TableKey {
    let mut key = key(name);
    key.realm.region = Region::new("eu-central-1").unwrap();
    key
}

fn names(world: &World, of: &TableKey) -> Vec<String> {
    world.service.list(of.realm, None, 10).unwrap().0.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn names_are_apart() {
    let mut world = World::new().await;
    world.create("same").await;
    for name in ["same", "other"] {
        world.service.create_table(&there(name), spec()).await.unwrap();
    }
    world.settle();
    world.put(&there("same"), item([("pk", s("there"))])).await;
    for _ in 0..2 {
        assert_eq!(names(&world, &key("any")), ["same"]);
        assert_eq!(names(&world, &there("any")), ["other", "same"]);
        assert_eq!((world.all(&key("same")).len(), world.all(&there("same")).len()), (0, 1));
        for table in [key("same"), there("same")] {
            let described = world.service.describe(&table).unwrap();
            assert_eq!((described.arn, described.key), (table.arn(), table));
        }
        let refused = world.service.describe(&key("other")).unwrap_err();
        assert!(matches!(refused, TablesError::TableNotFound(_)), "{refused:?}");
        world.reopen().await;
    }
    world.service.delete_table(&there("same")).await.unwrap();
    world.settle();
    world.service.upkeep().await.unwrap();
    assert_eq!(
        (names(&world, &key("any")), names(&world, &there("any"))),
        (vec!["same".into()], vec!["other".into()])
    );
}

#[tokio::test]
async fn tokens_are_of_a_region() {
    let mut world = World::new().await;
    world.create("t-1").await;
    world.service.create_table(&there("t-1"), spec()).await.unwrap();
    world.settle();
    for (table, value) in [(key("t-1"), 1), (there("t-1"), 2)] {
        for _ in 0..2 {
            let token =
                TransactionToken { token: "token".into(), request: value, former: 0, realm: table.realm };
            let write = put(&table, item([("pk", s("a")), ("v", n(value as i64))]));
            world.service.write_all(vec![write], Some(token)).await.unwrap();
            world.reopen().await;
        }
    }
}

/// Versions before regions wrote the account alone, and read nothing else.
#[tokio::test]
async fn only_tables_elsewhere_are_stored_with_their_region() {
    let store = MemoryStore::new();
    let world = World::with(Engine::Memory(store.clone()), |_| {}).await;
    world.create("home").await;
    world.service.create_table(&there("away"), spec()).await.unwrap();
    let mut text = String::new();
    for id in LogStore::list(&*store, "").await.unwrap() {
        let log = LogStore::open(&*store, &id).await.unwrap();
        let read = log.read(log.bounds().start, ReadLimit { records: 1000, bytes: 1 << 20 }).await.unwrap();
        for record in read.batches.iter().flat_map(|batch| batch.records.records()) {
            text += &String::from_utf8_lossy(record.data);
        }
    }
    assert!(text.contains(r#""account":"123456789012","name":"home""#), "{text}");
    assert!(text.contains(r#""account":"123456789012@eu-central-1","name":"away""#), "{text}");
}
