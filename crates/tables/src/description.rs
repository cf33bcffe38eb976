//! Descriptions of tables, and changes of them.

use std::collections::BTreeMap;

use headwater_types::Timestamp;

use crate::options::{TableOptions, TableSettings};
use crate::schema::{
    Billing, IndexProjection, IndexScope, IndexSpec, KeySchema, TableClass, TableKey, TableName, Throughput,
};

/// Lifecycle status of a table or an index.
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
    /// Account and name.
    pub key: TableKey,
    /// Its ARN.
    pub arn: String,
    /// Tells it from earlier ones of the same name: a UUID.
    pub id: String,
    /// Its lifecycle status.
    pub status: Status,
    /// When it was created.
    pub created: Timestamp,
    /// Its key.
    pub schema: KeySchema,
    /// Its indexes.
    pub indexes: Vec<IndexDescription>,
    /// Its billing mode.
    pub billing: Billing,
    /// When it was last made pay-per-request.
    pub pay_per_request_since: Option<Timestamp>,
    /// When its capacity was last raised, and lowered.
    pub throughput_changed: (Option<Timestamp>, Option<Timestamp>),
    /// Its storage class, if one was given, and the time of the last change if it was changed.
    pub class: Option<(TableClass, Option<Timestamp>)>,
    /// True if it cannot be deleted.
    pub deletion_protection: bool,
    /// Settings beyond keys and capacity.
    pub settings: TableSettings,
    /// Number of items.
    pub items: usize,
    /// Size of all items.
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
    /// Its lifecycle status; that of local ones is their table's.
    pub status: Status,
    /// Its key.
    pub schema: KeySchema,
    /// Attributes that it gives.
    pub projection: IndexProjection,
    /// Its capacity, where it has one.
    pub throughput: Option<Throughput>,
    /// Number of items.
    pub items: usize,
    /// Size of all items, as projected.
    pub size_bytes: usize,
}

/// A change of a table: what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct TableChange {
    /// Its billing mode.
    pub billing: Option<Billing>,
    /// Its storage class.
    pub class: Option<TableClass>,
    /// True if it cannot be deleted.
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

/// Deletion of items when their time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeToLive {
    /// The attribute that says when, in seconds since 1970; `None` if they are not.
    pub attribute: Option<String>,
    /// True while the last change is being made.
    pub changing: bool,
}

/// Tags of a table.
pub type Tags = BTreeMap<String, String>;
