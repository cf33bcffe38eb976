//! Rate of writing, and what of it scaling has to remember.
//!
//! # Constraints
//! The memory is part of the stream's metadata, which must not be written every time somebody looks: a day's peak
//! is replaced when it has grown by a thirty-second part, so a day of steady growth costs some hundred writes and an
//! ordinary day a few. What is lost by that is less than what a shard takes beyond twice
//! [`ON_DEMAND_SHARD_BYTES_PER_S`].

use headwater_types::Timestamp;
use headwater_types::limits::{
    ON_DEMAND_PEAK_DAYS, ON_DEMAND_SHARD_BYTES_PER_S, ON_DEMAND_SHARD_RECORDS_PER_S,
};
use serde::{Deserialize, Serialize};

/// A day in milliseconds.
const DAY_MS: u64 = 24 * 3600 * 1000;
/// A day's peak is written again when it has grown by this part.
const NOTICEABLE_PART: u64 = 32;

/// Data and partition keys, and records, a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Rates {
    pub(crate) bytes_per_s: u64,
    pub(crate) records_per_s: u64,
}

impl Rates {
    /// Shards that carry this so that none is above what an on-demand stream lets it take. Each takes more than twice
    /// that, so their capacity is at least twice this.
    pub(crate) fn shards(self) -> u32 {
        let bytes = self.bytes_per_s.div_ceil(ON_DEMAND_SHARD_BYTES_PER_S);
        let records = self.records_per_s.div_ceil(ON_DEMAND_SHARD_RECORDS_PER_S);
        u32::try_from(bytes.max(records)).unwrap_or(u32::MAX)
    }

    /// True if a single shard should not take this for long.
    pub(crate) fn is_hot(self) -> bool {
        self.shards() > 1
    }

    /// In millionths of what a shard should take: rates of either kind in one order.
    pub(crate) fn load(self) -> u64 {
        let part = |rate: u64, whole: u64| rate.saturating_mul(1_000_000) / whole;
        part(self.bytes_per_s, ON_DEMAND_SHARD_BYTES_PER_S)
            .max(part(self.records_per_s, ON_DEMAND_SHARD_RECORDS_PER_S))
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            bytes_per_s: self.bytes_per_s.saturating_add(other.bytes_per_s),
            records_per_s: self.records_per_s.saturating_add(other.records_per_s),
        }
    }

    /// The larger one of each.
    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            bytes_per_s: self.bytes_per_s.max(other.bytes_per_s),
            records_per_s: self.records_per_s.max(other.records_per_s),
        }
    }

    pub(crate) fn min(self, other: Self) -> Self {
        Self {
            bytes_per_s: self.bytes_per_s.min(other.bytes_per_s),
            records_per_s: self.records_per_s.min(other.records_per_s),
        }
    }

    fn is_noticeably_above(self, stored: Self) -> bool {
        let above = |now: u64, stored: u64| now > stored + stored / NOTICEABLE_PART;
        above(self.bytes_per_s, stored.bytes_per_s) || above(self.records_per_s, stored.records_per_s)
    }
}

/// The highest rate of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct DayPeak {
    /// Days since the epoch.
    day: u64,
    rates: Rates,
}

/// Remembered demand of an on-demand stream.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct DemandMemory {
    /// When the present capacity was last asked for: by creation, a switch to on-demand, warm throughput, or a split
    /// that traffic made necessary. `None` before the stream was looked at as an on-demand stream.
    #[serde(default)]
    asked_at: Option<Timestamp>,
    /// At most one entry for each of the last 30 days and today, by day.
    #[serde(default)]
    peaks: Vec<DayPeak>,
}

impl DemandMemory {
    /// The memory of a stream that becomes on-demand, or that gives up what earlier peaks asked for.
    pub(crate) fn beginning(now: Timestamp, peak: Rates) -> Self {
        let peaks = if peak == Rates::default() { Vec::new() } else { vec![today(now, peak)] };
        Self { asked_at: Some(now), peaks }
    }

    /// The same, its capacity asked for anew.
    pub(crate) fn asked(&self, now: Timestamp) -> Self {
        Self { asked_at: Some(now), ..self.clone() }
    }

