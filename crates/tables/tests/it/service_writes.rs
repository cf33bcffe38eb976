//! Writes, alone, together, and when their time has come.

use std::time::Duration;

use headwater_tables::expression::{Condition, ConditionPlace, Placeholders, Update};
use headwater_tables::limits::ITEM_BYTES_MAX;
use headwater_tables::value::{AttributeValue, Item};
use headwater_tables::{Action, Get, IndexChange, TableChange, TablesError, TransactionToken};

use crate::harness::{World, by_owner, delete, item, key, n, put, s, write};

#[tokio::test]
async fn what_was_there_and_what_is_are_told() {
    let world = World::new().await;
    let table = world.create("t-1").await;
    let (first, second) = (item([("pk", s("a")), ("v", n(1))]), item([("pk", s("a")), ("v", n(2))]));
    let written = world.service.write(put(&table, first.clone())).await.unwrap();
    assert_eq!((written.old.as_deref(), written.new.as_deref()), (None, Some(&first)));
    let written = world.service.write(put(&table, second.clone())).await.unwrap();
    assert_eq!((written.old.as_deref(), written.new.as_deref()), (Some(&first), Some(&second)));
    let written = world.service.write(delete(&table, item([("pk", s("a"))]))).await.unwrap();
    assert_eq!((written.old.as_deref(), written.new.as_deref()), (Some(&second), None));
    let written = world.service.write(delete(&table, item([("pk", s("a"))]))).await.unwrap();
    assert!(written.old.is_none() && written.new.is_none());
    let made = write(&table, Action::Update { key: item([("pk", s("b"))]), update: None });
    world.service.write(made).await.unwrap();
    assert_eq!(world.all(&table), [item([("pk", s("b"))])]);
}

#[tokio::test]
async fn keys_are_what_the_table_says() {
    let world = World::new().await;
    let table = world.create_with("t-2", |spec| {
        spec.indexes = vec![by_owner(headwater_tables::IndexProjection::All)];
    });
    let table = table.await;
    let check = async |action: Action, text: &str| {
        let refused = world.service.write(write(&table, action)).await.unwrap_err();
        assert_eq!(refused.to_string(), text);
    };
    check(
        Action::Put(item([("v", n(1))])),
        "One or more parameter values were invalid: Missing the key pk in the item",
    )
    .await;
    check(
        Action::Put(item([("pk", n(1))])),
        "One or more parameter values were invalid: Type mismatch for key pk expected: S actual: N",
    )
    .await;
    check(
        Action::Put(item([("pk", s(""))])),
        "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty \
         string value. Key: pk",
    )
    .await;
    let mismatch = "The provided key element does not match the schema";
    check(Action::Delete(item([("pk", s("a")), ("v", n(1))])), mismatch).await;
    check(Action::Delete(item([])), mismatch).await;
    check(Action::Delete(item([("pk", n(1))])), mismatch).await;
    check(
        Action::Put(item([("pk", s("a")), ("owner", n(1))])),
        "One or more parameter values were invalid: Type mismatch for Index Key owner Expected: S Actual: N \
         IndexName: ByOwner",
    )
    .await;
    check(
        Action::Put(item([("pk", s(&"x".repeat(2049)))])),
        "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes",
    )
    .await;
    // A name counts as well.
    let large = |len: usize| Action::Put(item([("pk", s("a")), ("v", s(&"x".repeat(len)))]));
    check(large(ITEM_BYTES_MAX - 3), "Item size has exceeded the maximum allowed size").await;
    world.service.write(write(&table, large(ITEM_BYTES_MAX - 4))).await.unwrap();
}

