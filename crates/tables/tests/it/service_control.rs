//! Tables come, change and go.

use headwater_machine::conformance::{Fault, FaultyStore};
use headwater_store::memory::MemoryStore;
use headwater_tables::{
    Billing, IndexChange, IndexProjection, IndexSpec, Select, Status, TableChange, TablesError, Throughput,
};
use headwater_types::{AccountId, Realm};

use crate::harness::{Engine, START, TRANSITION, World, by_owner, delete, item, key, n, put, query, s, spec};

#[tokio::test]
async fn a_table_is_created_used_and_deleted() {
    let mut world = World::new().await;
    let table = key("leases");
    let described = world.service.create_table(&table, spec()).await.unwrap();
    assert_eq!(described.status, Status::Creating);
    assert_eq!(described.arn, "arn:aws:dynamodb:us-east-1:123456789012:table/leases");
    assert_eq!(described.id.len(), 36);
    let one = || item([("pk", s("a"))]);
    let refused = world.service.write(put(&table, one())).await.unwrap_err();
    assert!(matches!(refused, TablesError::TableNotFound(_)), "{refused:?}");
    let refused = world.service.create_table(&table, spec()).await.unwrap_err();
    assert!(matches!(refused, TablesError::TableExists(_)), "{refused:?}");
    let refused = world.service.delete_table(&table).await.unwrap_err();
    assert!(matches!(refused, TablesError::InUse { doing: "created", .. }), "{refused:?}");

    world.settle();
    assert_eq!(world.service.describe(&table).unwrap().status, Status::Active);
    world.put(&table, one()).await;
    assert_eq!(world.service.describe(&table).unwrap().items, 1);

    assert_eq!(world.service.delete_table(&table).await.unwrap().status, Status::Deleting);
    assert!(world.service.write(put(&table, one())).await.is_err());
    let refused = world.service.create_table(&table, spec()).await.unwrap_err();
    assert!(matches!(refused, TablesError::InUse { doing: "deleted", .. }), "{refused:?}");
    world.settle();
    let refused = world.service.describe(&table).unwrap_err();
    assert!(matches!(refused, TablesError::TableNotFound(_)), "{refused:?}");

    // The next one of the name has nothing of it, before upkeep, after it and after a restart.
    world.create("leases").await;
    assert_eq!(world.all(&table), []);
    world.service.upkeep().await.unwrap();
    world.reopen().await;
    assert_eq!(world.all(&table), []);
    assert_eq!(world.service.list(table.realm, None, 10).unwrap().0.len(), 1);
}

#[tokio::test]
async fn a_protected_table_is_not_deleted() {
    let world = World::new().await;
    let table = world.create_with("kept", |spec| spec.deletion_protection = true).await;
    let refused = world.service.delete_table(&table).await.unwrap_err();
    assert!(refused.to_string().contains("protected against deletion"), "{refused}");
    let change = TableChange { deletion_protection: Some(false), ..TableChange::default() };
    let described = world.service.update_table(&table, change).await.unwrap();
    assert_eq!(described.status, Status::Active, "protection is changed at once");
    world.service.delete_table(&table).await.unwrap();
}

#[tokio::test]
async fn names_are_listed_in_pages() {
    let world = World::new().await;
    for name in ["bbb", "aaa", "ccc"] {
        world.create(name).await;
    }
    let realm = key("aaa").realm;
    let names =
        |page: Vec<headwater_tables::TableName>| page.iter().map(ToString::to_string).collect::<Vec<_>>();
    let (page, more) = world.service.list(realm, None, 2).unwrap();
    assert_eq!((names(page), more), (vec!["aaa".to_owned(), "bbb".to_owned()], true));
    let (page, more) = world.service.list(realm, Some("bbb"), 2).unwrap();
    assert_eq!((names(page), more), (vec!["ccc".to_owned()], false));
    let other = Realm { account: AccountId::new("000000000000").unwrap(), ..realm };
    assert!(world.service.list(other, None, 2).unwrap().0.is_empty());
}

