//! On-demand streams: how many shards their traffic asks for, and which ones are split or merged for it.
//!
//! # Constraints
//! The documented rule: a stream takes twice the highest write throughput of the last 30 days, and a shard above
//! 500 KB/s is split. Both are one rule here, because a shard takes more than twice 500 KB/s. Shards are split where
//! their traffic is, not where their range is; traffic of a single key stays together whatever is split. A switch of
//! mode keeps the shards, so only traffic adds some, and only 30 days without need take some away.
//!
//! # Algorithm
//! Upkeep takes the rates of the last minute ([`crate::traffic`]), notes the peak ([`crate::demand`]) and asks
//! [`plan`], a pure function, what to do. In one plan no shard is touched twice, and the children are watched for a
//! minute before they are touched again: a stream doubles each minute at the most, and halves.
//! * *Up*: every hot shard is split ([`split_point()`]), the hottest first, as long as quotas leave room. If the peak of
//!   30 days asks for more shards than that gives, others follow.
//! * *Down*: if nobody has asked for the capacity in 30 days, the coldest touching pairs are merged, down to what
//!   peak and warm throughput ask for. A split counts as asking, so a stream does not go up and down within a month;
//!   and no pair is merged that the peak would split again, so it does not go up and down each month either.
//!
//! # Recovery
//! The plan is persisted before anything is sealed, like that of any reshard, and finished by whoever finds it.
//! Peaks are in the metadata. Rates and samples are not: after a restart nothing is decided for a minute.

mod apply;
mod split_point;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use headwater_types::limits::{ON_DEMAND_SHARD_BYTES_PER_S, ON_DEMAND_SHARD_RECORDS_PER_S};
use headwater_types::{HashKey, HashRange, ReshardPlan, Shard, ShardId, ShardMap};
use parking_lot::Mutex;

use self::split_point::split_point;
use crate::demand::Rates;
use crate::traffic::{Totals, Window};

/// A pair is merged only if it takes no more than this together: half of what would split it again.
const MERGE_MAX: Rates =
    Rates { bytes_per_s: ON_DEMAND_SHARD_BYTES_PER_S / 2, records_per_s: ON_DEMAND_SHARD_RECORDS_PER_S / 2 };
/// For how long a throughput is recent: documented as the time in which traffic may double.
const RECENT: Duration = Duration::from_secs(15 * 60);

/// Traffic of a stream as a whole, as far as this server has seen.
#[derive(Debug)]
pub(crate) struct StreamTraffic {
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    since: Duration,
    window: Window,
    /// Rates of the last quarter of an hour.
    recent: VecDeque<(Duration, Rates)>,
    /// True while more shards are wanted than may be added.
    short: bool,
}

impl StreamTraffic {
    pub(crate) fn new(elapsed: Duration) -> Self {
        let window = Window::new(elapsed);
        Self { seen: Mutex::new(Seen { since: elapsed, window, recent: VecDeque::new(), short: false }) }
    }

    /// Notes and returns what is asked of the stream as a whole: `totals` of all shards, closed ones included, tell what
    /// was stored, and `asked` what is asked of the open ones as far as they have been watched.
    fn observe(&self, elapsed: Duration, totals: Totals, asked: Rates) -> Rates {
        let mut seen = self.seen.lock();
        let stored = seen.window.demand(elapsed, totals, None).unwrap_or_default();
        let demand = stored.max(asked);
        seen.recent.retain(|(at, _)| elapsed.saturating_sub(*at) <= RECENT);
        seen.recent.push_back((elapsed, demand));
        demand
    }

    /// The highest rates of the last quarter of an hour; of `today`, if the stream has not been watched that long.
    pub(crate) fn recent_peak(&self, elapsed: Duration, today: Rates) -> Rates {
        let seen = self.seen.lock();
        let earlier = if elapsed.saturating_sub(seen.since) < RECENT { today } else { Rates::default() };
        let recent = seen.recent.iter().filter(|(at, _)| elapsed.saturating_sub(*at) <= RECENT);
        recent.fold(earlier, |highest, (_, rates)| highest.max(*rates))
    }

    /// True if the stream is short of room for shards and was not when last asked.
    fn falls_short(&self, short: bool) -> bool {
        let mut seen = self.seen.lock();
        let before = std::mem::replace(&mut seen.short, short);
        short && !before
    }
}

