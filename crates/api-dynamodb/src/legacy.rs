//! Parameters from before there were expressions.

use headwater_tables::expression::{
    AttributeUpdate, Comparison, Condition, Joined, Operator, Update, UpdateAction,
};
use headwater_wire::shape::{Bool, Map, Text};

use super::error::{DynamoDbError, Result};
use super::values::{Values, Wire, attribute_name};
use crate::checks::Checks;

headwater_wire::shape! {
    /// Of `Expected`.
    pub(super) struct Expected<'a> {
        value: Wire<'a> = "Value",
        exists: Bool = "Exists",
        operator: Text<'a> = "ComparisonOperator",
        values: Values<'a> = "AttributeValueList",
    }
}

headwater_wire::shape! {
    /// Of `QueryFilter`, `ScanFilter` and `KeyConditions`.
    pub(super) struct Compared<'a> {
        operator: Text<'a> = "ComparisonOperator",
        values: Values<'a> = "AttributeValueList",
    }
}

headwater_wire::shape! {
    /// Of `AttributeUpdates`.
    pub(super) struct Updated<'a> {
        value: Wire<'a> = "Value",
        action: Text<'a> = "Action",
    }
}

const OPERATORS: [(&str, Operator); 13] = [
    ("IN", Operator::In),
    ("NULL", Operator::Null),
    ("BETWEEN", Operator::Between),
    ("LT", Operator::Lt),
    ("NOT_CONTAINS", Operator::NotContains),
    ("EQ", Operator::Eq),
    ("GT", Operator::Gt),
    ("NOT_NULL", Operator::NotNull),
    ("NE", Operator::Ne),
    ("LE", Operator::Le),
    ("BEGINS_WITH", Operator::BeginsWith),
    ("GE", Operator::Ge),
    ("CONTAINS", Operator::Contains),
];

fn operator(text: &str) -> Option<Operator> {
    OPERATORS.iter().find(|(name, _)| *name == text).map(|(_, operator)| *operator)
}

/// Checks the operators of a map of comparisons.
pub(super) fn check_comparisons(checks: &mut Checks, path: &str, map: &Option<Map<'_, Compared<'_>>>) {
    for (name, compared) in map.iter().flat_map(|map| map.iter()) {
        let path = format!("{path}.{name}.member.comparisonOperator");
        checks.required(&path, &compared.operator);
        checks.one_of(&path, &compared.operator, &OPERATORS.map(|(name, _)| name));
    }
}

/// Checks the operators of `Expected`.
pub(super) fn check_expected(checks: &mut Checks, map: &Option<Map<'_, Expected<'_>>>) {
    for (name, expected) in map.iter().flat_map(|map| map.iter()) {
        let path = format!("expected.{name}.member.comparisonOperator");
        checks.one_of(&path, &expected.operator, &OPERATORS.map(|(name, _)| name));
    }
}

/// Checks `ConditionalOperator`.
pub(super) fn check_joined(checks: &mut Checks, operator: &Option<Text<'_>>) {
    checks.one_of("conditionalOperator", operator, &["OR", "AND"]);
}

fn joined(operator: &Option<Text<'_>>, comparisons: usize) -> Result<Joined> {
    if operator.is_some() && comparisons == 0 {
        return Err(DynamoDbError::parameter(
            "ConditionalOperator cannot be used without Filter or Expected",
        ));
    }
    if operator.is_some() && comparisons == 1 {
        let why = "ConditionalOperator can only be used when Filter or Expected has two or more elements";
        return Err(DynamoDbError::parameter(why));
    }
    Ok(if operator.as_deref() == Some("OR") { Joined::Or } else { Joined::And })
}

/// Comparisons by the names of their attributes. Call after they were checked.
pub(super) fn comparisons(map: Map<'_, Compared<'_>>) -> Result<Vec<(String, Comparison)>> {
    let one = |(name, compared): (Text<'_>, Compared<'_>)| {
        let operator = compared.operator.as_deref().and_then(operator).unwrap_or(Operator::Eq);
        Ok((
            name.into_owned(),
            Comparison { operator, values: compared.values.unwrap_or_default().values()? },
        ))
    };
    map.0.into_iter().map(one).collect()
}

/// The condition of a filter, if there is one.
pub(super) fn filter(
    map: Option<Map<'_, Compared<'_>>>,
    operator: &Option<Text<'_>>,
) -> Result<Option<Condition>> {
    let comparisons = map.map(comparisons).transpose()?.unwrap_or_default();
    let joined = joined(operator, comparisons.len())?;
    if comparisons.is_empty() {
        return Ok(None);
    }
    Ok(Some(Condition::legacy(comparisons, joined)?))
}

/// The condition of `Expected`, if there is one.
pub(super) fn expected(
    map: Option<Map<'_, Expected<'_>>>,
    operator: &Option<Text<'_>>,
) -> Result<Option<Condition>> {
    let one = |(name, expected): (Text<'_>, Expected<'_>)| {
        let comparison = comparison(&name, expected)?;
        Ok((name.into_owned(), comparison))
    };
    let comparisons: Vec<_> = map.into_iter().flat_map(|map| map.0).map(one).collect::<Result<_>>()?;
    let joined = joined(operator, comparisons.len())?;
    if comparisons.is_empty() {
        return Ok(None);
    }
    Ok(Some(Condition::legacy(comparisons, joined)?))
}

