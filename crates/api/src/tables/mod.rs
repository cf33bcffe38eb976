//! DynamoDB, as far as it is there: which requests are its, and their answers.
//!
//! # Constraints
//! DynamoDB shares its port and its path with Kinesis, whose order of checks must not change. A request is DynamoDB's if
//! its target begins with DynamoDB's prefix; nothing before that is done otherwise ([`edge`]).
//!
//! # Format
//! AWS JSON 1.0, and nothing else. One file an operation holds shapes, validation, run and answer. What can be told from
//! the request alone is checked here; what depends on the table is left to [`headwater_tables`].
//!
//! # Order of things
//! Types, constraints of members, what members mean together, whether it may be done ([`asker`]), the table.

mod asker;
mod batch;
mod batch_get_item;
mod batch_write_item;
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
mod edge;
mod error;
mod expressions;
mod fingerprint;
mod get_item;
mod legacy;
mod list_tables;
mod list_tags_of_resource;
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

use bytes::Bytes;

use crate::context::Inner;
use crate::guard::Trail;
use asker::Asker;
use error::Result;

pub(crate) use edge::is_call;

type Running<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>>> + Send + 'a>>;

/// What an operation does to what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// Nothing.
    Reads,
    /// It changes items.
    Writes,
    /// It changes more than items: the audit log has it.
    Administers,
}

/// One operation.
struct Operation {
    /// As `X-Amz-Target` names it.
    name: &'static str,
    /// As metrics name it: Kinesis has some of the same names.
    label: &'static str,
    effect: Effect,
    /// Decodes, checks, runs, encodes.
    run: for<'a> fn(&'a Asker<'a>, &'a Bytes) -> Running<'a>,
}

impl Operation {
    /// Whether it has to be carried to its end.
    fn changes(&self) -> bool {
        self.effect != Effect::Reads
    }

    /// Whether the audit log has it even if it was done.
    fn is_recorded(&self) -> bool {
        self.effect == Effect::Administers
    }

    async fn call(&'static self, inner: &Inner, trail: &Trail, host: &str, body: &Bytes) -> Result<Vec<u8>> {
        let asker = Asker::new(inner, trail, self, host);
        (self.run)(&asker, body).await
    }
}

/// The table's entry for the `run` function of a file.
macro_rules! operation {
    ($name:literal, $effect:ident) => {
        pub(super) const OPERATION: $crate::tables::Operation = $crate::tables::Operation {
            name: $name,
            label: concat!("dynamodb:", $name),
            effect: $crate::tables::Effect::$effect,
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

/// The names of all.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|operation| operation.name)
}

/// The operation of this name.
fn find(name: &str) -> Option<&'static Operation> {
    ALL.iter().find(|operation| operation.name == name)
}
