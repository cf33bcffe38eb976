//! Application of an update to an item.
//!
//! Every value is taken from the item as it was before, and every index means the list as it was before. So first all
//! values are computed; then they are put where they belong, those behind a list's end in the order of their indexes;
//! and last everything that goes is taken out, from the back of lists to the front.

use std::sync::Arc;

use super::ast::Sign;
use super::error::{
    ExpressionError, INCORRECT_TYPE, INVALID_PATH, NO_SUCH_ATTRIBUTE, TOO_LARGE, TYPE_MISMATCH, plain,
};
use super::path::{Path, Step};
use crate::value::{AttributeValue, Item, Number};

/// An item weighs 400 KB at most: what is set cannot weigh more. It is looked at before it is copied, because a few
/// bytes of an expression set the same large value many times.
const ITEM_BYTES: usize = 400 * 1024;

/// Action at a path.
#[derive(Debug, Clone)]
pub(super) enum Action {
    Set(Source),
    Remove,
    /// A number, or members of a set.
    Add(Arc<AttributeValue>),
    /// Members of a set.
    Delete(Arc<AttributeValue>),
    /// The older ADD: to lists too, and with a text of its own for what does not fit.
    LegacyAdd(Arc<AttributeValue>),
    /// The older DELETE with a value.
    LegacyDelete(Arc<AttributeValue>),
}

/// Origin of a value.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Path(Path),
    Value(Arc<AttributeValue>),
    Sum(Box<Source>, Sign, Box<Source>),
    IfNotExists(Path, Box<Source>),
    Append(Box<Source>, Box<Source>),
}

/// Change that an action comes to.
enum Effect {
    Put(AttributeValue),
    Take,
}

pub(super) fn apply(actions: &[(Path, Action)], before: &Item) -> Result<Item, ExpressionError> {
    let mut budget = ITEM_BYTES;
    let mut item = before.clone();
    let mut effects = Vec::with_capacity(actions.len());
    // What SET takes comes first in errors, then each action by itself (as dynalite has it, tested against AWS).
    for (path, action) in actions {
        if let Action::Set(source) = action {
            effects.push((path, Effect::Put(source.of(before, &mut budget)?)));
        }
    }
    // AWS takes REMOVE of a path into nothing for nothing if there is no item at all; here that is an error too,
    // because what has only a key and what is not there look the same.
    for (path, action) in actions {
        parent(&mut item, path)?;
        effects.extend(effect(path.get(before), action)?.map(|effect| (path, effect)));
    }
    effects.sort_by_key(|(path, _)| *path);
    let mut gone = Vec::new();
    for (path, effect) in effects {
        match effect {
            Effect::Put(value) => put(&mut item, path, value)?,
            Effect::Take if path.get(before).is_some() => gone.push(path),
            Effect::Take => {}
        }
    }
    for path in gone.into_iter().rev() {
        take(&mut item, path)?;
    }
    Ok(item)
}

/// Effect, on what is there, of an action that takes nothing from the item.
fn effect(there: Option<&AttributeValue>, action: &Action) -> Result<Option<Effect>, ExpressionError> {
    match action {
        Action::Set(_) => Ok(None),
        Action::Remove => Ok(Some(Effect::Take)),
        Action::Add(value) => added(there, value, INCORRECT_TYPE).map(Some),
        Action::LegacyAdd(value) => added(there, value, TYPE_MISMATCH).map(Some),
        Action::Delete(value) => deleted(there, value, INCORRECT_TYPE),
        Action::LegacyDelete(value) => deleted(there, value, TYPE_MISMATCH),
    }
}

impl Source {
    fn of(&self, before: &Item, budget: &mut usize) -> Result<AttributeValue, ExpressionError> {
        match self {
            Self::Path(path) => copied(path.get(before).ok_or_else(|| plain(NO_SUCH_ATTRIBUTE))?, budget),
            Self::Value(value) => copied(value, budget),
            Self::IfNotExists(path, or) => match path.get(before) {
                Some(value) => copied(value, budget),
                None => or.of(before, budget),
            },
            Self::Sum(left, sign, right) => {
                let mut number = |source: &Self| match source.of(before, budget)? {
                    AttributeValue::N(number) => Ok(number),
                    _ => Err(plain(INCORRECT_TYPE)),
                };
                let (left, right) = (number(left)?, number(right)?);
                let sum = match sign {
                    Sign::Plus => left.checked_add(&right),
                    Sign::Minus => left.checked_sub(&right),
                };
                Ok(AttributeValue::N(sum?))
            }
            Self::Append(left, right) => {
                let mut list = |source: &Self| match source.of(before, budget)? {
                    AttributeValue::L(list) => Ok(list),
                    _ => Err(plain(INCORRECT_TYPE)),
                };
                let (mut left, right) = (list(left)?, list(right)?);
                left.extend(right);
                Ok(AttributeValue::L(left))
            }
        }
    }
}

