//! Expressions of a request, and which other parameters may stand beside them.

use std::fmt::Display;
use std::ops::RangeInclusive;

use headwater_tables::expression::{Placeholders, Projection};
use headwater_wire::shape::{List, Map, Text};

use super::echo::Listed;
use super::error::{DynamoDbError, Result};
use super::values::{Attributes, attribute_name};
use crate::checks::Checks;

/// Names that `AttributesToGet` may have (model).
const NAMES_MAX: usize = 255;

/// Parameters by name, and whether the request has them.
pub(super) type Present<'p> = &'p [(&'static str, bool)];

fn present(parameters: Present<'_>) -> Vec<&'static str> {
    parameters.iter().filter(|(_, is_there)| *is_there).map(|(name, _)| *name).collect()
}

/// Refuses older parameters beside expressions, and placeholders without any. The names of expressions are in the order in
/// which AWS lists them.
pub(super) fn check_mix(
    expressions: Present<'_>,
    older: Present<'_>,
    has_names: bool,
    has_values: bool,
) -> Result<()> {
    let (used, mixed) = (present(expressions), present(older));
    if !used.is_empty() && !mixed.is_empty() {
        return Err(DynamoDbError::validation(format!(
            "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: \
             {{{}}} Expression parameters: {{{}}}",
            mixed.join(", "),
            used.join(", ")
        )));
    }
    if has_names && used.is_empty() {
        return Err(DynamoDbError::validation(
            "ExpressionAttributeNames can only be specified when using expressions",
        ));
    }
    let with_values = expressions.iter().filter(|(name, _)| *name != "ProjectionExpression");
    let (names, are_there): (Vec<_>, Vec<_>) = with_values.copied().unzip();
    if has_values && !are_there.contains(&true) {
        let are = if names.len() > 1 { "are" } else { "is" };
        return Err(DynamoDbError::validation(format!(
            "ExpressionAttributeValues can only be specified when using expressions: {} {are} null",
            names.join(" and ")
        )));
    }
    Ok(())
}

/// Names and values that the request's expressions may use.
pub(super) fn placeholders(
    names: Option<Map<'_, Text<'_>>>,
    values: Option<Attributes<'_>>,
) -> Result<Placeholders> {
    Placeholders::check_keys(
        names.as_ref().map(|names| names.iter().map(|(key, _)| key.as_str())),
        values.as_ref().map(Attributes::names),
    )?;
    let owned = |(name, meant): (Text<'_>, Text<'_>)| (name.into_owned(), meant.into_owned());
    let names = names.map(|names| names.0.into_iter().map(owned).collect());
    let values = values.map(Attributes::expression_values).transpose()?;
    Ok(Placeholders::new(names, values)?)
}

/// Checks `AttributesToGet`.
pub(super) fn check_names(checks: &mut Checks, path: &str, names: &Option<List<Text<'_>>>) {
    if let Some(names) = names {
        check_size(checks, path, names.len(), 1..=NAMES_MAX, &Listed(names));
    }
}

/// Checks the number of members of a list or map, which a violation shows.
pub(super) fn check_size(
    checks: &mut Checks,
    path: &str,
    size: usize,
    range: RangeInclusive<usize>,
    shown: &dyn Display,
) {
    if size < *range.start() {
        let rule = format_args!("Member must have length greater than or equal to {}", range.start());
        checks.fail(Some(&shown), path, &rule);
    }
    if size > *range.end() {
        let rule = format_args!("Member must have length less than or equal to {}", range.end());
        checks.fail(Some(&shown), path, &rule);
    }
}

/// The parts that `ProjectionExpression` names, or the older parameter, if there is one.
pub(super) fn projection(
    expression: &Option<Text<'_>>,
    older: Option<Projection>,
    placeholders: &mut Placeholders,
) -> Result<Option<Projection>> {
    match expression {
        Some(text) => Ok(Some(Projection::parse(text, placeholders)?)),
        None => Ok(older),
    }
}

/// The parts that `AttributesToGet` names, if there is one.
pub(super) fn older_projection(names: Option<&List<Text<'_>>>) -> Result<Option<Projection>> {
    let Some(List(names)) = names else { return Ok(None) };
    let names = names.iter().map(|name| attribute_name(name.clone())).collect::<Result<_>>()?;
    Ok(Some(Projection::legacy(names)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(expressions: Present<'_>, older: Present<'_>, names: bool, values: bool) -> String {
        let refused = check_mix(expressions, older, names, values).expect_err("a mix");
        String::from_utf8(refused.encode()).expect("text")
    }

    #[test]
    fn old_and_new_do_not_mix() {
        let text = refusal(&[("ConditionExpression", true)], &[("Expected", true)], false, false);
        let expected = "Can not use both expression and non-expression parameters in the same request: Non-expression \
                        parameters: {Expected} Expression parameters: {ConditionExpression}";
        assert!(text.contains(expected), "{text}");
        assert!(check_mix(&[("A", true)], &[("B", false)], true, true).is_ok());
        assert!(check_mix(&[("A", false)], &[("B", true)], false, false).is_ok());
    }

    #[test]
    fn placeholders_need_expressions() {
        let text = refusal(&[("ConditionExpression", false)], &[], true, true);
        assert!(
            text.contains("ExpressionAttributeNames can only be specified when using expressions"),
            "{text}"
        );
        let text = refusal(&[("ConditionExpression", false)], &[], false, true);
        assert!(text.contains("when using expressions: ConditionExpression is null"), "{text}");
        let both =
            [("ProjectionExpression", true), ("FilterExpression", false), ("KeyConditionExpression", false)];
        let text = refusal(&both, &[], true, true);
        assert!(text.contains("FilterExpression and KeyConditionExpression are null"), "{text}");
    }
}
