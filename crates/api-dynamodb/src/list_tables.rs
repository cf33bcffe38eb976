//! ListTables.

use bytes::Bytes;
use headwater_wire::Codec;
use headwater_wire::shape::{Int, Text};
use serde::Serialize;

use super::asker::{Asker, Resource};
use super::error::Result;
use super::operation;
use crate::checks::{Checks, TABLE_NAME};

operation!("ListTables", Reads);

/// Names in one answer, by default and at the most (API reference).
const TABLES_MAX: i32 = 100;

headwater_wire::shape! {
    struct Input<'a> {
        after: Text<'a> = "ExclusiveStartTableName",
        limit: Int = "Limit",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    table_names: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_evaluated_table_name: Option<&'a str>,
}

async fn run(asker: &Asker<'_>, body: &Bytes) -> Result<Vec<u8>> {
    let input: Input<'_> = Codec::Json10.decode(body)?;
    let mut checks = Checks::default();
    checks.text("exclusiveStartTableName", &input.after, TABLE_NAME);
    checks.int("limit", input.limit, 1..=TABLES_MAX);
    checks.done()?;
    asker.authorize(Resource::Account)?;
    let Int(limit) = input.limit.unwrap_or(Int(TABLES_MAX));
    let limit = usize::try_from(limit).unwrap_or(1);
    let (names, has_more) = asker.tables().list(asker.realm, input.after.as_deref(), limit)?;
    let table_names: Vec<_> = names.iter().map(|name| name.as_str()).collect();
    let last_evaluated_table_name = table_names.last().copied().filter(|_| has_more);
    Ok(Codec::Json10.encode(&Output { table_names, last_evaluated_table_name }))
}
