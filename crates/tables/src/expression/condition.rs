//! Conditions: which operators and functions there are, and what they can be applied to.

use super::ast;
use super::error::{self, ExpressionError, Place};
use super::grammar;
use super::placeholders::Placeholders;
use super::resolve::{Check, Resolver, Stage};
use super::test::{Operand, Test};
use crate::value::{AttributeType, AttributeValue, Item};

/// Values of an IN ("Operands" in the developer guide's quotas).
const IN_OPERANDS: usize = 100;

/// Parameter that a condition stands in; texts of errors name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConditionPlace {
    /// `ConditionExpression`.
    Condition,
    /// `FilterExpression`.
    Filter,
}

/// Condition on an item.
#[derive(Debug, Clone)]
pub struct Condition {
    pub(super) test: Test,
}

impl Condition {
    /// Reads an expression.
    pub fn parse(
        place: ConditionPlace,
        text: &str,
        placeholders: &mut Placeholders,
    ) -> Result<Self, ExpressionError> {
        let place = match place {
            ConditionPlace::Condition => Place::Condition,
            ConditionPlace::Filter => Place::Filter,
        };
        parse(place, text, placeholders).map(|test| Self { test })
    }

    /// True if the item fulfils it; an item that does not exist has no attributes.
    pub fn holds(&self, item: &Item) -> bool {
        self.test.holds(item)
    }

    /// The attributes, by their names at the top, that it looks at.
    pub fn attributes(&self) -> Vec<&str> {
        let mut paths = Vec::new();
        self.test.paths(&mut paths);
        super::names(paths)
    }

    /// The attributes that it looks into, by a path with further elements.
    pub(crate) fn nested_attributes(&self) -> Vec<&str> {
        let mut paths = Vec::new();
        self.test.paths(&mut paths);
        super::nested_names(paths)
    }

    /// Greatest number of looks at attributes.
    pub(crate) fn looks(&self) -> usize {
        let mut paths = Vec::new();
        self.test.paths(&mut paths);
        paths.len()
    }
}

/// Reads a condition in any place.
pub(super) fn parse(
    place: Place,
    text: &str,
    placeholders: &mut Placeholders,
) -> Result<Test, ExpressionError> {
    let written = grammar::condition(place, text)?;
    let mut resolver = Resolver::new(place, placeholders);
    let test = Builder { resolver: &mut resolver }.condition(&written);
    resolver.finish(test)
}

/// Stand-in for a condition that was refused.
const REFUSED: Test = Test::And(Vec::new());

struct Builder<'b, 'p> {
    resolver: &'b mut Resolver<'p>,
}

impl Builder<'_, '_> {
    fn condition(&mut self, written: &ast::Condition<'_>) -> Test {
        match written {
            ast::Condition::And(all) => Test::And(all.iter().map(|one| self.condition(one)).collect()),
            ast::Condition::Or(all) => Test::Or(all.iter().map(|one| self.condition(one)).collect()),
            ast::Condition::Not(one) => Test::Not(Box::new(self.condition(one))),
            other => {
                self.resolver.ordinal += 1;
                self.single(other)
            }
        }
    }

    fn single(&mut self, written: &ast::Condition<'_>) -> Test {
        match written {
            ast::Condition::Compare(comparator, left, right) => {
                let (left, right) = (self.operand(left), self.operand(right));
                let symbol = comparator.symbol();
                self.distinct(symbol, &left, &right);
                if !matches!(comparator, ast::Comparator::Equal | ast::Comparator::NotEqual) {
                    self.only(symbol, &[&left, &right], AttributeType::is_ordered);
                }
                Test::Compare(*comparator, left, right)
            }
            ast::Condition::Between(value, lower, upper) => {
                let (value, lower, upper) = (self.operand(value), self.operand(lower), self.operand(upper));
                self.only("BETWEEN", &[&value, &lower, &upper], AttributeType::is_ordered);
                self.bounds(&lower, &upper);
                Test::Between(value, lower, upper)
            }
            ast::Condition::In(value, all) => {
                if all.len() > IN_OPERANDS {
                    self.resolver.refuse_operand(Check::Count, error::too_many_operands(all.len()));
                }
                let value = self.operand(value);
                Test::In(value, all.iter().map(|one| self.operand(one)).collect())
            }
            ast::Condition::Call(call) => self.function(call),
            ast::Condition::And(_) | ast::Condition::Or(_) | ast::Condition::Not(_) => REFUSED,
        }
    }

    fn operand(&mut self, written: &ast::Operand<'_>) -> Operand {
        match written {
            ast::Operand::Path(path) => Operand::Path(self.resolver.path(path)),
            ast::Operand::Value(key) => Operand::Value(self.resolver.value(key)),
            ast::Operand::Call(call) if call.function == "size" => self.size(call),
            ast::Operand::Call(call) => {
                // Only a function that there is can be in the wrong place, but its operands are looked up.
                if self.known(call) {
                    self.resolver.refuse(Stage::Misused, error::misused_function(call.function));
                }
                self.function(call);
                Operand::Value(AttributeValue::Null.into())
            }
        }
    }

