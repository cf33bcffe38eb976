//! TransactWriteItems.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};

use bytes::Bytes;
use headwater_tables::expression::{Condition, ConditionPlace, Update};
use headwater_tables::{Action, TransactionToken, Write};
use headwater_wire::Codec;
use headwater_wire::shape::{List, Map, Text};
use serde::Serialize;

use super::asker::{Asker, Resource};
use super::batch::Used;
use super::consumed::{Capacity, Metrics, Report, capacities, check_metrics, wants_metrics};
use super::echo::{Names, OrNull};
use super::error::{DynamoDbError, Result};
use super::expressions::{check_mix, placeholders};
use super::fingerprint::{Fingerprint, digest};
use super::names::{Named, check_table, named};
use super::operation;
use super::transact_get_items::check_count;
use super::values::Attributes;
use super::writing::{check_failed, gives_failed};
use crate::checks::{Checks, any_text};

operation!("TransactWriteItems", Writes);

headwater_wire::shape! {
    struct Input<'a> {
        items: List<Wanted<'a>> = "TransactItems",
        return_consumed: Text<'a> = "ReturnConsumedCapacity",
        return_metrics: Text<'a> = "ReturnItemCollectionMetrics",
        token: Text<'a> = "ClientRequestToken",
    }
}

headwater_wire::shape! {
    struct Wanted<'a> {
        check: One<'a> = "ConditionCheck",
        put: One<'a> = "Put",
        delete: One<'a> = "Delete",
        update: One<'a> = "Update",
    }
}

headwater_wire::shape! {
    /// The members of all four.
    struct One<'a> {
        item: Attributes<'a> = "Item",
        key: Attributes<'a> = "Key",
        update_expression: Text<'a> = "UpdateExpression",
        table_name: Text<'a> = "TableName",
        condition_expression: Text<'a> = "ConditionExpression",
        names: Map<'a, Text<'a>> = "ExpressionAttributeNames",
        values: Attributes<'a> = "ExpressionAttributeValues",
        return_failed: Text<'a> = "ReturnValuesOnConditionCheckFailure",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    consumed_capacity: Option<Vec<Capacity<'a>>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    item_collection_metrics: BTreeMap<&'a str, Vec<Metrics<'a>>>,
}

/// Kind of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Check,
    Put,
    Delete,
    Update,
}

impl Kind {
    /// Its member in the request, in lower case at the beginning, as paths have it.
    fn member(self) -> &'static str {
        match self {
            Self::Check => "conditionCheck",
            Self::Put => "put",
            Self::Delete => "delete",
            Self::Update => "update",
        }
    }

    /// Operation that has to be allowed.
    fn action(self) -> &'static str {
        match self {
            Self::Check => "ConditionCheckItem",
            Self::Put => "PutItem",
            Self::Delete => "DeleteItem",
            Self::Update => "UpdateItem",
        }
    }
}

async fn run(asker: &Asker<'_>, body: &Bytes) -> Result<Vec<u8>> {
    let input: Input<'_> = Codec::Json10.decode(body)?;
    check(&input)?;
    let (report, wants_metrics) = (Report::of(&input.return_consumed), wants_metrics(&input.return_metrics));
    let token = input.token.as_ref().map(|token| TransactionToken {
        token: token.to_string(),
        request: fingerprint(&input),
        former: digest(body),
        realm: asker.realm,
    });
    let (mut tables, mut writes, mut asked) = (Vec::new(), Vec::new(), BTreeSet::new());
    for wanted in input.items.unwrap_or_default().0 {
        let (kind, one) = the_one(wanted)?;
        let (table, mut write) = write(asker, kind, one)?;
        write.give_collection = wants_metrics;
        asked.insert((table.key.clone(), kind.action()));
        tables.push(table);
        writes.push(write);
    }
    for (table, action) in &asked {
        asker.authorize_action(action, Resource::Table(table))?;
    }
    let written = asker.tables().write_all(writes, token).await?;
    let mut used = Used::default();
    let mut collections: BTreeMap<&str, Vec<Metrics<'_>>> = BTreeMap::new();
    for (table, written) in tables.iter().zip(&written) {
        used.add(&table.given, &written.consumed);
        if let Some(collection) = written.collection.as_ref().filter(|_| wants_metrics) {
            collections.entry(&table.given).or_default().push(Metrics::of(collection));
        }
    }
    Ok(Codec::Json10.encode(&Output {
        consumed_capacity: capacities(report, &used.0),
        item_collection_metrics: collections,
    }))
}

