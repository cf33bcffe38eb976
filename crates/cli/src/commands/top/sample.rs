//! Reads the lines of an OpenMetrics page that are of use here; others are passed over.

use std::collections::{BTreeMap, BTreeSet};

/// Figures of one stream or shard on a page. Counters are totals since the server started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Records stored.
    pub records_in: u64,
    /// Bytes stored.
    pub bytes_in: u64,
    /// Records read and pushed.
    pub records_out: u64,
    /// Bytes read and pushed.
    pub bytes_out: u64,
    /// Records refused.
    pub throttled_writes: u64,
    /// Reads refused.
    pub throttled_reads: u64,
    /// Lag of the slowest reader, in milliseconds.
    pub iterator_age_ms: Option<u64>,
    /// Open subscriptions.
    pub subscriptions: u64,
    /// Open shards: of a shard 1 or 0.
    pub open: u64,
}

/// The samples whose names begin with `prefix`, by the value of the label `key`: with the account or the region before it, as in
/// `123456789012/eu-west-1/orders`, where the page speaks of several.
pub fn parse(page: &str, prefix: &str, key: &str) -> BTreeMap<String, Counters> {
    let mut found: BTreeMap<(&str, &str, &str), Counters> = BTreeMap::new();
    for line in page.lines() {
        let Some(Sample { name, account, region, of, value }) = split(line, prefix, key) else { continue };
        let mut counters = found.get(&(account, region, of)).copied().unwrap_or_default();
        match name {
            "records_in_total" => counters.records_in = value,
            "bytes_in_total" => counters.bytes_in = value,
            "records_out_total" => counters.records_out = value,
            "bytes_out_total" => counters.bytes_out = value,
            "throttled_writes_total" => counters.throttled_writes = value,
            "throttled_reads_total" => counters.throttled_reads = value,
            "iterator_age_milliseconds" => counters.iterator_age_ms = Some(value),
            "subscriptions" => counters.subscriptions = value,
            "open" | "open_shards" => counters.open = value,
            _ => continue,
        }
        found.insert((account, region, of), counters);
    }
    let accounts: BTreeSet<_> = found.keys().map(|(account, ..)| account).collect();
    let regions: BTreeSet<_> = found.keys().map(|(_, region, _)| region).collect();
    let name = |(account, region, of): &(&str, &str, &str)| {
        let account = if accounts.len() > 1 { format!("{account}/") } else { String::new() };
        let region = if regions.len() > 1 { format!("{region}/") } else { String::new() };
        format!("{account}{region}{of}")
    };
    found.iter().map(|(parts, counters)| (name(parts), *counters)).collect()
}

struct Sample<'a> {
    /// Without its prefix.
    name: &'a str,
    account: &'a str,
    region: &'a str,
    /// The value of the label that was asked for.
    of: &'a str,
    value: u64,
}

fn split<'a>(line: &'a str, prefix: &str, key: &str) -> Option<Sample<'a>> {
    let (name, rest) = line.strip_prefix(prefix)?.split_once('{')?;
    let (labels, value) = rest.rsplit_once("} ")?;
    // Names of streams and shards have neither quotes nor commas in them, nor what a terminal would obey.
    if labels.chars().any(char::is_control) {
        return None;
    }
    let labels = labels.split(',').filter_map(|label| label.strip_suffix('"')?.split_once("=\""));
    let label = |wanted| labels.clone().find(|(name, _)| *name == wanted).map(|(_, value)| value);
    let value = value.split(' ').next()?.parse::<f64>().ok()?;
    let name = name.strip_prefix("stream_").unwrap_or(name);
    let (account, region) = (label("account").unwrap_or_default(), label("region").unwrap_or_default());
    Some(Sample { name, account, region, of: label(key)?, value: value as u64 })
}