    /// The memory with what is written now, or `None` if it says enough already.
    pub(crate) fn noting(&self, now: Timestamp, rates: Rates) -> Option<Self> {
        let stored = self.peak_of_today(now);
        if self.asked_at.is_some() && !rates.is_noticeably_above(stored) {
            return None;
        }
        let peak = today(now, stored.max(rates));
        let kept = |old: &&DayPeak| old.day < peak.day && is_recent(old, now);
        let mut peaks: Vec<_> = self.peaks.iter().filter(kept).copied().collect();
        if peak.rates != Rates::default() {
            peaks.push(peak);
        }
        Some(Self { asked_at: self.asked_at.or(Some(now)), peaks })
    }

    /// The highest rates of the last 30 days.
    pub(crate) fn peak(&self, now: Timestamp) -> Rates {
        let recent = self.peaks.iter().filter(|peak| is_recent(peak, now));
        recent.fold(Rates::default(), |highest, peak| highest.max(peak.rates))
    }

    /// The highest rates of today.
    pub(crate) fn peak_of_today(&self, now: Timestamp) -> Rates {
        let day = day_of(now);
        self.peaks.iter().find(|peak| peak.day == day).map_or_else(Rates::default, |peak| peak.rates)
    }

    /// True if nobody has asked for the present capacity in the last 30 days.
    pub(crate) fn is_unasked(&self, now: Timestamp) -> bool {
        self.asked_at.is_some_and(|at| now.millis_since(at) >= ON_DEMAND_PEAK_DAYS * DAY_MS)
    }
}

fn day_of(now: Timestamp) -> u64 {
    now.as_millis() / DAY_MS
}

fn today(now: Timestamp, rates: Rates) -> DayPeak {
    DayPeak { day: day_of(now), rates }
}

fn is_recent(peak: &DayPeak, now: Timestamp) -> bool {
    peak.day + ON_DEMAND_PEAK_DAYS >= day_of(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn bytes(bytes_per_s: u64) -> Rates {
        Rates { bytes_per_s, records_per_s: 0 }
    }

    fn later(days: u64) -> Timestamp {
        Timestamp::from_millis(NOW.as_millis() + days * DAY_MS)
    }

    #[test]
    fn shards_for_a_rate_have_twice_its_capacity() {
        for (rates, shards) in [
            (Rates::default(), 0),
            (bytes(1), 1),
            (bytes(500_000), 1),
            (bytes(500_001), 2),
            (bytes(10_000_000), 20),
            (Rates { bytes_per_s: 10, records_per_s: 500 }, 1),
            (Rates { bytes_per_s: 500_001, records_per_s: 1001 }, 3),
        ] {
            assert_eq!(rates.shards(), shards, "{rates:?}");
            assert_eq!(rates.is_hot(), shards > 1);
        }
    }

    #[test]
    fn a_peak_is_kept_for_thirty_days() {
        let memory = DemandMemory::beginning(NOW, bytes(7_000_000));
        assert_eq!(memory.peak(later(30)), bytes(7_000_000));
        assert_eq!(memory.peak(later(31)), Rates::default());
        let memory = memory.noting(later(31), bytes(5)).unwrap();
        assert_eq!(memory.peaks.len(), 1);
    }

    #[test]
    fn only_noticeable_growth_is_written() {
        let memory = DemandMemory::default().noting(NOW, bytes(0)).expect("the beginning is written");
        assert_eq!(memory.noting(NOW, bytes(0)), None);
        let memory = memory.noting(NOW, bytes(3_200_000)).unwrap();
        for (now, written) in [(1, false), (3_200_000, false), (3_300_000, false), (3_300_001, true)] {
            assert_eq!(memory.noting(NOW, bytes(now)).is_some(), written, "{now}");
        }
    }

    #[test]
    fn a_year_of_peaks_takes_thirty_one_entries() {
        let mut memory = DemandMemory::beginning(NOW, Rates::default());
        for day in 0..365 {
            memory = memory.noting(later(day), bytes(1000 + day)).unwrap_or(memory);
        }
        assert_eq!(memory.peaks.len(), 31);
        assert_eq!(memory.peak(later(364)), bytes(1364));
    }
}
