//! Projections: which parts of an item are given.

use std::collections::BTreeMap;

use super::error::{ExpressionError, Place};
use super::path::{Clash, Path, Step, clashes};
use super::placeholders::Placeholders;
use super::resolve::{Check, Resolver};
use super::{grammar, names};
use crate::value::{AttributeValue, Item};

/// Parts of an item.
#[derive(Debug, Clone)]
pub struct Projection {
    paths: Vec<Path>,
    tree: BTreeMap<String, Part>,
}

/// Part of a value that is wanted.
#[derive(Debug, Clone)]
enum Part {
    All,
    Of(BTreeMap<Step, Part>),
}

impl Projection {
    /// Reads an expression.
    pub fn parse(text: &str, placeholders: &mut Placeholders) -> Result<Self, ExpressionError> {
        let written = grammar::projection(text)?;
        let mut resolver = Resolver::new(Place::Projection, placeholders);
        let paths: Vec<_> = written.iter().map(|path| resolver.path(path)).collect();
        for (clash, text) in clashes(&paths.iter().collect::<Vec<_>>()) {
            let check = if clash == Clash::Overlap { Check::Overlap } else { Check::Conflict };
            resolver.refuse_operand(check, text);
        }
        resolver.finish(Self::of_paths(paths))
    }

    /// Of paths of which none is within another.
    pub(super) fn of_paths(paths: Vec<Path>) -> Self {
        let mut tree = BTreeMap::new();
        for path in &paths {
            let mut part = tree.entry(path.top.clone()).or_insert_with(|| Part::Of(BTreeMap::new()));
            for step in &path.steps {
                match part {
                    Part::All => break,
                    Part::Of(parts) => {
                        part = parts.entry(step.clone()).or_insert_with(|| Part::Of(BTreeMap::new()));
                    }
                }
            }
            *part = Part::All;
        }
        Self { paths, tree }
    }

    /// Those parts of an item that are there. Of lists, the elements that are wanted, in order and without gaps.
    pub fn of(&self, item: &Item) -> Item {
        let wanted = |(name, part): (&String, &Part)| Some((name.clone(), part.of(item.get(name)?)?));
        self.tree.iter().filter_map(wanted).collect()
    }

    /// The attributes, by their names at the top, that it gives.
    pub fn attributes(&self) -> Vec<&str> {
        names(&self.paths)
    }

    /// The attributes that it takes only parts of.
    pub(crate) fn nested_attributes(&self) -> Vec<&str> {
        super::nested_names(&self.paths)
    }
}

impl Part {
    fn of(&self, value: &AttributeValue) -> Option<AttributeValue> {
        let parts = match self {
            Self::All => return Some(value.clone()),
            Self::Of(parts) => parts,
        };
        match value {
            AttributeValue::M(map) => {
                let wanted = |(step, part): (&Step, &Self)| match step {
                    Step::Name(name) => Some((name.clone(), part.of(map.get(name)?)?)),
                    Step::Index(_) => None,
                };
                let found: Item = parts.iter().filter_map(wanted).collect();
                (!found.is_empty()).then_some(AttributeValue::M(found))
            }
            AttributeValue::L(list) => {
                let wanted = |(step, part): (&Step, &Self)| match step {
                    Step::Index(index) => part.of(list.get(*index)?),
                    Step::Name(_) => None,
                };
                let found: Vec<_> = parts.iter().filter_map(wanted).collect();
                (!found.is_empty()).then_some(AttributeValue::L(found))
            }
            _ => None,
        }
    }
}
