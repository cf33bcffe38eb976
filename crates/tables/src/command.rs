//! Requests to the tables, and their answers.
//!
//! # Constraints
//! A command changes the tables by one record at the most. Writes of items are decided over what was decided before them
//! in the same batch; plans, which change tables themselves, on what has been applied.

use crate::control::Planning;
use crate::description::{TableChange, Tags};
use crate::error::Result;
use crate::options::PointInTime;
use crate::requests::{Write, Written};
use crate::schema::{TableKey, TableSpec};
use crate::service::TransactionToken;
use crate::state::TABLE_BYTES;
use crate::value::Item;

use crate::change::Change;

/// A request.
#[derive(Debug)]
pub(crate) enum Command {
    /// One write.
    Write(Box<Write>),
    /// Writes that have nothing to do with each other.
    WriteEach(Vec<Write>),
    /// All writes, or none.
    WriteAll(Vec<Write>, Option<TransactionToken>),
    /// Deletion of the items of these keys, in the table of this uid, whose time has come.
    Expire(u64, Vec<Item>),
    /// A change of tables.
    Plan(Plan),
}

/// A change of tables.
#[derive(Debug)]
pub(crate) enum Plan {
    Create(TableKey, Box<TableSpec>),
    /// With the memory that a new index will take, in bytes.
    Update(TableKey, Box<TableChange>, usize),
    Delete(TableKey),
    /// By this attribute, or no longer.
    TimeToLive(TableKey, String, bool),
    PointInTime(TableKey, Option<PointInTime>),
    Tag(TableKey, Tags),
    Untag(TableKey, Vec<String>),
    /// Tables whose deletion has ended are forgotten.
    Purge,
    /// Upkeep of data keys.
    TendKeys,
}

impl Plan {
    /// Memory that it takes, in bytes.
    pub(crate) fn grows_bytes(&self) -> usize {
        match self {
            Self::Create(..) => TABLE_BYTES,
            Self::Update(_, _, index_bytes) => *index_bytes,
            Self::Delete(_)
            | Self::TimeToLive(..)
            | Self::PointInTime(..)
            | Self::Tag(..)
            | Self::Untag(..)
            | Self::Purge
            | Self::TendKeys => 0,
        }
    }

    /// The changes that it makes.
    pub(crate) fn changes(self, planning: Planning<'_>) -> Result<Vec<Change>> {
        match self {
            Self::Create(key, spec) => planning.create(&key, *spec),
            Self::Update(key, change, index_bytes) => planning.update(&key, *change, index_bytes),
            Self::Delete(key) => planning.delete(&key),
            Self::TimeToLive(key, attribute, enabled) => planning.time_to_live(&key, attribute, enabled),
            Self::PointInTime(key, wanted) => planning.point_in_time(&key, wanted),
            Self::Tag(key, tags) => planning.tag(&key, tags),
            Self::Untag(key, keys) => planning.untag(&key, &keys),
            Self::Purge => Ok(planning.purge()),
            Self::TendKeys => Ok(planning.tend_keys()),
        }
    }
}

/// The outcome of a command.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Of one write.
    Written(Written),
    /// Of each write, `None` where it was throttled.
    Each(Vec<Option<Written>>),
    /// Of all writes.
    All(Vec<Written>),
    /// There is nothing to tell.
    Done,
}