#[tokio::test]
async fn a_transaction_is_done_as_a_whole_or_not_at_all() {
    let mut world = World::new().await;
    let (one, two) = (world.create("one").await, world.create("two").await);
    let in_one = |pk: &str| put(&one, item([("pk", s(pk))]));
    let done = world.service.write_all(vec![in_one("a"), put(&two, item([("pk", s("a"))]))], None).await;
    assert_eq!(done.unwrap().len(), 2);
    let wrong = put(&two, item([("pk", n(1))]));
    let refused = world.service.write_all(vec![in_one("b"), wrong], None).await.unwrap_err();
    let TablesError::TransactionCanceled(reasons) = refused else { panic!("{refused:?}") };
    assert!(reasons[0].is_none() && reasons[1].is_some(), "{reasons:?}");
    let twice = world.service.write_all(vec![in_one("c"), in_one("c")], None).await.unwrap_err();
    assert!(twice.to_string().contains("multiple operations on one item"), "{twice}");
    world.reopen().await;
    assert_eq!((world.all(&one).len(), world.all(&two).len()), (1, 1));
}

#[tokio::test]
async fn a_transaction_with_a_token_is_done_once() {
    let mut world = World::new().await;
    let table = world.create("t-3").await;
    let token = |request| {
        Some(TransactionToken { token: "token".into(), request, former: 0, realm: key("t-3").realm })
    };
    let put = |v| vec![put(&table, item([("pk", s("a")), ("v", n(v))]))];
    world.service.write_all(put(1), token(7)).await.unwrap();
    world.put(&table, item([("pk", s("a")), ("v", n(2))])).await;
    world.reopen().await;
    world.service.write_all(put(1), token(7)).await.unwrap();
    let v = |world: &World| world.get(&table, item([("pk", s("a"))])).unwrap()["v"].clone();
    assert_eq!(v(&world), n(2), "it was done before");
    let refused = world.service.write_all(put(3), token(8)).await.unwrap_err();
    assert!(matches!(refused, TablesError::TokenMismatch), "{refused:?}");
    world.clock.advance(Duration::from_secs(600));
    world.service.write_all(put(3), token(8)).await.unwrap();
    assert_eq!(v(&world), n(3), "tokens are known for ten minutes");
}

#[tokio::test]
async fn a_token_that_an_earlier_version_stored_is_known() {
    let world = World::new().await;
    let table = world.create("t-3").await;
    let write = || vec![put(&table, item([("pk", s("a"))]))];
    let token = |request, former| {
        Some(TransactionToken { token: "token".into(), request, former, realm: key("t-3").realm })
    };
    // An earlier version digested the bytes.
    world.service.write_all(write(), token(5, 0)).await.unwrap();
    world.service.write_all(write(), token(9, 5)).await.unwrap();
    let refused = world.service.write_all(write(), token(9, 6)).await.unwrap_err();
    assert!(matches!(refused, TablesError::TokenMismatch), "{refused:?}");
}

#[tokio::test]
async fn what_costs_what() {
    let world = World::new().await;
    let table = world.create_with("t-4", |spec| {
        spec.indexes = vec![by_owner(headwater_tables::IndexProjection::KeysOnly)];
    });
    let table = table.await;
    let one = |owner: &str, len: usize| {
        put(&table, item([("pk", s("a")), ("owner", s(owner)), ("v", s(&"x".repeat(len)))]))
    };
    let cost = async |write| {
        let consumed = world.service.write(write).await.unwrap().consumed;
        (consumed.table, consumed.indexes.iter().map(|index| index.2).sum::<u64>())
    };
    assert_eq!(cost(one("w1", 10)).await, (2, 2), "a unit for the item, one for the index");
    assert_eq!(cost(one("w1", 3000)).await, (6, 0), "the index does not have what changed");
    assert_eq!(cost(one("w2", 10)).await, (6, 4), "the larger of both; the index removes and adds");
    assert_eq!(cost(delete(&table, item([("pk", s("a"))]))).await, (2, 2));
    let written = world.service.write_all(vec![one("w1", 10)], None).await.unwrap();
    assert_eq!(written[0].consumed.total(), 8, "a transaction costs twice");
}

