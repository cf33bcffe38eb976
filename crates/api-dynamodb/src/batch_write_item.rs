//! BatchWriteItem.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};

use bytes::Bytes;
use headwater_tables::{Action, Write};
use headwater_wire::Codec;
use headwater_wire::shape::{List, Map, Text};
use serde::Serialize;

use super::asker::{Asker, Resource};
use super::batch::{Used, check_distinct, duplicates};
use super::consumed::{Capacity, Metrics, Report, capacities, check_metrics, wants_metrics};
use super::echo::{Listed, OrNull, mapped};
use super::error::{DynamoDbError, Result};
use super::expressions::check_size;
use super::names::{Named, check_batch, named};
use super::operation;
use super::values::Attributes;
use crate::checks::Checks;

operation!("BatchWriteItem", Writes);

/// Writes in one request (API reference).
const WRITES_MAX: usize = 25;

headwater_wire::shape! {
    struct Input<'a> {
        request_items: Map<'a, List<Wanted<'a>>> = "RequestItems",
        return_consumed: Text<'a> = "ReturnConsumedCapacity",
        return_metrics: Text<'a> = "ReturnItemCollectionMetrics",
    }
}

headwater_wire::shape! {
    struct Wanted<'a> {
        put: Put<'a> = "PutRequest",
        delete: Delete<'a> = "DeleteRequest",
    }
}

headwater_wire::shape! {
    struct Put<'a> {
        item: Attributes<'a> = "Item",
    }
}

headwater_wire::shape! {
    struct Delete<'a> {
        key: Attributes<'a> = "Key",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    unprocessed_items: Map<'a, List<Wanted<'a>>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    item_collection_metrics: BTreeMap<&'a str, Vec<Metrics<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumed_capacity: Option<Vec<Capacity<'a>>>,
}

/// The request's map, as AWS prints it.
struct Sent<'s, 'a>(&'s Map<'a, List<Wanted<'a>>>);

impl Display for Sent<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists: Vec<_> = self.0.iter().map(|(table, wanted)| (table.as_str(), Listed(wanted))).collect();
        mapped(f, lists.iter().map(|(table, wanted)| (*table, wanted as &dyn Display)))
    }
}

impl Display for Wanted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WriteRequest(putRequest={}, deleteRequest={})", OrNull(&self.put), OrNull(&self.delete))
    }
}

impl Display for Put<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PutRequest(item={}, workloadProfileName=null)", OrNull(&self.item))
    }
}

impl Display for Delete<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeleteRequest(key={}, workloadProfileName=null)", OrNull(&self.key))
    }
}

async fn run(asker: &Asker<'_>, body: &Bytes) -> Result<Vec<u8>> {
    let input: Input<'_> = Codec::Json10.decode(body)?;
    check(&input)?;
    let (report, wants_metrics) = (Report::of(&input.return_consumed), wants_metrics(&input.return_metrics));
    let (mut tables, mut actions) = (Vec::new(), Vec::new());
    for (name, wanted) in input.request_items.unwrap_or_default().0 {
        tables.push(named(asker, &name)?);
        actions.push(wanted.0.into_iter().map(action).collect::<Result<Vec<_>>>()?);
    }
    if actions.iter().map(Vec::len).sum::<usize>() > WRITES_MAX {
        return Err(DynamoDbError::validation("Too many items requested for the BatchWriteItem call"));
    }
    check_distinct(&tables)?;
    for table in &tables {
        asker.authorize(Resource::Table(&table.key))?;
    }
    let mut writes = Vec::new();
    // For each write the place of its table and its own in the request.
    let mut places = Vec::new();
    for (table_at, (table, actions)) in tables.iter().zip(actions).enumerate() {
        check_keys(asker, table, &actions)?;
        for (at, action) in actions.into_iter().enumerate() {
            places.push((table_at, at));
            writes.push(Write {
                table: table.key.clone(),
                action,
                condition: None,
                give_failed: false,
                give_collection: wants_metrics,
            });
        }
    }
    let written = asker.tables().write_each(writes).await?;
    let (mut used, mut left) = (Used::default(), vec![BTreeSet::new(); tables.len()]);
    let mut collections: BTreeMap<&str, Vec<Metrics<'_>>> = BTreeMap::new();
    for (&(table_at, at), written) in places.iter().zip(&written) {
        let (Some(table), Some(left)) = (tables.get(table_at), left.get_mut(table_at)) else { continue };
        let (table, Some(written)) = (table.given.as_str(), written) else {
            left.insert(at);
            continue;
        };
        used.add(table, &written.consumed);
        if let Some(collection) = written.collection.as_ref().filter(|_| wants_metrics) {
            collections.entry(table).or_default().push(Metrics::of(collection));
        }
    }
    if !written.is_empty() && written.iter().all(Option::is_none) {
        return Err(DynamoDbError::throttled());
    }
    Ok(Codec::Json10.encode(&Output {
        unprocessed_items: unprocessed(body, &left)?,
        item_collection_metrics: collections,
        consumed_capacity: capacities(report, &used.0),
    }))
}

