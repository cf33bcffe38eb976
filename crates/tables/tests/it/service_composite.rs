//! Global indexes with keys of several attributes, and what else the keys of indexes have to be.

use headwater_tables::expression::{
    Condition, ConditionPlace, KeyCondition, Placeholders, Projection, SortCondition, Update,
};
use headwater_tables::value::{AttributeValue, Item};
use headwater_tables::{
    Action, Get, IndexChange, IndexProjection, IndexScope, IndexSpec, KeySchema, KeyType, PageRequest, Range,
    Select, TableChange, TableKey, TableName, TablesError,
};

use crate::harness::{World, attribute, by_owner, item, n, put, s, scan, write};

/// An index on `cup` and `region`, with `round` (N), `bracket` and `pk` as its sort key.
fn by_round() -> IndexSpec {
    let hashes = [attribute("cup", KeyType::S), attribute("region", KeyType::S)];
    let ranges =
        [attribute("round", KeyType::N), attribute("bracket", KeyType::S), attribute("pk", KeyType::S)];
    IndexSpec {
        name: TableName::new("ByRound").unwrap(),
        scope: IndexScope::Global,
        schema: KeySchema::of_attributes(hashes, ranges).unwrap(),
        projection: IndexProjection::KeysOnly,
        throughput: None,
    }
}

fn game(id: &str, cup: &str, region: &str, round: i64, bracket: &str) -> Item {
    item([
        ("pk", s(id)),
        ("cup", s(cup)),
        ("region", s(region)),
        ("round", n(round)),
        ("bracket", s(bracket)),
        ("score", n(1)),
    ])
}

async fn games(world: &World) -> TableKey {
    let table = world.create_with("games", |spec| spec.indexes = vec![by_round()]).await;
    for one in [
        game("a", "c", "eu", 10, "upper"),
        game("b", "c", "eu", 2, "upper"),
        game("c", "c", "eu", 2, "lower"),
        game("d", "c", "us", 2, "lower"),
        game("e", "c2", "eu", 1, "lower"),
        // Without one of the attributes it is not in the index.
        item([("pk", s("f")), ("cup", s("c")), ("region", s("eu")), ("round", n(1))]),
    ] {
        world.put(&table, one).await;
    }
    table
}

fn of(table: &TableKey, region: &str, leading: &[i64], sort: Option<SortCondition>) -> PageRequest {
    let leading = leading.iter().map(|value| n(*value)).collect();
    let condition = KeyCondition { partition: vec![s("c"), s(region)], leading, sort };
    let range = Range::Query { condition, forward: true };
    PageRequest { index: Some(by_round().name), range, select: Select::AllProjected, ..scan(table) }
}

fn ids(items: &[Item]) -> String {
    let id = |item: &Item| match &item["pk"] {
        AttributeValue::S(text) => text.clone(),
        other => panic!("{other:?}"),
    };
    items.iter().map(id).collect()
}

#[tokio::test]
async fn items_stand_by_all_attributes_in_turn_and_only_those_that_have_them() {
    let mut world = World::on_disk(7).await;
    let table = games(&world).await;
    for _ in 0..2 {
        assert_eq!(ids(&world.page(&of(&table, "eu", &[], None)).items), "cba");
        assert_eq!(ids(&world.page(&of(&table, "us", &[], None)).items), "d");
        let greater = SortCondition::Greater(n(2));
        assert_eq!(ids(&world.page(&of(&table, "eu", &[], Some(greater))).items), "a");
        let equal = SortCondition::Equal(n(2));
        assert_eq!(ids(&world.page(&of(&table, "eu", &[], Some(equal))).items), "cb");
        let starts = SortCondition::BeginsWith(s("up"));
        assert_eq!(ids(&world.page(&of(&table, "eu", &[2], Some(starts))).items), "b");
        let mut all = scan(&table);
        all.index = Some(by_round().name);
        all.select = Select::AllProjected;
        assert_eq!(world.page(&all).items.len(), 5);
        assert!(!world.page(&all).items[0].contains_key("score"), "keys only");
        // The schema, and so the order, is the same after a restart.
        world.crash().await;
    }
}

#[tokio::test]
async fn a_page_goes_on_after_all_attributes_of_the_key() {
    let world = World::new().await;
    let table = games(&world).await;
    let mut request = of(&table, "eu", &[], None);
    request.limit = Some(1);
    let mut found = String::new();
    loop {
        let page = world.page(&request);
        found += &ids(&page.items);
        let Some(last) = page.last else { break };
        let names: Vec<_> = last.keys().map(String::as_str).collect();
        assert_eq!(names, ["bracket", "cup", "pk", "region", "round"]);
        request.after = Some(last);
    }
    assert_eq!(found, "cba");
}

