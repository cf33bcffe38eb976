//! Conditions on keys: a partition, and a range within it.

use super::ast::Comparator;
use super::condition::parse;
use super::error::{ExpressionError, KEY_NOT_SUPPORTED, Place, parameter, plain};
use super::legacy::{Comparison, Operator, check};
use super::placeholders::Placeholders;
use super::test::{Operand, Test, begins_with};
use crate::schema::{KeyAttribute, KeySchema};
use crate::value::AttributeValue;

/// Items of a partition that a Query wants.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyCondition {
    /// The partition: a value for each attribute of the partition key, in their order.
    pub partition: Vec<AttributeValue>,
    /// Values of the first attributes of the sort key, where it has several and [`Self::sort`] is about a later one.
    pub leading: Vec<AttributeValue>,
    /// Condition on the sort key.
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

impl SortCondition {
    /// Tells whether the sort key fulfils the condition.
    pub(crate) fn holds(&self, value: &AttributeValue) -> bool {
        match self {
            Self::Equal(wanted) => value == wanted,
            Self::Less(bound) => value < bound,
            Self::LessOrEqual(bound) => value <= bound,
            Self::Greater(bound) => value > bound,
            Self::GreaterOrEqual(bound) => value >= bound,
            Self::Between(low, high) => value >= low && value <= high,
            Self::BeginsWith(prefix) => begins_with(value, prefix),
        }
    }
}

/// A `KeyConditionExpression` as any condition: what conditions on keys cannot have may be in it.
#[derive(Debug, Clone)]
pub struct KeyExpression(Test);

impl KeyExpression {
    /// Reads an expression.
    pub fn parse(text: &str, placeholders: &mut Placeholders) -> Result<Self, ExpressionError> {
        parse(Place::KeyCondition, text, placeholders).map(Self)
    }

    /// The comparisons that it consists of.
    pub fn comparisons(&self) -> Result<KeyComparisons, ExpressionError> {
        let mut conditions = Vec::new();
        collect(&self.0, &mut conditions)?;
        KeyComparisons::legacy(conditions)
    }
}

/// Comparisons of a Query, by attribute, before it is known which of them are the key's.
#[derive(Debug, Clone)]
pub struct KeyComparisons(Vec<(String, Comparison)>);

impl KeyComparisons {
    /// Of the older `KeyConditions`.
    pub fn legacy(conditions: Vec<(String, Comparison)>) -> Result<Self, ExpressionError> {
        for (_, comparison) in &conditions {
            check(comparison)?;
        }
        if conditions.is_empty() {
            return Err(plain("Conditions can be of length 1 or 2 only"));
        }
        Ok(Self(conditions))
    }

    /// Condition on a key of this schema.
    pub fn of(self, schema: &KeySchema) -> Result<KeyCondition, ExpressionError> {
        KeyCondition::of(self.0, schema)
    }
}

impl KeyCondition {
    fn of(conditions: Vec<(String, Comparison)>, schema: &KeySchema) -> Result<Self, ExpressionError> {
        let (given, defined) = (conditions.len(), schema.attributes().count());
        if given > defined && (given, defined) == (2, 1) {
            return Err(plain(KEY_NOT_SUPPORTED));
        }
        if given > defined {
            return Err(plain(&format!(
                "The number of query conditions ({given}) exceeds the number of key attributes defined in the schema \
                 ({defined})"
            )));
        }
        let partition = partition(&conditions, schema)?;
        let is_key = |(name, _): &(String, _)| schema.has(name);
        if !conditions.iter().all(is_key) {
            let is_named = |part: &&KeyAttribute| conditions.iter().any(|(name, _)| *name == part.name);
            let missing = schema.range_attributes().find(|part| !is_named(part)).unwrap_or(&schema.hash);
            return Err(missed(&missing.name));
        }
        let found = schema.range_attributes().map(|part| find(&conditions, part));
        let found = found.collect::<Result<Vec<_>, _>>()?;
        let Some(last) = found.iter().rposition(Option::is_some) else {
            return Ok(Self { partition, leading: Vec::new(), sort: None });
        };
        let leading: Vec<_> = found.iter().take(last).filter_map(|part| equal(*part)).cloned().collect();
        if leading.len() < last {
            return Err(not_leading(schema, &found, last));
        }
        let sort = found.get(last).copied().flatten().map(sort).transpose()?;
        Ok(Self { partition, leading, sort })
    }
}

