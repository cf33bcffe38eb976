//! All series, and the room they share.

use std::collections::BTreeMap;
use std::sync::Arc;

use headwater_host::Clock;
use headwater_types::{Realm, Timestamp};
use parking_lot::Mutex;

use crate::metric::{Metric, MetricFilter, Unit};
use crate::points::{Points, Resolution};
use crate::statistics::StatisticSet;

/// Most that the store may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreLimits {
    /// Series.
    pub series_max: usize,
    /// Memory that they take together, in bytes.
    pub bytes_max: usize,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self { series_max: 20_000, bytes_max: 128 * headwater_types::limits::MIB }
    }
}

/// Values of one metric at one moment.
#[derive(Debug, Clone)]
pub struct Datum {
    /// Metric of the values.
    pub metric: Metric,
    /// Unit of the values.
    pub unit: Unit,
    /// When they were.
    pub at: Timestamp,
    /// Granularity in time at which they are kept.
    pub resolution: Resolution,
    /// The values.
    pub values: StatisticSet,
}

/// A span of time, cut into periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    start_s: u64,
    end_s: u64,
    period_s: u64,
}

impl Window {
    /// From `start`, rounded down to the minute or to a shorter period (documentation of GetMetricStatistics), and
    /// before `end`. A period of 0 counts as 1.
    pub fn new(start: Timestamp, end: Timestamp, period_s: u32) -> Self {
        let period_s = u64::from(period_s.max(1));
        let start_s = start.as_secs();
        let end_s = end.as_millis().div_ceil(1000);
        Self { start_s: start_s - start_s % period_s.min(60), end_s, period_s }
    }

    /// Number of periods.
    pub fn periods(&self) -> u64 {
        self.end_s.saturating_sub(self.start_s).div_ceil(self.period_s)
    }
}

/// Of each unit in which there are values, the beginnings of periods that have some, in order, with the values.
pub type UnitPoints = Vec<(Unit, Vec<(Timestamp, StatisticSet)>)>;

/// Contents of the store, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreReport {
    /// Series.
    pub series: usize,
    /// Points of all series.
    pub points: usize,
    /// Memory that they take, in bytes.
    pub bytes: usize,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct SeriesKey {
    realm: Realm,
    metric: Metric,
}

#[derive(Debug)]
struct Series {
    /// In the order in which series were made.
    serial: u64,
    /// When it was last written: a count of writes, and the time.
    written: u64,
    written_at: Timestamp,
    /// As a rule there is one unit.
    units: Vec<(Unit, Points)>,
}

/// Memory of a series beside its texts and points: its key and place in two trees, roughly.
const SERIES_BYTES: usize = 256;

impl Series {
    fn points(&mut self, unit: Unit) -> &mut Points {
        let at = self.units.iter().position(|(found, _)| *found == unit).unwrap_or_else(|| {
            self.units.push((unit, Points::default()));
            self.units.len() - 1
        });
        &mut self.units[at].1
    }

    fn bytes(&self, key: &SeriesKey) -> usize {
        let points = self.units.iter().map(|(_, points)| size_of::<(Unit, Points)>() + points.heap_bytes());
        SERIES_BYTES + key.metric.heap_bytes() + points.sum::<usize>()
    }

    fn len(&self) -> usize {
        self.units.iter().map(|(_, points)| points.len()).sum()
    }
}

#[derive(Debug, Default)]
struct State {
    series: BTreeMap<Arc<SeriesKey>, Series>,
    /// Every series by [`Series::written`].
    by_write: BTreeMap<u64, Arc<SeriesKey>>,
    made: u64,
    writes: u64,
    bytes: usize,
}

/// The metrics of all accounts in all regions.
#[derive(Debug)]
pub struct MetricStore {
    clock: Arc<dyn Clock>,
    limits: StoreLimits,
    state: Mutex<State>,
}

impl MetricStore {
    /// An empty store.
    pub fn new(clock: Arc<dyn Clock>, limits: StoreLimits) -> Self {
        Self { clock, limits, state: Mutex::default() }
    }

    /// The time of the store.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Adds values; those of the same metric, unit and moment become one.
    pub fn put(&self, realm: Realm, data: impl IntoIterator<Item = Datum>) {
        let now = self.clock.now();
        let mut state = self.state.lock();
        for datum in data {
            state.put(realm, datum, now);
            state.make_room(&self.limits);
        }
    }

