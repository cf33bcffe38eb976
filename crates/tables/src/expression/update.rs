//! Updates: which actions and functions there are, and what they can be applied to.

use std::sync::Arc;

use super::apply::{Action, Source};
use super::ast::{self, Section};
use super::error::{self, ExpressionError, Place};
use super::path::{Clash, Path, clashes};
use super::placeholders::Placeholders;
use super::projection::Projection;
use super::resolve::{Check, Resolver, Stage};
use super::{apply, grammar, names};
use crate::value::{AttributeType, AttributeValue, Item};

/// Actions that change an item.
#[derive(Debug, Clone)]
pub struct Update {
    pub(super) actions: Vec<(Path, Action)>,
}

impl Update {
    /// Reads an expression.
    pub fn parse(text: &str, placeholders: &mut Placeholders) -> Result<Self, ExpressionError> {
        let written = grammar::update(text)?;
        let mut resolver = Resolver::new(Place::Update, placeholders);
        let actions = Builder { resolver: &mut resolver }.update(&written);
        let paths: Vec<_> = actions.iter().map(|(path, _)| path).collect();
        for (clash, text) in clashes(&paths) {
            let check = if clash == Clash::Overlap { Check::Overlap } else { Check::Conflict };
            resolver.refuse_operand(check, text);
        }
        resolver.finish(Self { actions })
    }

    /// The attributes, by their names at the top, that it changes.
    pub fn attributes(&self) -> Vec<&str> {
        names(self.actions.iter().map(|(path, _)| path))
    }

    /// The attributes that it changes only parts of.
    pub(crate) fn nested_attributes(&self) -> Vec<&str> {
        super::nested_names(self.actions.iter().map(|(path, _)| path))
    }

    /// True if it makes an item where there is none: one that only takes away does not.
    pub(crate) fn creates(&self) -> bool {
        let gives =
            |action: &Action| matches!(action, Action::Set(_) | Action::Add(_) | Action::LegacyAdd(_));
        self.actions.is_empty() || self.actions.iter().any(|(_, action)| gives(action))
    }

    /// The item afterwards. `before` has at least the key.
    pub fn apply(&self, before: &Item) -> Result<Item, ExpressionError> {
        apply::apply(&self.actions, before)
    }

    /// Parts that it touches, for UPDATED_OLD and UPDATED_NEW.
    pub fn touched(&self) -> Projection {
        Projection::of_paths(self.actions.iter().map(|(path, _)| path.clone()).collect())
    }
}

struct Builder<'b, 'p> {
    resolver: &'b mut Resolver<'p>,
}

impl Builder<'_, '_> {
    fn update(&mut self, written: &ast::Update<'_>) -> Vec<(Path, Action)> {
        let mut seen = Vec::new();
        for (section, _) in written {
            if seen.contains(section) {
                self.resolver.refuse(Stage::Section, error::repeated_section(section.keyword()));
            }
            seen.push(*section);
        }
        written.iter().flat_map(|(_, actions)| actions).map(|action| self.action(action)).collect()
    }

    fn action(&mut self, written: &ast::Action<'_>) -> (Path, Action) {
        match written {
            ast::Action::Set(path, value) => {
                let path = self.resolver.path(path);
                (path, Action::Set(self.set_value(value)))
            }
            ast::Action::Remove(path) => (self.resolver.path(path), Action::Remove),
            ast::Action::Add(path, key) => {
                let (path, value) = (self.resolver.path(path), self.resolver.value(key));
                self.addable(Section::Add, &value);
                (path, Action::Add(value))
            }
            ast::Action::Delete(path, key) => {
                let (path, value) = (self.resolver.path(path), self.resolver.value(key));
                self.addable(Section::Delete, &value);
                (path, Action::Delete(value))
            }
        }
    }

    fn addable(&mut self, section: Section, value: &Arc<AttributeValue>) {
        let fits = value.kind().is_set() || (section == Section::Add && value.kind() == AttributeType::N);
        if !fits {
            self.resolver.refuse_operand(Check::Count, error::action_type(section.keyword(), value));
        }
    }

    fn set_value(&mut self, written: &ast::SetValue<'_>) -> Source {
        match written {
            ast::SetValue::Operand(operand) => self.operand(operand),
            ast::SetValue::Sum(left, sign, right) => {
                let (left, right) = (self.operand(left), self.operand(right));
                self.only(sign.symbol(), &[&left, &right], AttributeType::N);
                Source::Sum(Box::new(left), *sign, Box::new(right))
            }
        }
    }

    fn operand(&mut self, written: &ast::Operand<'_>) -> Source {
        match written {
            ast::Operand::Path(path) => Source::Path(self.resolver.path(path)),
            ast::Operand::Value(key) => Source::Value(self.resolver.value(key)),
            ast::Operand::Call(call) => self.function(call),
        }
    }

    fn function(&mut self, call: &ast::Call<'_>) -> Source {
        let name = call.function;
        let known = match name {
            "if_not_exists" | "list_append" => true,
            "attribute_exists"
            | "attribute_not_exists"
            | "attribute_type"
            | "begins_with"
            | "contains"
            | "size" => {
                let text = error::foreign_function(Place::Update, name);
                self.resolver.refuse(Stage::UnknownFunction, text);
                false
            }
            other => {
                self.resolver.refuse(Stage::UnknownFunction, error::unknown_function(other));
                false
            }
        };
        for operand in &call.operands {
            // AWS takes if_not_exists within either, and list_append within neither.
            if matches!(operand, ast::Operand::Call(inner) if inner.function == "list_append") {
                self.resolver.refuse(Stage::Misused, error::misused_function("list_append"));
            }
        }
        let operands: Vec<_> = call.operands.iter().map(|operand| self.operand(operand)).collect();
        let refused = Source::Value(AttributeValue::Null.into());
        if !known {
            return refused;
        }
        match <[_; 2]>::try_from(operands) {
            Err(operands) => {
                self.resolver.refuse_operand(Check::Type, error::operand_count(name, operands.len()));
                refused
            }
            Ok([one, two]) if name == "list_append" => {
                self.only(name, &[&one, &two], AttributeType::L);
                Source::Append(Box::new(one), Box::new(two))
            }
            Ok([Source::Path(path), or]) => Source::IfNotExists(path, Box::new(or)),
            Ok(_) => {
                self.resolver.refuse_operand(Check::Type, error::needs_path(name));
                refused
            }
        }
    }

    fn only(&mut self, operator: &str, sources: &[&Source], kind: AttributeType) {
        for source in sources {
            if let Source::Value(value) = source
                && value.kind() != kind
            {
                let text = error::operand_type(operator, value.kind().name());
                self.resolver.refuse_operand(Check::Type, text);
            }
        }
    }
}