fn missed(name: &str) -> ExpressionError {
    plain(&format!("Query condition missed key schema element: {name}"))
}

/// The value that a comparison for equality asks for.
fn equal(comparison: Option<&Comparison>) -> Option<&AttributeValue> {
    match comparison?.values.as_slice() {
        [value] if comparison?.operator == Operator::Eq => Some(value),
        _ => None,
    }
}

/// The values of the partition key, every attribute of which has to be asked for by equality.
fn partition(
    conditions: &[(String, Comparison)],
    schema: &KeySchema,
) -> Result<Vec<AttributeValue>, ExpressionError> {
    let comparison = |part: &KeyAttribute| {
        conditions.iter().find(|(name, _)| *name == part.name).map(|(_, comparison)| comparison)
    };
    if schema.is_composite() {
        let missing = schema.hash_attributes().filter(|part| equal(comparison(part)).is_none());
        let missing: Vec<_> = missing.map(|part| part.name.as_str()).collect();
        if !missing.is_empty() {
            return Err(plain(&format!(
                "HASH key attributes {} must have equality conditions specified in the query",
                missing.join(", ")
            )));
        }
    }
    let value = |part: &KeyAttribute| {
        let comparison = find(conditions, part)?.ok_or_else(|| missed(&part.name))?;
        equal(Some(comparison)).cloned().ok_or_else(|| plain(KEY_NOT_SUPPORTED))
    };
    schema.hash_attributes().map(value).collect()
}

/// Why a condition on a later attribute of a sort key cannot be: those before it have to be equal to something.
fn not_leading(schema: &KeySchema, found: &[Option<&Comparison>], last: usize) -> ExpressionError {
    let parts: Vec<_> = schema.range_attributes().map(|part| part.name.as_str()).collect();
    let missing = parts.iter().zip(found).take(last).filter(|(_, part)| equal(**part).is_none());
    let missing: Vec<_> = missing.map(|(name, _)| *name).collect();
    plain(&format!(
        "RANGE key attributes {} must have equality conditions specified in the query because a condition is present on \
         key attribute {}",
        missing.join(", "),
        parts.get(last).copied().unwrap_or_default()
    ))
}

/// The comparison of a part of the key, if it is one that keys can be searched for.
fn find<'c>(
    conditions: &'c [(String, Comparison)],
    key: &KeyAttribute,
) -> Result<Option<&'c Comparison>, ExpressionError> {
    let Some((_, comparison)) = conditions.iter().find(|(name, _)| *name == key.name) else {
        return Ok(None);
    };
    match comparison.operator {
        Operator::Eq | Operator::Le | Operator::Lt | Operator::Ge | Operator::Gt => {}
        Operator::Between | Operator::BeginsWith => {}
        Operator::Ne
        | Operator::In
        | Operator::NotNull
        | Operator::Null
        | Operator::Contains
        | Operator::NotContains => {
            return Err(plain("Attempted conditional constraint is not an indexable operation"));
        }
    }
    if comparison.values.iter().any(|value| value.kind() != key.kind.attribute_type()) {
        return Err(parameter("Condition parameter type does not match schema type"));
    }
    Ok(Some(comparison))
}

