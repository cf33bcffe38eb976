//! Amazon DynamoDB, as far as it is there.
//!
//! # Format
//! AWS JSON 1.0, and nothing else. One file an operation holds shapes, validation, run and answer. What can be told from
//! the request alone is checked here; what depends on the table is left to [`headwater_tables`].
//!
//! # Order of things
//! Types, constraints of members, what members mean together, whether it may be done ([`asker`]), the table.
#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

mod asker;
mod batch;
mod batch_get_item;
mod batch_write_item;
mod checks;
mod consumed;
mod create_table;
mod definition;
mod delete_item;
mod delete_table;
mod describe_continuous_backups;
mod describe_endpoints;
mod describe_limits;
mod describe_table;
mod describe_time_to_live;
mod description;
mod echo;
mod error;
mod expressions;
mod fingerprint;
mod get_item;
mod legacy;
mod list_tables;
mod list_tags_of_resource;
mod listed;
mod names;
mod options;
mod paging;
mod put_item;
mod query;
mod restore_table_to_point_in_time;
mod scan;
mod shown;
mod tag_resource;
mod tags;
mod transact_get_items;
mod transact_write_items;
mod untag_resource;
mod update_continuous_backups;
mod update_item;
mod update_table;
mod update_time_to_live;
mod values;
mod writing;

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use headwater_edge::{
    Call, Description, EdgeError, Effect, Fault, Hosted, Protocol, Running, Service, Upkeep,
};
use headwater_tables::TableService;

use asker::Asker;
use error::{DynamoDbError, Result};

static DESCRIPTION: Description = Description {
    title: "DynamoDB",
    target_prefix: Some("DynamoDB_20120810."),
    protocols: &[Protocol::Json10],
    // Values are larger than their JSON where they are many and small.
    values_per_body: 4,
    has_crc32: true,
    ..Description::new("dynamodb")
};

/// The service.
#[derive(Debug)]
pub struct DynamoDb {
    tables: Arc<TableService>,
}

impl DynamoDb {
    /// DynamoDB over these tables.
    pub fn new(tables: Arc<TableService>) -> Self {
        Self { tables }
    }
}

type Answering<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>>> + Send + 'a>>;

/// A row of the table.
#[derive(Debug)]
pub struct Operation {
    /// As `X-Amz-Target` names it.
    name: &'static str,
    effect: Effect,
    /// Decodes, checks, runs, encodes.
    run: for<'a> fn(&'a Asker<'a>, &'a Bytes) -> Answering<'a>,
}

impl Operation {
    /// True if the audit log has it even when it succeeded.
    fn is_recorded(&self) -> bool {
        self.effect == Effect::Administers
    }
}

impl headwater_edge::Operation<DynamoDb> for Operation {
    fn name(&self) -> &'static str {
        self.name
    }

    fn effect(&self) -> Effect {
        self.effect
    }

    fn run<'a>(&'static self, service: &'a DynamoDb, call: &'a Call) -> Running<'a> {
        Box::pin(async move {
            let asker = Asker::new(service, call, self);
            Ok((self.run)(&asker, call.body()).await?.into())
        })
    }
}

/// The names of all operations that are served.
pub fn operation_names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|operation| operation.name)
}

impl Hosted for DynamoDb {
    fn upkeep(self: Arc<Self>) -> Option<Upkeep> {
        Some(Box::pin(self.tables.clone().run_upkeep()))
    }

    fn report(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.tables.report_levels();
        Box::pin(std::future::ready(()))
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.tables.close())
    }
}

impl Service for DynamoDb {
    type Operation = Operation;

    fn description(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn operations(&self) -> &'static [Operation] {
        ALL
    }

    fn fault(&self, error: EdgeError, _protocol: Protocol) -> Fault {
        match error {
            EdgeError::UnsupportedMedia { .. } => error.usual(),
            other => DynamoDbError::from(other).into(),
        }
    }
}

/// The table's entry for the `run` function of a file.
macro_rules! operation {
    ($name:literal, $effect:ident) => {
        pub(crate) const OPERATION: $crate::Operation = $crate::Operation {
            name: $name,
            effect: headwater_edge::Effect::$effect,
            run: |asker, body| Box::pin(run(asker, body)),
        };
    };
}
use operation;

/// Every operation that is served; any other name is unknown.
const ALL: &[Operation] = &[
    batch_get_item::OPERATION,
    batch_write_item::OPERATION,
    create_table::OPERATION,
    delete_item::OPERATION,
    delete_table::OPERATION,
    describe_continuous_backups::OPERATION,
    describe_endpoints::OPERATION,
    describe_limits::OPERATION,
    describe_table::OPERATION,
    describe_time_to_live::OPERATION,
    get_item::OPERATION,
    list_tables::OPERATION,
    list_tags_of_resource::OPERATION,
    put_item::OPERATION,
    query::OPERATION,
    restore_table_to_point_in_time::OPERATION,
    scan::OPERATION,
    tag_resource::OPERATION,
    transact_get_items::OPERATION,
    transact_write_items::OPERATION,
    untag_resource::OPERATION,
    update_continuous_backups::OPERATION,
    update_item::OPERATION,
    update_table::OPERATION,
    update_time_to_live::OPERATION,
];
