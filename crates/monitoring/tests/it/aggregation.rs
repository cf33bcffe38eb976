//! Points, periods and tiers.

use std::time::Duration;

use headwater_monitoring::{Datum, Metric, Resolution, Statistic, StatisticSet, StoreLimits, Unit, Window};
use headwater_types::{AccountId, Realm, Region, Timestamp};
use proptest::prelude::*;

use crate::{DAY, MINUTE, START, World, metric, realm};

/// Beginnings of periods relative to the first minute, with sums.
fn sums(world: &World, start_s: u64, end_s: u64, period_s: u32) -> Vec<(u64, f64)> {
    let window = Window::new(Timestamp::from_secs(start_s), Timestamp::from_secs(end_s), period_s);
    let found = world.store.statistics(realm(), &metric("m"), None, window);
    let Some((unit, points)) = found.into_iter().next() else { return Vec::new() };
    assert_eq!(unit, Unit::Count);
    points.into_iter().map(|(at, set)| (at.as_secs() - MINUTE, set.sum)).collect()
}

#[test]
fn values_of_a_minute_are_one_point() {
    let world = World::new(StoreLimits::default());
    for (at_s, value) in [(0, 1.0), (30, 5.0), (59, 3.0), (60, 7.0)] {
        world.put("m", MINUTE + at_s, value);
    }
    let window = Window::new(Timestamp::from_secs(MINUTE), Timestamp::from_secs(MINUTE + 60), 60);
    let found = world.store.statistics(realm(), &metric("m"), None, window);
    let [(Unit::Count, points)] = &found[..] else { panic!("{found:?}") };
    let [(at, set)] = &points[..] else { panic!("{points:?}") };
    assert_eq!(at.as_secs(), MINUTE);
    let values = Statistic::ALL.map(|statistic| set.get(statistic));
    assert_eq!(values, [3.0, 3.0, 9.0, 1.0, 5.0]);
    assert_eq!(world.store.report().points, 2);
}

#[test]
fn periods_begin_at_the_start_rounded_down_to_the_minute_and_end_before_the_end() {
    let world = World::new(StoreLimits::default());
    for minute in 0..10 {
        world.put("m", MINUTE + 60 * minute, 1.0);
    }
    assert_eq!(sums(&world, MINUTE + 59, MINUTE + 600, 300), [(0, 5.0), (300, 5.0)]);
    assert_eq!(sums(&world, MINUTE + 60, MINUTE + 540, 300), [(60, 5.0), (360, 3.0)]);
    assert_eq!(sums(&world, MINUTE, MINUTE + 60, 60), [(0, 1.0)]);
    assert_eq!(sums(&world, MINUTE + 600, MINUTE + 900, 60), []);
    assert_eq!(sums(&world, MINUTE + 900, MINUTE, 60), []);
}

#[test]
fn high_resolution_tells_seconds_apart_for_three_hours() {
    let world = World::new(StoreLimits::default());
    for second in 0..20 {
        world.put_as("m", MINUTE + second, Resolution::High, StatisticSet::of(1.0, 1.0));
    }
    assert_eq!(sums(&world, MINUTE + 7, MINUTE + 20, 10), [(0, 10.0), (10, 10.0)]);
    assert_eq!(sums(&world, MINUTE + 18, MINUTE + 60, 1), [(18, 1.0), (19, 1.0)]);
    world.clock.advance(Duration::from_secs(3 * 3600));
    world.store.age();
    assert_eq!(sums(&world, MINUTE, MINUTE + 60, 1), [(0, 20.0)]);
    assert_eq!(world.store.report().points, 1);
}

#[test]
fn minutes_become_five_after_a_day_and_nothing_after_fifteen() {
    let world = World::new(StoreLimits::default());
    // The five minutes of which this is the first begin three before.
    for minute in 0..7 {
        world.put("m", MINUTE - 180 + 60 * minute, 1.0);
    }
    assert_eq!(world.store.report().points, 7);
    world.clock.advance(DAY + Duration::from_secs(600));
    world.store.age();
    let found = sums(&world, MINUTE, MINUTE + 600, 60);
    assert_eq!(found.iter().map(|(_, sum)| sum).sum::<f64>() as u64 + 5, 7, "{found:?}");
    assert_eq!(world.store.report().points, 2);
    world.clock.advance(14 * DAY);
    world.store.age();
    let report = world.store.report();
    assert_eq!((report.series, report.points, report.bytes), (0, 0, 0));
}

