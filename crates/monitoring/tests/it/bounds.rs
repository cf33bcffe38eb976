//! Limits of the store.

use headwater_monitoring::{Resolution, StatisticSet, StoreLimits};

use crate::{MINUTE, World};

#[test]
fn the_series_written_least_recently_goes_first() {
    let world = World::new(StoreLimits { series_max: 2, bytes_max: usize::MAX });
    for name in ["a", "b", "a", "c"] {
        world.put(name, MINUTE, 1.0);
    }
    let (left, _) = world.store.list(crate::realm(), &Default::default(), 0, 10);
    let left: Vec<_> = left.iter().map(|metric| metric.name()).collect();
    assert_eq!(left, ["a", "c"]);
}

#[test]
fn memory_is_bounded_and_counted_truly() {
    let limits = StoreLimits { series_max: 1000, bytes_max: 200_000 };
    let world = World::new(limits);
    for i in 0..20_000_u64 {
        let name = format!("m{}", i % 37);
        world.put_as(&name, MINUTE - i % 9000, Resolution::High, StatisticSet::of(1.0, 1.0));
        assert!(world.store.report().bytes <= limits.bytes_max);
    }
    let report = world.store.report();
    // Nothing that is still written has gone altogether.
    assert_eq!(report.series, 37);
    assert!(report.points > 1000, "{report:?}");
}

#[test]
fn what_is_not_written_any_more_gives_way_to_what_is() {
    let world = World::new(StoreLimits { series_max: 1000, bytes_max: 100_000 });
    for i in 0..1000 {
        world.put_as("old", MINUTE - i, Resolution::High, StatisticSet::of(1.0, 1.0));
    }
    for i in 0..4000 {
        world.put_as("new", MINUTE - i, Resolution::High, StatisticSet::of(1.0, 1.0));
    }
    let (left, _) = world.store.list(crate::realm(), &Default::default(), 0, 10);
    assert_eq!(left.iter().map(|metric| metric.name()).collect::<Vec<_>>(), ["new"]);
}

#[test]
fn a_series_that_is_larger_than_the_store_is_not_kept() {
    let world = World::new(StoreLimits { series_max: 10, bytes_max: 100 });
    world.put("m", MINUTE, 1.0);
    let report = world.store.report();
    assert_eq!((report.series, report.bytes), (0, 0));
}
