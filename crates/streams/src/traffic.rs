//! Traffic of a shard: rates made of its counters ([`crate::stats`]), and a sample of its hash keys.
//!
//! # Constraints
//! Watching must cost a put next to nothing: for on-demand streams a short lock for a group of records. Everything else
//! happens when upkeep looks. Nothing here is stored: after a restart rates are unknown for a
//! minute.
//!
//! # Algorithm
//! A [`Window`] keeps the totals as they were at each look of about the last minute; a rate is the difference between
//! the newest and the oldest. Of every [`STRIDE`] units that are written one hash key is kept, a unit being a byte and
//! a record as many more as its share of a shard's capacity; the distance between two samples varies, so that a
//! producer that repeats itself is not seen at the same record each time. A ring holds the newest ones.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use headwater_types::HashKey;
use headwater_types::limits::KIB;
use parking_lot::Mutex;

use crate::demand::Rates;

/// A rate is taken over at least this long.
const WINDOW: Duration = Duration::from_secs(60);
/// Looks closer together than this count as one.
const LOOK_GAP: Duration = Duration::from_secs(5);
/// Units between two samples, on average: a shard that is hot gives more than a hundred a minute.
const STRIDE: u64 = 256 * KIB as u64;
/// Cost of a record beside its bytes: 1,000 of them take as much of a shard as 1 MiB.
const RECORD_UNITS: u64 = KIB as u64;
/// Samples that are kept of a shard.
const KEYS_MAX: usize = 128;

/// Traffic of one shard, as far as this server has seen.
#[derive(Debug)]
pub(crate) struct ShardTraffic {
    keys: Mutex<KeySample>,
    window: Mutex<Window>,
    warned: AtomicBool,
}

/// Traffic that writers have asked for since the server started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Totals {
    pub(crate) stored: Amount,
    pub(crate) refused: Amount,
}

/// Records, and their bytes of data and partition keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Amount {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
}

impl ShardTraffic {
    /// Watches from now on, `elapsed` by [`headwater_host::Clock::elapsed`].
    pub(crate) fn new(elapsed: Duration) -> Self {
        Self {
            keys: Mutex::default(),
            window: Mutex::new(Window::new(elapsed)),
            warned: AtomicBool::default(),
        }
    }

    /// Samples the hash keys of records that were stored, each given by its size and how to get its key.
    pub(crate) fn sample<K: FnOnce() -> HashKey>(&self, records: impl Iterator<Item = (u64, K)>) {
        let mut keys = self.keys.lock();
        for (bytes, key) in records {
            keys.note(bytes, key);
        }
    }

    /// The newest samples.
    pub(crate) fn keys(&self) -> Vec<HashKey> {
        self.keys.lock().keys.clone()
    }

    /// Rates asked of the shard in about the last minute; `None` while it has not been watched that long.
    pub(crate) fn demand(
        &self,
        elapsed: Duration,
        written: Totals,
        capacity: Option<Rates>,
    ) -> Option<Rates> {
        self.window.lock().demand(elapsed, written, capacity)
    }

    /// True the first time only.
    pub(crate) fn warn_once(&self) -> bool {
        !self.warned.swap(true, Ordering::Relaxed)
    }
}

impl Totals {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self { stored: self.stored.plus(other.stored), refused: self.refused.plus(other.refused) }
    }
}

impl Amount {
    fn plus(self, other: Self) -> Self {
        Self { bytes: self.bytes + other.bytes, records: self.records + other.records }
    }

    /// Shards whose records have expired take their totals with them: a window may see totals shrink.
    fn per_second_since(self, earlier: Self, millis: u64) -> Rates {
        let rate = |now: u64, then: u64| now.saturating_sub(then).saturating_mul(1000) / millis.max(1);
        Rates {
            bytes_per_s: rate(self.bytes, earlier.bytes),
            records_per_s: rate(self.records, earlier.records),
        }
    }
}

/// Totals at the looks of about the last minute.
#[derive(Debug)]
pub(crate) struct Window {
    marks: VecDeque<(Duration, Totals)>,
}

impl Window {
    /// All totals being zero.
    pub(crate) fn new(elapsed: Duration) -> Self {
        Self { marks: VecDeque::from([(elapsed, Totals::default())]) }
    }

    /// Rates of what was stored, and of what was refused as far as it would have fitted into `capacity`: a client that
    /// tries again and again asks for no more than once.
    pub(crate) fn demand(
        &mut self,
        elapsed: Duration,
        totals: Totals,
        capacity: Option<Rates>,
    ) -> Option<Rates> {
        let (since, earlier) = self.look(elapsed, totals)?;
        let millis = u64::try_from((elapsed - since).as_millis()).unwrap_or(u64::MAX);
        let stored = totals.stored.per_second_since(earlier.stored, millis);
        let asked = stored.plus(totals.refused.per_second_since(earlier.refused, millis));
        Some(capacity.map_or(stored, |capacity| stored.max(asked.min(capacity))))
    }