#[test]
fn values_that_come_late_find_their_place() {
    let world = World::new(StoreLimits::default());
    for minute in [5, 3, 4, 1, 3] {
        world.put("m", MINUTE - 60 * minute, 1.0);
    }
    let start = MINUTE - 300;
    let found: Vec<_> = sums_from(&world, start);
    assert_eq!(found, [(0, 1.0), (60, 1.0), (120, 2.0), (240, 1.0)]);
    // Of two weeks ago: kept, by five minutes.
    world.put("m", MINUTE - 14 * 24 * 3600, 1.0);
    assert_eq!(world.store.report().points, 5);
    world.put("m", MINUTE - 16 * 24 * 3600, 1.0);
    assert_eq!(world.store.report().points, 5);
}

fn sums_from(world: &World, start_s: u64) -> Vec<(u64, f64)> {
    let window = Window::new(Timestamp::from_secs(start_s), START, 60);
    let found = world.store.statistics(realm(), &metric("m"), None, window);
    found[0].1.iter().map(|(at, set)| (at.as_secs() - start_s, set.sum)).collect()
}

#[test]
fn a_value_too_old_to_be_kept_leaves_nothing() {
    let world = World::new(StoreLimits::default());
    world.put("m", MINUTE - 16 * 24 * 3600, 1.0);
    let report = world.store.report();
    assert_eq!((report.series, report.bytes), (0, 0));
    world.put("m", MINUTE, 1.0);
    assert_eq!(world.store.report().series, 1);
}

#[test]
fn units_accounts_and_regions_are_apart_and_the_order_of_dimensions_makes_no_difference() {
    let world = World::new(StoreLimits::default());
    let (one, two) =
        (Metric::new("n", "m", [("a", "1"), ("b", "2")]), Metric::new("n", "m", [("b", "2"), ("a", "1")]));
    for (metric, unit) in [(&one, Unit::Bytes), (&two, Unit::Bytes), (&one, Unit::None)] {
        let (metric, values) = (metric.clone(), StatisticSet::of(2.0, 1.0));
        let datum = Datum { metric, unit, at: START, resolution: Resolution::Standard, values };
        world.store.put(realm(), [datum]);
    }
    let window = Window::new(START, START.plus(Duration::from_secs(60)), 60);
    let found = world.store.statistics(realm(), &two, None, window);
    let sums: Vec<_> = found.iter().map(|(unit, points)| (unit.name(), points[0].1.sum)).collect();
    assert_eq!(sums, [("Bytes", 4.0), ("None", 2.0)]);
    assert_eq!(world.store.statistics(realm(), &two, Some(Unit::None), window).len(), 1);
    assert!(world.store.statistics(realm(), &two, Some(Unit::Count), window).is_empty());
    let others = [
        Realm { account: AccountId::new("000000000000").unwrap(), ..realm() },
        Realm { region: Region::new("us-east-2").unwrap(), ..realm() },
    ];
    for other in others {
        assert!(world.store.statistics(other, &two, None, window).is_empty());
        assert!(world.store.list(other, &Default::default(), 0, 10).0.is_empty());
    }
}

proptest! {
    /// Whatever the order of values and the period, nothing is lost and nothing is counted twice.
    #[test]
    fn every_value_is_in_one_period(
        values in prop::collection::vec((0_u64..7200, any::<bool>()), 1..60),
        period in prop::sample::select(vec![1_u32, 5, 30, 60, 300, 3600]),
        later in 0_u64..(14 * 24 * 3600),
    ) {
        let world = World::new(StoreLimits::default());
        for &(ago, high) in &values {
            let resolution = if high { Resolution::High } else { Resolution::Standard };
            world.put_as("m", MINUTE - ago, resolution, StatisticSet::of(1.0, 1.0));
        }
        world.clock.advance(Duration::from_secs(later));
        world.store.age();
        let window = Window::new(Timestamp::from_secs(MINUTE - 8000), Timestamp::from_secs(MINUTE + 60), period);
        let found = world.store.statistics(realm(), &metric("m"), None, window);
        let points = &found[0].1;
        prop_assert_eq!(points.iter().map(|(_, set)| set.count).sum::<f64>(), values.len() as f64);
        prop_assert!(points.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
