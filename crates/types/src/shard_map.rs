//! The shards of a stream and how they descend from each other.
//!
//! # Constraints
//! The open shards always tile the whole ring: every hash key has exactly one of them. A [`ShardMap`] that
//! breaks this cannot be made, so [`ShardMap::route`] returns a shard and not an option.
//!
//! # Algorithm
//! Resharding is a [`ReshardPlan`], made from a map without changing it and applied later, after the parents
//! were sealed. Changing the shard count ([`scale`]) is a series of ordinary splits and merges, with two or one child;
//! shards that exist only between two of them are born closed.

mod plan;
mod scale;

use serde::{Deserialize, Serialize};

pub use self::plan::{MergeError, ReshardPlan, ReshardStep, SplitError};
use crate::{HashKey, HashRange, SequenceNumber, ShardId, Timestamp};

/// Shards that a shard came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parents {
    /// Created with the stream.
    None,
    /// One half of a split shard.
    One(ShardId),
    /// Two merged shards: the one named first in the request, and the adjacent one.
    Two(ShardId, ShardId),
}

impl Parents {
    /// The parents in order, none to two.
    pub fn iter(&self) -> impl Iterator<Item = ShardId> {
        let (first, second) = match *self {
            Self::None => (None, None),
            Self::One(parent) => (Some(parent), None),
            Self::Two(parent, adjacent) => (Some(parent), Some(adjacent)),
        };
        first.into_iter().chain(second)
    }
}

/// State of a shard: taking records, or closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShardState {
    /// Records go in.
    Open,
    /// It was split or merged; its records stay readable until retention takes them.
    Closed {
        /// When.
        at: Timestamp,
        /// Shards that its records go to now.
        children: Vec<ShardId>,
    },
}

/// One shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredShard", into = "StoredShard")]
pub struct Shard {
    /// Its name.
    pub id: ShardId,
    /// Its part of the ring.
    pub range: HashRange,
    /// The shards it came from.
    pub parents: Parents,
    /// Its creation, in whole seconds: a part of its sequence numbers.
    pub created: Timestamp,
    /// Open or closed.
    pub state: ShardState,
}

impl Shard {
    /// True while it takes records.
    pub fn is_open(&self) -> bool {
        matches!(self.state, ShardState::Open)
    }

    /// When it was closed.
    pub fn closed_at(&self) -> Option<Timestamp> {
        match self.state {
            ShardState::Open => None,
            ShardState::Closed { at, .. } => Some(at),
        }
    }

    /// The shards that took over; none while it is open.
    pub fn children(&self) -> &[ShardId] {
        match &self.state {
            ShardState::Open => &[],
            ShardState::Closed { children, .. } => children,
        }
    }

    /// The first sequence number of its range.
    pub fn starting_sequence_number(&self) -> SequenceNumber {
        SequenceNumber::starting(self.id, self.created)
    }

    /// The last sequence number of its range, once closed.
    pub fn ending_sequence_number(&self) -> Option<SequenceNumber> {
        Some(SequenceNumber::ending(self.id, self.created, self.closed_at()?))
    }
}

/// All shards of a stream that are not expired, open ones and closed ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct ShardMap {
    /// By id.
    shards: Vec<Shard>,
    next_id: ShardId,
    /// Index into `shards` of the open ones, by the start of their range.
    open: Vec<usize>,
}

/// Stored form of a map.
#[derive(Serialize, Deserialize)]
struct Stored {
    next_id: ShardId,
    shards: Vec<Shard>,
}

impl From<ShardMap> for Stored {
    fn from(map: ShardMap) -> Self {
        Self { next_id: map.next_id, shards: map.shards }
    }
}

impl TryFrom<Stored> for ShardMap {
    type Error = ShardMapError;

    fn try_from(stored: Stored) -> Result<Self, ShardMapError> {
        Self::from_shards(stored.shards, stored.next_id)
    }
}

/// Why shards do not make a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShardMapError {
    /// Two shards have one id, or ids are not in order or reach the next id.
    #[error("shard ids are not strictly ascending below the next id")]
    Ids,
    /// The open shards leave a gap on the ring or overlap.
    #[error("the open shards do not tile the ring")]
    Tiling,
}

impl ShardMap {
    /// `count` equal shards (at least 1), as a new stream begins.
    pub fn uniform(count: u32, created: Timestamp) -> Self {
        let count = count.clamp(1, ShardId::MAX);
        let created = Timestamp::from_secs(created.as_secs());
        let shards: Vec<_> = (0..count)
            .filter_map(|index| {
                let range = HashRange::uniform(index, count);
                let id = ShardId::new(index)?;
                Some(Shard { id, range, parents: Parents::None, created, state: ShardState::Open })
            })
            .collect();
        let open = (0..shards.len()).collect();
        Self { shards, next_id: ShardId::FIRST.plus(count), open }
    }

