//! GetItem.

use bytes::Bytes;
use headwater_tables::Get;
use headwater_wire::Codec;
use headwater_wire::shape::{Bool, List, Map, Text};
use serde::Serialize;

use super::asker::Asker;
use super::consumed::{Capacity, Report, capacity};
use super::error::Result;
use super::expressions::{check_mix, check_names, older_projection, placeholders, projection};
use super::names::{check_table, permitted};
use super::operation;
use super::shown::ShownItem;
use super::values::Attributes;
use crate::checks::{Checks, flag};

operation!("GetItem", Reads);

headwater_wire::shape! {
    struct Input<'a> {
        table_name: Text<'a> = "TableName",
        key: Attributes<'a> = "Key",
        attributes_to_get: List<Text<'a>> = "AttributesToGet",
        consistent_read: Bool = "ConsistentRead",
        return_consumed: Text<'a> = "ReturnConsumedCapacity",
        projection_expression: Text<'a> = "ProjectionExpression",
        names: Map<'a, Text<'a>> = "ExpressionAttributeNames",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<ShownItem<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumed_capacity: Option<Capacity<'a>>,
}

async fn run(asker: &Asker<'_>, body: &Bytes) -> Result<Vec<u8>> {
    let mut input: Input<'_> = Codec::Json10.decode(body)?;
    let mut checks = Checks::default();
    check_table(&mut checks, "tableName", &input.table_name);
    checks.required("key", &input.key);
    check_names(&mut checks, "attributesToGet", &input.attributes_to_get);
    Report::check(&mut checks, &input.return_consumed);
    checks.done()?;
    check_mix(
        &[("ProjectionExpression", input.projection_expression.is_some())],
        &[("AttributesToGet", input.attributes_to_get.is_some())],
        input.names.is_some(),
        false,
    )?;
    let key = input.key.take().unwrap_or_default().item()?;
    let mut placeholders = placeholders(input.names.take(), None)?;
    let older = older_projection(input.attributes_to_get.as_ref())?;
    let projection = projection(&input.projection_expression, older, &mut placeholders)?;
    placeholders.all_used()?;
    let table = permitted(asker, &input.table_name)?;
    let consistent = flag(input.consistent_read);
    let got = asker.tables().get(&Get { table: table.key, key, projection, consistent })?;
    Ok(Codec::Json10.encode(&Output {
        item: got.item.as_ref().map(ShownItem),
        consumed_capacity: capacity(Report::of(&input.return_consumed), &table.given, &got.consumed),
    }))
}
