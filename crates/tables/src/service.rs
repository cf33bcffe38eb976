//! The service.

use std::sync::Arc;
use std::time::Duration;

use headwater_host::{Clock, Random};
use headwater_store::{LogStore, MetaStore};
use headwater_telemetry::Metrics;
use headwater_types::AccountId;
use headwater_types::limits::LimitPolicy;

use crate::description::{TableChange, TableDescription, Tags, TimeToLive};
use crate::error::Result;
use crate::requests::{Get, Got, Page, PageRequest, Write, Written};
use crate::schema::{KeySchema, TableKey, TableName, TableSpec};

/// What the service is made from.
#[derive(Debug, Clone)]
pub struct Substrate {
    /// Where changes go.
    pub logs: Arc<dyn LogStore>,
    /// Where it stands which logs.
    pub meta: Arc<dyn MetaStore>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// How the service behaves.
#[derive(Debug, Clone)]
pub struct Config {
    /// The region in ARNs.
    pub region: String,
    /// Which limits are enforced.
    pub limits: LimitPolicy,
    /// How long CREATING, UPDATING and DELETING last at the least.
    pub transition: Duration,
}

/// Tables of items.
#[derive(Debug)]
pub struct TableService {}

impl TableService {
    /// Reads all tables.
    pub async fn open(_substrate: Substrate, _config: Config) -> Result<Arc<Self>> {
        todo!()
    }

    /// The ARN of a table that there is or is not.
    pub fn arn(&self, _table: &TableKey) -> String {
        todo!()
    }

    /// Makes a table.
    pub async fn create_table(&self, _table: &TableKey, _spec: TableSpec) -> Result<TableDescription> {
        todo!()
    }

    /// Changes a table.
    pub async fn update_table(&self, _table: &TableKey, _change: TableChange) -> Result<TableDescription> {
        todo!()
    }

    /// Deletes a table and its items.
    pub async fn delete_table(&self, _table: &TableKey) -> Result<TableDescription> {
        todo!()
    }

    /// What there is to say of a table, in whatever state.
    pub fn describe(&self, _table: &TableKey) -> Result<TableDescription> {
        todo!()
    }

    /// At most `limit` names of an account's tables, in order, and whether there are more.
    pub fn list(&self, _account: AccountId, _after: Option<&str>, _limit: usize) -> (Vec<TableName>, bool) {
        todo!()
    }

    /// The key of a table, or of one of its indexes; for who has to read expressions on it.
    pub fn schema(&self, _table: &TableKey, _index: Option<&TableName>) -> Result<KeySchema> {
        todo!()
    }

    /// Whether items are deleted when their time has come.
    pub fn time_to_live(&self, _table: &TableKey) -> Result<TimeToLive> {
        todo!()
    }

    /// Has items deleted when their time has come (`Some`: the attribute), or no longer.
    pub async fn set_time_to_live(
        &self,
        _table: &TableKey,
        _attribute: String,
        _enabled: bool,
    ) -> Result<()> {
        todo!()
    }

    /// Tags.
    pub fn tags(&self, _table: &TableKey) -> Result<Tags> {
        todo!()
    }

    /// Adds or replaces tags.
    pub async fn tag(&self, _table: &TableKey, _tags: Tags) -> Result<()> {
        todo!()
    }

    /// Removes tags.
    pub async fn untag(&self, _table: &TableKey, _keys: Vec<String>) -> Result<()> {
        todo!()
    }

    /// Writes one item. Durable when it returns.
    pub async fn write(&self, _write: Write) -> Result<Written> {
        todo!()
    }

    /// Writes items that have nothing to do with each other (BatchWriteItem), in one go. A write that is throttled is
    /// left out (`None`); one that is wrong refuses all.
    pub async fn write_each(&self, _writes: Vec<Write>) -> Result<Vec<Option<Written>>> {
        todo!()
    }

    /// Writes all, or none. A token makes a repetition within ten minutes do nothing; `request` tells whether it is one
    /// (any digest of the request).
    pub async fn write_all(
        &self,
        _writes: Vec<Write>,
        _token: Option<TransactionToken>,
    ) -> Result<Vec<Written>> {
        todo!()
    }

    /// Reads one item.
    pub fn get(&self, _get: &Get) -> Result<Got> {
        todo!()
    }

    /// Reads items as they are at one moment (TransactGetItems), at the price of a transaction.
    pub fn get_all(&self, _gets: &[Get]) -> Result<Vec<Got>> {
        todo!()
    }

    /// A page of a Query or a Scan: at most 1 MB of items is looked at.
    pub fn page(&self, _request: &PageRequest) -> Result<Page> {
        todo!()
    }
}

/// What makes a repeated transaction known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionToken {
    /// `ClientRequestToken`: 1 to 36 characters.
    pub token: String,
    /// A digest of what is asked for.
    pub request: u64,
    /// Whose.
    pub account: AccountId,
}
