//! Texts of errors, as AWS words them.

use super::path::Path;
use crate::value::{AttributeValue, NumberError};

/// Why an expression, or an older parameter in its place, is refused: the whole of AWS's text. Each is a
/// ValidationException.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ExpressionError(pub String);

impl From<NumberError> for ExpressionError {
    fn from(error: NumberError) -> Self {
        Self(error.to_string())
    }
}

/// Parameter that an expression stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Condition,
    Filter,
    KeyCondition,
    Update,
    Projection,
}

impl Place {
    fn parameter(self) -> &'static str {
        match self {
            Self::Condition => "ConditionExpression",
            Self::Filter => "FilterExpression",
            Self::KeyCondition => "KeyConditionExpression",
            Self::Update => "UpdateExpression",
            Self::Projection => "ProjectionExpression",
        }
    }

    /// An error of the expression in this place.
    pub(super) fn refuse(self, text: impl AsRef<str>) -> ExpressionError {
        ExpressionError(format!("Invalid {}: {}", self.parameter(), text.as_ref()))
    }
}

/// An error of an older parameter.
pub(super) fn parameter(text: impl AsRef<str>) -> ExpressionError {
    ExpressionError(format!("One or more parameter values were invalid: {}", text.as_ref()))
}

/// An error with nothing before it.
pub(super) fn plain(text: &str) -> ExpressionError {
    ExpressionError(text.to_owned())
}

pub(super) const NO_SUCH_ATTRIBUTE: &str =
    "The provided expression refers to an attribute that does not exist in the item";
pub(super) const INVALID_PATH: &str =
    "The document path provided in the update expression is invalid for update";
pub(super) const INCORRECT_TYPE: &str = "An operand in the update expression has an incorrect data type";
pub(super) const TYPE_MISMATCH: &str = "Type mismatch for attribute to update";
pub(super) const TOO_LARGE: &str = "Item size to update has exceeded the maximum allowed size";
pub(super) const EMPTY: &str = "The expression can not be empty;";
pub(super) const REDUNDANT: &str = "The expression has redundant parentheses;";
pub(super) const KEY_NOT_SUPPORTED: &str = "Query key condition not supported";
pub(super) const LOWER_ABOVE_UPPER: &str =
    "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound";

pub(super) fn expression_size(bytes: usize) -> String {
    format!("Expression size has exceeded the maximum allowed size; expression size: {bytes}")
}

pub(super) fn too_many_operators(count: usize) -> String {
    format!("The expression contains too many operators; operator count: {count}")
}

pub(super) fn too_many_operands(count: usize) -> String {
    format!("The IN operator is provided with too many operands; number of operands: {count}")
}

pub(super) fn syntax(token: &str, near: &str) -> String {
    format!("Syntax error; token: \"{token}\", near: \"{near}\"")
}

pub(super) fn reserved(word: &str) -> String {
    format!("Attribute name is a reserved keyword; reserved keyword: {word}")
}

pub(super) fn undefined_name(name: &str) -> String {
    format!("An expression attribute name used in the document path is not defined; attribute name: {name}")
}

pub(super) fn undefined_value(name: &str) -> String {
    format!("An expression attribute value used in expression is not defined; attribute value: {name}")
}

pub(super) fn unknown_function(name: &str) -> String {
    format!("Invalid function name; function: {name}")
}

pub(super) fn misused_function(name: &str) -> String {
    format!("The function is not allowed to be used this way in an expression; function: {name}")
}

pub(super) fn foreign_function(place: Place, name: &str) -> String {
    let kind = if place == Place::Update { "an update" } else { "a condition" };
    format!("The function is not allowed in {kind} expression; function: {name}")
}

pub(super) fn operand_count(function: &str, count: usize) -> String {
    format!(
        "Incorrect number of operands for operator or function; operator or function: {function}, number of \
         operands: {count}"
    )
}

pub(super) fn operand_type(function: &str, kind: &str) -> String {
    format!(
        "Incorrect operand type for operator or function; operator or function: {function}, operand type: {kind}"
    )
}

pub(super) fn needs_path(function: &str) -> String {
    format!("Operator or function requires a document path; operator or function: {function}")
}

pub(super) fn not_distinct(operator: &str, path: &Path) -> String {
    format!(
        "The first operand must be distinct from the remaining operands for this operator or function; operator: \
         {operator}, first operand: {path}"
    )
}

pub(super) fn unknown_type(name: &str) -> String {
    format!("Invalid attribute type name found; type: {name}, valid types: {{B,NULL,SS,BOOL,L,BS,N,NS,S,M}}")
}

pub(super) fn bounds_of_two_types(lower: &AttributeValue, upper: &AttributeValue) -> String {
    format!(
        "The BETWEEN operator requires same data type for lower and upper bounds; {}",
        bounds(lower, upper)
    )
}

pub(super) fn bounds_in_disorder(lower: &AttributeValue, upper: &AttributeValue) -> String {
    format!(
        "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; {}",
        bounds(lower, upper)
    )
}

fn bounds(lower: &AttributeValue, upper: &AttributeValue) -> String {
    let shown = |value: &AttributeValue| {
        let text = match value {
            AttributeValue::S(text) => text.clone(),
            AttributeValue::N(number) => number.to_string(),
            AttributeValue::B(bytes) => base64_simd::STANDARD.encode_to_string(bytes),
            _ => String::new(),
        };
        format!("AttributeValue: {{{}:{text}}}", value.kind().name())
    };
    format!("lower bound operand: {}, upper bound operand: {}", shown(lower), shown(upper))
}

pub(super) fn repeated_section(section: &str) -> String {
    format!("The \"{section}\" section can only be used once in an update expression;")
}

pub(super) fn clash(conflict: bool, one: &Path, two: &Path) -> String {
    let verb = if conflict { "conflict" } else { "overlap" };
    format!(
        "Two document paths {verb} with each other; must remove or rewrite one of these paths; path one: {one}, path \
         two: {two}"
    )
}

/// Of ADD and DELETE, which name types in their own way.
pub(super) fn action_type(action: &str, value: &AttributeValue) -> String {
    let kind = match value {
        AttributeValue::S(_) => "STRING",
        AttributeValue::N(_) => "NUMBER",
        AttributeValue::B(_) => "BINARY",
        AttributeValue::Bool(_) => "BOOLEAN",
        AttributeValue::Null => "NULL",
        AttributeValue::L(_) => "LIST",
        AttributeValue::M(_) => "MAP",
        AttributeValue::Ss(_) => "STRING_SET",
        AttributeValue::Ns(_) => "NUMBER_SET",
        AttributeValue::Bs(_) => "BINARY_SET",
    };
    format!(
        "Incorrect operand type for operator or function; operator: {action}, operand type: {kind}, typeSet: \
         ALLOWED_FOR_{action}_OPERAND"
    )
}