    /// The values of a metric, those of one unit if one is named.
    pub fn statistics(
        &self,
        realm: Realm,
        metric: &Metric,
        unit: Option<Unit>,
        window: Window,
    ) -> UnitPoints {
        let key = SeriesKey { realm, metric: metric.clone() };
        let state = self.state.lock();
        let Some(series) = state.series.get(&key) else { return Vec::new() };
        let wanted = series.units.iter().filter(|(found, _)| unit.is_none_or(|unit| unit == *found));
        let found = wanted.map(|(unit, points)| {
            let mut buckets = BTreeMap::new();
            points.collect(window.start_s, window.end_s, window.period_s, &mut buckets);
            (*unit, buckets.into_iter().map(|(at_s, set)| (Timestamp::from_secs(at_s), set)).collect())
        });
        found.filter(|(_, points): &(Unit, Vec<_>)| !points.is_empty()).collect()
    }

    /// Metrics that match, in the order in which they were first seen, at most `max` from after a place that an
    /// earlier answer gave; and the place to go on from if there are more.
    pub fn list(
        &self,
        realm: Realm,
        filter: &MetricFilter,
        after: u64,
        max: usize,
    ) -> (Vec<Metric>, Option<u64>) {
        let now = self.clock.now();
        let state = self.state.lock();
        let recent = |series: &Series| {
            filter.written_within_ms.is_none_or(|ms| now.millis_since(series.written_at) <= ms)
        };
        let wanted = state.series.iter().filter(|(key, series)| {
            key.realm == realm && series.serial > after && recent(series) && filter.matches(&key.metric)
        });
        let mut found: Vec<_> = wanted.map(|(key, series)| (series.serial, key)).collect();
        found.sort_unstable_by_key(|(serial, _)| *serial);
        let more = found.len() > max;
        found.truncate(max);
        let next = found.last().filter(|_| more).map(|(serial, _)| *serial);
        (found.into_iter().map(|(_, key)| key.metric.clone()).collect(), next)
    }

    /// Forgets what is too old. Whatever is written does so for its series; this is for those that are not.
    pub fn age(&self) {
        let now_s = self.clock.now().as_secs();
        let mut state = self.state.lock();
        let keys: Vec<_> = state.series.keys().cloned().collect();
        for key in keys {
            state.change(&key, |series| {
                series.units.iter_mut().for_each(|(_, points)| points.age(now_s));
            });
        }
    }

    /// Counts series and points, and the memory they take.
    pub fn report(&self) -> StoreReport {
        let state = self.state.lock();
        let points = state.series.values().map(Series::len).sum();
        StoreReport { series: state.series.len(), points, bytes: state.bytes }
    }
}

impl State {
    fn put(&mut self, realm: Realm, datum: Datum, now: Timestamp) {
        let key = SeriesKey { realm, metric: datum.metric };
        let key = match self.series.get_key_value(&key) {
            Some((key, _)) => key.clone(),
            None => self.make(key),
        };
        self.writes += 1;
        let writes = self.writes;
        let mut earlier = None;
        self.change(&key, |series| {
            earlier = Some(std::mem::replace(&mut series.written, writes));
            series.written_at = now;
            let points = series.points(datum.unit);
            points.put(now.as_secs(), datum.at.as_secs(), datum.resolution, &datum.values);
        });
        // A value that was too old to be kept leaves a new series without any point, and thereby gone.
        if self.series.contains_key(&key) {
            earlier.map(|earlier| self.by_write.remove(&earlier));
            self.by_write.insert(writes, key);
        }
    }

    fn make(&mut self, key: SeriesKey) -> Arc<SeriesKey> {
        let key = Arc::new(key);
        self.made += 1;
        self.writes += 1;
        let series = Series {
            serial: self.made,
            written: self.writes,
            written_at: Timestamp::EPOCH,
            units: Vec::new(),
        };
        self.bytes += series.bytes(&key);
        self.by_write.insert(series.written, key.clone());
        self.series.insert(key.clone(), series);
        key
    }

    /// Changes a series; one that has no points afterwards goes.
    fn change(&mut self, key: &Arc<SeriesKey>, change: impl FnOnce(&mut Series)) {
        let Some(series) = self.series.get_mut(key) else { return };
        let (before, listed_at) = (series.bytes(key), series.written);
        change(series);
        series.units.retain(|(_, points)| points.len() > 0);
        self.bytes = self.bytes - before + series.bytes(key);
        if series.units.is_empty() {
            self.bytes -= series.bytes(key);
            self.series.remove(key);
            self.by_write.remove(&listed_at);
        }
    }

    fn make_room(&mut self, limits: &StoreLimits) {
        while self.series.len() > limits.series_max || self.bytes > limits.bytes_max {
            let Some(key) = self.by_write.values().next().cloned() else { return };
            let too_many = self.series.len() > limits.series_max;
            self.change(&key, |series| match too_many {
                true => series.units.clear(),
                false => series.units.iter_mut().for_each(|(_, points)| points.halve()),
            });
        }
    }
}
