//! Predecessors of expressions ("Legacy conditional parameters" in the developer guide).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::apply::{Action, Source};
use super::ast::Comparator;
use super::condition::Condition;
use super::error::{ExpressionError, LOWER_ABOVE_UPPER, parameter, plain};
use super::path::Path;
use super::projection::Projection;
use super::test::{Operand, Test};
use super::update::Update;
use crate::value::{AttributeType, AttributeValue};

/// Logical operator that joins older comparisons.
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
    /// The operator.
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

impl Operator {
    fn name(self) -> &'static str {
        match self {
            Self::Eq => "EQ",
            Self::Ne => "NE",
            Self::In => "IN",
            Self::Le => "LE",
            Self::Lt => "LT",
            Self::Ge => "GE",
            Self::Gt => "GT",
            Self::Between => "BETWEEN",
            Self::NotNull => "NOT_NULL",
            Self::Null => "NULL",
            Self::Contains => "CONTAINS",
            Self::NotContains => "NOT_CONTAINS",
            Self::BeginsWith => "BEGINS_WITH",
        }
    }

    fn takes(self, count: usize) -> bool {
        match self {
            Self::NotNull | Self::Null => count == 0,
            Self::In => count > 0,
            Self::Between => count == 2,
            _ => count == 1,
        }
    }

    fn accepts(self, kind: AttributeType) -> bool {
        match self {
            Self::Eq | Self::Ne | Self::NotNull | Self::Null => true,
            Self::BeginsWith => matches!(kind, AttributeType::S | AttributeType::B),
            Self::In
            | Self::Le
            | Self::Lt
            | Self::Ge
            | Self::Gt
            | Self::Between
            | Self::Contains
            | Self::NotContains => kind.is_ordered(),
        }
    }
}

/// Refuses operators with too few or too many values, or with values they do not compare.
pub(super) fn check(comparison: &Comparison) -> Result<(), ExpressionError> {
    let Comparison { operator, values } = comparison;
    let name = operator.name();
    if !operator.takes(values.len()) {
        return Err(parameter(format!("Invalid number of argument(s) for the {name} ComparisonOperator")));
    }
    if values.windows(2).any(|pair| pair[0].kind() != pair[1].kind()) {
        return Err(parameter("AttributeValues inside AttributeValueList must be of same type"));
    }
    if let Some(value) = values.iter().find(|value| !operator.accepts(value.kind())) {
        let kind = value.kind().name();
        let text = format!("ComparisonOperator {name} is not valid for {kind} AttributeValue type");
        return Err(parameter(text));
    }
    match values.as_slice() {
        [lower, upper] if *operator == Operator::Between && lower > upper => Err(plain(LOWER_ABOVE_UPPER)),
        _ => Ok(()),
    }
}

impl Condition {
    /// Of the older `Expected`, `QueryFilter` and `ScanFilter`: all of these, or any. Without any, everything fits.
    pub fn legacy(comparisons: Vec<(String, Comparison)>, operator: Joined) -> Result<Self, ExpressionError> {
        let mut tests = Vec::with_capacity(comparisons.len());
        for (name, comparison) in comparisons {
            check(&comparison)?;
            tests.push(test(Path::of(name), comparison));
        }
        let any = operator == Joined::Or && !tests.is_empty();
        Ok(Self { test: if any { Test::Or(tests) } else { Test::And(tests) } })
    }
}

fn test(path: Path, comparison: Comparison) -> Test {
    let key = Operand::Path(path.clone());
    let mut values = comparison.values.into_iter().map(|value| Operand::Value(Arc::new(value)));
    // Their number was checked.
    let mut next = || values.next().unwrap_or_else(|| Operand::Value(AttributeValue::Null.into()));
    match comparison.operator {
        Operator::Eq => Test::Compare(Comparator::Equal, key, next()),
        Operator::Ne => Test::Compare(Comparator::NotEqual, key, next()),
        Operator::Le => Test::Compare(Comparator::LessOrEqual, key, next()),
        Operator::Lt => Test::Compare(Comparator::Less, key, next()),
        Operator::Ge => Test::Compare(Comparator::GreaterOrEqual, key, next()),
        Operator::Gt => Test::Compare(Comparator::Greater, key, next()),
        Operator::Between => Test::Between(key, next(), next()),
        Operator::In => Test::In(key, values.collect()),
        Operator::NotNull => Test::Exists(path),
        Operator::Null => Test::Not(Box::new(Test::Exists(path))),
        Operator::Contains => Test::Contains(key, next()),
        // Of what is not there, it cannot be said (as ScyllaDB has it, whose tests run against AWS; dynalite says it).
        Operator::NotContains => {
            Test::And(vec![Test::Exists(path), Test::Not(Box::new(Test::Contains(key, next())))])
        }
        Operator::BeginsWith => Test::BeginsWith(key, next()),
    }
}

/// An older update of one attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeUpdate {
    /// Action on the attribute.
    pub action: UpdateAction,
    /// With what; only DELETE can do without.
    pub value: Option<AttributeValue>,
}

/// Action of an older update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateAction {
    /// Sets it.
    Put,
    /// Adds a number, or members to a set, or values to a list.
    Add,
    /// Removes it, or members of a set.
    Delete,
}

impl Update {
    /// Of the older `AttributeUpdates`.
    pub fn legacy(updates: Vec<(String, AttributeUpdate)>) -> Result<Self, ExpressionError> {
        let action = |(name, update)| Ok((Path::of(name), legacy_action(update)?));
        Ok(Self { actions: updates.into_iter().map(action).collect::<Result<_, ExpressionError>>()? })
    }
}

fn legacy_action(update: AttributeUpdate) -> Result<Action, ExpressionError> {
    let Some(value) = update.value else {
        return match update.action {
            UpdateAction::Delete => Ok(Action::Remove),
            UpdateAction::Put | UpdateAction::Add => {
                Err(parameter("Only DELETE action is allowed when no attribute value is specified"))
            }
        };
    };
    let kind = value.kind();
    let value = Arc::new(value);
    match update.action {
        UpdateAction::Put => Ok(Action::Set(Source::Value(value))),
        UpdateAction::Add if kind.is_set() || matches!(kind, AttributeType::N | AttributeType::L) => {
            Ok(Action::LegacyAdd(value))
        }
        UpdateAction::Add => {
            Err(parameter(format!("ADD action is not supported for the type {}", kind.name())))
        }
        UpdateAction::Delete if kind.is_set() => Ok(Action::LegacyDelete(value)),
        UpdateAction::Delete => {
            Err(parameter(format!("DELETE action with value is not supported for the type {}", kind.name())))
        }
    }
}

impl Projection {
    /// Of the older `AttributesToGet`.
    pub fn legacy(names: Vec<String>) -> Result<Self, ExpressionError> {
        let mut seen = BTreeSet::new();
        if let Some(twice) = names.iter().find(|name| !seen.insert(name.as_str())) {
            return Err(parameter(format!("Duplicate value in attribute name: {twice}")));
        }
        Ok(Self::of_paths(names.into_iter().map(Path::of).collect()))
    }
}
