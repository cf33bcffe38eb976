//! What is said of a table, and how it may be changed.

use std::collections::BTreeMap;

use headwater_types::Timestamp;

use crate::options::{TableOptions, TableSettings};
use crate::schema::{
    Billing, IndexProjection, IndexScope, IndexSpec, KeySchema, TableClass, TableKey, TableName, Throughput,
};

/// Where a table or an index is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Being created.
    Creating,
    /// Ready.
    Active,
    /// Being changed; reads and writes go on.
    Updating,
    /// Being deleted.
    Deleting,
    /// There, and the master key of its items cannot be used.
    Inaccessible,
}

/// A table.
#[derive(Debug, Clone)]
pub struct TableDescription {
    /// Whose and which.
    pub key: TableKey,
    /// Its ARN.
    pub arn: String,
    /// Tells it from earlier ones of the same name: a UUID.
    pub id: String,
    /// Where it is in its life.
    pub status: Status,
    /// When it was created.
    pub created: Timestamp,
    /// Its key.
    pub schema: KeySchema,
    /// Its indexes.
    pub indexes: Vec<IndexDescription>,
    /// How it is paid for.
    pub billing: Billing,
    /// When it was last made pay-per-request.
    pub pay_per_request_since: Option<Timestamp>,
    /// When its capacity was last raised, and lowered.
    pub throughput_changed: (Option<Timestamp>, Option<Timestamp>),
    /// How its storage is paid for, if that was said, and since when if it was changed.
    pub class: Option<(TableClass, Option<Timestamp>)>,
    /// True if it cannot be deleted.
    pub deletion_protection: bool,
    /// Settings beyond keys and capacity.
    pub settings: TableSettings,
    /// How many items there are.
    pub items: usize,
    /// What they weigh.
    pub size_bytes: usize,
}

/// An index of a table.
#[derive(Debug, Clone)]
pub struct IndexDescription {
    /// Its name.
    pub name: TableName,
    /// Its ARN.
    pub arn: String,
    /// Global or local.
    pub scope: IndexScope,
    /// Where it is in its life; local ones are as their table.
    pub status: Status,
    /// Its key.
    pub schema: KeySchema,
    /// What it gives.
    pub projection: IndexProjection,
    /// Its capacity, where it has one.
    pub throughput: Option<Throughput>,
    /// How many items there are.
    pub items: usize,
    /// What they weigh.
    pub size_bytes: usize,
}

/// A change of a table: what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct TableChange {
    /// How it is paid for.
    pub billing: Option<Billing>,
    /// How its storage is paid for.
    pub class: Option<TableClass>,
    /// Whether it can be deleted.
    pub deletion_protection: Option<bool>,
    /// Global indexes: at most one is made or removed.
    pub indexes: Vec<IndexChange>,
    /// Options beyond keys and capacity.
    pub options: TableOptions,
}

/// A change of a global index.
#[derive(Debug, Clone)]
pub enum IndexChange {
    /// Make it, from the items there are.
    Create(IndexSpec),
    /// Change its capacity.
    Update(TableName, Throughput),
    /// Remove it.
    Delete(TableName),
}

/// Whether items are deleted when their time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeToLive {
    /// The attribute that says when, in seconds since 1970; `None` if they are not.
    pub attribute: Option<String>,
    /// True while the last change is being made.
    pub changing: bool,
}

/// Tags of a table.
pub type Tags = BTreeMap<String, String>;
