//! Expressions, and what came before them: conditions, updates, projections and conditions on keys.

use std::collections::BTreeMap;

use crate::schema::KeySchema;
use crate::value::{AttributeValue, Item};

/// What a request gives beside its expressions: names for `#name` and values for `:value`, and which of them are used.
#[derive(Debug, Default)]
pub struct Placeholders {}

impl Placeholders {
    /// Checks the forms of the names; `None` where the request has no such member.
    pub fn new(
        _names: Option<BTreeMap<String, String>>,
        _values: Option<Item>,
    ) -> Result<Self, ExpressionError> {
        todo!()
    }

    /// After all expressions were parsed: refuses what none of them uses.
    pub fn all_used(&self) -> Result<(), ExpressionError> {
        todo!()
    }
}

/// Why an expression, or an older parameter in its place, is refused: AWS's text, without "One or more".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ExpressionError(pub String);

/// Which parameter a condition stands in; texts of errors name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConditionPlace {
    /// `ConditionExpression`.
    Condition,
    /// `FilterExpression`.
    Filter,
}

/// What an item has to be like.
#[derive(Debug, Clone)]
pub struct Condition {}

impl Condition {
    /// Reads an expression.
    pub fn parse(
        _place: ConditionPlace,
        _text: &str,
        _placeholders: &mut Placeholders,
    ) -> Result<Self, ExpressionError> {
        todo!()
    }

    /// Of the older `Expected`, `QueryFilter` and `ScanFilter`: all of these, or any.
    pub fn legacy(
        _comparisons: Vec<(String, Comparison)>,
        _operator: Joined,
    ) -> Result<Self, ExpressionError> {
        todo!()
    }

    /// Whether the item is like that; an item that does not exist has no attributes.
    pub fn holds(&self, _item: &Item) -> bool {
        todo!()
    }

    /// The attributes, by their names at the top, that it looks at.
    pub fn attributes(&self) -> Vec<&str> {
        todo!()
    }
}

/// How older comparisons are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joined {
    /// All have to hold.
    And,
    /// One has to hold.
    Or,
}

/// An older comparison of one attribute (`ComparisonOperator` with `AttributeValueList`; `Expected`'s `Exists` and
/// `Value` are NULL, and EQ).
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Which.
    pub operator: Operator,
    /// With what.
    pub values: Vec<AttributeValue>,
}

/// The operators of older comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is documented by its name in the model")]
pub enum Operator {
    Eq,
    Ne,
    In,
    Le,
    Lt,
    Ge,
    Gt,
    Between,
    NotNull,
    Null,
    Contains,
    NotContains,
    BeginsWith,
}

/// What becomes of an item.
#[derive(Debug, Clone)]
pub struct Update {}

impl Update {
    /// Reads an expression.
    pub fn parse(_text: &str, _placeholders: &mut Placeholders) -> Result<Self, ExpressionError> {
        todo!()
    }

    /// Of the older `AttributeUpdates`.
    pub fn legacy(_updates: Vec<(String, AttributeUpdate)>) -> Result<Self, ExpressionError> {
        todo!()
    }

    /// The attributes, by their names at the top, that it changes.
    pub fn attributes(&self) -> Vec<&str> {
        todo!()
    }

    /// The item afterwards. `before` has at least the key.
    pub fn apply(&self, _before: &Item) -> Result<Item, ExpressionError> {
        todo!()
    }

    /// What it touches, for UPDATED_OLD and UPDATED_NEW.
    pub fn touched(&self) -> Projection {
        todo!()
    }
}

/// An older update of one attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeUpdate {
    /// What is done.
    pub action: UpdateAction,
    /// With what; only DELETE can do without.
    pub value: Option<AttributeValue>,
}

/// What an older update does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateAction {
    /// Sets it.
    Put,
    /// Adds a number, or members to a set, or values to a list.
    Add,
    /// Removes it, or members of a set.
    Delete,
}

/// Parts of an item.
#[derive(Debug, Clone)]
pub struct Projection {}

impl Projection {
    /// Reads an expression.
    pub fn parse(_text: &str, _placeholders: &mut Placeholders) -> Result<Self, ExpressionError> {
        todo!()
    }

    /// Of the older `AttributesToGet`.
    pub fn legacy(_names: Vec<String>) -> Result<Self, ExpressionError> {
        todo!()
    }

    /// Those parts of an item that are there.
    pub fn of(&self, _item: &Item) -> Item {
        todo!()
    }

    /// The attributes, by their names at the top, that it gives.
    pub fn attributes(&self) -> Vec<&str> {
        todo!()
    }
}

/// Which items of a partition a Query wants.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyCondition {
    /// The partition.
    pub partition: AttributeValue,
    /// Which of its sort keys.
    pub sort: Option<SortCondition>,
}

/// A condition on a sort key.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "each is documented by its name in the developer guide")]
pub enum SortCondition {
    Equal(AttributeValue),
    Less(AttributeValue),
    LessOrEqual(AttributeValue),
    Greater(AttributeValue),
    GreaterOrEqual(AttributeValue),
    Between(AttributeValue, AttributeValue),
    BeginsWith(AttributeValue),
}

impl KeyCondition {
    /// Reads an expression on a key of this schema.
    pub fn parse(
        _text: &str,
        _placeholders: &mut Placeholders,
        _schema: &KeySchema,
    ) -> Result<Self, ExpressionError> {
        todo!()
    }

    /// Of the older `KeyConditions`.
    pub fn legacy(
        _conditions: Vec<(String, Comparison)>,
        _schema: &KeySchema,
    ) -> Result<Self, ExpressionError> {
        todo!()
    }
}
