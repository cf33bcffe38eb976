//! Which limits are enforced, and what is left of a shard's rates.
//!
//! A rate is a bucket that fills steadily up to one second's worth. A read may take more than is there: the
//! bucket then owes, and the shard pauses until the debt is paid, which is how AWS treats an answer of 10 MB.

use std::time::Duration;

use headwater_types::limits::{MIB, ShardRates};

/// The limits a server enforces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitPolicy {
    /// Rates of a shard; `None` lets the hardware decide.
    pub shard_rates: Option<ShardRates>,
    /// Quotas of an account: shards, on-demand streams, streams in transition, changes in a day.
    pub quotas: bool,
}

impl LimitPolicy {
    /// Everything that AWS enforces.
    pub const AWS: Self = Self { shard_rates: Some(ShardRates::AWS), quotas: true };
    /// Nothing: the hardware decides.
    pub const OFF: Self = Self { shard_rates: None, quotas: false };
}

/// A bucket of tokens. Levels are fractions of a token, so that slow rates lose nothing to rounding.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    rate_per_s: f64,
    capacity: f64,
    level: f64,
    filled_at: Duration,
}

impl Bucket {
    pub(crate) fn new(rate_per_s: u64, capacity: u64) -> Self {
        let capacity = capacity as f64;
        Self { rate_per_s: rate_per_s as f64, capacity, level: capacity, filled_at: Duration::ZERO }
    }

    pub(crate) fn fill(&mut self, elapsed: Duration) {
        let since = elapsed.saturating_sub(self.filled_at).as_secs_f64();
        self.level = (self.level + since * self.rate_per_s).min(self.capacity);
        self.filled_at = elapsed;
    }

    fn holds(&self, tokens: u64) -> bool {
        self.level >= tokens as f64
    }

    pub(crate) fn take(&mut self, tokens: u64) {
        self.level -= tokens as f64;
    }
}

impl Bucket {
    /// Takes the tokens, or none if there are fewer.
    pub(crate) fn try_take(&mut self, elapsed: Duration, tokens: u64) -> bool {
        self.fill(elapsed);
        let allowed = self.holds(tokens);
        if allowed {
            self.take(tokens);
        }
        allowed
    }

    /// How long until what is owed is paid; zero if nothing is.
    pub(crate) fn ready_in(&mut self, elapsed: Duration) -> Duration {
        self.fill(elapsed);
        let owed = (-self.level).max(0.0) / self.rate_per_s;
        // Rounded up, so that whoever waits so long finds the debt paid.
        Duration::from_micros((owed * 1e6).ceil() as u64)
    }
}

/// What one shard may still do. `elapsed` is always `Clock::elapsed`.
#[derive(Debug)]
pub(crate) struct ShardBudget {
    buckets: Option<Buckets>,
}

#[derive(Debug)]
struct Buckets {
    write_bytes: Bucket,
    write_records: Bucket,
    large_record_bytes: Bucket,
    read_bytes: Bucket,
    read_calls: Bucket,
    iterator_calls: Bucket,
}

impl ShardBudget {
    pub(crate) fn new(policy: &LimitPolicy) -> Self {
        let buckets = policy.shard_rates.map(|rates| Buckets {
            write_bytes: Bucket::new(rates.write_bytes_per_s, rates.write_bytes_per_s),
            write_records: Bucket::new(rates.write_records_per_s, rates.write_records_per_s),
            large_record_bytes: Bucket::new(rates.write_bytes_per_s, rates.large_record_burst_bytes),
            read_bytes: Bucket::new(rates.read_bytes_per_s, rates.read_bytes_per_s),
            read_calls: Bucket::new(rates.read_calls_per_s, rates.read_calls_per_s),
            iterator_calls: Bucket::new(rates.iterator_calls_per_s, rates.iterator_calls_per_s),
        });
        Self { buckets }
    }

    /// True if nothing is limited, so that callers need not measure.
    pub(crate) fn is_unlimited(&self) -> bool {
        self.buckets.is_none()
    }

    /// Takes what one record needs (`bytes` of data and partition key), or nothing.
    pub(crate) fn write(&mut self, elapsed: Duration, bytes: u64) -> bool {
        let Some(buckets) = &mut self.buckets else { return true };
        buckets.write_records.fill(elapsed);
        // A record above 1 MiB never fits the byte rate: it has an allowance of its own.
        let bucket =
            if bytes > MIB as u64 { &mut buckets.large_record_bytes } else { &mut buckets.write_bytes };
        bucket.fill(elapsed);
        let allowed = bucket.holds(bytes) && buckets.write_records.holds(1);
        if allowed {
            bucket.take(bytes);
            buckets.write_records.take(1);
        }
        allowed
    }

    /// Takes one GetRecords call, unless calls or bytes are used up.
    pub(crate) fn begin_read(&mut self, elapsed: Duration) -> bool {
        let Some(buckets) = &mut self.buckets else { return true };
        buckets.read_calls.fill(elapsed);
        buckets.read_bytes.fill(elapsed);
        let allowed = buckets.read_calls.holds(1) && buckets.read_bytes.level > 0.0;
        if allowed {
            buckets.read_calls.take(1);
        }
        allowed
    }

    /// Takes what a GetRecords call has returned, going into debt if need be. An answer larger than a second's
    /// worth forfeits what was saved, so that 10 MB are followed by a pause of about five seconds.
    pub(crate) fn end_read(&mut self, bytes: u64) {
        if let Some(buckets) = &mut self.buckets {
            let bucket = &mut buckets.read_bytes;
            if bytes as f64 > bucket.capacity {
                bucket.level = bucket.level.min(0.0);
            }
            bucket.take(bytes);
        }
    }

    /// Takes one GetShardIterator call.
    pub(crate) fn iterator(&mut self, elapsed: Duration) -> bool {
        let Some(buckets) = &mut self.buckets else { return true };
        buckets.iterator_calls.fill(elapsed);
        let allowed = buckets.iterator_calls.holds(1);
        if allowed {
            buckets.iterator_calls.take(1);
        }
        allowed
    }
}
