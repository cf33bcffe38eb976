//! Plans: which shards will be split and merged, and into what.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Parents, Shard, ShardMap, ShardMapError, ShardState};
use crate::{HashKey, HashRange, ShardId, Timestamp};

/// One split or merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReshardStep {
    /// One shard becomes two.
    Split {
        /// The shard that closes.
        parent: ShardId,
        /// First hash key of the upper child.
        #[serde(with = "key_text")]
        at: HashKey,
        /// The child below `at`.
        lower: ShardId,
        /// The child from `at` on.
        upper: ShardId,
    },
    /// Two touching shards become one.
    Merge {
        /// The shard named first.
        parent: ShardId,
        /// The other one.
        adjacent: ShardId,
        /// The shard that they become.
        child: ShardId,
    },
}

/// Steps in the order in which they depend on each other. Made by a [`ShardMap`], applied to the same map.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReshardPlan {
    steps: Vec<ReshardStep>,
}

/// Why a shard is not split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitError {
    /// There is no such shard.
    Unknown,
    /// It was split or merged already.
    Closed,
    /// The new starting hash key is not inside the range, with room on both sides.
    HashKey(HashRange),
}

/// Why two shards are not merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeError {
    /// There is no such shard.
    Unknown(ShardId),
    /// It was split or merged already.
    Closed(ShardId),
    /// The first does not end where the second begins.
    NotAdjacent,
}

impl ReshardPlan {
    /// The steps.
    pub fn steps(&self) -> &[ReshardStep] {
        &self.steps
    }

    /// True if nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Every shard that will be closed, transient ones included: seal these before applying the plan.
    pub fn parents(&self) -> impl Iterator<Item = ShardId> + '_ {
        self.steps
            .iter()
            .flat_map(|step| match *step {
                ReshardStep::Split { parent, .. } => [Some(parent), None],
                ReshardStep::Merge { parent, adjacent, .. } => [Some(parent), Some(adjacent)],
            })
            .flatten()
    }

    /// Every shard that will be created, transient ones included.
    pub fn children(&self) -> impl Iterator<Item = ShardId> + '_ {
        self.steps
            .iter()
            .flat_map(|step| match *step {
                ReshardStep::Split { lower, upper, .. } => [Some(lower), Some(upper)],
                ReshardStep::Merge { child, .. } => [Some(child), None],
            })
            .flatten()
    }
}

impl ShardMap {
    /// Plans a split as SplitShard does it: `start + 1 < at < end` (kinesalite, after production).
    pub fn plan_split(&self, shard: ShardId, at: HashKey) -> Result<ReshardPlan, SplitError> {
        self.plan_splits(&[(shard, at)])
    }

    /// Plans several splits, each as [`ShardMap::plan_split`] does it, no shard twice.
    pub fn plan_splits(&self, splits: &[(ShardId, HashKey)]) -> Result<ReshardPlan, SplitError> {
        let mut planner = Planner::new(self);
        let mut closed = BTreeSet::new();
        for &(shard, at) in splits {
            let parent = self.get(shard).ok_or(SplitError::Unknown)?;
            if !parent.is_open() || !closed.insert(shard) {
                return Err(SplitError::Closed);
            }
            if !parent.range.has_room_at(at) {
                return Err(SplitError::HashKey(parent.range));
            }
            planner.split(&Piece { id: shard, range: parent.range }, at);
        }
        Ok(planner.plan)
    }

    /// Plans a merge as MergeShards does it: `shard` must end where `adjacent` begins.
    pub fn plan_merge(&self, shard: ShardId, adjacent: ShardId) -> Result<ReshardPlan, MergeError> {
        self.plan_merges(&[(shard, adjacent)])
    }

    /// Plans several merges, each as [`ShardMap::plan_merge`] does it, no shard twice.
    pub fn plan_merges(&self, pairs: &[(ShardId, ShardId)]) -> Result<ReshardPlan, MergeError> {
        let mut planner = Planner::new(self);
        let mut closed = BTreeSet::new();
        for &(shard, adjacent) in pairs {
            let open = |id| {
                let found = self.get(id).ok_or(MergeError::Unknown(id))?;
                if found.is_open() && !closed.contains(&id) { Ok(found) } else { Err(MergeError::Closed(id)) }
            };
            let (lower, upper) = (open(shard)?, open(adjacent)?);
            let range = lower.range.join(&upper.range).ok_or(MergeError::NotAdjacent)?;
            closed.extend([shard, adjacent]);
            planner.merge(
                &Piece { id: shard, range: lower.range },
                &Piece { id: adjacent, range: upper.range },
                range,
            );
        }
        Ok(planner.plan)
    }