    /// The map of these shards (ascending ids), if the open ones tile the ring.
    pub fn from_shards(shards: Vec<Shard>, next_id: ShardId) -> Result<Self, ShardMapError> {
        let ids_ascend = shards.windows(2).all(|pair| pair[0].id < pair[1].id);
        if !ids_ascend || shards.last().is_none_or(|last| last.id >= next_id) {
            return Err(ShardMapError::Ids);
        }
        let mut open: Vec<usize> = (0..shards.len()).filter(|&i| shards[i].is_open()).collect();
        open.sort_by_key(|&i| shards[i].range.start());
        let begins = open.first().is_some_and(|&i| shards[i].range.start() == HashKey::MIN);
        let ends = open.last().is_some_and(|&i| shards[i].range.end() == HashKey::MAX);
        let touch = open.windows(2).all(|pair| shards[pair[0]].range.join(&shards[pair[1]].range).is_some());
        if begins && ends && touch { Ok(Self { shards, next_id, open }) } else { Err(ShardMapError::Tiling) }
    }

    /// The open shard that takes records with this hash key.
    pub fn route(&self, key: HashKey) -> &Shard {
        &self.shards[self.route_index(key)]
    }

    /// Index in [`ShardMap::all`] of the open shard that takes records with this hash key.
    pub fn route_index(&self, key: HashKey) -> usize {
        // The first open shard starts at 0, so at least one start is at or below any key.
        let after = self.open.partition_point(|&i| self.shards[i].range.start() <= key);
        let found = self.open[after - 1];
        debug_assert!(self.shards[found].range.contains(key), "the open shards tile the ring");
        found
    }

    /// Index in [`ShardMap::all`] of an open shard, each `turn` the next one in the order of their ranges.
    pub fn route_turn(&self, turn: u64) -> usize {
        self.open[(turn % self.open.len() as u64) as usize]
    }

    /// The shard with this id, open or closed.
    pub fn get(&self, id: ShardId) -> Option<&Shard> {
        self.index_of(id).map(|i| &self.shards[i])
    }

    /// Index in [`ShardMap::all`] of the shard with this id.
    pub fn index_of(&self, id: ShardId) -> Option<usize> {
        self.shards.binary_search_by_key(&id, |shard| shard.id).ok()
    }

    /// All shards, by id.
    pub fn all(&self) -> &[Shard] {
        &self.shards
    }

    /// The open shards, in the order of their ranges; never none.
    pub fn open(&self) -> impl ExactSizeIterator<Item = &Shard> + Clone {
        self.open.iter().map(|&i| &self.shards[i])
    }

    /// The id that the next new shard gets.
    pub fn next_id(&self) -> ShardId {
        self.next_id
    }

    /// The map without the shards that were closed before `horizon`, or `None` if there are none: their
    /// records have all passed retention.
    pub fn expire(&self, horizon: Timestamp) -> Option<Self> {
        let keep = |shard: &Shard| shard.closed_at().is_none_or(|at| at >= horizon);
        if self.shards.iter().all(keep) {
            return None;
        }
        let shards = self.shards.iter().filter(|shard| keep(shard)).cloned().collect();
        Self::from_shards(shards, self.next_id).ok()
    }
}

impl ShardId {
    const FIRST: Self = match Self::new(0) {
        Some(id) => id,
        None => unreachable!(),
    };
}

/// Stored form of a shard, without names: a stream may have tens of thousands. Id, first and last hash key in
/// hexadecimal, creation in seconds, parents, and once it is closed, when (in milliseconds) and its children.
type StoredShard = (ShardId, String, String, u64, Vec<ShardId>, Option<(Timestamp, Vec<ShardId>)>);

impl From<Shard> for StoredShard {
    fn from(shard: Shard) -> Self {
        let closed = match shard.state {
            ShardState::Open => None,
            ShardState::Closed { at, children } => Some((at, children)),
        };
        let (start, end) = (shard.range.start().0, shard.range.end().0);
        let parents = shard.parents.iter().collect();
        (shard.id, format!("{start:x}"), format!("{end:x}"), shard.created.as_secs(), parents, closed)
    }
}

impl TryFrom<StoredShard> for Shard {
    type Error = ShardMapError;

    fn try_from((id, start, end, created_s, parents, closed): StoredShard) -> Result<Self, ShardMapError> {
        let key = |text: &str| u128::from_str_radix(text, 16).map(HashKey).map_err(|_| ShardMapError::Tiling);
        let range = HashRange::new(key(&start)?, key(&end)?).ok_or(ShardMapError::Tiling)?;
        let parents = match parents[..] {
            [] => Parents::None,
            [parent] => Parents::One(parent),
            [parent, adjacent] => Parents::Two(parent, adjacent),
            _ => return Err(ShardMapError::Ids),
        };
        let state = closed.map_or(ShardState::Open, |(at, children)| ShardState::Closed { at, children });
        Ok(Self { id, range, parents, created: Timestamp::from_secs(created_s), state })
    }
}
