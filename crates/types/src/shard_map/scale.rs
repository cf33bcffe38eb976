//! Plans that change the number of open shards.
//!
//! # Algorithm
//! A number of shards is first turned into boundaries, where shards are to begin. From left to right every open shard is
//! split at the boundaries inside it, and as soon as all fragments between two boundaries are there they are merged: the
//! order of AWS, so that 4 shards made 3 leave the open shards 6, 9 and 10 of 11 there and here.
//!
//! AWS does not document how it scales to a number that is no multiple of 25 % of the present one; it recommends
//! multiples. Shards counted afterwards (5 to 3: 7 in all, 10 to 13: 37) show that it then does without exactly equal
//! ranges: upwards every shard is split once, downwards none is, and merges do the rest. The same steps are made here,
//! with boundaries as near to equal ranges as they allow.

use super::ShardMap;
use super::plan::{Piece, Planner, ReshardPlan};
use crate::{HashKey, HashRange};

/// Hash keys that are so near to each other, of 2^128, differ by what divisions left over.
const ROUNDING: u128 = 1 << 32;

impl ShardMap {
    /// Plans `target` equal shards (at least 1), up to what divisions leave over; empty if the open shards are that
    /// already.
    pub fn plan_uniform(&self, target: u32) -> ReshardPlan {
        self.plan_boundaries(&uniform(target))
    }

    /// Plans `target` shards as UpdateShardCount makes them: equal ones, unless equal shards are scaled by something
    /// else than a multiple of 25 % between half and double.
    pub fn plan_shard_count(&self, target: u32) -> ReshardPlan {
        let target = target.max(1);
        let shards: Vec<HashRange> = self.open().map(|shard| shard.range).collect();
        let Ok(open) = u32::try_from(shards.len()) else { return self.plan_uniform(target) };
        let (from, to) = (u64::from(open), u64::from(target));
        let is_quarter = (4 * to).is_multiple_of(from);
        let is_in_reach = (from.div_ceil(2)..=2 * from).contains(&to);
        let is_equal = || {
            let starts = shards.iter().map(HashRange::start).skip(1);
            starts.zip(uniform(open)).all(|(start, equal)| start.0.abs_diff(equal.0) < ROUNDING)
        };
        if is_quarter || !is_in_reach || !is_equal() {
            return self.plan_uniform(target);
        }
        // Neither is 0: equal numbers are a multiple.
        let boundaries = if to > from { grown(&shards, to - from) } else { shrunk(&shards, to) };
        self.plan_boundaries(&boundaries)
    }

    /// Plans shards that begin at 0 and at these ascending keys.
    fn plan_boundaries(&self, boundaries: &[HashKey]) -> ReshardPlan {
        let boundaries: Vec<_> = boundaries.iter().map(|&boundary| self.boundary_near(boundary)).collect();
        let mut planner = Planner::new(self);
        let (mut fragments, mut gathered, mut done): (Vec<Piece>, _, _) = (Vec::new(), 0, 0);
        for shard in self.open() {
            let (start, end) = (shard.range.start(), shard.range.end());
            let inside = |key: HashKey| boundaries.partition_point(|&boundary| boundary <= key);
            let piece = Piece { id: shard.id, range: shard.range };
            planner.fragment(piece, &boundaries[inside(start)..inside(end)], &mut fragments);
            // A new shard is complete once there are fragments up to where the next one begins.
            while let Some(next) = boundaries.get(done).filter(|&&next| next.0 - 1 <= end.0) {
                let rest = &fragments[gathered..];
                let count = rest.partition_point(|piece| piece.range.end() < *next);
                planner.gather(&rest[..count]);
                (gathered, done) = (gathered + count, done + 1);
            }
        }
        planner.gather(&fragments[gathered..]);
        planner.plan
    }

    /// The beginning of an open shard that is this key but for rounding, or the key. Nothing is split for so little.
    fn boundary_near(&self, key: HashKey) -> HashKey {
        let range = self.route(key).range;
        match range.end().0.checked_add(1) {
            _ if range.start().0 > 0 && key.0 - range.start().0 < ROUNDING => range.start(),
            Some(next) if next - key.0 < ROUNDING => HashKey(next),
            _ => key,
        }
    }
}

/// Beginnings of `count` equal shards, all but the first.
fn uniform(count: u32) -> Vec<HashKey> {
    (1..count).map(|index| HashRange::uniform(index, count).start()).collect()
}

/// `additional` runs of neighbours, as long as each other if that is possible, each divided into one shard more than it
/// has. So every shard is split once, and most of the boundaries between runs stay.
fn grown(shards: &[HashRange], additional: u64) -> Vec<HashKey> {
    let mut boundaries = Vec::new();
    let mut first = 0;
    for run in 1..=additional {
        let end = rounded(run * shards.len() as u64, additional);
        let Some(run) = shards.get(first..end) else { break };
        let (Some(lowest), Some(highest)) = (run.first(), run.last()) else { break };
        let (start, parts) = (lowest.start().0, run.len() as u128 + 1);
        if first > 0 {
            boundaries.push(lowest.start());
        }
        if run.len() == shards.len() {
            return uniform(u32::try_from(parts).unwrap_or(u32::MAX));
        }
        let step = (highest.end().0 - start + 1) / parts;
        boundaries.extend((1..parts).map(|part| HashKey(start + part * step)));
        first = end;
    }
    boundaries
}

/// The beginnings of present shards that are nearest to those of `target` equal ones: each new shard is one or two old ones.
fn shrunk(shards: &[HashRange], target: u64) -> Vec<HashKey> {
    let kept = |index: u64| shards.get(rounded(index * shards.len() as u64, target)).map(HashRange::start);
    (1..target).filter_map(kept).collect()
}

/// A quotient, rounded to the nearest.
fn rounded(dividend: u64, divisor: u64) -> usize {
    usize::try_from((2 * dividend + divisor) / (2 * divisor)).unwrap_or(usize::MAX)
}

impl Planner {
    /// Splits at the middle boundary first, so that the tree of transient shards stays shallow: each level
    /// puts the creation of its children a second later.
    fn fragment(&mut self, piece: Piece, boundaries: &[HashKey], out: &mut Vec<Piece>) {
        let middle = boundaries.len() / 2;
        let halves = boundaries.get(middle).and_then(|&at| self.split(&piece, at));
        match halves {
            None => out.push(piece),
            Some((lower, upper)) => {
                self.fragment(lower, &boundaries[..middle], out);
                self.fragment(upper, &boundaries[middle + 1..], out);
            }
        }
    }

    /// Merges touching pieces into one.
    fn gather(&mut self, pieces: &[Piece]) -> Option<Piece> {
        match pieces {
            [] => None,
            [one] => Some(one.clone()),
            many => {
                let (left, right) = many.split_at(many.len() / 2);
                let (left, right) = (self.gather(left)?, self.gather(right)?);
                let range = left.range.join(&right.range)?;
                Some(self.merge(&left, &right, range))
            }
        }
    }
}