fn comparison(name: &str, expected: Expected<'_>) -> Result<Comparison> {
    let Expected { value, exists, operator: named, values } = expected;
    let refused = |why: &str| Err(DynamoDbError::parameter(format_args!("{why} for Attribute: {name}")));
    if value.is_some() && values.is_some() {
        return refused("Value and AttributeValueList cannot be used together");
    }
    let Some(named) = named else {
        if values.is_some() {
            return refused("AttributeValueList can only be used with a ComparisonOperator");
        }
        return match (exists, value) {
            (Some(Bool(false)), None) => Ok(Comparison { operator: Operator::Null, values: Vec::new() }),
            (Some(Bool(false)), Some(_)) => refused("Value cannot be used when Exists is false"),
            (_, Some(value)) => Ok(Comparison { operator: Operator::Eq, values: vec![value.value()?] }),
            (Some(Bool(true)), None) => refused("Value must be provided when Exists is true"),
            (None, None) => refused("Value must be provided when Exists is null"),
        };
    };
    if exists.is_some() {
        return refused("Exists and ComparisonOperator cannot be used together");
    }
    let operator = operator(&named).unwrap_or(Operator::Eq);
    let values = match (value, values) {
        (Some(value), _) => vec![value.value()?],
        (None, Some(values)) => values.values()?,
        (None, None) if matches!(operator, Operator::Null | Operator::NotNull) => Vec::new(),
        (None, None) => {
            return refused(&format!(
                "Value or AttributeValueList must be used with ComparisonOperator: {named}"
            ));
        }
    };
    Ok(Comparison { operator, values })
}

/// Checks the actions of `AttributeUpdates`.
pub(super) fn check_updates(checks: &mut Checks, map: &Option<Map<'_, Updated<'_>>>) {
    for (name, updated) in map.iter().flat_map(|map| map.iter()) {
        let path = format!("attributeUpdates.{name}.member.action");
        checks.one_of(&path, &updated.action, &["ADD", "DELETE", "PUT"]);
    }
}

/// The update of `AttributeUpdates`, if it has any.
pub(super) fn updates(map: Map<'_, Updated<'_>>) -> Result<Option<Update>> {
    let one = |(name, updated): (Text<'_>, Updated<'_>)| {
        let value = updated.value.map(Wire::value).transpose()?;
        let action = match updated.action.as_deref() {
            Some("ADD") => UpdateAction::Add,
            Some("DELETE") => UpdateAction::Delete,
            _ => UpdateAction::Put,
        };
        Ok((attribute_name(name)?, AttributeUpdate { action, value }))
    };
    let updates = map.0.into_iter().map(one).collect::<Result<Vec<_>>>()?;
    if updates.is_empty() {
        return Ok(None);
    }
    Ok(Some(Update::legacy(updates)?))
}

#[cfg(test)]
mod tests {
    use headwater_wire::Codec;

    use super::*;

    fn read(json: &str) -> std::result::Result<Comparison, String> {
        let expected: Expected<'_> = Codec::Json10.decode(json.as_bytes()).expect(json);
        comparison("a", expected).map_err(|refused| String::from_utf8(refused.encode()).expect("text"))
    }

    #[test]
    fn expected_comes_in_three_forms() {
        let form = |json: &str| read(json).map(|comparison| (comparison.operator, comparison.values.len()));
        assert_eq!(form(r#"{"Exists":false}"#), Ok((Operator::Null, 0)));
        assert_eq!(form(r#"{"Value":{"S":"x"}}"#), Ok((Operator::Eq, 1)));
        assert_eq!(form(r#"{"Exists":true,"Value":{"S":"x"}}"#), Ok((Operator::Eq, 1)));
        assert_eq!(form(r#"{"ComparisonOperator":"GT","Value":{"S":"x"}}"#), Ok((Operator::Gt, 1)));
        assert_eq!(
            form(r#"{"ComparisonOperator":"IN","AttributeValueList":[{"S":"x"},{"S":"y"}]}"#),
            Ok((Operator::In, 2))
        );
        assert_eq!(form(r#"{"ComparisonOperator":"NOT_NULL"}"#), Ok((Operator::NotNull, 0)));
    }

    #[test]
    fn other_forms_are_refused() {
        for (json, text) in [
            ("{}", "Value must be provided when Exists is null for Attribute: a"),
            (r#"{"Exists":true}"#, "Value must be provided when Exists is true for Attribute: a"),
            (
                r#"{"Exists":false,"Value":{"S":"x"}}"#,
                "Value cannot be used when Exists is false for Attribute: a",
            ),
            (
                r#"{"Exists":true,"ComparisonOperator":"EQ"}"#,
                "Exists and ComparisonOperator cannot be used together for Attribute: a",
            ),
            (
                r#"{"ComparisonOperator":"EQ"}"#,
                "Value or AttributeValueList must be used with ComparisonOperator: EQ for Attribute: a",
            ),
            (
                r#"{"AttributeValueList":[]}"#,
                "AttributeValueList can only be used with a ComparisonOperator for Attribute: a",
            ),
            (
                r#"{"Value":{"S":"x"},"AttributeValueList":[]}"#,
                "Value and AttributeValueList cannot be used together for Attribute: a",
            ),
        ] {
            let refusal = read(json).expect_err(json);
            assert!(refusal.contains(text), "{json}: {refusal}");
        }
    }
}