#[tokio::test]
async fn items_are_deleted_when_their_time_has_come() {
    let mut world = World::new().await;
    let table = world.create("t-5").await;
    let now_s = 1_700_000_000;
    let at = |pk: &str, at: AttributeValue| item([("pk", s(pk)), ("ttl", at)]);
    for one in [
        at("past", n(now_s - 10)),
        at("soon", n(now_s + 60)),
        at("mistaken", n(now_s - 6 * 365 * 24 * 3600)),
        at("text", s("1600000000")),
        at("fraction", AttributeValue::N("1600000000.5".parse().unwrap())),
        at("negative", n(-5)),
        item([("pk", s("none"))]),
    ] {
        world.put(&table, one).await;
    }
    world.service.upkeep().await.unwrap();
    assert_eq!(world.all(&table).len(), 7, "nobody asked for it");
    world.service.set_time_to_live(&table, "ttl".into(), true).await.unwrap();
    let again = world.service.set_time_to_live(&table, "ttl".into(), true).await.unwrap_err();
    assert!(again.to_string().contains("modified multiple times"), "{again}");
    world.settle();
    let again = world.service.set_time_to_live(&table, "ttl".into(), true).await.unwrap_err();
    assert_eq!(again.to_string(), "TimeToLive is already enabled");
    world.service.upkeep().await.unwrap();
    let left = |world: &World| {
        let mut left: Vec<_> = world.all(&table).iter().map(|item| item["pk"].clone()).collect();
        left.sort();
        left
    };
    assert_eq!(left(&world), ["mistaken", "negative", "none", "soon", "text"].map(s));
    world.clock.advance(Duration::from_secs(61));
    world.service.upkeep().await.unwrap();
    world.reopen().await;
    assert_eq!(left(&world), ["mistaken", "negative", "none", "text"].map(s));
    assert_eq!(world.service.time_to_live(&table).unwrap().attribute.as_deref(), Some("ttl"));
}

/// An UpdateExpression.
fn update(table: &headwater_tables::TableKey, pk: &str, text: &str, values: Item) -> headwater_tables::Write {
    let values = Some(values).filter(|values| !values.is_empty());
    let mut placeholders = Placeholders::new(None, values).unwrap();
    let update = Some(Update::parse(text, &mut placeholders).unwrap());
    write(table, Action::Update { key: item([("pk", s(pk))]), update })
}

fn nested(levels: usize) -> AttributeValue {
    (0..levels).fold(AttributeValue::Null, |value, _| AttributeValue::M([("k".to_owned(), value)].into()))
}

/// Regression: an update made an item deeper than can be read again, and no table could be opened any more.
#[tokio::test]
async fn an_update_makes_nothing_deeper_than_can_be_read_again() {
    let mut world = World::new().await;
    let table = world.create("deep").await;
    world.put(&table, item([("pk", s("a")), ("m", nested(32))])).await;
    let path = format!("m{}", ".k".repeat(31));
    let deeper = update(&table, "a", &format!("SET {path} = :v"), item([(":v", nested(32))]));
    let refused = world.service.write(deeper).await.unwrap_err();
    assert_eq!(refused.to_string(), "Nesting Levels have exceeded supported limits");
    let refused =
        world.service.write(put(&table, item([("pk", s("b")), ("m", nested(33))]))).await.unwrap_err();
    assert_eq!(refused.to_string(), "Nesting Levels have exceeded supported limits");
    world.reopen().await;
    assert_eq!(world.get(&table, item([("pk", s("a"))])).unwrap()["m"], nested(32));
}

#[tokio::test]
async fn what_only_takes_away_makes_no_item() {
    let world = World::new().await;
    let table = world.create("ghosts").await;
    let set = || item([(":s", AttributeValue::Ss(["x".to_owned()].into()))]);
    for (text, values) in [("REMOVE b", item([])), ("REMOVE b.c", item([])), ("DELETE b :s", set())] {
        let written = world.service.write(update(&table, "a", text, values)).await.unwrap();
        assert!(written.old.is_none() && written.new.is_none(), "{text}");
    }
    assert_eq!(world.all(&table), []);
    world.service.write(update(&table, "a", "ADD b :s", set())).await.unwrap();
    world.service.write(update(&table, "a", "DELETE b :s", set())).await.unwrap();
    assert_eq!(world.all(&table), [item([("pk", s("a"))])], "what is there stays");
}

