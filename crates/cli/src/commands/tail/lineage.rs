//! Order in which shards are read: children wait for their parents, so that the records of one key stay in order.

use std::collections::BTreeMap;

use headwater_client::Shard;

/// The shards of a stream and how far each is read.
#[derive(Debug, Clone)]
pub struct Lineage(BTreeMap<String, Node>);

#[derive(Debug, Clone)]
struct Node {
    parents: Vec<String>,
    reading: Reading,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Reading,
    /// Read as far as was asked, without reaching its end: its children are not wanted either.
    Left,
    Finished,
}

/// From where a shard is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// From where the user asked: it existed when reading began.
    AsAsked,
    /// From its beginning: it was made since.
    Whole,
}

impl Lineage {
    /// Begins with these shards. With `open_only` the closed ones count as read.
    pub fn new(shards: &[Shard], open_only: bool) -> Self {
        let mut lineage = Self(BTreeMap::new());
        lineage.add(shards, Reading::AsAsked);
        for shard in shards.iter().filter(|shard| open_only && !shard.is_open()) {
            lineage.finish(&shard.shard_id);
        }
        lineage
    }

    /// Takes in shards that were made since.
    pub fn observe(&mut self, shards: &[Shard]) {
        self.add(shards, Reading::Whole);
    }

    fn add(&mut self, shards: &[Shard], reading: Reading) {
        for shard in shards {
            let parents = || shard.parents().map(str::to_owned).collect();
            self.0.entry(shard.shard_id.clone()).or_insert_with(|| Node {
                parents: parents(),
                reading,
                state: State::Waiting,
            });
        }
    }

    /// The shards whose parents are all read, in order; they count as being read from here on.
    pub fn take_ready(&mut self) -> Vec<(String, Reading)> {
        let ready: Vec<_> = self
            .0
            .iter()
            .filter(|(_, node)| {
                // A parent that is not listed has expired, and its records with it.
                let read =
                    |parent| self.0.get(parent).is_none_or(|parent: &Node| parent.state == State::Finished);
                node.state == State::Waiting && node.parents.iter().all(read)
            })
            .map(|(id, node)| (id.clone(), node.reading))
            .collect();
        for (id, _) in &ready {
            self.set(id, State::Reading);
        }
        ready
    }

    /// The shard was read to its end.
    pub fn finish(&mut self, shard_id: &str) {
        self.set(shard_id, State::Finished);
    }

    /// The shard was read to its tip, and no further on purpose.
    pub fn leave(&mut self, shard_id: &str) {
        self.set(shard_id, State::Left);
    }

    fn set(&mut self, shard_id: &str, state: State) {
        if let Some(node) = self.0.get_mut(shard_id) {
            node.state = state;
        }
    }

    /// True if nothing is being read, and nothing will be.
    pub fn is_finished(&self) -> bool {
        !self.0.values().any(|node| node.state == State::Reading)
    }
}