    fn size(&mut self, call: &ast::Call<'_>) -> Operand {
        let operands: Vec<_> = call.operands.iter().map(|operand| self.operand(operand)).collect();
        match <[_; 1]>::try_from(operands) {
            Ok([operand]) => {
                let has_size =
                    |kind| !matches!(kind, AttributeType::N | AttributeType::Bool | AttributeType::Null);
                self.only("size", &[&operand], has_size);
                Operand::Size(Box::new(operand))
            }
            Err(operands) => {
                self.resolver.refuse_operand(Check::Count, error::operand_count("size", operands.len()));
                Operand::Value(AttributeValue::Null.into())
            }
        }
    }

    fn known(&mut self, call: &ast::Call<'_>) -> bool {
        match call.function {
            "attribute_exists"
            | "attribute_not_exists"
            | "attribute_type"
            | "begins_with"
            | "contains"
            | "size" => true,
            "if_not_exists" | "list_append" => {
                let text = error::foreign_function(Place::Condition, call.function);
                self.resolver.refuse(Stage::UnknownFunction, text);
                false
            }
            other => {
                self.resolver.refuse(Stage::UnknownFunction, error::unknown_function(other));
                false
            }
        }
    }

    fn function(&mut self, call: &ast::Call<'_>) -> Test {
        let name = call.function;
        let known = self.known(call);
        if name == "size" {
            self.resolver.refuse(Stage::Misused, error::misused_function(name));
            self.size(call);
            return REFUSED;
        }
        let mut operands: Vec<_> = call.operands.iter().map(|operand| self.operand(operand)).collect();
        if !known {
            return REFUSED;
        }
        match (name, operands.len()) {
            ("attribute_exists" | "attribute_not_exists", 1) => match operands.pop() {
                Some(Operand::Path(path)) if name == "attribute_exists" => Test::Exists(path),
                Some(Operand::Path(path)) => Test::Not(Box::new(Test::Exists(path))),
                _ => {
                    self.resolver.refuse_operand(Check::Type, error::needs_path(name));
                    REFUSED
                }
            },
            ("attribute_type" | "begins_with" | "contains", 2) => match <[_; 2]>::try_from(operands) {
                Ok([one, two]) => self.pair(name, one, two),
                Err(_) => REFUSED,
            },
            (_, count) => {
                self.resolver.refuse_operand(Check::Count, error::operand_count(name, count));
                REFUSED
            }
        }
    }

    fn pair(&mut self, name: &str, one: Operand, two: Operand) -> Test {
        self.distinct(name, &one, &two);
        match name {
            "contains" => Test::Contains(one, two),
            "begins_with" => {
                self.only(name, &[&one, &two], |kind| matches!(kind, AttributeType::S | AttributeType::B));
                Test::BeginsWith(one, two)
            }
            _ => {
                let text = match &two {
                    Operand::Value(value) => match value.as_ref() {
                        AttributeValue::S(name) => match AttributeType::parse(name) {
                            Some(kind) => return Test::Type(one, kind),
                            None => error::unknown_type(name),
                        },
                        other => error::operand_type(name, other.kind().name()),
                    },
                    Operand::Size(_) => error::operand_type(name, "N"),
                    Operand::Path(_) => error::operand_type(name, "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}"),
                };
                self.resolver.refuse_operand(Check::Type, text);
                REFUSED
            }
        }
    }

    fn distinct(&mut self, operator: &str, one: &Operand, two: &Operand) {
        if let (Operand::Path(one), Operand::Path(two)) = (one, two)
            && one == two
        {
            self.resolver.refuse_operand(Check::Distinct, error::not_distinct(operator, one));
        }
    }

    /// Types that are known without an item have to fit.
    fn only(&mut self, operator: &str, operands: &[&Operand], fits: impl Fn(AttributeType) -> bool) {
        for operand in operands {
            if let Some(kind) = kind(operand)
                && !fits(kind)
            {
                self.resolver.refuse_operand(Check::Type, error::operand_type(operator, kind.name()));
            }
        }
    }

    fn bounds(&mut self, lower: &Operand, upper: &Operand) {
        let (Operand::Value(lower), Operand::Value(upper)) = (lower, upper) else { return };
        if lower.kind() != upper.kind() {
            self.resolver.refuse_operand(Check::Type, error::bounds_of_two_types(lower, upper));
        } else if lower > upper {
            self.resolver.refuse_operand(Check::Type, error::bounds_in_disorder(lower, upper));
        }
    }
}

fn kind(operand: &Operand) -> Option<AttributeType> {
    match operand {
        Operand::Value(value) => Some(value.kind()),
        Operand::Size(_) => Some(AttributeType::N),
        Operand::Path(_) => None,
    }
}