fn check(input: &Input<'_>) -> Result<()> {
    check_count(&input.items)?;
    let mut checks = Checks::default();
    checks.text("clientRequestToken", &input.token, any_text(1..=36));
    for (i, wanted) in input.items.iter().flat_map(|items| items.iter()).enumerate() {
        for (kind, one) in wanted.all() {
            let path = |member: &str| format!("transactItems.{}.member.{}.{member}", i + 1, kind.member());
            check_table(&mut checks, &path("tableName"), &one.table_name);
            match kind {
                Kind::Put => checks.required(&path("item"), &one.item),
                Kind::Check | Kind::Delete | Kind::Update => checks.required(&path("key"), &one.key),
            }
            if kind == Kind::Check {
                checks.required(&path("conditionExpression"), &one.condition_expression);
            }
            if kind == Kind::Update {
                checks.required(&path("updateExpression"), &one.update_expression);
            }
            check_failed(&mut checks, &path("returnValuesOnConditionCheckFailure"), &one.return_failed);
        }
    }
    Report::check(&mut checks, &input.return_consumed);
    check_metrics(&mut checks, &input.return_metrics);
    Ok(checks.done()?)
}

impl Display for Wanted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = |kind, one| OneOf(kind, one);
        write!(
            f,
            "TransactWriteItem(conditionCheck={}, put={}, delete={}, update={})",
            one(Kind::Check, &self.check),
            one(Kind::Put, &self.put),
            one(Kind::Delete, &self.delete),
            one(Kind::Update, &self.update)
        )
    }
}

/// An action, if there is one of this kind, as AWS prints it.
struct OneOf<'o, 'a>(Kind, &'o Option<One<'a>>);

impl Display for OneOf<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(one) = self.1 else { return f.write_str("null") };
        match self.0 {
            Kind::Check => write!(f, "ConditionCheck(key={}", OrNull(&one.key))?,
            Kind::Put => write!(f, "Put(item={}", OrNull(&one.item))?,
            Kind::Delete => write!(f, "Delete(key={}", OrNull(&one.key))?,
            Kind::Update => {
                let update = OrNull(&one.update_expression);
                write!(f, "Update(key={}, updateExpression={update}", OrNull(&one.key))?;
            }
        }
        write!(
            f,
            ", tableName={}, conditionExpression={}, expressionAttributeNames={}, expressionAttributeValues={}, \
             returnValuesOnConditionCheckFailure={}, workloadProfileName=null)",
            OrNull(&one.table_name),
            OrNull(&one.condition_expression),
            OrNull(&one.names.as_ref().map(Names)),
            OrNull(&one.values),
            OrNull(&one.return_failed)
        )
    }
}

impl<'a> Wanted<'a> {
    fn all(&self) -> impl Iterator<Item = (Kind, &One<'a>)> {
        let all = [
            (Kind::Check, &self.check),
            (Kind::Put, &self.put),
            (Kind::Delete, &self.delete),
            (Kind::Update, &self.update),
        ];
        all.into_iter().filter_map(|(kind, one)| Some((kind, one.as_ref()?)))
    }
}

fn the_one(wanted: Wanted<'_>) -> Result<(Kind, One<'_>)> {
    match wanted {
        Wanted { check: Some(one), put: None, delete: None, update: None } => Ok((Kind::Check, one)),
        Wanted { check: None, put: Some(one), delete: None, update: None } => Ok((Kind::Put, one)),
        Wanted { check: None, put: None, delete: Some(one), update: None } => Ok((Kind::Delete, one)),
        Wanted { check: None, put: None, delete: None, update: Some(one) } => Ok((Kind::Update, one)),
        Wanted { .. } => Err(DynamoDbError::validation(
            "TransactItems can only contain one of Check, Put, Update or Delete",
        )),
    }
}

fn write(asker: &Asker<'_>, kind: Kind, one: One<'_>) -> Result<(Named, Write)> {
    let table = named(asker, one.table_name.as_deref().unwrap_or_default())?;
    let condition = ("ConditionExpression", one.condition_expression.is_some());
    let update = ("UpdateExpression", one.update_expression.is_some());
    let (names, values) = (one.names.is_some(), one.values.is_some());
    match kind {
        Kind::Update => check_mix(&[update, condition], &[], names, values)?,
        Kind::Check | Kind::Put | Kind::Delete => check_mix(&[condition], &[], names, values)?,
    }
    let mut placeholders = placeholders(one.names, one.values)?;
    let key = one.key.unwrap_or_default();
    let action = match kind {
        Kind::Put => Action::Put(one.item.unwrap_or_default().stored_item()?),
        Kind::Delete => Action::Delete(key.item()?),
        Kind::Check => Action::Check(key.item()?),
        Kind::Update => {
            let text = one.update_expression.as_deref().unwrap_or_default();
            Action::Update { key: key.item()?, update: Some(Update::parse(text, &mut placeholders)?) }
        }
    };
    let condition = one.condition_expression.as_deref();
    let condition =
        condition.map(|text| Condition::parse(ConditionPlace::Condition, text, &mut placeholders));
    let condition = condition.transpose()?;
    placeholders.all_used()?;
    let give_failed = gives_failed(&one.return_failed);
    let write = Write { table: table.key.clone(), action, condition, give_failed, give_collection: false };
    Ok((table, write))
}

