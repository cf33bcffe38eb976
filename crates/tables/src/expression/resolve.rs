//! Resolution of parsed expressions: placeholders are looked up and names checked.
//!
//! An expression can be wrong in several ways at once; AWS says the one that comes first in an order of kinds, and of
//! one kind the one that comes first in the text. So what is wrong is collected, and the first is kept. (The order is
//! dynalite's, whose tests ran against AWS.)

use std::sync::Arc;

use super::ast;
use super::error::{self, ExpressionError, Place};
use super::path::{Path, Step};
use super::placeholders::Placeholders;
use super::reserved::is_reserved;
use crate::value::AttributeValue;

/// Elements of a path at most; values are nested as deeply ("Nested attribute depth" in the quotas).
const PATH_STEPS: usize = 32;

/// The order among kinds of errors: those of conditions are ordered by the condition first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Reserved words, where the expression is no condition.
    ReservedFirst,
    UnknownFunction,
    Misused,
    Reserved,
    Section,
    /// Of the condition of this number, or 0.
    Operand(usize, Check),
}

/// The order among errors of one condition, or of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Check {
    /// Of names, and in conditions of values.
    Name,
    Value,
    Overlap,
    Conflict,
    Count,
    Distinct,
    Type,
}

/// Looks up, and keeps the first error.
pub(super) struct Resolver<'p> {
    place: Place,
    placeholders: &'p mut Placeholders,
    /// Number of the condition that is looked at.
    pub(super) ordinal: usize,
    first: Option<(Stage, String)>,
}

impl<'p> Resolver<'p> {
    pub(super) fn new(place: Place, placeholders: &'p mut Placeholders) -> Self {
        Self { place, placeholders, ordinal: 0, first: None }
    }

    pub(super) fn refuse(&mut self, stage: Stage, text: String) {
        if self.first.as_ref().is_none_or(|(first, _)| stage < *first) {
            self.first = Some((stage, text));
        }
    }

    pub(super) fn refuse_operand(&mut self, check: Check, text: String) {
        self.refuse(Stage::Operand(self.ordinal, check), text);
    }

    /// The result, if nothing was wrong.
    pub(super) fn finish<T>(self, result: T) -> Result<T, ExpressionError> {
        match self.first {
            Some((_, text)) => Err(self.place.refuse(text)),
            None => Ok(result),
        }
    }

    fn is_condition(&self) -> bool {
        matches!(self.place, Place::Condition | Place::Filter | Place::KeyCondition)
    }

    pub(super) fn value(&mut self, key: &str) -> Arc<AttributeValue> {
        self.placeholders.value(key).unwrap_or_else(|| {
            let check = if self.is_condition() { Check::Name } else { Check::Value };
            self.refuse_operand(check, error::undefined_value(key));
            Arc::new(AttributeValue::Null)
        })
    }

    pub(super) fn path(&mut self, path: &ast::Path<'_>) -> Path {
        if path.len() > PATH_STEPS {
            let text = "The document path has too many nesting elements; nesting size:";
            self.refuse_operand(Check::Name, format!("{text} {}", path.len()));
        }
        let mut steps = path.iter().map(|step| self.step(step)).collect::<Vec<_>>().into_iter();
        let top = match steps.next() {
            Some(Step::Name(name)) => name,
            _ => String::new(),
        };
        Path { top, steps: steps.collect() }
    }

    fn step(&mut self, step: &ast::Step<'_>) -> Step {
        match step {
            ast::Step::Name(name) => {
                if is_reserved(name) {
                    let stage = if self.is_condition() { Stage::Reserved } else { Stage::ReservedFirst };
                    self.refuse(stage, error::reserved(name));
                }
                Step::Name((*name).to_owned())
            }
            ast::Step::Placeholder(key) => Step::Name(self.placeholders.name(key).unwrap_or_else(|| {
                self.refuse_operand(Check::Name, error::undefined_name(key));
                String::new()
            })),
            ast::Step::Index(digits) => Step::Index(digits.parse::<u32>().map_or_else(
                |_| {
                    let text = "List index is not within the allowable range; index:";
                    self.refuse_operand(Check::Name, format!("{text} [{digits}]"));
                    0
                },
                |index| index as usize,
            )),
        }
    }
}