fn check(input: &Input<'_>) -> Result<()> {
    let mut checks = Checks::default();
    checks.required("requestItems", &input.request_items);
    if let Some(items) = &input.request_items {
        if items.is_empty() {
            return Err(DynamoDbError::validation(
                "The requestItems parameter is required for BatchWriteItem",
            ));
        }
        let shown = Sent(items);
        check_size(&mut checks, "requestItems", items.len(), 1..=WRITES_MAX, &shown);
        check_batch(&mut checks, items.iter().map(|(table, _)| table.as_str()), &shown);
        if !items.iter().all(|(_, wanted)| (1..=WRITES_MAX).contains(&wanted.len())) {
            let rule = format_args!(
                "Map value must satisfy constraint: [Member must have length less than or equal to {WRITES_MAX}, \
                 Member must have length greater than or equal to 1]"
            );
            checks.fail(Some(&shown), "requestItems", &rule);
        }
    }
    for (table, wanted) in input.request_items.iter().flat_map(|items| items.iter()) {
        for (i, wanted) in wanted.iter().enumerate() {
            let path = |member: &str| format!("requestItems.{table}.member.{}.member.{member}", i + 1);
            if let Some(put) = &wanted.put {
                checks.required(&path("putRequest.item"), &put.item);
            }
            if let Some(delete) = &wanted.delete {
                checks.required(&path("deleteRequest.key"), &delete.key);
            }
        }
    }
    Report::check(&mut checks, &input.return_consumed);
    check_metrics(&mut checks, &input.return_metrics);
    Ok(checks.done()?)
}

fn action(wanted: Wanted<'_>) -> Result<Action> {
    match (wanted.put, wanted.delete) {
        (Some(put), None) => Ok(Action::Put(put.item.unwrap_or_default().stored_item()?)),
        (None, Some(delete)) => Ok(Action::Delete(delete.key.unwrap_or_default().item()?)),
        (Some(_), Some(_)) => Err(DynamoDbError::validation(
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported \
             datatypes",
        )),
        (None, None) => Err(DynamoDbError::validation(
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
        )),
    }
}

/// Refuses a batch that has an item twice.
fn check_keys(asker: &Asker<'_>, table: &Named, actions: &[Action]) -> Result<()> {
    let schema = asker.tables().schema(&table.key, None)?;
    let mut seen = BTreeSet::new();
    for action in actions {
        let (Action::Put(item) | Action::Delete(item)) = action else { continue };
        if !seen.insert(schema.of(item)) {
            return Err(duplicates());
        }
    }
    Ok(())
}

/// Writes that were not done, as they were sent.
fn unprocessed<'b>(body: &'b Bytes, left: &[BTreeSet<usize>]) -> Result<Map<'b, List<Wanted<'b>>>> {
    if left.iter().all(BTreeSet::is_empty) {
        return Ok(Map::default());
    }
    let input: Input<'_> = Codec::Json10.decode(body)?;
    let tables = input.request_items.unwrap_or_default().0.into_iter().zip(left);
    let unwritten = tables.filter(|(_, left)| !left.is_empty()).map(|((table, wanted), left)| {
        let wanted = wanted.0.into_iter().enumerate().filter(|(at, _)| left.contains(at));
        (table, wanted.map(|(_, wanted)| wanted).collect())
    });
    Ok(unwritten.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_written_is_sent_back() {
        let body = br#"{"RequestItems":{"one":[{"DeleteRequest":{"Key":{"a":{"S":"x"}}}}],"two":[{"PutRequest":{"Item":{"a":{"S":"x"},"b":{"B":"AA=="}}}},{"PutRequest":{"Item":{}}}]}}"#;
        let body = Bytes::from_static(body);
        let left = [BTreeSet::new(), BTreeSet::from([0])];
        let sent = Codec::Json10.encode(&unprocessed(&body, &left).expect("it can be read"));
        assert_eq!(
            String::from_utf8(sent).expect("text"),
            r#"{"two":[{"PutRequest":{"Item":{"a":{"S":"x"},"b":{"B":"AA=="}}}}]}"#
        );
    }

    #[test]
    fn a_request_is_a_put_or_a_deletion() {
        assert!(action(Wanted::default()).is_err());
        let both = Wanted { put: Some(Put::default()), delete: Some(Delete::default()) };
        assert!(action(both).is_err());
        assert!(matches!(action(Wanted { put: Some(Put::default()), delete: None }), Ok(Action::Put(_))));
    }
}