#[tokio::test]
async fn an_index_that_was_removed_asks_for_nothing() {
    let world = World::new().await;
    let table = world.create_with("leases", |spec| {
        spec.indexes = vec![by_owner(headwater_tables::IndexProjection::All)];
    });
    let table = table.await;
    world.put(&table, item([("pk", s("a")), ("owner", s("w"))])).await;
    let name = by_owner(headwater_tables::IndexProjection::All).name;
    let change = TableChange { indexes: vec![IndexChange::Delete(name)], ..TableChange::default() };
    world.service.update_table(&table, change).await.unwrap();
    let written = world.service.write(put(&table, item([("pk", s("b")), ("owner", n(1))]))).await.unwrap();
    assert!(written.consumed.indexes.is_empty());
    world.settle();
    let capacity = headwater_tables::Throughput { read: 1, write: 1 };
    let billing = Some(headwater_tables::Billing::Provisioned(capacity));
    world.service.update_table(&table, TableChange { billing, ..TableChange::default() }).await.unwrap();
}

#[tokio::test]
async fn a_transaction_gives_four_megabytes_at_the_most_and_says_which_key_is_wrong() {
    let world = World::new().await;
    let table = world.create("t-6").await;
    for i in 0..12 {
        world.put(&table, item([("pk", s(&i.to_string())), ("v", s(&"x".repeat(390_000)))])).await;
    }
    let get = |key| Get { table: table.clone(), key, projection: None, consistent: true };
    let gets: Vec<_> = (0..12).map(|i| get(item([("pk", s(&i.to_string()))]))).collect();
    assert_eq!(world.service.get_all(&gets[..10]).unwrap().len(), 10);
    assert!(matches!(world.service.get_all(&gets).unwrap_err(), TablesError::Invalid(_)));
    let wrong = [get(item([("pk", s("1"))])), get(item([("pk", n(1))]))];
    let TablesError::TransactionCanceled(reasons) = world.service.get_all(&wrong).unwrap_err() else {
        panic!()
    };
    assert!(reasons[0].is_none() && reasons[1].is_some());
}

#[tokio::test]
async fn many_tokens_are_no_reason_to_refuse() {
    let world = World::new().await;
    let table = world.create("t-7").await;
    let realm = table.realm;
    for i in 0..1000 {
        let token = TransactionToken { token: i.to_string(), request: i, former: 0, realm };
        let writes = vec![put(&table, item([("pk", s("a")), ("v", n(i as i64))]))];
        world.service.write_all(writes, Some(token)).await.unwrap();
    }
    // Their time has passed: the next one takes their place.
    world.clock.advance(Duration::from_secs(601));
    let token = TransactionToken { token: "5".into(), request: 77, former: 0, realm };
    let writes = vec![put(&table, item([("pk", s("a")), ("v", n(5))]))];
    world.service.write_all(writes, Some(token)).await.unwrap();
}

#[tokio::test]
async fn the_smallest_values_are_weighed_by_what_they_take() {
    let world = World::new().await;
    let table = world.create("t-8").await;
    let smallest = AttributeValue::M([("a".to_owned(), AttributeValue::Null)].into());
    let many = |count: usize| {
        put(&table, item([("pk", s("a")), ("l", AttributeValue::L(vec![smallest.clone(); count]))]))
    };
    world.service.write(many(1000)).await.unwrap();
    let refused = world.service.write(many(50_000)).await.unwrap_err();
    assert!(refused.to_string().contains("so many small values"), "{refused}");
}

#[tokio::test]
async fn conditions_that_would_stop_everybody_are_refused() {
    let world = World::new().await;
    let table = world.create("t-9").await;
    let list = AttributeValue::L(vec![n(1); 100_000]);
    world.put(&table, item([("pk", s("a")), ("l", list)])).await;
    let text = (0..140).map(|_| "contains(l, :x)").collect::<Vec<_>>().join(" OR ");
    let mut placeholders = Placeholders::new(None, Some(item([(":x", n(2))]))).unwrap();
    let mut checked = write(&table, Action::Check(item([("pk", s("a"))])));
    checked.condition = Some(Condition::parse(ConditionPlace::Condition, &text, &mut placeholders).unwrap());
    let refused = world.service.write(checked).await.unwrap_err();
    assert!(refused.to_string().contains("too much of too large items"), "{refused}");
}
