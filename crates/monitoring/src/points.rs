//! The points of one series in one unit, in tiers.

use std::collections::{BTreeMap, VecDeque};

use crate::statistics::StatisticSet;

/// Granularity in time at which values are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// By the minute.
    Standard,
    /// By the second.
    High,
}

struct Tier {
    /// Span of time of a point, in seconds.
    width_s: u64,
    /// Greatest age of a point here, in seconds.
    keep_s: u64,
}

/// CloudWatch keeps seconds for 3 hours as well, minutes for 15 days and more beyond that.
const TIERS: [Tier; 3] = [
    Tier { width_s: 1, keep_s: 3 * 3600 },
    Tier { width_s: 60, keep_s: 24 * 3600 },
    Tier { width_s: 300, keep_s: 15 * 24 * 3600 },
];

#[derive(Debug, Clone, Copy)]
struct Point {
    /// When its time begins, in seconds since the epoch.
    at_s: u32,
    set: StatisticSet,
}

/// Points in the order of time, in each tier.
#[derive(Debug, Default)]
pub(crate) struct Points {
    tiers: [VecDeque<Point>; 3],
}

impl Points {
    /// Adds values of one moment, unless it is too long ago.
    pub(crate) fn put(&mut self, now_s: u64, at_s: u64, resolution: Resolution, set: &StatisticSet) {
        let first = match resolution {
            Resolution::High => 0,
            Resolution::Standard => 1,
        };
        let fits = |tier: &usize| at_s + TIERS[*tier].keep_s > now_s;
        if let Some(tier) = (first..TIERS.len()).find(fits) {
            self.insert(tier, at_s, set);
        }
        self.age(now_s);
    }

    fn insert(&mut self, tier: usize, at_s: u64, set: &StatisticSet) {
        let at_s = at_s - at_s % TIERS[tier].width_s;
        // Good until the year 2106.
        let at_s = u32::try_from(at_s).unwrap_or(u32::MAX);
        let points = &mut self.tiers[tier];
        // Almost always it is the newest one, or newer.
        let after = match points.back() {
            Some(newest) if newest.at_s >= at_s => points.partition_point(|point| point.at_s < at_s),
            _ => points.len(),
        };
        match points.get_mut(after) {
            Some(point) if point.at_s == at_s => point.set.merge(set),
            _ => points.insert(after, Point { at_s, set: *set }),
        }
    }

    /// Moves what is too old for its tier into the next, and forgets what is too old for all.
    pub(crate) fn age(&mut self, now_s: u64) {
        for (tier, Tier { keep_s, .. }) in TIERS.iter().enumerate() {
            let too_old = |point: &Point| u64::from(point.at_s) + keep_s <= now_s;
            let gone = self.tiers[tier].iter().take_while(|point| too_old(point)).count();
            for _ in 0..gone {
                let Some(oldest) = self.tiers[tier].pop_front() else { break };
                if tier + 1 < TIERS.len() {
                    self.insert(tier + 1, oldest.at_s.into(), &oldest.set);
                }
            }
        }
    }

    /// Forgets the older half of the points, or the only one.
    pub(crate) fn halve(&mut self) {
        let mut left = self.len().div_ceil(2);
        for points in self.tiers.iter_mut().rev() {
            let gone = left.min(points.len());
            points.drain(..gone);
            points.shrink_to_fit();
            left -= gone;
        }
    }

    /// Adds the points from `start_s` on and before `end_s` to buckets of `period_s` that begin at `start_s`.
    pub(crate) fn collect(
        &self,
        start_s: u64,
        end_s: u64,
        period_s: u64,
        into: &mut BTreeMap<u64, StatisticSet>,
    ) {
        for points in &self.tiers {
            let from = points.partition_point(|point| u64::from(point.at_s) < start_s);
            for point in points.range(from..).take_while(|point| u64::from(point.at_s) < end_s) {
                let since = u64::from(point.at_s) - start_s;
                let bucket = start_s + since - since % period_s;
                into.entry(bucket).and_modify(|set| set.merge(&point.set)).or_insert(point.set);
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.tiers.iter().map(VecDeque::len).sum()
    }

    /// Memory that it takes beside itself, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.tiers.iter().map(|points| points.capacity() * size_of::<Point>()).sum()
    }
}
