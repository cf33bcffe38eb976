//! Tags of tables.

use headwater_tables::{TableKey, Tags};
use headwater_wire::shape::{List, Text};
use serde::Serialize;

use super::asker::{Asker, Resource};
use super::error::{DynamoDbError, Result};
use super::names::by_arn;
use crate::checks::{Checks, any_text};

headwater_wire::shape! {
    pub(super) struct Tag<'a> {
        key: Text<'a> = "Key",
        value: Text<'a> = "Value",
    }
}

/// A tag in an answer.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Shown<'a> {
    pub(super) key: &'a str,
    pub(super) value: &'a str,
}

/// Sizes of tags (model).
pub(super) fn check(checks: &mut Checks, tags: &[Tag<'_>]) {
    for (i, tag) in tags.iter().enumerate() {
        let path = |member: &str| format!("tags.{}.member.{member}", i + 1);
        checks.required_text(&path("key"), &tag.key, any_text(1..=128));
        checks.required_text(&path("value"), &tag.value, any_text(0..=256));
    }
}

/// The tags of a list that was checked.
pub(super) fn owned(tags: &[Tag<'_>]) -> Result<Tags> {
    let mut owned = Tags::new();
    for tag in tags {
        let text = |text: &Option<Text<'_>>| text.as_deref().unwrap_or_default().to_owned();
        let (key, value) = (text(&tag.key), text(&tag.value));
        if key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
            return Err(DynamoDbError::parameter("Tag keys must not begin with aws:, which is reserved"));
        }
        if !key.chars().chain(value.chars()).all(fits) {
            return Err(DynamoDbError::parameter(
                "Tag keys and values can only have letters, white space, numbers and + - = . _ : / @",
            ));
        }
        if owned.contains_key(&key) {
            return Err(DynamoDbError::parameter(format_args!("Duplicate tag key: {key}")));
        }
        owned.insert(key, value);
    }
    Ok(owned)
}

/// Characters of tags (developer guide, tagging restrictions). Of white space only what separates words: no tabs, no lines.
fn fits(c: char) -> bool {
    c.is_alphanumeric() || "+-=._:/@".contains(c) || (c.is_whitespace() && !c.is_control())
}

/// The tags of a list that may not be there.
pub(super) fn of<'t, 'a>(list: &'t Option<List<Tag<'a>>>) -> &'t [Tag<'a>] {
    list.as_deref().unwrap_or_default()
}

/// Refuses a tag operation without a `ResourceArn`, which comes before everything else.
pub(super) fn check_arn(arn: &Option<Text<'_>>) -> Result<()> {
    if arn.is_some() { Ok(()) } else { Err(DynamoDbError::validation("Invalid TableArn")) }
}

/// The table that the `ResourceArn` of a tag operation names; whether the caller may have it is still to be asked.
pub(super) fn resource(asker: &Asker<'_>, arn: &Option<Text<'_>>) -> Result<TableKey> {
    let arn = arn.as_deref().ok_or_else(|| DynamoDbError::validation("Invalid TableArn"))?;
    by_arn(asker, arn)
}

/// Asks for it.
pub(super) fn authorize(asker: &Asker<'_>, table: &TableKey) -> Result<()> {
    asker.authorize(Resource::Table(table))
}

/// A table's error as the tag operations word it.
pub(super) fn refused(arn: &Option<Text<'_>>) -> impl Fn(headwater_tables::TablesError) -> DynamoDbError {
    let arn = arn.as_deref().unwrap_or_default().to_owned();
    move |error| match error {
        headwater_tables::TablesError::TableNotFound(_) => {
            // Spelled as AWS spells it.
            DynamoDbError::not_found(format!("Requested resource not found: ResourcArn: {arn} not found"))
        }
        other => other.into(),
    }
}