#[tokio::test]
async fn a_global_index_is_made_of_what_is_there_and_removed() {
    let mut world = World::new().await;
    let table = world.create("leases").await;
    for (pk, owner) in [("a", Some("w1")), ("b", Some("w2")), ("c", None), ("d", Some("w1"))] {
        let mut one = item([("pk", s(pk)), ("more", s("x"))]);
        one.extend(owner.map(|owner| ("owner".to_owned(), s(owner))));
        world.put(&table, one).await;
    }
    let create = || TableChange {
        indexes: vec![IndexChange::Create(by_owner(IndexProjection::KeysOnly))],
        ..TableChange::default()
    };
    let described = world.service.update_table(&table, create()).await.unwrap();
    assert_eq!((described.status, described.indexes[0].status), (Status::Updating, Status::Creating));
    let mut of_w1 = query(&table, "w1", None);
    of_w1.index = Some(by_owner(IndexProjection::KeysOnly).name);
    of_w1.select = Select::AllProjected;
    assert!(world.service.page(&of_w1).is_err(), "it is being made");
    let refused = world.service.update_table(&table, create()).await.unwrap_err();
    assert!(matches!(refused, TablesError::InUse { doing: "updated", .. }), "{refused:?}");
    world.settle();
    for _ in 0..2 {
        let keys = |pk| item([("pk", s(pk)), ("owner", s("w1"))]);
        assert_eq!(world.page(&of_w1).items, [keys("a"), keys("d")]);
        let index = &world.service.describe(&table).unwrap().indexes[0];
        assert_eq!((index.items, index.status), (3, Status::Active));
        world.reopen().await;
    }
    assert!(world.service.update_table(&table, create()).await.is_err(), "it exists");

    let name = by_owner(IndexProjection::KeysOnly).name;
    let remove =
        || TableChange { indexes: vec![IndexChange::Delete(name.clone())], ..TableChange::default() };
    world.service.update_table(&table, remove()).await.unwrap();
    assert!(matches!(world.service.page(&of_w1).unwrap_err(), TablesError::IndexNotFound(_)));
    world.settle();
    assert!(world.service.describe(&table).unwrap().indexes.is_empty());
    let refused = world.service.update_table(&table, remove()).await.unwrap_err();
    assert!(matches!(refused, TablesError::IndexNotFound(_)), "{refused:?}");
}

#[tokio::test]
async fn a_table_is_used_and_not_changed_while_an_index_is_built() {
    let world = World::new().await;
    let table = world.create("leases").await;
    let one = |pk: usize| item([("pk", s(&format!("{pk:04}"))), ("owner", s("w1"))]);
    for pk in 0..3000 {
        world.put(&table, one(pk)).await;
    }
    let create = |name: &str| {
        let name = headwater_tables::TableName::new(name).unwrap();
        let spec = IndexSpec { name, ..by_owner(IndexProjection::All) };
        TableChange { indexes: vec![IndexChange::Create(spec)], ..TableChange::default() }
    };
    world.service.update_table(&table, create("by-owner-0")).await.unwrap();
    world.settle();
    let described = world.service.describe(&table).unwrap();
    assert_eq!((described.status, described.indexes[0].status), (Status::Updating, Status::Creating));
    let refused = world.service.update_table(&table, create("by-owner-1")).await.unwrap_err();
    assert!(matches!(refused, TablesError::InUse { doing: "updated", .. }), "{refused:?}");
    let mut of_w1 = query(&table, "w1", None);
    of_w1.index = Some(described.indexes[0].name.clone());
    assert!(world.service.page(&of_w1).is_err(), "it is being built");
    world.put(&table, one(3000)).await;
    world.service.write(delete(&table, item([("pk", s("0000"))]))).await.unwrap();
    world.settle_changed(&table).await;
    let described = world.service.describe(&table).unwrap();
    assert_eq!((described.items, described.indexes[0].items), (3000, 3000));
    assert_eq!(described.size_bytes, described.indexes[0].size_bytes);
    assert_eq!(world.page(&of_w1).items.len(), 3000);
}

#[tokio::test]
async fn an_index_that_does_not_fit_into_memory_is_refused() {
    const ITEMS: usize = 2500;
    /// A place in the index takes at least this.
    const PLACE_BYTES: usize = headwater_tables::limits::PLACE_BYTES;
    let world = World::with(Engine::Memory(MemoryStore::new()), |config| {
        config.memory_bytes_max = ITEMS * 6 * PLACE_BYTES;
    })
    .await;
    let table = world.create("leases").await;
    let key = |pk: usize| item([("pk", s(&format!("{pk:04}")))]);
    for pk in 0..ITEMS {
        let mut one = key(pk);
        one.insert("owner".to_owned(), s("w1"));
        world.put(&table, one).await;
    }
    let create = |name: &str| {
        let name = headwater_tables::TableName::new(name).unwrap();
        let spec = IndexSpec { name, ..by_owner(IndexProjection::All) };
        TableChange { indexes: vec![IndexChange::Create(spec)], ..TableChange::default() }
    };
    let mut made = 0;
    let refused = loop {
        match world.service.update_table(&table, create(&format!("by-owner-{made}"))).await {
            Ok(_) => made += 1,
            Err(refused) => break refused,
        }
        world.settle_changed(&table).await;
        assert!(made < 6, "the indexes alone take more than there may be");
    };
    assert!(matches!(&refused, TablesError::LimitExceeded(text) if text.contains("memory")), "{refused:?}");
    assert_eq!(world.service.describe(&table).unwrap().indexes.len(), made);
    // Half of the items take half of the room there and half of it in the new index.
    for pk in 0..ITEMS / 2 {
        world.service.write(delete(&table, key(pk))).await.unwrap();
    }
    world.service.update_table(&table, create("by-owner-9")).await.unwrap();
    world.settle_changed(&table).await;
    assert_eq!(world.service.describe(&table).unwrap().indexes[made].items, ITEMS - ITEMS / 2);
}