fn copied(value: &AttributeValue, budget: &mut usize) -> Result<AttributeValue, ExpressionError> {
    *budget = budget.checked_sub(value.size_bytes()).ok_or_else(|| plain(TOO_LARGE))?;
    Ok(value.clone())
}

fn added(
    there: Option<&AttributeValue>,
    value: &AttributeValue,
    mismatch: &str,
) -> Result<Effect, ExpressionError> {
    use AttributeValue::{Bs, L, N, Ns, Ss};
    let sum = match (there, value) {
        (None, value) => value.clone(),
        (Some(N(there)), N(value)) => N(Number::checked_add(there, value)?),
        (Some(Ss(there)), Ss(value)) => Ss(there | value),
        (Some(Ns(there)), Ns(value)) => Ns(there | value),
        (Some(Bs(there)), Bs(value)) => Bs(there | value),
        // Only the older ADD gets here with a list.
        (Some(L(there)), L(value)) => L([there.as_slice(), value].concat()),
        _ => return Err(plain(mismatch)),
    };
    Ok(Effect::Put(sum))
}

fn deleted(
    there: Option<&AttributeValue>,
    value: &AttributeValue,
    mismatch: &str,
) -> Result<Option<Effect>, ExpressionError> {
    use AttributeValue::{Bs, Ns, Ss};
    let (left, empty) = match (there, value) {
        (None, _) => return Ok(None),
        (Some(Ss(there)), Ss(value)) => (Ss(there - value), there.is_subset(value)),
        (Some(Ns(there)), Ns(value)) => (Ns(there - value), there.is_subset(value)),
        (Some(Bs(there)), Bs(value)) => (Bs(there - value), there.is_subset(value)),
        _ => return Err(plain(mismatch)),
    };
    Ok(Some(if empty { Effect::Take } else { Effect::Put(left) }))
}

/// The map or list that a path's last step goes into, and that step; `None` for an attribute at the top.
fn parent<'i, 'p>(
    item: &'i mut Item,
    path: &'p Path,
) -> Result<Option<(&'i mut AttributeValue, &'p Step)>, ExpressionError> {
    let Some((last, steps)) = path.steps.split_last() else { return Ok(None) };
    let invalid = || plain(INVALID_PATH);
    let mut value = item.get_mut(&path.top).ok_or_else(invalid)?;
    for step in steps {
        value = match (value, step) {
            (AttributeValue::M(map), Step::Name(name)) => map.get_mut(name),
            (AttributeValue::L(list), Step::Index(index)) => list.get_mut(*index),
            _ => None,
        }
        .ok_or_else(invalid)?;
    }
    match (&*value, last) {
        (AttributeValue::M(_), Step::Name(_)) | (AttributeValue::L(_), Step::Index(_)) => {
            Ok(Some((value, last)))
        }
        _ => Err(invalid()),
    }
}

fn put(item: &mut Item, path: &Path, value: AttributeValue) -> Result<(), ExpressionError> {
    match parent(item, path)? {
        None => {
            item.insert(path.top.clone(), value);
        }
        Some((AttributeValue::M(map), Step::Name(name))) => {
            map.insert(name.clone(), value);
        }
        Some((AttributeValue::L(list), Step::Index(index))) => match list.get_mut(*index) {
            Some(there) => *there = value,
            None => list.push(value),
        },
        Some(_) => {}
    }
    Ok(())
}

fn take(item: &mut Item, path: &Path) -> Result<(), ExpressionError> {
    match parent(item, path)? {
        None => {
            item.remove(&path.top);
        }
        Some((AttributeValue::M(map), Step::Name(name))) => {
            map.remove(name);
        }
        Some((AttributeValue::L(list), Step::Index(index))) if *index < list.len() => {
            list.remove(*index);
        }
        Some(_) => {}
    }
    Ok(())
}