/// All that the rule looks at.
#[derive(Debug)]
pub(crate) struct Situation<'a> {
    pub(crate) shards: &'a ShardMap,
    /// The open shards that have been watched for a minute.
    pub(crate) loads: &'a BTreeMap<ShardId, Load>,
    /// The highest throughput of the last 30 days.
    pub(crate) peak: Rates,
    /// Shards below which the stream is not merged, whatever its traffic.
    pub(crate) least: u32,
    /// True if nobody has asked for the present capacity in 30 days.
    pub(crate) unasked: bool,
    /// Open shards that quotas allow to be added.
    pub(crate) room: u32,
}

/// Known load of an open shard.
#[derive(Debug, Clone, Default)]
pub(crate) struct Load {
    pub(crate) demand: Rates,
    /// Some of the hash keys it was written with; none if all are alike.
    pub(crate) keys: Vec<HashKey>,
}

/// Outcome of the rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Decision {
    /// Splits only or merges only, often nothing.
    pub(crate) plan: ReshardPlan,
    /// Hot shards that no split would help: most of their traffic has one key.
    pub(crate) single_keys: Vec<ShardId>,
    /// Splits that were wanted and for which there is no room.
    pub(crate) short_by: u32,
}

/// Applies the rule. Pure.
pub(crate) fn plan(situation: &Situation<'_>) -> Decision {
    let (splits, single_keys) = splits(situation);
    let wanted = u32::try_from(splits.len()).unwrap_or(u32::MAX);
    let short_by = wanted.saturating_sub(situation.room);
    let shards = situation.shards;
    // Neither fails: the shards are open ones, each named once.
    let plan = if wanted > 0 {
        let room = splits.len() - short_by as usize;
        shards.plan_splits(&splits[..room]).unwrap_or_default()
    } else if situation.unasked {
        shards.plan_merges(&merges(situation)).unwrap_or_default()
    } else {
        ReshardPlan::default()
    };
    Decision { plan, single_keys, short_by }
}

/// The shards to be split and where, the hottest first, and the hot ones that cannot be helped.
fn splits(situation: &Situation<'_>) -> (Vec<(ShardId, HashKey)>, Vec<ShardId>) {
    let known = |shard: &'_ Shard| Some((shard.id, shard.range, situation.loads.get(&shard.id)?));
    let mut candidates: Vec<_> = situation.shards.open().filter_map(known).collect();
    candidates.sort_by_key(|(_, range, load)| Reverse((load.demand.load(), range.width())));
    let missing = lacking(situation.shards, situation.peak) as usize;
    let (mut splits, mut single_keys) = (Vec::new(), Vec::new());
    for (id, range, load) in candidates {
        let is_hot = load.demand.is_hot();
        if !is_hot && splits.len() >= missing {
            break;
        }
        match split_point(&range, &load.keys) {
            Some(at) => splits.push((id, at)),
            None if is_hot => single_keys.push(id),
            None => {}
        }
    }
    (splits, single_keys)
}

/// Open shards that the peak asks for and that are not there.
fn lacking(shards: &ShardMap, peak: Rates) -> u32 {
    peak.shards().saturating_sub(u32::try_from(shards.open().len()).unwrap_or(u32::MAX))
}

/// Share of a range in a stream's traffic if keys are spread evenly.
fn share(rates: Rates, range: &HashRange) -> Rates {
    let part = |rate: u64| ((u128::from(rate) * (range.width() >> 64)) >> 64) as u64;
    Rates { bytes_per_s: part(rates.bytes_per_s), records_per_s: part(rates.records_per_s) }
}

/// The touching pairs to be merged, the coldest and narrowest first: none that the present traffic or the peak, as far
/// as its keys are spread evenly, would soon split again.
fn merges(situation: &Situation<'_>) -> Vec<(ShardId, ShardId)> {
    let open: Vec<_> = situation.shards.open().collect();
    let least = situation.least.max(situation.peak.shards()) as usize;
    let load = |shard: &Shard| situation.loads.get(&shard.id).map(|load| load.demand);
    let mut pairs: Vec<_> = open
        .windows(2)
        .filter_map(|pair| {
            let together = load(pair[0])?.plus(load(pair[1])?);
            let range = pair[0].range.join(&pair[1].range)?;
            let fits = together.max(MERGE_MAX) == MERGE_MAX && !share(situation.peak, &range).is_hot();
            fits.then_some((together.load(), range.width(), pair[0].id, pair[1].id))
        })
        .collect();
    pairs.sort_unstable();
    let mut merged = BTreeSet::new();
    let mut chosen = Vec::new();
    for (_, _, lower, upper) in pairs {
        if chosen.len() + least >= open.len() {
            break;
        }
        if !merged.contains(&lower) && !merged.contains(&upper) {
            merged.extend([lower, upper]);
            chosen.push((lower, upper));
        }
    }
    chosen
}