#[tokio::test]
async fn billing_is_changed_and_bounds() {
    let world = World::with(Engine::Memory(MemoryStore::new()), |config| {
        config.limits = headwater_types::limits::LimitPolicy::aws(headwater_types::Region::US_EAST_1);
    })
    .await;
    let capacity = Throughput { read: 1, write: 1 };
    let table = world.create_with("slow", |spec| spec.billing = Billing::Provisioned(capacity)).await;
    let one = || put(&table, item([("pk", s("a"))]));
    // Five minutes of unused capacity are there at first.
    for _ in 0..300 {
        world.service.write(one()).await.unwrap();
    }
    let refused = world.service.write(one()).await.unwrap_err();
    assert!(matches!(refused, TablesError::Throttled(_)), "{refused:?}");
    let both = world.service.write_each(vec![one(), one()]).await.unwrap();
    assert!(both.iter().all(Option::is_none), "they are left out, not refused");
    let refused = world.service.write_all(vec![one()], None).await.unwrap_err();
    assert!(matches!(refused, TablesError::TransactionCanceled(_)), "{refused:?}");
    world.clock.advance(std::time::Duration::from_secs(1));
    world.service.write(one()).await.unwrap();
    assert!(world.service.write(one()).await.is_err());

    let on_demand = TableChange { billing: Some(Billing::PayPerRequest), ..TableChange::default() };
    let described = world.service.update_table(&table, on_demand).await.unwrap();
    assert!(described.pay_per_request_since.is_some());
    world.settle();
    for _ in 0..1000 {
        world.service.write(one()).await.unwrap();
    }
    let same = TableChange { billing: Some(Billing::PayPerRequest), ..TableChange::default() };
    let _ = world.service.update_table(&table, same).await;
    world.clock.advance(TRANSITION);
    let back = TableChange { billing: Some(Billing::Provisioned(capacity)), ..TableChange::default() };
    world.service.update_table(&table, back).await.unwrap();
    world.settle();
    let same = TableChange { billing: Some(Billing::Provisioned(capacity)), ..TableChange::default() };
    let refused = world.service.update_table(&table, same).await.unwrap_err();
    assert!(refused.to_string().contains("will not change"), "{refused}");
}

#[tokio::test]
async fn tags_are_kept() {
    let mut world = World::new().await;
    let table = world.create("tagged").await;
    let tags = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    world.service.tag(&table, tags(&[("a", "1"), ("b", "2")])).await.unwrap();
    world.service.untag(&table, vec!["a".into(), "none".into()]).await.unwrap();
    world.reopen().await;
    assert_eq!(world.service.tags(&table).unwrap(), tags(&[("b", "2")]));
    let many = (0..50).map(|i| (format!("k{i}"), String::new())).collect();
    assert!(world.service.tag(&table, many).await.is_err(), "51 are too many");
}

#[tokio::test]
async fn upkeep_that_fails_for_one_table_goes_on_with_the_others() {
    let store = FaultyStore::over(MemoryStore::new());
    let world = World::with(Engine::Faulty(store.clone()), |_| {}).await;
    let mut tables = Vec::new();
    for name in ["one", "two", "three"] {
        let table = world.create(name).await;
        world.service.set_time_to_live(&table, "until".into(), true).await.unwrap();
        world.settle();
        world.put(&table, item([("pk", s("a")), ("until", n(START.as_secs() as i64 - 1))])).await;
        tables.push(table);
    }
    store.fail_after(0, Fault::Refused);
    assert!(world.service.upkeep().await.is_err());
    let left = || tables.iter().map(|table| world.all(table).len()).sum::<usize>();
    assert_eq!(left(), 1);
    world.service.upkeep().await.unwrap();
    assert_eq!(left(), 0);
}
