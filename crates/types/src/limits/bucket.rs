//! Token buckets: what is left of a rate.
//!
//! # Constraints
//! Levels are counted in billionths of a token, so that steady rates lose nothing to rounding. Time is what
//! `Clock::elapsed` says; time that goes backwards fills nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Limit, LimitPolicy};

/// Parts of a token that are counted: a rate of one token a second gains one part a nanosecond.
const PARTS: i128 = 1_000_000_000;

/// A bucket of tokens that fills steadily up to its capacity, and is full at first.
#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    /// Tokens a second.
    rate: i128,
    /// In parts.
    capacity: i128,
    /// In parts; below zero what is owed.
    level: i128,
    filled_at: Duration,
}

impl Bucket {
    /// A bucket that gains `rate` tokens a second and holds `capacity` of them.
    pub fn new(rate: u64, capacity: u64) -> Self {
        let capacity = parts(capacity);
        Self { rate: rate.into(), capacity, level: capacity, filled_at: Duration::ZERO }
    }

    /// A bucket that holds one second's worth.
    pub fn per_second(rate: u64) -> Self {
        Self::new(rate, rate)
    }

    /// True if so many tokens are there. What is larger than the bucket is there when the bucket is full: it is
    /// paid off afterwards, where it would otherwise never be allowed.
    pub fn has(&mut self, elapsed: Duration, tokens: u64) -> bool {
        self.fill(elapsed);
        self.level >= parts(tokens).min(self.capacity)
    }

    /// True if nothing is owed and something is left.
    pub fn has_any(&mut self, elapsed: Duration) -> bool {
        self.fill(elapsed);
        self.level > 0
    }

    /// Time until [`Bucket::has_any`] holds; zero if it does.
    pub fn ready_in(&mut self, elapsed: Duration) -> Duration {
        if self.has_any(elapsed) {
            return Duration::ZERO;
        }
        // Rounded up, so that whoever waits so long finds it true.
        let nanos = (1 - self.level + self.rate - 1) / self.rate.max(1);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Takes tokens, going into debt if they are not there.
    pub fn take(&mut self, tokens: u64) {
        self.level -= parts(tokens);
    }

    /// Takes tokens, or nothing if they are not there.
    pub fn try_take(&mut self, elapsed: Duration, tokens: u64) -> bool {
        let there = self.has(elapsed, tokens);
        if there {
            self.take(tokens);
        }
        there
    }

    /// Takes tokens; where they are more than the bucket holds, what was saved is forfeited as well, so that the
    /// debt is as large as what was taken.
    pub fn take_forfeiting(&mut self, tokens: u64) {
        if parts(tokens) > self.capacity {
            self.level = self.level.min(0);
        }
        self.take(tokens);
    }

    fn fill(&mut self, elapsed: Duration) {
        let since = i128::try_from(elapsed.saturating_sub(self.filled_at).as_nanos()).unwrap_or(i128::MAX);
        self.level = self.level.saturating_add(since.saturating_mul(self.rate)).min(self.capacity);
        self.filled_at = self.filled_at.max(elapsed);
    }
}

fn parts(tokens: u64) -> i128 {
    i128::from(tokens) * PARTS
}

/// Calls of several kinds made by one caller or on one thing: a bucket for each limit, made when it is first needed.
#[derive(Debug, Default)]
pub struct CallRates {
    buckets: BTreeMap<Limit, Bucket>,
}

impl CallRates {
    /// Takes one call, unless the policy's rate is used up.
    pub fn take(&mut self, policy: &LimitPolicy, limit: Limit, elapsed: Duration) -> bool {
        let Some(rate) = policy.get(limit) else { return true };
        self.buckets.entry(limit).or_insert_with(|| Bucket::per_second(rate)).try_take(elapsed, 1)
    }
}
