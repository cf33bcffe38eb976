//! BatchGetItem.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};

use bytes::Bytes;
use headwater_tables::expression::Projection;
use headwater_tables::value::Item;
use headwater_tables::{Get, TablesError};
use headwater_types::limits::MIB;
use headwater_wire::Codec;
use headwater_wire::shape::{Bool, List, Map, Text};
use serde::Serialize;

use super::asker::{Asker, Resource};
use super::batch::{Used, check_distinct, duplicates};
use super::consumed::{Capacity, Report, capacities};
use super::error::{DynamoDbError, Result};
use super::expressions::{check_mix, check_names, check_size, older_projection, placeholders, projection};
use super::names::{Named, check_batch, named};
use super::operation;
use super::shown::ShownItem;
use super::values::Attributes;
use crate::checks::{Checks, flag};

operation!("BatchGetItem", Reads);

/// Items in one request (API reference).
const KEYS_MAX: usize = 100;
/// Items in one answer, in bytes (API reference: 16 MB).
const BYTES_MAX: usize = 16 * MIB;

headwater_wire::shape! {
    struct Input<'a> {
        request_items: Map<'a, Wanted<'a>> = "RequestItems",
        return_consumed: Text<'a> = "ReturnConsumedCapacity",
    }
}

headwater_wire::shape! {
    struct Wanted<'a> {
        keys: List<Attributes<'a>> = "Keys",
        attributes_to_get: List<Text<'a>> = "AttributesToGet",
        consistent_read: Bool = "ConsistentRead",
        projection_expression: Text<'a> = "ProjectionExpression",
        names: Map<'a, Text<'a>> = "ExpressionAttributeNames",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    responses: BTreeMap<&'a str, Vec<ShownItem<'a>>>,
    unprocessed_keys: Map<'a, Wanted<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumed_capacity: Option<Vec<Capacity<'a>>>,
}

/// The request's map, as JSON, in which AWS shows it.
struct Sent<'s, 'a>(&'s Map<'a, Wanted<'a>>);

impl Display for Sent<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&Codec::Json10.encode(self.0)))
    }
}

/// Keys and parts that are wanted of one table.
struct Part {
    keys: Vec<Item>,
    projection: Option<Projection>,
    consistent: bool,
}

async fn run(asker: &Asker<'_>, body: &Bytes) -> Result<Vec<u8>> {
    let input: Input<'_> = Codec::Json10.decode(body)?;
    check(&input)?;
    let report = Report::of(&input.return_consumed);
    let (mut tables, mut parts) = (Vec::new(), Vec::new());
    for (name, wanted) in input.request_items.unwrap_or_default().0 {
        tables.push(named(asker, &name)?);
        parts.push(part(wanted)?);
    }
    if parts.iter().map(|part| part.keys.len()).sum::<usize>() > KEYS_MAX {
        return Err(DynamoDbError::validation("Too many items requested for the BatchGetItem call"));
    }
    check_distinct(&tables)?;
    for table in &tables {
        asker.authorize(Resource::Table(&table.key))?;
    }
    let _reading = asker.read_slot().await?;
    read(asker, &tables, parts, report, body)
}

fn check(input: &Input<'_>) -> Result<()> {
    let mut checks = Checks::default();
    checks.required("requestItems", &input.request_items);
    if let Some(items) = &input.request_items {
        if items.is_empty() {
            return Err(DynamoDbError::validation("The requestItems parameter is required for BatchGetItem"));
        }
        let shown = Sent(items);
        check_size(&mut checks, "requestItems", items.len(), 1..=KEYS_MAX, &shown);
        check_batch(&mut checks, items.iter().map(|(table, _)| table.as_str()), &shown);
    }
    for (table, wanted) in input.request_items.iter().flat_map(|items| items.iter()) {
        let path = |member: &str| format!("requestItems.{table}.member.{member}");
        checks.required(&path("keys"), &wanted.keys);
        match wanted.keys.as_ref().map(|keys| keys.len()) {
            // AWS spells these two differently.
            Some(0) => {
                checks.fail(Some(&"[]"), &path("keys"), &"Member must have length greater than or equal to 1")
            }
            Some(len) => {
                checks.size(&format!("RequestItems.{table}.member.Keys"), len, 1..=KEYS_MAX);
            }
            None => {}
        }
        check_names(&mut checks, &path("attributesToGet"), &wanted.attributes_to_get);
    }
    Report::check(&mut checks, &input.return_consumed);
    Ok(checks.done()?)
}

