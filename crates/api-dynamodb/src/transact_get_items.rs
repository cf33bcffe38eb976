//! TransactGetItems.

use std::collections::BTreeSet;
use std::fmt::{self, Display};

use bytes::Bytes;
use headwater_tables::Get;
use headwater_wire::Codec;
use headwater_wire::shape::{List, Map, Text};
use serde::Serialize;

use super::asker::{Asker, Resource};
use super::batch::Used;
use super::consumed::{Capacity, Report, capacities};
use super::echo::{Listed, Names, OrNull};
use super::error::{DynamoDbError, Result};
use super::expressions::{check_mix, check_size, placeholders, projection};
use super::names::{Named, check_table, named};
use super::operation;
use super::shown::ShownItem;
use super::values::Attributes;
use crate::checks::Checks;

operation!("TransactGetItems", Reads);

/// Items in one transaction (API reference).
pub(super) const ACTIONS_MAX: usize = 100;

headwater_wire::shape! {
    struct Input<'a> {
        items: List<Wanted<'a>> = "TransactItems",
        return_consumed: Text<'a> = "ReturnConsumedCapacity",
    }
}

headwater_wire::shape! {
    struct Wanted<'a> {
        get: WantedGet<'a> = "Get",
    }
}

headwater_wire::shape! {
    struct WantedGet<'a> {
        key: Attributes<'a> = "Key",
        table_name: Text<'a> = "TableName",
        projection_expression: Text<'a> = "ProjectionExpression",
        names: Map<'a, Text<'a>> = "ExpressionAttributeNames",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    responses: Vec<Answer<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumed_capacity: Option<Vec<Capacity<'a>>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<ShownItem<'a>>,
}

/// Refuses too few or too many actions, which comes before anything else.
pub(super) fn check_count<T: Display>(items: &Option<List<T>>) -> Result<()> {
    let mut checks = Checks::default();
    checks.required("transactItems", items);
    if let Some(items) = items {
        check_size(&mut checks, "transactItems", items.len(), 1..=ACTIONS_MAX, &Listed(items));
    }
    Ok(checks.done()?)
}

impl Display for Wanted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TransactGetItem(get={})", OrNull(&self.get))
    }
}

impl Display for WantedGet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Get(key={}, tableName={}, projectionExpression={}, expressionAttributeNames={}, \
             workloadProfileName=null)",
            OrNull(&self.key),
            OrNull(&self.table_name),
            OrNull(&self.projection_expression),
            OrNull(&self.names.as_ref().map(Names))
        )
    }
}

async fn run(asker: &Asker<'_>, body: &Bytes) -> Result<Vec<u8>> {
    let input: Input<'_> = Codec::Json10.decode(body)?;
    check(&input)?;
    let report = Report::of(&input.return_consumed);
    let (mut tables, mut gets) = (Vec::new(), Vec::new());
    for wanted in input.items.unwrap_or_default().0 {
        let (table, get) = get(asker, wanted.get.unwrap_or_default())?;
        tables.push(table);
        gets.push(get);
    }
    for table in tables.iter().map(|table| &table.key).collect::<BTreeSet<_>>() {
        asker.authorize_action("GetItem", Resource::Table(table))?;
    }
    let mut seen = BTreeSet::new();
    if !gets.iter().all(|get| seen.insert((&get.table, &get.key))) {
        let why = "Transaction request cannot include multiple operations on one item";
        return Err(DynamoDbError::validation(why));
    }
    let _reading = asker.read_slot().await?;
    let got = asker.tables().get_all(&gets)?;
    let mut used = Used::default();
    for (table, got) in tables.iter().zip(&got) {
        used.add(&table.given, &got.consumed);
    }
    let responses = got.iter().map(|got| Answer { item: got.item.as_ref().map(ShownItem) });
    let output = Output { responses: responses.collect(), consumed_capacity: capacities(report, &used.0) };
    Ok(Codec::Json10.encode(&output))
}

fn check(input: &Input<'_>) -> Result<()> {
    check_count(&input.items)?;
    let mut checks = Checks::default();
    for (i, wanted) in input.items.iter().flat_map(|items| items.iter()).enumerate() {
        let path = |member: &str| format!("transactItems.{}.member.get{member}", i + 1);
        checks.required(&path(""), &wanted.get);
        if let Some(get) = &wanted.get {
            checks.required(&path(".key"), &get.key);
            check_table(&mut checks, &path(".tableName"), &get.table_name);
        }
    }
    Report::check(&mut checks, &input.return_consumed);
    Ok(checks.done()?)
}

fn get(asker: &Asker<'_>, wanted: WantedGet<'_>) -> Result<(Named, Get)> {
    let table = named(asker, wanted.table_name.as_deref().unwrap_or_default())?;
    let by_expression = [("ProjectionExpression", wanted.projection_expression.is_some())];
    check_mix(&by_expression, &[], wanted.names.is_some(), false)?;
    let mut placeholders = placeholders(wanted.names, None)?;
    let projection = projection(&wanted.projection_expression, None, &mut placeholders)?;
    placeholders.all_used()?;
    let key = wanted.key.unwrap_or_default().item()?;
    let get = Get { table: table.key.clone(), key, projection, consistent: true };
    Ok((table, get))
}
