//! Names and values that `#name` and `:value` stand for.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::{ExpressionError, plain};
use crate::value::{AttributeValue, Item};

/// Bytes that the name of an attribute must not have (quotas: 64 KB).
const NAME_BYTES_MAX: usize = 64 * 1024;
/// Characters of a placeholder, with its sign.
const KEY_CHARACTERS: usize = 255;

/// Placeholders of a request: names for `#name` and values for `:value`, and which of them are used.
#[derive(Debug, Default)]
pub struct Placeholders {
    names: BTreeMap<String, Used<String>>,
    /// Shared, because a few bytes of an expression name a large value many times.
    values: BTreeMap<String, Used<Arc<AttributeValue>>>,
}

#[derive(Debug)]
struct Used<T> {
    used: bool,
    stands_for: T,
}

impl Placeholders {
    /// `None` where the request has no such member. The forms of the placeholders are checked before
    /// ([`Self::check_keys`]).
    pub fn new(
        names: Option<BTreeMap<String, String>>,
        values: Option<Item>,
    ) -> Result<Self, ExpressionError> {
        if let Some(names) = &names {
            for (key, name) in names {
                let why = match name.len() {
                    0 => "Empty attribute name",
                    NAME_BYTES_MAX.. => "Attribute name is too large, must be less than 65536 bytes",
                    _ => continue,
                };
                let text = format!("ExpressionAttributeNames contains invalid value: {why} for key {key}");
                return Err(plain(&text));
            }
        }
        let names = names.unwrap_or_default().into_iter();
        let values = values.unwrap_or_default().into_iter();
        Ok(Self {
            names: names.map(|(key, stands_for)| (key, Used { used: false, stands_for })).collect(),
            values: values
                .map(|(key, value)| (key, Used { used: false, stands_for: Arc::new(value) }))
                .collect(),
        })
    }

    /// Checks the forms of placeholders, which comes before what they stand for.
    pub fn check_keys<'k>(
        names: Option<impl Iterator<Item = &'k str>>,
        values: Option<impl Iterator<Item = &'k str>>,
    ) -> Result<(), ExpressionError> {
        names.map_or(Ok(()), |keys| check("ExpressionAttributeNames", '#', keys))?;
        values.map_or(Ok(()), |keys| check("ExpressionAttributeValues", ':', keys))
    }

    /// After all expressions were parsed: refuses what none of them uses.
    pub fn all_used(&self) -> Result<(), ExpressionError> {
        all_used("ExpressionAttributeNames", &self.names)?;
        all_used("ExpressionAttributeValues", &self.values)
    }

    pub(super) fn name(&mut self, key: &str) -> Option<String> {
        used(&mut self.names, key)
    }

    pub(super) fn value(&mut self, key: &str) -> Option<Arc<AttributeValue>> {
        used(&mut self.values, key)
    }
}

fn check<'k>(
    parameter: &str,
    sign: char,
    keys: impl Iterator<Item = &'k str>,
) -> Result<(), ExpressionError> {
    let mut keys = keys.peekable();
    if keys.peek().is_none() {
        return Err(plain(&format!("{parameter} must not be empty")));
    }
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    for key in keys {
        let fits = key.strip_prefix(sign).is_some_and(|name| !name.is_empty() && name.chars().all(part));
        let problem = if key.len() > KEY_CHARACTERS {
            let length = key.len();
            format!("The expression attribute map contains a key that is too long; size of key: {length}")
        } else if !fits {
            format!("Syntax error; key: \"{key}\"")
        } else {
            continue;
        };
        return Err(plain(&format!("{parameter} contains invalid key: {problem}")));
    }
    Ok(())
}

fn all_used<T>(parameter: &str, all: &BTreeMap<String, Used<T>>) -> Result<(), ExpressionError> {
    let unused: Vec<_> = all.iter().filter(|(_, entry)| !entry.used).map(|(key, _)| key.as_str()).collect();
    if unused.is_empty() {
        return Ok(());
    }
    let keys = unused.join(", ");
    Err(plain(&format!("Value provided in {parameter} unused in expressions: keys: {{{keys}}}")))
}

fn used<T: Clone>(all: &mut BTreeMap<String, Used<T>>, key: &str) -> Option<T> {
    let entry = all.get_mut(key)?;
    entry.used = true;
    Some(entry.stands_for.clone())
}
