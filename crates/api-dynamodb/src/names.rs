//! Names and ARNs of tables and indexes.

use std::fmt::Display;

use headwater_tables::{TableKey, TableName};
use headwater_types::Arn;
use headwater_wire::shape::Text;

use super::asker::{Asker, Resource};
use super::error::{DynamoDbError, Result};
use crate::checks::{Checks, TABLE_NAME, any_text};

/// Characters of an ARN in the place of a name (model).
const ARN_CHARS_MAX: usize = 1024;

/// A table as a request names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) key: TableKey,
    /// The name or the ARN, which answers repeat.
    pub(super) given: String,
}

/// Checks a member that has to name a table.
pub(super) fn check_table(checks: &mut Checks, path: &str, name: &Option<Text<'_>>) {
    checks.required(path, name);
    let Some(name) = name else { return };
    // One violation a name, its length before its characters; an empty one is short of one character only.
    let rule = match name.as_str() {
        "" => any_text(1..=ARN_CHARS_MAX),
        name if is_arn(name) => any_text(1..=ARN_CHARS_MAX),
        name if !(3..=255).contains(&name.chars().count()) => any_text(3..=255),
        _ => TABLE_NAME,
    };
    checks.text_value(path, name, rule);
}

/// The same where a table itself is made, changed or described: what is missing or has a wrong length is refused before
/// anything else is looked at.
pub(super) fn check_own_table(name: &Option<Text<'_>>) -> Result<()> {
    match name {
        None => Err(DynamoDbError::validation(
            "The parameter 'TableName' is required but was not present in the request",
        )),
        Some(name) if !is_arn(name) && !(3..=255).contains(&name.chars().count()) => {
            Err(DynamoDbError::validation(
                "TableName must be at least 3 characters long and at most 255 characters long",
            ))
        }
        Some(_) => Ok(()),
    }
}

/// Checks the name of a table that is to be made, or its ARN.
pub(super) fn check_new_table(checks: &mut Checks, name: &Option<Text<'_>>) {
    let rule = match name.as_deref() {
        Some(name) if is_arn(name) => any_text(1..=ARN_CHARS_MAX),
        _ => TABLE_NAME,
    };
    checks.required_text("tableName", name, rule);
}

/// Checks the names of the tables of a batch, which a violation shows with all that is asked for.
pub(super) fn check_batch<'n>(
    checks: &mut Checks,
    mut names: impl Iterator<Item = &'n str>,
    shown: &dyn Display,
) {
    let fits = |name: &str| (is_arn(name) && name.len() <= ARN_CHARS_MAX) || TableName::new(name).is_some();
    if !names.all(fits) {
        let rule = "Map keys must satisfy constraint: [Member must have length less than or equal to 255, Member must \
                    have length greater than or equal to 3, Member must satisfy regular expression pattern: \
                    [a-zA-Z0-9_.-]+]";
        checks.fail(Some(&shown), "requestItems", &rule);
    }
}

fn is_arn(name: &str) -> bool {
    name.starts_with("arn:")
}

/// Checks a member that names an index, if it is there.
pub(super) fn check_index(checks: &mut Checks, path: &str, name: &Option<Text<'_>>) {
    checks.text(path, name, TABLE_NAME);
}

/// The table that a name or an ARN means. Call after it was checked.
pub(super) fn named(asker: &Asker<'_>, name: &str) -> Result<Named> {
    let key = match TableName::new(name) {
        Some(name) => TableKey { realm: asker.realm, name },
        None => by_arn(asker, name)?,
    };
    Ok(Named { key, given: name.to_owned() })
}

/// The same, if the caller may have the operation done to it.
pub(super) fn permitted(asker: &Asker<'_>, name: &Option<Text<'_>>) -> Result<Named> {
    let named = named(asker, name.as_deref().unwrap_or_default())?;
    asker.authorize(Resource::Table(&named.key))?;
    Ok(named)
}

/// The table that an ARN means.
pub(super) fn by_arn(asker: &Asker<'_>, arn: &str) -> Result<TableKey> {
    if !is_arn(arn) {
        return Err(DynamoDbError::validation(format!(
            "Invalid TableArn: ARNs must start with 'arn:': {arn}"
        )));
    }
    let wrong = || {
        DynamoDbError::validation(format!("Invalid TableArn: Invalid ResourceArn provided as input {arn}"))
    };
    let parsed = table_arn(arn).ok_or_else(wrong)?;
    let (here, region) = (asker.realm.region, parsed.region);
    if region != here.as_str() {
        return Err(DynamoDbError::validation(format!(
            "Invalid TableArn: {arn} is in region {region}, and this endpoint serves {here}"
        )));
    }
    let key = TableKey::of_arn(&parsed).ok_or_else(wrong)?;
    if asker.is_open() && key.realm.account != asker.realm.account {
        // With credentials policies decide, and none of them gives another account's table.
        return Err(DynamoDbError::validation(format!(
            "Invalid TableArn: {arn} is of another account, and this server is of {}",
            asker.realm.account
        )));
    }
    Ok(key)
}

/// The parts of `arn:aws:dynamodb:REGION:ACCOUNT:table/NAME`, whatever the region.
fn table_arn(arn: &str) -> Option<Arn<'_>> {
    let arn = Arn::parse(arn).filter(|arn| arn.service == "dynamodb")?;
    arn.resource_of("table").and_then(TableName::new)?;
    arn.account_id().map(|_| arn)
}

/// An index that was checked.
pub(super) fn index(name: &Option<Text<'_>>) -> Option<TableName> {
    name.as_deref().and_then(TableName::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_name_tables_and_nothing_else() {
        let arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders";
        let parsed = table_arn(arn).expect("an ARN");
        assert_eq!((parsed.region, parsed.account), ("eu-west-1", "111122223333"));
        assert_eq!(TableKey::of_arn(&parsed).expect("a table").arn(), arn);
        for wrong in [
            "",
            "arn:aws:dynamodb",
            "arn:aws:kinesis:eu-west-1:111122223333:table/orders",
            "arn:aws:dynamodb:eu-west-1:111122223333:table/orders/index/x",
            "arn:aws:dynamodb:eu-west-1:1111:table/orders",
            "arn:aws:dynamodb:eu-west-1:111122223333:table/a",
        ] {
            assert!(table_arn(wrong).is_none(), "{wrong}");
        }
    }
}
