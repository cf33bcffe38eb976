//! The metrics' store on a clock that tests move.

mod aggregation;
mod bounds;
mod listing;

use std::sync::Arc;
use std::time::Duration;

use headwater_host::ManualClock;
use headwater_monitoring::{Datum, Metric, MetricStore, Resolution, StatisticSet, StoreLimits, Unit};
use headwater_types::{AccountId, Realm, Region, Timestamp};

/// 2023-11-14T22:13:20Z.
const START: Timestamp = Timestamp::from_secs(1_700_000_000);
/// The minute of [`START`].
const MINUTE: u64 = 1_699_999_980;
const DAY: Duration = Duration::from_secs(24 * 3600);

fn realm() -> Realm {
    Realm { account: AccountId::new("123456789012").unwrap(), region: Region::US_EAST_1 }
}

struct World {
    clock: Arc<ManualClock>,
    store: MetricStore,
}

impl World {
    fn new(limits: StoreLimits) -> Self {
        let clock = ManualClock::new(START);
        Self { store: MetricStore::new(clock.clone(), limits), clock }
    }

    fn put(&self, name: &str, at_s: u64, value: f64) {
        self.put_as(name, at_s, Resolution::Standard, StatisticSet::of(value, 1.0));
    }

    fn put_as(&self, name: &str, at_s: u64, resolution: Resolution, values: StatisticSet) {
        let (metric, at) = (metric(name), Timestamp::from_secs(at_s));
        self.store.put(realm(), [Datum { metric, unit: Unit::Count, at, resolution, values }]);
    }
}

fn metric(name: &str) -> Metric {
    Metric::new("app", name, [("host", "a")])
}
