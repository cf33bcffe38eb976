//! Listing of metrics.

use std::time::Duration;

use headwater_monitoring::{Datum, Metric, MetricFilter, Resolution, StatisticSet, StoreLimits, Unit};

use crate::{START, World, realm};

fn world() -> World {
    let world = World::new(StoreLimits::default());
    for (namespace, name, dimensions) in
        [("a", "x", vec![("host", "1")]), ("a", "y", vec![("host", "2"), ("disk", "0")]), ("b", "x", vec![])]
    {
        let metric = Metric::new(namespace, name, dimensions);
        let values = StatisticSet::of(1.0, 1.0);
        let datum = Datum { metric, unit: Unit::None, at: START, resolution: Resolution::Standard, values };
        world.store.put(realm(), [datum]);
    }
    world
}

#[track_caller]
fn check(filter: MetricFilter, expected: &[&str]) {
    let (found, next) = world().store.list(realm(), &filter, 0, 10);
    let found: Vec<_> =
        found.iter().map(|metric| format!("{}/{}", metric.namespace(), metric.name())).collect();
    assert_eq!((found.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), next), (expected, None));
}

#[test]
fn by_what_is_given() {
    let some = |text: &str| Some(text.to_owned());
    check(MetricFilter::default(), &["a/x", "a/y", "b/x"]);
    check(MetricFilter { namespace: some("a"), ..Default::default() }, &["a/x", "a/y"]);
    check(MetricFilter { name: some("x"), ..Default::default() }, &["a/x", "b/x"]);
    let with = |dimensions: Vec<(String, Option<String>)>| MetricFilter { dimensions, ..Default::default() };
    check(with(vec![("host".into(), None)]), &["a/x", "a/y"]);
    check(with(vec![("host".into(), some("2"))]), &["a/y"]);
    check(with(vec![("host".into(), None), ("disk".into(), some("1"))]), &[]);
}

#[test]
fn by_pages_that_lose_and_repeat_nothing_while_series_are_added() {
    let world = world();
    let (first, next) = world.store.list(realm(), &Default::default(), 0, 2);
    assert_eq!(first.len(), 2);
    world.put("new", START.as_secs(), 1.0);
    let (rest, end) = world.store.list(realm(), &Default::default(), next.unwrap(), 2);
    assert_eq!(rest.iter().map(Metric::name).collect::<Vec<_>>(), ["x", "new"]);
    assert_eq!(end, None);
}

#[test]
fn by_age() {
    let world = world();
    let filter = MetricFilter { written_within_ms: Some(1000), ..Default::default() };
    assert_eq!(world.store.list(realm(), &filter, 0, 10).0.len(), 3);
    world.clock.advance(Duration::from_secs(2));
    world.put("new", START.as_secs(), 1.0);
    assert_eq!(world.store.list(realm(), &filter, 0, 10).0.len(), 1);
}
