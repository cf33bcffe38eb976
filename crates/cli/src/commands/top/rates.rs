//! From two looks at the counters to what happened between them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::sample::Counters;

/// From here on it matters more how far readers are behind than how busy they are.
const LAG_MS: u64 = 10_000;

/// One stream or shard, its counters as rates a second.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Records stored.
    pub records_in: f64,
    /// Bytes stored.
    pub bytes_in: f64,
    /// Records read and pushed.
    pub records_out: f64,
    /// Bytes read and pushed.
    pub bytes_out: f64,
    /// Records refused.
    pub throttled_writes: f64,
    /// Reads refused.
    pub throttled_reads: f64,
    /// Lag of the slowest reader, in milliseconds.
    pub iterator_age_ms: Option<u64>,
    /// Open subscriptions.
    pub subscriptions: u64,
    /// Open shards.
    pub open: u64,
}

impl Row {
    /// True if there is nothing to see.
    pub fn is_idle(&self) -> bool {
        let flows = [self.bytes_in, self.bytes_out, self.throttled_writes, self.throttled_reads];
        flows.iter().all(|rate| *rate == 0.0) && self.subscriptions == 0
    }

    /// Sort key, the largest first: that requests are refused, that readers are far behind, that it is busy.
    fn rank(&self) -> [f64; 3] {
        let lag = self.iterator_age_ms.filter(|ms| *ms >= LAG_MS).unwrap_or(0);
        [self.throttled_writes + self.throttled_reads, lag as f64, self.bytes_in + self.bytes_out]
    }
}

/// Rates over `took`: first where requests were refused, then where readers lag, then the busiest. A counter that has
/// shrunk was begun anew by a server that restarted.
pub fn rates(
    before: &BTreeMap<String, Counters>,
    now: &BTreeMap<String, Counters>,
    took: Duration,
) -> Vec<Row> {
    let seconds = took.as_secs_f64().max(0.001);
    let mut rows: Vec<Row> = now
        .iter()
        .map(|(name, counters)| {
            let earlier = before.get(name).copied().unwrap_or_default();
            let rate = |count: fn(&Counters) -> u64| {
                let (from, to) = (count(&earlier), count(counters));
                to.checked_sub(from).unwrap_or(to) as f64 / seconds
            };
            Row {
                name: name.clone(),
                records_in: rate(|counters| counters.records_in),
                bytes_in: rate(|counters| counters.bytes_in),
                records_out: rate(|counters| counters.records_out),
                bytes_out: rate(|counters| counters.bytes_out),
                throttled_writes: rate(|counters| counters.throttled_writes),
                throttled_reads: rate(|counters| counters.throttled_reads),
                iterator_age_ms: counters.iterator_age_ms,
                subscriptions: counters.subscriptions,
                open: counters.open,
            }
        })
        .collect();
    rows.sort_by(|a, b| {
        let ranks = a.rank().into_iter().zip(b.rank());
        let by_rank = ranks.map(|(a, b)| b.total_cmp(&a)).find(|order| order.is_ne());
        by_rank.unwrap_or_else(|| a.name.cmp(&b.name))
    });
    rows
}
