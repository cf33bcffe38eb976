//! Common parts of PutItem, UpdateItem and DeleteItem.

use std::sync::Arc;

use headwater_tables::expression::{Condition, ConditionPlace, Placeholders, Projection};
use headwater_tables::value::Item;
use headwater_tables::{Action, Write, Written};
use headwater_wire::Codec;
use headwater_wire::shape::{Map, Text};
use serde::Serialize;

use super::asker::Asker;
use super::consumed::{Capacity, Metrics, Report, capacity, check_metrics, wants_metrics};
use super::error::{DynamoDbError, Result};
use super::expressions::{check_mix, placeholders};
use super::legacy::{self, Expected, Updated, check_expected, check_joined, check_updates};
use super::names::{Named, check_table};
use super::shown::ShownItem;
use super::values::Attributes;
use crate::checks::Checks;

headwater_wire::shape! {
    /// The members of all three; of each operation those that it has not are unknown, and left alone.
    pub(super) struct Input<'a> {
        table_name: Text<'a> = "TableName",
        item: Attributes<'a> = "Item",
        key: Attributes<'a> = "Key",
        update_expression: Text<'a> = "UpdateExpression",
        attribute_updates: Map<'a, Updated<'a>> = "AttributeUpdates",
        condition_expression: Text<'a> = "ConditionExpression",
        expected: Map<'a, Expected<'a>> = "Expected",
        conditional_operator: Text<'a> = "ConditionalOperator",
        names: Map<'a, Text<'a>> = "ExpressionAttributeNames",
        values: Attributes<'a> = "ExpressionAttributeValues",
        return_values: Text<'a> = "ReturnValues",
        return_failed: Text<'a> = "ReturnValuesOnConditionCheckFailure",
        return_consumed: Text<'a> = "ReturnConsumedCapacity",
        return_metrics: Text<'a> = "ReturnItemCollectionMetrics",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<ShownItem<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumed_capacity: Option<Capacity<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item_collection_metrics: Option<Metrics<'a>>,
}

/// Attributes that are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Returned {
    Nothing,
    AllOld,
    UpdatedOld,
    AllNew,
    UpdatedNew,
}

/// Checks a `ReturnValuesOnConditionCheckFailure`.
pub(super) fn check_failed(checks: &mut Checks, path: &str, asked: &Option<Text<'_>>) {
    checks.one_of(path, asked, &["ALL_OLD", "NONE"]);
}

/// True if an item for which the condition does not hold is wanted.
pub(super) fn gives_failed(asked: &Option<Text<'_>>) -> bool {
    asked.as_deref() == Some("ALL_OLD")
}

impl Input<'_> {
    /// Checks what all three have. What is updated counts for `UpdateItem` only.
    pub(super) fn check(&self, mut checks: Checks, is_update: bool) -> Result<()> {
        check_table(&mut checks, "tableName", &self.table_name);
        if is_update {
            check_updates(&mut checks, &self.attribute_updates);
        }
        check_expected(&mut checks, &self.expected);
        check_joined(&mut checks, &self.conditional_operator);
        let all = ["ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW"];
        checks.one_of("returnValues", &self.return_values, &all);
        check_failed(&mut checks, "returnValuesOnConditionCheckFailure", &self.return_failed);
        Report::check(&mut checks, &self.return_consumed);
        check_metrics(&mut checks, &self.return_metrics);
        checks.done()?;
        let (has_names, has_values) = (self.names.is_some(), self.values.is_some());
        let condition = ("ConditionExpression", self.condition_expression.is_some());
        let expected = ("Expected", self.expected.is_some());
        if is_update {
            let updates = ("AttributeUpdates", self.attribute_updates.is_some());
            let update = ("UpdateExpression", self.update_expression.is_some());
            check_mix(&[update, condition], &[updates, expected], has_names, has_values)
        } else {
            check_mix(&[condition], &[expected], has_names, has_values)
        }
    }

    /// The placeholders, taken out.
    pub(super) fn placeholders(&mut self) -> Result<Placeholders> {
        placeholders(self.names.take(), self.values.take())
    }

    /// The condition, taken out.
    pub(super) fn condition(&mut self, placeholders: &mut Placeholders) -> Result<Option<Condition>> {
        match &self.condition_expression {
            Some(text) => Ok(Some(Condition::parse(ConditionPlace::Condition, text, placeholders)?)),
            None => legacy::expected(self.expected.take(), &self.conditional_operator),
        }
    }

    /// Attributes to return, if that is nothing or one of these.
    pub(super) fn returned(&self, allowed: &[Returned]) -> Result<Returned> {
        let returned = match self.return_values.as_deref() {
            Some("ALL_OLD") => Returned::AllOld,
            Some("UPDATED_OLD") => Returned::UpdatedOld,
            Some("ALL_NEW") => Returned::AllNew,
            Some("UPDATED_NEW") => Returned::UpdatedNew,
            _ => Returned::Nothing,
        };
        if returned != Returned::Nothing && !allowed.contains(&returned) {
            return Err(DynamoDbError::validation("ReturnValues can only be ALL_OLD or NONE"));
        }
        Ok(returned)
    }

    /// Carries out the write and encodes what is to be answered. `touched` are the parts that an update is about.
    pub(super) async fn carry_out(
        &self,
        asker: &Asker<'_>,
        table: &Named,
        action: Action,
        condition: Option<Condition>,
        (returned, touched): (Returned, Option<Projection>),
    ) -> Result<Vec<u8>> {
        let give_failed = gives_failed(&self.return_failed);
        let give_collection = wants_metrics(&self.return_metrics);
        let write = Write { table: table.key.clone(), action, condition, give_failed, give_collection };
        let written = asker.tables().write(write).await?;
        let attributes = attributes(returned, touched.as_ref(), &written);
        let collection = written.collection.as_ref().filter(|_| wants_metrics(&self.return_metrics));
        Ok(Codec::Json10.encode(&Output {
            attributes: attributes.as_deref().map(ShownItem),
            consumed_capacity: capacity(Report::of(&self.return_consumed), &table.given, &written.consumed),
            item_collection_metrics: collection.map(Metrics::of),
        }))
    }
}

/// Attributes that are returned; none where the item was not there, or has none of the parts.
fn attributes(returned: Returned, touched: Option<&Projection>, written: &Written) -> Option<Arc<Item>> {
    let parts = |item: &Option<Arc<Item>>| {
        let parts = touched?.of(item.as_deref()?);
        (!parts.is_empty()).then(|| Arc::new(parts))
    };
    match returned {
        Returned::Nothing => None,
        Returned::AllOld => written.old.clone(),
        Returned::AllNew => written.new.clone(),
        Returned::UpdatedOld => parts(&written.old),
        Returned::UpdatedNew => parts(&written.new),
    }
}
