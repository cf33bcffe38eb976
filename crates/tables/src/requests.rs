//! Requests for items, and their answers.

use std::sync::Arc;

use crate::expression::{Condition, KeyCondition, Projection, Update};
use crate::schema::{IndexScope, TableKey, TableName};
use crate::value::Item;

/// A change of one item, or a condition on it.
#[derive(Debug, Clone)]
pub struct Write {
    /// In which table.
    pub table: TableKey,
    /// Action to carry out.
    pub action: Action,
    /// Condition that has to hold for it to be done.
    pub condition: Option<Condition>,
    /// True if a condition that does not hold gives the item.
    pub give_failed: bool,
    /// True if the items of its partition are weighed, which takes as long as there are many.
    pub give_collection: bool,
}

/// Action on an item.
#[derive(Debug, Clone)]
pub enum Action {
    /// The item is this.
    Put(Item),
    /// The item of this key is changed, or made.
    Update {
        /// Its key.
        key: Item,
        /// The update; none makes an item of the key alone.
        update: Option<Update>,
    },
    /// The item of this key is removed, if it is there.
    Delete(Item),
    /// Nothing: only the condition counts.
    Check(Item),
}

/// A write that was done.
#[derive(Debug, Clone)]
pub struct Written {
    /// The item before, if there was one.
    pub old: Option<Arc<Item>>,
    /// The item afterwards, if there is one.
    pub new: Option<Arc<Item>>,
    /// Cost of the write.
    pub consumed: Consumed,
    /// The items of its partition, in a table with local indexes, if that was asked for.
    pub collection: Option<Collection>,
}

/// The items of one partition of a table with local indexes.
#[derive(Debug, Clone, PartialEq)]
pub struct Collection {
    /// The partition key.
    pub key: Item,
    /// All its items and their copies in the indexes, in bytes.
    pub size_bytes: usize,
}

/// Capacity that a request used, in half units: an eventually consistent read of 4 KiB is one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Consumed {
    /// Of the table, and the whole of what is not an index's.
    pub table: u64,
    /// Of indexes.
    pub indexes: Vec<(TableName, IndexScope, u64)>,
}

impl Consumed {
    /// Of table and indexes, in half units.
    pub fn total(&self) -> u64 {
        self.table + self.indexes.iter().map(|(_, _, units)| units).sum::<u64>()
    }

    /// The price of a transaction.
    pub(crate) fn double(&mut self) {
        self.table *= 2;
        for (_, _, units) in &mut self.indexes {
            *units *= 2;
        }
    }

    /// Adds what another request of the same table used.
    pub fn add(&mut self, other: &Self) {
        self.table += other.table;
        for (name, scope, units) in &other.indexes {
            match self.indexes.iter_mut().find(|(known, ..)| known == name) {
                Some((_, _, sum)) => *sum += units,
                None => self.indexes.push((name.clone(), *scope, *units)),
            }
        }
    }
}

/// A read of one item.
#[derive(Debug, Clone)]
pub struct Get {
    /// In which table.
    pub table: TableKey,
    /// Its key.
    pub key: Item,
    /// Parts to read; all if none is named.
    pub projection: Option<Projection>,
    /// True if it has to see every write that was acknowledged before; it costs double. (Here every read does.)
    pub consistent: bool,
}

/// An item that was read.
#[derive(Debug, Clone)]
pub struct Got {
    /// The item, or the parts of it that were asked for, if there is one.
    pub item: Option<Item>,
    /// Cost of the read.
    pub consumed: Consumed,
    /// Size of the whole item, in bytes.
    pub size_bytes: usize,
}

/// Parts of each item that a Query or Scan gives.
#[derive(Debug, Clone)]
pub enum Select {
    /// All attributes; of a global index all that it has.
    All,
    /// All attributes that the index has.
    AllProjected,
    /// Only how many there are.
    Count,
    /// These parts.
    Parts(Projection),
}

/// A page of a partition, or of a table.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// Of which table.
    pub table: TableKey,
    /// In the order of this index, and only its items.
    pub index: Option<TableName>,
    /// Items of a partition, for a Query; all or a segment, for a Scan.
    pub range: Range,
    /// Condition on those that are given.
    pub filter: Option<Condition>,
    /// Parts of them that are given.
    pub select: Select,
    /// At most so many are looked at.
    pub limit: Option<usize>,
    /// Begin after the item of this key: the table's, and the index's.
    pub after: Option<Item>,
    /// As in [`Get`].
    pub consistent: bool,
}

/// Items that a page is of.
#[derive(Debug, Clone)]
pub enum Range {
    /// Those of one partition.
    Query {
        /// Condition on their keys.
        condition: KeyCondition,
        /// From the first sort key on, or from the last backwards.
        forward: bool,
    },
    /// All, or those of one segment of `of`.
    Scan {
        /// Number of the segment, from 0.
        segment: u32,
        /// Number of segments, at least 1.
        of: u32,
    },
}

/// A page.
#[derive(Debug, Clone)]
pub struct Page {
    /// The items, in order; none where only their number was asked for.
    pub items: Vec<Item>,
    /// Number of items that passed the filter.
    pub count: usize,
    /// Number of items that were looked at.
    pub scanned: usize,
    /// The key after which the next page begins; `None` at the end.
    pub last: Option<Item>,
    /// Cost of the page.
    pub consumed: Consumed,
}