    /// The map after the plan was carried out at `now`. Each child is created one second after its parents
    /// closed, so that its sequence numbers come after theirs. Fails only for a plan of another map.
    pub fn apply(&self, plan: &ReshardPlan, now: Timestamp) -> Result<Self, ShardMapError> {
        let mut shards = self.shards.clone();
        let mut next_id = self.next_id;
        for step in &plan.steps {
            let (parents, children) = match *step {
                ReshardStep::Split { parent, at, lower, upper } => {
                    let range = open_range(&shards, parent)?;
                    let (below, above) = range.split_at(at).ok_or(ShardMapError::Tiling)?;
                    (Parents::One(parent), vec![(lower, below), (upper, above)])
                }
                ReshardStep::Merge { parent, adjacent, child } => {
                    let range = open_range(&shards, parent)?.join(&open_range(&shards, adjacent)?);
                    (Parents::Two(parent, adjacent), vec![(child, range.ok_or(ShardMapError::Tiling)?)])
                }
            };
            let ids: Vec<ShardId> = children.iter().map(|(id, _)| *id).collect();
            let mut at = now;
            for parent in parents.iter() {
                at = at.max(shards[find(&shards, parent)?].created);
            }
            for parent in parents.iter() {
                let parent = find(&shards, parent)?;
                shards[parent].state = ShardState::Closed { at, children: ids.clone() };
            }
            let created = Timestamp::from_secs(at.as_secs() + 1);
            for (id, range) in children {
                if id != next_id {
                    return Err(ShardMapError::Ids);
                }
                next_id = next_id.plus(1);
                shards.push(Shard { id, range, parents, created, state: ShardState::Open });
            }
        }
        Self::from_shards(shards, next_id)
    }
}

fn find(shards: &[Shard], id: ShardId) -> Result<usize, ShardMapError> {
    shards.binary_search_by_key(&id, |shard| shard.id).map_err(|_| ShardMapError::Ids)
}

fn open_range(shards: &[Shard], id: ShardId) -> Result<HashRange, ShardMapError> {
    let shard = &shards[find(shards, id)?];
    if shard.is_open() { Ok(shard.range) } else { Err(ShardMapError::Tiling) }
}

/// A shard as the plan so far leaves it.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) id: ShardId,
    pub(super) range: HashRange,
}

pub(super) struct Planner {
    pub(super) plan: ReshardPlan,
    next_id: ShardId,
}

impl Planner {
    pub(super) fn new(map: &ShardMap) -> Self {
        Self { plan: ReshardPlan { steps: Vec::new() }, next_id: map.next_id }
    }

    fn take_id(&mut self) -> ShardId {
        let id = self.next_id;
        self.next_id = id.plus(1);
        id
    }

    /// `at` lies inside the piece, after its start.
    pub(super) fn split(&mut self, piece: &Piece, at: HashKey) -> Option<(Piece, Piece)> {
        let (below, above) = piece.range.split_at(at)?;
        let (lower, upper) = (self.take_id(), self.take_id());
        self.plan.steps.push(ReshardStep::Split { parent: piece.id, at, lower, upper });
        Some((Piece { id: lower, range: below }, Piece { id: upper, range: above }))
    }

    pub(super) fn merge(&mut self, lower: &Piece, upper: &Piece, range: HashRange) -> Piece {
        let child = self.take_id();
        self.plan.steps.push(ReshardStep::Merge { parent: lower.id, adjacent: upper.id, child });
        Piece { id: child, range }
    }
}

mod key_text {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::HashKey;

    pub(super) fn serialize<S: Serializer>(key: &HashKey, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(key)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<HashKey, D::Error> {
        let text = String::deserialize(from)?;
        HashKey::parse(&text).ok_or_else(|| D::Error::custom("not a hash key"))
    }
}
