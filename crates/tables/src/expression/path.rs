//! Document paths: `a.b[0]`.

use std::fmt;

use super::error::clash;
use crate::value::{AttributeValue, Item};

/// A step down into a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// Into a map.
    Name(String),
    /// Into a list.
    Index(usize),
}

/// A name at the top of an item, and the steps from there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Path {
    pub(super) top: String,
    pub(super) steps: Vec<Step>,
}

impl Path {
    /// An attribute at the top.
    pub(super) fn of(top: String) -> Self {
        Self { top, steps: Vec::new() }
    }

    /// Value at this path, if there is one.
    pub(super) fn get<'a>(&self, item: &'a Item) -> Option<&'a AttributeValue> {
        self.steps.iter().try_fold(item.get(&self.top)?, step_into)
    }
}

fn step_into<'a>(value: &'a AttributeValue, step: &Step) -> Option<&'a AttributeValue> {
    match (value, step) {
        (AttributeValue::M(map), Step::Name(name)) => map.get(name),
        (AttributeValue::L(list), Step::Index(index)) => list.get(*index),
        _ => None,
    }
}

/// As AWS writes them in texts of errors: `[a, b, [0]]`.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}", self.top)?;
        for step in &self.steps {
            match step {
                Step::Name(name) => write!(f, ", {name}")?,
                Step::Index(index) => write!(f, ", [{index}]")?,
            }
        }
        f.write_str("]")
    }
}

/// Why two of these paths cannot stand beside each other: one within the other (true: overlap comes first), or a map
/// and a list in the same place. In the order that they are written.
pub(super) fn clashes(paths: &[&Path]) -> impl Iterator<Item = (Clash, String)> {
    let pairs =
        paths.iter().enumerate().flat_map(|(at, two)| paths[..at].iter().map(move |one| (*one, *two)));
    pairs.filter_map(|(one, two)| {
        let found = clash_of(one, two)?;
        Some((found, clash(found == Clash::Conflict, one, two)))
    })
}

/// Way in which two paths exclude each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clash {
    Overlap,
    Conflict,
}

fn clash_of(one: &Path, two: &Path) -> Option<Clash> {
    if one.top != two.top {
        return None;
    }
    match one.steps.iter().zip(&two.steps).find(|(one, two)| one != two) {
        None => Some(Clash::Overlap),
        Some((Step::Name(_), Step::Name(_)) | (Step::Index(_), Step::Index(_))) => None,
        Some(_) => Some(Clash::Conflict),
    }
}