/// Tells whether a token comes with the same request again: the same parameters, in whatever order their members are.
fn fingerprint(input: &Input<'_>) -> u64 {
    let mut print = Fingerprint::new();
    print.text(&input.return_consumed);
    print.text(&input.return_metrics);
    print.count(b'L', input.items.as_ref().map_or(0, |items| items.len()));
    for wanted in input.items.iter().flat_map(|items| items.iter()) {
        print.count(b'w', wanted.all().count());
        for (kind, one) in wanted.all() {
            print.text(&Some(kind.action().into()));
            let One { table_name, update_expression, condition_expression, return_failed, .. } = one;
            for text in [table_name, update_expression, condition_expression, return_failed] {
                print.text(text);
            }
            for attributes in [&one.item, &one.key, &one.values] {
                print.attributes(attributes.as_ref());
            }
            let names = one.names.iter().flat_map(|names| names.0.iter());
            print.names(names.map(|(name, meant)| (&**name, &**meant)));
        }
    }
    print.digest()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_one_thing() {
        let read = |json: &'static str| the_one(Codec::Json10.decode(json.as_bytes()).expect(json));
        assert!(matches!(read(r#"{"Put":{}}"#), Ok((Kind::Put, _))));
        assert!(matches!(read(r#"{"ConditionCheck":{}}"#), Ok((Kind::Check, _))));
        assert!(read("{}").is_err());
        assert!(read(r#"{"Put":{},"Delete":{}}"#).is_err());
    }
    fn printed(json: &str) -> u64 {
        fingerprint(&Codec::Json10.decode(json.as_bytes()).expect(json))
    }

    #[test]
    fn the_same_request_in_another_order_of_members_has_the_same_fingerprint() {
        let one = printed(
            r##"{"TransactItems":[{"Put":{"TableName":"t-1","Item":{"a":{"S":"x"},"m":{"M":{"p":{"N":"1"},"q":{"L":[{"N":"2"}]}}},"s":{"SS":["u","v"]},"b":{"BS":["AQ==","Ag=="]}},"ConditionExpression":"#a = :v","ExpressionAttributeNames":{"#a":"a","#b":"b"},"ExpressionAttributeValues":{":v":{"NULL":true},":w":{"NS":["1","2"]}}}}],"ClientRequestToken":"t"}"##,
        );
        let other = printed(
            r##"{"ClientRequestToken":"t", "TransactItems":[{"Put":{"ExpressionAttributeValues":{":w":{"NS":["2.0","1"]},":v":{"NULL":true}},"ExpressionAttributeNames":{"#b":"b","#a":"a"},"ConditionExpression":"#a = :v","Item":{"b":{"BS":["Ag==","AQ=="]},"s":{"SS":["v","u"]},"m":{"M":{"q":{"L":[{"N":"2"}]},"p":{"N":"1"}}},"a":{"S":"x"}},"TableName":"t-1"}}]}"##,
        );
        assert_eq!(one, other);
    }

    #[test]
    fn other_content_has_another_fingerprint() {
        let put = |item: &str| {
            printed(&format!(r#"{{"TransactItems":[{{"Put":{{"TableName":"t","Item":{item}}}}}]}}"#))
        };
        let all = [
            put(r#"{"a":{"S":"x"}}"#),
            put(r#"{"a":{"S":"y"}}"#),
            put(r#"{"a":{"N":"1"}}"#),
            put(r#"{"a":{"S":"1"}}"#),
            put(r#"{"a":{"B":"MQ=="}}"#),
            put(r#"{"a":{"SS":["1"]}}"#),
            put(r#"{"a":{"L":[{"S":"1"}]}}"#),
            put(r#"{"a":{"L":[{"S":"1"},{"S":"2"}]}}"#),
            put(r#"{"a":{"L":[{"S":"2"},{"S":"1"}]}}"#),
            put(r#"{"a":{"M":{"b":{"S":"1"}}}}"#),
            put(r#"{"a":{"S":"x"},"b":{"S":"x"}}"#),
            put(r#"{"ab":{"S":"x"}}"#),
            put("{}"),
            printed(r#"{"TransactItems":[{"Put":{"TableName":"u","Item":{"a":{"S":"x"}}}}]}"#),
            printed(r#"{"TransactItems":[{"Delete":{"TableName":"t","Key":{"a":{"S":"x"}}}}]}"#),
            printed(r#"{"TransactItems":[{"ConditionCheck":{"TableName":"t","Key":{"a":{"S":"x"}}}}]}"#),
            printed(
                r#"{"TransactItems":[{"Delete":{"TableName":"t","Key":{"a":{"S":"x"}}}}],"ReturnConsumedCapacity":"TOTAL"}"#,
            ),
        ];
        for (i, one) in all.iter().enumerate() {
            assert!(!all[..i].contains(one), "{i}");
        }
    }
}
