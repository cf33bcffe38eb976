//! Queries and scans.

use std::collections::BTreeSet;

use headwater_tables::expression::SortCondition;
use headwater_tables::value::Item;
use headwater_tables::{IndexProjection, IndexScope, KeyType, PageRequest, Range, Select, TableKey};

use crate::harness::{World, attribute, by_owner, item, n, query, s, scan};

async fn sorted(world: &World) -> TableKey {
    let table = world.create_sorted("sorted").await;
    for partition in ["a", "b"] {
        for i in [5, -3, 10, 0, 2] {
            world.put(&table, item([("pk", s(partition)), ("sk", n(i))])).await;
        }
    }
    table
}

fn sorts(items: &[Item]) -> Vec<String> {
    items
        .iter()
        .map(|item| match &item["sk"] {
            headwater_tables::value::AttributeValue::N(number) => number.to_string(),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[tokio::test]
async fn a_partition_is_in_order_and_cut_as_asked() {
    let world = World::new().await;
    let table = sorted(&world).await;
    let check = |sort: Option<SortCondition>, wanted: &[&str]| {
        let mut request = query(&table, "a", sort.clone());
        assert_eq!(sorts(&world.page(&request).items), wanted, "{sort:?}");
        let Range::Query { forward, .. } = &mut request.range else { unreachable!() };
        *forward = false;
        let mut backwards: Vec<_> = wanted.to_vec();
        backwards.reverse();
        assert_eq!(sorts(&world.page(&request).items), backwards, "{sort:?} backwards");
    };
    check(None, &["-3", "0", "2", "5", "10"]);
    check(Some(SortCondition::Equal(n(2))), &["2"]);
    check(Some(SortCondition::Less(n(2))), &["-3", "0"]);
    check(Some(SortCondition::GreaterOrEqual(n(2))), &["2", "5", "10"]);
    check(Some(SortCondition::Between(n(0), n(5))), &["0", "2", "5"]);
    check(Some(SortCondition::Between(n(5), n(0))), &[]);
    assert!(world.page(&query(&table, "none", None)).items.is_empty());
}

#[tokio::test]
async fn pages_meet_without_gap_or_overlap() {
    let world = World::new().await;
    let table = sorted(&world).await;
    for forward in [true, false] {
        for limit in 1..6 {
            let mut request = query(&table, "b", None);
            let Range::Query { forward: direction, .. } = &mut request.range else { unreachable!() };
            *direction = forward;
            request.limit = Some(limit);
            let (mut found, mut pages) = (Vec::new(), 0);
            loop {
                let page = world.page(&request);
                assert!(page.items.len() <= limit);
                found.extend(sorts(&page.items));
                pages += 1;
                match page.last {
                    Some(last) => request.after = Some(last),
                    None => break,
                }
            }
            let mut wanted = vec!["-3", "0", "2", "5", "10"];
            if !forward {
                wanted.reverse();
            }
            assert_eq!(found, wanted, "{limit} forward: {forward}");
            // A page that is full says so even if nothing follows.
            assert_eq!(pages, 5 / limit + 1);
        }
    }
}

#[tokio::test]
async fn a_page_holds_a_megabyte() {
    let world = World::new().await;
    let table = world.create_sorted("large").await;
    for i in 0..5 {
        let text = s(&"x".repeat(300_000));
        world.put(&table, item([("pk", s("a")), ("sk", n(i)), ("v", text)])).await;
    }
    let mut request = query(&table, "a", None);
    let page = world.page(&request);
    assert_eq!((page.items.len(), page.count, page.scanned), (4, 4, 4));
    assert_eq!(page.consumed.table, 4 * 300_011_u64.div_ceil(4096) - 3, "of the sum, not of each");
    request.after = page.last;
    let page = world.page(&request);
    assert_eq!((page.items.len(), page.last), (1, None));
    let count = PageRequest { select: Select::Count, ..query(&table, "a", None) };
    let page = world.page(&count);
    assert_eq!((page.items.len(), page.count), (0, 4));
}

#[tokio::test]
async fn segments_are_everything_once() {
    let world = World::new().await;
    let table = world.create("wide").await;
    for i in 0..200 {
        world.put(&table, item([("pk", s(&format!("key {i}")))])).await;
    }
    for of in [1, 2, 7, 100] {
        let (mut all, mut count) = (BTreeSet::new(), 0);
        for segment in 0..of {
            let mut request = PageRequest { range: Range::Scan { segment, of }, ..scan(&table) };
            request.limit = Some(3);
            loop {
                let page = world.page(&request);
                count += page.items.len();
                all.extend(page.items.into_iter().map(|item| item["pk"].clone()));
                match page.last {
                    Some(last) => request.after = Some(last),
                    None => break,
                }
            }
        }
        assert_eq!((all.len(), count), (200, 200), "{of} segments");
    }
    let mut request = PageRequest { range: Range::Scan { segment: 0, of: 2 }, ..scan(&table) };
    let other = PageRequest { range: Range::Scan { segment: 1, of: 2 }, limit: Some(1), ..scan(&table) };
    request.after = world.page(&other).last;
    let refused = world.service.page(&request).unwrap_err().to_string();
    assert!(refused.contains("Please use ExclusiveStartKey with correct Segment"), "{refused}");
}

#[tokio::test]
async fn a_wrong_start_is_refused() {
    let world = World::new().await;
    let table = sorted(&world).await;
    let check = |after: Item, text: &str| {
        let request = PageRequest { after: Some(after), ..query(&table, "a", None) };
        assert_eq!(world.service.page(&request).unwrap_err().to_string(), text);
    };
    check(item([("pk", s("a"))]), "The provided starting key is invalid");
    check(item([("pk", s("a")), ("sk", n(1)), ("x", n(1))]), "The provided starting key is invalid");
    check(item([("pk", s("a")), ("sk", s("1"))]), "The provided starting key is invalid");
    check(
        item([("pk", s("b")), ("sk", n(1))]),
        "The provided starting key is outside query boundaries based on provided conditions",
    );
    // A key of no item is as good as any.
    let request =
        PageRequest { after: Some(item([("pk", s("a")), ("sk", n(1))])), ..query(&table, "a", None) };
    assert_eq!(sorts(&world.page(&request).items), ["2", "5", "10"]);
}

#[tokio::test]
async fn an_index_has_what_it_projects() {
    let world = World::new().await;
    let included = IndexProjection::Include(BTreeSet::from(["v".to_owned()]));
    let table = world.create_with("leases", |spec| spec.indexes = vec![by_owner(included.clone())]).await;
    for pk in ["c", "a", "b"] {
        world.put(&table, item([("pk", s(pk)), ("owner", s("w")), ("v", n(1)), ("u", n(2))])).await;
    }
    let mut request = query(&table, "w", None);
    request.index = Some(by_owner(included).name);
    request.select = Select::AllProjected;
    let wanted = |pk| item([("pk", s(pk)), ("owner", s("w")), ("v", n(1))]);
    assert_eq!(world.page(&request).items, ["a", "b", "c"].map(wanted));
    request.limit = Some(2);
    let first = world.page(&request);
    let last = first.last.unwrap();
    assert_eq!(last, item([("pk", s("b")), ("owner", s("w"))]), "the table's key and the index's");
    request.after = Some(last);
    assert_eq!(world.page(&request).items, [wanted("c")]);
    request.after = None;
    request.select = Select::All;
    assert!(world.service.page(&request).unwrap_err().to_string().contains("projection type is not ALL"));
    request.select = Select::AllProjected;
    request.consistent = true;
    assert!(world.service.page(&request).unwrap_err().to_string().contains("Consistent reads"));
    // What leaves the index leaves it.
    request.consistent = false;
    world.put(&table, item([("pk", s("a")), ("owner", s("v"))])).await;
    world.put(&table, item([("pk", s("b"))])).await;
    assert_eq!(world.page(&request).items, [wanted("c")]);
}

/// A table with the keys `pk` and `sk`, and an index of it on `other` that has nothing but keys.
async fn with_local_index(world: &World) -> TableKey {
    let making = world.create_with("local", |spec| {
        spec.schema.range = Some(attribute("sk", KeyType::N));
        let mut index = by_owner(IndexProjection::KeysOnly);
        index.scope = IndexScope::Local;
        index.schema.hash = attribute("pk", KeyType::S);
        index.schema.range = Some(attribute("other", KeyType::N));
        spec.indexes = vec![index];
    });
    making.await
}

#[tokio::test]
async fn a_local_index_fetches_what_it_has_not() {
    let world = World::new().await;
    let table = with_local_index(&world).await;
    for i in 0..3 {
        let one = item([("pk", s("a")), ("sk", n(i)), ("other", n(-i)), ("v", n(i))]);
        let mut write = crate::harness::put(&table, one);
        write.give_collection = true;
        let written = world.service.write(write).await.unwrap();
        assert_eq!(written.collection.unwrap().key, item([("pk", s("a"))]));
    }
    let mut request = query(&table, "a", None);
    request.index = Some(by_owner(IndexProjection::All).name);
    request.select = Select::AllProjected;
    let page = world.page(&request);
    assert_eq!(sorts(&page.items), ["2", "1", "0"]);
    assert!(!page.items[0].contains_key("v"));
    assert_eq!(page.consumed.table, 0);
    request.select = Select::All;
    request.consistent = true;
    let page = world.page(&request);
    assert_eq!(page.items[0]["v"], n(2));
    assert_eq!(page.consumed.table, 6, "each item is fetched");
}

#[tokio::test]
async fn a_page_that_fetches_is_bounded_by_what_it_fetches() {
    let world = World::new().await;
    let table = with_local_index(&world).await;
    for i in 0..8 {
        let fat = s(&"x".repeat(300_000));
        world.put(&table, item([("pk", s("a")), ("sk", n(i)), ("other", n(i)), ("v", fat)])).await;
    }
    let mut request = query(&table, "a", None);
    request.index = Some(by_owner(IndexProjection::All).name);
    let page = world.page(&request);
    assert_eq!((page.items.len(), page.last.is_some()), (4, true));
    assert!(world.service.fetches(&request).unwrap(), "who asks must be allowed the table");
    request.select = Select::AllProjected;
    assert_eq!(world.page(&request).items.len(), 8);
    assert!(!world.service.fetches(&request).unwrap());
}

#[tokio::test]
async fn a_dear_filter_ends_the_page_early() {
    let world = World::new().await;
    let table = world.create_sorted("dear").await;
    for i in 0..500 {
        world.put(&table, item([("pk", s("a")), ("sk", n(i)), ("v", s(&"x".repeat(1000)))])).await;
    }
    let mut request = query(&table, "a", None);
    let text = (0..100).map(|_| "contains(v, :y)").collect::<Vec<_>>().join(" OR ");
    let values = Some(item([(":y", s("y"))]));
    let mut placeholders = headwater_tables::expression::Placeholders::new(None, values).unwrap();
    let place = headwater_tables::expression::ConditionPlace::Filter;
    request.filter =
        Some(headwater_tables::expression::Condition::parse(place, &text, &mut placeholders).unwrap());
    let (mut scanned, mut pages) = (0, 0);
    loop {
        let page = world.page(&request);
        (scanned, pages) = (scanned + page.scanned, pages + 1);
        assert!(page.items.is_empty() && page.scanned > 0);
        match page.last {
            Some(last) => request.after = Some(last),
            None => break,
        }
    }
    assert_eq!(scanned, 500);
    assert!(pages > 3, "{pages}");
}