#[tokio::test]
async fn a_start_outside_the_condition_is_refused_as_aws_words_it() {
    let world = World::new().await;
    let table = games(&world).await;
    let refused = |request: PageRequest, cup: &str, region: &str, round: i64| {
        let mut after = game("a", cup, region, round, "upper");
        after.remove("score");
        world.service.page(&PageRequest { after: Some(after), ..request }).unwrap_err().to_string()
    };
    let equal = || Some(SortCondition::Equal(n(2)));
    assert_eq!(
        refused(of(&table, "eu", &[], None), "other", "eu", 2),
        "The query can return at most one row and cannot be restarted"
    );
    assert_eq!(
        refused(of(&table, "eu", &[], equal()), "c", "us", 3),
        "The provided starting key does not match the range key predicate"
    );
    assert_eq!(
        refused(of(&table, "eu", &[], equal()), "c", "us", 2),
        "The query can return at most one row and cannot be restarted"
    );
    assert_eq!(
        refused(of(&table, "eu", &[], None), "c", "us", 2),
        "The provided starting key is outside query boundaries based on provided conditions"
    );
}

#[tokio::test]
async fn expressions_do_not_go_into_keys() {
    let world = World::new().await;
    let table = games(&world).await;
    let refused = |kind: &str, error: TablesError| {
        assert_eq!(
            error.to_string(),
            format!(
                "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: {kind}"
            )
        );
    };
    let get = |text: &str| {
        let projection = Projection::parse(text, &mut Placeholders::default()).unwrap();
        let key = item([("pk", s("a"))]);
        let get = Get { table: table.clone(), key, projection: Some(projection), consistent: true };
        world.service.get(&get)
    };
    refused("Key: pk", get("score, pk.a").unwrap_err());
    refused("IndexKey: cup", get("cup[1]").unwrap_err());
    assert!(get("cup, score.a").is_ok());
    let condition = |text: &str| {
        Some(Condition::parse(ConditionPlace::Condition, text, &mut Placeholders::default()).unwrap())
    };
    let mut one = put(&table, game("a", "c", "eu", 10, "upper"));
    one.condition = condition("attribute_exists(pk[0])");
    refused("Key: pk", world.service.write(one.clone()).await.unwrap_err());
    let filtered = PageRequest { filter: condition("attribute_exists(cup.a)"), ..scan(&table) };
    refused("IndexKey: cup", world.service.page(&filtered).unwrap_err());
    let update = Update::parse("REMOVE cup.a", &mut Placeholders::default());
    let update = Action::Update { key: item([("pk", s("a"))]), update: Some(update.unwrap()) };
    refused("IndexKey: cup", world.service.write(write(&table, update)).await.unwrap_err());
}

#[tokio::test]
async fn an_index_that_is_added_leaves_out_what_no_key_can_be() {
    let world = World::new().await;
    let table = world.create("late").await;
    let long = "x".repeat(2049);
    for (id, owner) in [("a", s("o")), ("b", s("")), ("c", s(&long)), ("d", n(1))] {
        world.put(&table, item([("pk", s(id)), ("owner", owner)])).await;
    }
    let index = by_owner(IndexProjection::All);
    let change = TableChange { indexes: vec![IndexChange::Create(index.clone())], ..TableChange::default() };
    world.service.update_table(&table, change).await.unwrap();
    world.settle();
    let mut all = scan(&table);
    all.index = Some(index.name);
    assert_eq!(ids(&world.page(&all).items), "a");
    // What is there may stay as it is when something else is changed; it cannot be put anew.
    let update = |text: &str| {
        let update = Update::parse(text, &mut Placeholders::default());
        write(&table, Action::Update { key: item([("pk", s("b"))]), update: Some(update.unwrap()) })
    };
    world.service.write(update("SET v = pk")).await.unwrap();
    assert!(world.service.write(put(&table, item([("pk", s("b")), ("owner", s(""))]))).await.is_err());
    world.service.write(put(&table, item([("pk", s("b"))]))).await.unwrap();
}

#[tokio::test]
async fn a_sort_key_is_as_long_as_all_of_its_attributes() {
    let world = World::new().await;
    let table = games(&world).await;
    let mut one = game(&"p".repeat(600), "c", "eu", 1, &"b".repeat(600));
    let error = world.service.write(put(&table, one.clone())).await.unwrap_err().to_string();
    assert_eq!(
        error,
        "One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size limit of \
         1024 bytes"
    );
    one.insert("bracket".to_owned(), s("b"));
    world.service.write(put(&table, one)).await.unwrap();
}