fn sort(comparison: &Comparison) -> Result<SortCondition, ExpressionError> {
    match (comparison.operator, comparison.values.as_slice()) {
        (Operator::Eq, [value]) => Ok(SortCondition::Equal(value.clone())),
        (Operator::Lt, [value]) => Ok(SortCondition::Less(value.clone())),
        (Operator::Le, [value]) => Ok(SortCondition::LessOrEqual(value.clone())),
        (Operator::Gt, [value]) => Ok(SortCondition::Greater(value.clone())),
        (Operator::Ge, [value]) => Ok(SortCondition::GreaterOrEqual(value.clone())),
        (Operator::Between, [lower, upper]) => Ok(SortCondition::Between(lower.clone(), upper.clone())),
        (Operator::BeginsWith, [value]) => Ok(SortCondition::BeginsWith(value.clone())),
        _ => Err(plain(KEY_NOT_SUPPORTED)),
    }
}

/// The comparisons of a condition that has nothing but them and AND.
fn collect(test: &Test, found: &mut Vec<(String, Comparison)>) -> Result<(), ExpressionError> {
    let operator = |name: &str| plain(&format!("Invalid operator used in KeyConditionExpression: {name}"));
    match test {
        Test::And(tests) => tests.iter().try_for_each(|test| collect(test, found)),
        Test::Or(_) => Err(operator("OR")),
        Test::Not(test) if matches!(**test, Test::Exists(_)) => Err(operator("attribute_not_exists")),
        Test::Not(_) => Err(operator("NOT")),
        Test::In(..) => Err(operator("IN")),
        Test::Exists(_) => Err(operator("attribute_exists")),
        Test::Type(..) => Err(operator("attribute_type")),
        Test::Contains(..) => Err(operator("contains")),
        Test::Compare(Comparator::NotEqual, ..) => Err(operator("<>")),
        Test::Compare(comparator, left, right) => {
            let reversed = !matches!(left, Operand::Path(_));
            let (key, value) = if reversed { (right, left) } else { (left, right) };
            let operator = match (comparator, reversed) {
                (Comparator::Less, false) | (Comparator::Greater, true) => Operator::Lt,
                (Comparator::LessOrEqual, false) | (Comparator::GreaterOrEqual, true) => Operator::Le,
                (Comparator::Greater, false) | (Comparator::Less, true) => Operator::Gt,
                (Comparator::GreaterOrEqual, false) | (Comparator::LessOrEqual, true) => Operator::Ge,
                (Comparator::Equal | Comparator::NotEqual, _) => Operator::Eq,
            };
            push(found, None, operator, key, &[value])
        }
        Test::Between(key, lower, upper) => {
            push(found, Some("BETWEEN"), Operator::Between, key, &[lower, upper])
        }
        Test::BeginsWith(key, start) => push(found, Some("begins_with"), Operator::BeginsWith, key, &[start]),
    }
}

/// Adds a comparison; `first` is the name of an operator that has to have the key as its first operand.
fn push(
    found: &mut Vec<(String, Comparison)>,
    first: Option<&str>,
    operator: Operator,
    key: &Operand,
    operands: &[&Operand],
) -> Result<(), ExpressionError> {
    let invalid = |text: &str| Err(plain(&format!("Invalid condition in KeyConditionExpression: {text}")));
    let all = || [key].into_iter().chain(operands.iter().copied());
    if all().any(|operand| matches!(operand, Operand::Size(_))) {
        return Err(plain("KeyConditionExpressions cannot contain nested operations"));
    }
    let path = match (key, first) {
        (Operand::Path(path), _) => path,
        (_, Some(name)) => {
            return invalid(&format!("{name} operator must have the key attribute as its first operand"));
        }
        (_, None) => return invalid("No key attribute specified"),
    };
    let mut values = Vec::new();
    for operand in operands {
        match operand {
            Operand::Value(value) => values.push(value.as_ref().clone()),
            _ => return invalid("Multiple attribute names used in one condition"),
        }
    }
    if !path.steps.is_empty() {
        return Err(plain("KeyConditionExpressions cannot have conditions on nested attributes"));
    }
    if found.iter().any(|(name, _)| *name == path.top) {
        return Err(plain("KeyConditionExpressions must only contain one condition per key"));
    }
    found.push((path.top.clone(), Comparison { operator, values }));
    Ok(())
}
