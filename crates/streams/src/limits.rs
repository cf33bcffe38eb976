//! Budget of a shard: what is left of its rates.
//!
//! A rate is a bucket that fills steadily up to one second's worth. A read may take more than is there: the
//! bucket then owes, and the shard pauses until the debt is paid, which is how AWS treats an answer of 10 MB.
//! Each rate is enforced, or not, whatever the others are.
//!
//! Records above 1 MiB never fit a second's worth. They draw on an allowance, a tank that fills at the byte rate;
//! smaller records draw on it as well, so that over time a shard takes no more than its rate, and a large record is
//! paid for by what is not written after it.

use std::time::Duration;

use headwater_types::limits::{Bucket, Limit, LimitPolicy, MIB};

/// Remaining budget of one shard. `elapsed` is always `Clock::elapsed`. A rate without a bucket is not enforced.
#[derive(Debug)]
pub(crate) struct ShardBudget {
    write_bytes: Option<Bucket>,
    write_records: Option<Bucket>,
    large_record_bytes: Option<Bucket>,
    /// Records above this size are large.
    large_above_bytes: u64,
    read_bytes: Option<Bucket>,
    read_calls: Option<Bucket>,
    iterator_calls: Option<Bucket>,
}

impl ShardBudget {
    pub(crate) fn new(policy: &LimitPolicy) -> Self {
        let rate = |limit| policy.get(limit).map(Bucket::per_second);
        // Where bytes are not limited, AWS's rate still says what is large and how fast the allowance fills.
        let byte_rate = policy.get(Limit::ShardWriteBytes).unwrap_or(MIB as u64);
        Self {
            write_bytes: rate(Limit::ShardWriteBytes),
            write_records: rate(Limit::ShardWriteRecords),
            large_record_bytes: policy
                .get(Limit::LargeRecordBurst)
                .map(|burst| Bucket::new(byte_rate, burst)),
            large_above_bytes: byte_rate.max(MIB as u64),
            read_bytes: rate(Limit::ShardReadBytes),
            read_calls: rate(Limit::ShardReadCalls),
            iterator_calls: rate(Limit::ShardIteratorCalls),
        }
    }

    /// True if writes are not limited, so that callers need not measure.
    pub(crate) fn takes_any_write(&self) -> bool {
        self.write_bytes.is_none() && self.write_records.is_none() && self.large_record_bytes.is_none()
    }

    /// Takes what one record needs (`bytes` of data and partition key), or nothing.
    pub(crate) fn write(&mut self, elapsed: Duration, bytes: u64) -> bool {
        let large = bytes > self.large_above_bytes;
        // Without a byte rate small records are free.
        let drawn = self.large_record_bytes.as_mut().filter(|_| large || self.write_bytes.is_some());
        let mut of_bytes = [self.write_bytes.as_mut().filter(|_| !large), drawn];
        let allowed = of_bytes.iter_mut().flatten().all(|bucket| bucket.has(elapsed, bytes))
            && self.write_records.as_mut().is_none_or(|bucket| bucket.try_take(elapsed, 1));
        if allowed {
            of_bytes.into_iter().flatten().for_each(|bucket| bucket.take(bytes));
        }
        allowed
    }

    /// Takes one GetRecords call, unless calls or bytes are used up.
    pub(crate) fn begin_read(&mut self, elapsed: Duration) -> bool {
        self.read_bytes.as_mut().is_none_or(|bucket| bucket.has_any(elapsed))
            && self.read_calls.as_mut().is_none_or(|bucket| bucket.try_take(elapsed, 1))
    }

    /// Takes what a GetRecords call has returned, going into debt if need be. An answer larger than a second's
    /// worth forfeits what was saved, so that 10 MB are followed by a pause of about five seconds.
    pub(crate) fn end_read(&mut self, bytes: u64) {
        if let Some(bucket) = &mut self.read_bytes {
            bucket.take_forfeiting(bytes);
        }
    }

    /// Takes one GetShardIterator call.
    pub(crate) fn iterator(&mut self, elapsed: Duration) -> bool {
        self.iterator_calls.as_mut().is_none_or(|bucket| bucket.try_take(elapsed, 1))
    }
}