fn part(mut wanted: Wanted<'_>) -> Result<Part> {
    check_mix(
        &[("ProjectionExpression", wanted.projection_expression.is_some())],
        &[("AttributesToGet", wanted.attributes_to_get.is_some())],
        wanted.names.is_some(),
        false,
    )?;
    let mut placeholders = placeholders(wanted.names.take(), None)?;
    let older = older_projection(wanted.attributes_to_get.as_ref())?;
    let projection = projection(&wanted.projection_expression, older, &mut placeholders)?;
    placeholders.all_used()?;
    let mut keys = Vec::new();
    for key in wanted.keys.unwrap_or_default().0 {
        keys.push(key.item()?);
    }
    if keys.iter().collect::<BTreeSet<_>>().len() < keys.len() {
        return Err(duplicates());
    }
    Ok(Part { keys, projection, consistent: flag(wanted.consistent_read) })
}

/// Reads as much as fits into an answer and as the capacity allows; the rest is to be asked for again.
fn read(
    asker: &Asker<'_>,
    tables: &[Named],
    parts: Vec<Part>,
    report: Report,
    body: &Bytes,
) -> Result<Vec<u8>> {
    let (mut found, mut used, mut left): (Vec<Vec<Item>>, Used, Vec<BTreeSet<usize>>) = Default::default();
    let (mut bytes, mut throttled, mut read) = (0, false, 0);
    for (table, part) in tables.iter().zip(parts) {
        let (mut items, mut unread) = (Vec::new(), BTreeSet::new());
        for (at, key) in part.keys.into_iter().enumerate() {
            if bytes >= BYTES_MAX {
                unread.insert(at);
                continue;
            }
            let (table_key, projection) = (table.key.clone(), part.projection.clone());
            let get = Get { table: table_key, key, projection, consistent: part.consistent };
            let got = match asker.tables().get(&get) {
                Ok(got) => got,
                Err(TablesError::Throttled(_)) => {
                    throttled = true;
                    unread.insert(at);
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            read += 1;
            used.add(&table.given, &got.consumed);
            if bytes + got.size_bytes > BYTES_MAX && bytes > 0 {
                bytes = BYTES_MAX;
                unread.insert(at);
                continue;
            }
            bytes += got.size_bytes;
            items.extend(got.item);
        }
        found.push(items);
        left.push(unread);
    }
    if throttled && read == 0 {
        return Err(DynamoDbError::throttled());
    }
    let responses = tables.iter().zip(&found);
    let responses =
        responses.map(|(table, items)| (table.given.as_str(), items.iter().map(ShownItem).collect()));
    let output = Output {
        responses: responses.collect(),
        unprocessed_keys: unprocessed(body, &left)?,
        consumed_capacity: capacities(report, &used.0),
    };
    Ok(Codec::Json10.encode(&output))
}

/// Keys that were not read, as they were sent.
fn unprocessed<'b>(body: &'b Bytes, left: &[BTreeSet<usize>]) -> Result<Map<'b, Wanted<'b>>> {
    if left.iter().all(BTreeSet::is_empty) {
        return Ok(Map::default());
    }
    let input: Input<'_> = Codec::Json10.decode(body)?;
    let tables = input.request_items.unwrap_or_default().0.into_iter().zip(left);
    let unread = tables.filter(|(_, left)| !left.is_empty()).map(|((table, mut wanted), left)| {
        let keys = wanted.keys.take().unwrap_or_default().0.into_iter().enumerate();
        wanted.keys = Some(keys.filter(|(at, _)| left.contains(at)).map(|(_, key)| key).collect());
        (table, wanted)
    });
    Ok(unread.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_read_is_sent_back() {
        let body = br##"{"RequestItems":{"one":{"Keys":[{"a":{"S":"x"}}]},"two":{"Keys":[{"a":{"S":"x"}},{"a":{"S":"y"}}],"ConsistentRead":true,"ProjectionExpression":"#n","ExpressionAttributeNames":{"#n":"name"}}}}"##;
        let body = Bytes::from_static(body);
        let left = [BTreeSet::new(), BTreeSet::from([1])];
        let sent = Codec::Json10.encode(&unprocessed(&body, &left).expect("it can be read"));
        assert_eq!(
            String::from_utf8(sent).expect("text"),
            r##"{"two":{"Keys":[{"a":{"S":"y"}}],"ConsistentRead":true,"ProjectionExpression":"#n","ExpressionAttributeNames":{"#n":"name"}}}"##
        );
    }
}
