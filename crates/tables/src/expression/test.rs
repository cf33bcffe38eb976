//! Evaluation of conditions on an item.
//!
//! A missing attribute is equal to nothing and unequal to everything, even to another missing one; comparisons that
//! order are false for it, as they are for values of two types (ScyllaDB's Alternator tests, which run against AWS,
//! say all of this of AWS).

use std::borrow::Cow;
use std::sync::Arc;

use super::ast::Comparator;
use super::path::Path;
use crate::value::{AttributeType, AttributeValue, Item, Number};

/// Operand of an operator.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    Path(Path),
    Value(Arc<AttributeValue>),
    Size(Box<Operand>),
}

impl Operand {
    fn of<'a>(&'a self, item: &'a Item) -> Option<Cow<'a, AttributeValue>> {
        match self {
            Self::Path(path) => path.get(item).map(Cow::Borrowed),
            Self::Value(value) => Some(Cow::Borrowed(value)),
            Self::Size(of) => {
                size(&*of.of(item)?).map(|size| Cow::Owned(AttributeValue::N(Number::from(size as u64))))
            }
        }
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) => Some(path),
            Self::Value(_) => None,
            Self::Size(of) => of.path(),
        }
    }
}

/// `size()`: of text the UTF-16 units (as measured on AWS: ExtendDB's issue 60), of bytes the bytes, of the rest the
/// members. Numbers, booleans and NULL have none.
fn size(value: &AttributeValue) -> Option<usize> {
    match value {
        AttributeValue::S(text) => Some(text.encode_utf16().count()),
        AttributeValue::B(bytes) => Some(bytes.len()),
        AttributeValue::L(list) => Some(list.len()),
        AttributeValue::M(map) => Some(map.len()),
        AttributeValue::Ss(set) => Some(set.len()),
        AttributeValue::Ns(set) => Some(set.len()),
        AttributeValue::Bs(set) => Some(set.len()),
        AttributeValue::N(_) | AttributeValue::Bool(_) | AttributeValue::Null => None,
    }
}

/// A condition, with everything looked up.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    Compare(Comparator, Operand, Operand),
    Between(Operand, Operand, Operand),
    In(Operand, Vec<Operand>),
    Exists(Path),
    Type(Operand, AttributeType),
    BeginsWith(Operand, Operand),
    Contains(Operand, Operand),
    And(Vec<Test>),
    Or(Vec<Test>),
    Not(Box<Test>),
}

impl Test {
    pub(super) fn holds(&self, item: &Item) -> bool {
        let both = |one: &Operand, two: &Operand, fits: fn(&AttributeValue, &AttributeValue) -> bool| {
            one.of(item).zip(two.of(item)).is_some_and(|(one, two)| fits(&one, &two))
        };
        match self {
            Self::Compare(comparator, left, right) => match comparator {
                Comparator::Equal => both(left, right, |one, two| one == two),
                Comparator::NotEqual => !both(left, right, |one, two| one == two),
                Comparator::Less => both(left, right, |one, two| ordered(one, two) && one < two),
                Comparator::LessOrEqual => both(left, right, |one, two| ordered(one, two) && one <= two),
                Comparator::Greater => both(left, right, |one, two| ordered(one, two) && one > two),
                Comparator::GreaterOrEqual => both(left, right, |one, two| ordered(one, two) && one >= two),
            },
            Self::Between(value, lower, upper) => {
                both(lower, value, |one, two| ordered(one, two) && one <= two)
                    && both(value, upper, |one, two| ordered(one, two) && one <= two)
            }
            Self::In(value, all) => all.iter().any(|one| both(value, one, |one, two| one == two)),
            Self::Exists(path) => path.get(item).is_some(),
            Self::Type(value, kind) => value.of(item).is_some_and(|value| value.kind() == *kind),
            Self::BeginsWith(value, start) => both(value, start, begins_with),
            Self::Contains(all, one) => both(all, one, contains),
            Self::And(tests) => tests.iter().all(|test| test.holds(item)),
            Self::Or(tests) => tests.iter().any(|test| test.holds(item)),
            Self::Not(test) => !test.holds(item),
        }
    }

    /// The paths it looks at.
    pub(super) fn paths<'a>(&'a self, found: &mut Vec<&'a Path>) {
        match self {
            Self::Compare(_, one, two) | Self::BeginsWith(one, two) | Self::Contains(one, two) => {
                found.extend([one, two].into_iter().filter_map(Operand::path));
            }
            Self::Between(value, lower, upper) => {
                found.extend([value, lower, upper].into_iter().filter_map(Operand::path));
            }
            Self::In(value, all) => found.extend([value].into_iter().chain(all).filter_map(Operand::path)),
            Self::Exists(path) => found.push(path),
            Self::Type(value, _) => found.extend(value.path()),
            Self::And(tests) | Self::Or(tests) => tests.iter().for_each(|test| test.paths(found)),
            Self::Not(test) => test.paths(found),
        }
    }
}

/// Text by its UTF-8, numbers by what they are worth, bytes unsigned: as the values order themselves.
fn ordered(one: &AttributeValue, two: &AttributeValue) -> bool {
    one.kind() == two.kind() && one.kind().is_ordered()
}

pub(super) fn begins_with(value: &AttributeValue, start: &AttributeValue) -> bool {
    match (value, start) {
        (AttributeValue::S(value), AttributeValue::S(start)) => value.starts_with(start.as_str()),
        (AttributeValue::B(value), AttributeValue::B(start)) => value.starts_with(start),
        _ => false,
    }
}

/// A part of text or bytes, a member of a set, a value of a list.
fn contains(all: &AttributeValue, one: &AttributeValue) -> bool {
    match (all, one) {
        (AttributeValue::S(text), AttributeValue::S(part)) => text.contains(part.as_str()),
        (AttributeValue::B(bytes), AttributeValue::B(part)) => {
            part.is_empty() || memchr::memmem::find(bytes, part).is_some()
        }
        (AttributeValue::Ss(set), AttributeValue::S(one)) => set.contains(one),
        (AttributeValue::Ns(set), AttributeValue::N(one)) => set.contains(one),
        (AttributeValue::Bs(set), AttributeValue::B(one)) => set.contains(one),
        (AttributeValue::L(list), one) => list.contains(one),
        _ => false,
    }
}