    /// The newest look that is at least [`WINDOW`] ago.
    fn look(&mut self, elapsed: Duration, totals: Totals) -> Option<(Duration, Totals)> {
        let is_old = |(at, _): &(Duration, Totals)| elapsed.saturating_sub(*at) >= WINDOW;
        while self.marks.get(1).is_some_and(is_old) {
            self.marks.pop_front();
        }
        let oldest = self.marks.front().copied().filter(is_old);
        if self.marks.back().is_none_or(|(at, _)| elapsed.saturating_sub(*at) >= LOOK_GAP) {
            self.marks.push_back((elapsed, totals));
        }
        oldest
    }
}

/// The newest sampled keys, in no order.
#[derive(Debug, Default)]
struct KeySample {
    keys: Vec<HashKey>,
    taken: u64,
    /// Units until the next sample.
    left: u64,
}

impl KeySample {
    fn note(&mut self, bytes: u64, key: impl FnOnce() -> HashKey) {
        let mut units = bytes + RECORD_UNITS;
        if units < self.left {
            self.left -= units;
            return;
        }
        let key = key();
        // A record larger than the distance counts as often as it covers it.
        while units >= self.left {
            units -= self.left;
            self.take(key);
        }
        self.left -= units;
    }

    fn take(&mut self, key: HashKey) {
        let at = self.taken as usize % KEYS_MAX;
        if at < self.keys.len() {
            self.keys[at] = key;
        } else {
            self.keys.push(key);
        }
        self.taken += 1;
        // Between half and one and a half, by multiples of the golden ratio: spread evenly, and never in step.
        let turn = self.taken.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 46;
        self.left = STRIDE / 2 + turn;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn rates(bytes_per_s: u64, records_per_s: u64) -> Rates {
        Rates { bytes_per_s, records_per_s }
    }

    fn totals(stored: u64, refused: u64) -> Totals {
        let bytes = |bytes| Amount { records: bytes / 20_000, bytes };
        Totals { stored: bytes(stored), refused: bytes(refused) }
    }

    #[test]
    fn a_rate_is_known_after_a_minute_and_forgets_what_was_before() {
        let traffic = ShardTraffic::new(at(100));
        for (second, megabytes, demand) in [
            (115, 6, None),
            (130, 12, None),
            (145, 18, None),
            (160, 24, Some(rates(400_000, 20))),
            (175, 24, Some(rates(300_000, 15))),
            (250, 24, Some(rates(0, 0))),
        ] {
            let written = totals(megabytes * 1_000_000, 0);
            assert_eq!(traffic.demand(at(second), written, None), demand, "{second} s");
        }
    }

    #[test]
    fn looking_often_is_looking_once() {
        let mut window = Window::new(at(0));
        for milli in 0..100_000 {
            window.demand(Duration::from_millis(milli), Totals::default(), None);
        }
        assert!(window.marks.len() < 20);
    }

    #[test]
    fn what_was_refused_counts_up_to_what_the_shard_takes() {
        for (refused, demand) in [(0, 300_000), (100_000, 400_000), (90_000_000, 1_000_000)] {
            let mut window = Window::new(at(0));
            let capacity = Some(rates(1_000_000, 1000));
            let asked = window.demand(at(60), totals(60 * 300_000, 60 * refused), capacity);
            assert_eq!(asked.unwrap().bytes_per_s, demand, "{refused}");
        }
    }

    #[test]
    fn keys_are_sampled_by_their_bytes() {
        let traffic = ShardTraffic::new(at(0));
        // One key in ten, with nine times the bytes of the others: about half of all that is written.
        for i in 0..100_000u64 {
            let (bytes, key) = if i % 10 == 0 { (90_000, 0) } else { (10_000, i) };
            traffic.sample(std::iter::once((bytes, || HashKey(u128::from(key)))));
        }
        let keys = traffic.keys();
        assert_eq!(keys.len(), KEYS_MAX);
        let heavy = keys.iter().filter(|key| key.0 == 0).count();
        assert!((KEYS_MAX * 4 / 10..=KEYS_MAX * 6 / 10).contains(&heavy), "{heavy}");
    }

    #[test]
    fn a_producer_that_repeats_itself_is_seen_whole() {
        let traffic = ShardTraffic::new(at(0));
        for _ in 0..10_000 {
            // As many units as lie between two samples on average.
            traffic.sample((0..16).map(|key| (15 * 1024, move || HashKey(key))));
        }
        let mut keys = traffic.keys();
        keys.sort_unstable();
        keys.dedup();
        assert!(keys.len() >= 12, "{keys:?}");
    }

    #[test]
    fn a_record_larger_than_the_distance_counts_for_all_it_covers() {
        let traffic = ShardTraffic::new(at(0));
        traffic.sample(std::iter::once((10 << 20, || HashKey(7))));
        assert!((30..=50).contains(&traffic.keys().len()), "{}", traffic.keys().len());
    }
}
