//! Values in requests.
//!
//! # Constraints
//! A value may be nested, as deep as the sender likes, and may be none at all. So it is read in two steps, as AWS does:
//! [`Wire`] takes whatever has the right JSON types and never goes deeper than [`LEVELS_MAX`]; what is below is skipped
//! without recursion. [`Wire::value`] then refuses what is no value of an attribute, in AWS's words.

mod reading;

use std::collections::BTreeSet;

use headwater_tables::limits::{ITEM_BYTES_MAX, ITEM_MEMORY_BYTES_MAX};
use headwater_tables::value::{AttributeValue, Item, Number, NumberError, size_bytes};
use headwater_wire::shape::{Blob, Text};

use super::error::{DynamoDbError, Result};

/// Lists and maps within each other (limits, "Nested attribute depth").
const LEVELS_MAX: u8 = headwater_tables::limits::LEVELS_MAX as u8;
/// Bytes that the name of an attribute must not have (quotas: 64 KB).
const NAME_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a wrong value that are repeated.
const SHOWN_BYTES_MAX: usize = 1024;

/// A value as it was sent.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Wire<'a> {
    /// None.
    #[default]
    Empty,
    /// More than one.
    Several,
    /// Below the deepest level.
    TooDeep,
    S(Text<'a>),
    N(Text<'a>),
    B(Blob<'a>),
    Bool(bool),
    Null(bool),
    L(Vec<Wire<'a>>),
    M(Attributes<'a>),
    Ss(Vec<Text<'a>>),
    Ns(Vec<Text<'a>>),
    Bs(Vec<Blob<'a>>),
}

/// Values by name, as they were sent; of a name given twice the last counts. Unlike the maps of other shapes it keeps all
/// there are: an item may have as many as it has bytes for.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Attributes<'a>(Vec<(Text<'a>, Wire<'a>)>);

/// A list of values.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Values<'a>(pub(super) Vec<Wire<'a>>);

impl Attributes<'_> {
    /// The item that this is.
    pub(super) fn item(self) -> Result<Item> {
        // Before it is made: what it takes then may be far more than what was sent.
        if self.memory_bytes() > ITEM_MEMORY_BYTES_MAX {
            return Err(DynamoDbError::validation(format!(
                "The item is made of so many small values that it would take more than {ITEM_MEMORY_BYTES_MAX} bytes \
                 of memory"
            )));
        }
        let one = |(name, value): (Text<'_>, Wire<'_>)| Ok((attribute_name(name)?, value.value()?));
        self.0.into_iter().map(one).collect()
    }

    /// The same for an item that is to be stored, which may not be too large.
    pub(super) fn stored_item(self) -> Result<Item> {
        let item = self.item()?;
        if size_bytes(&item) > ITEM_BYTES_MAX {
            return Err(DynamoDbError::validation("Item size has exceeded the maximum allowed size"));
        }
        Ok(item)
    }

    /// The same for `ExclusiveStartKey`, of which most errors say so.
    pub(super) fn start_key(self) -> Result<Item> {
        const PLAIN: [&str; 8] = [
            "Empty attribute name",
            "Attribute name is too large",
            "contains duplicates",
            "number set",
            "numeric value",
            "significant digits",
            "number with magnitude",
            "Nesting Levels",
        ];
        let one = |(name, value): (Text<'_>, Wire<'_>)| match value.checked() {
            Ok(value) => Ok((attribute_name(name)?, value)),
            Err(Wrong::Encoding(error)) => Err(error),
            Err(Wrong::Value(why)) if PLAIN.iter().any(|plain| why.contains(plain)) => {
                Err(DynamoDbError::validation(why))
            }
            Err(Wrong::Value(why)) => {
                Err(DynamoDbError::validation(format!("The provided starting key is invalid: {why}")))
            }
        };
        self.0.into_iter().map(one).collect()
    }

    /// The names that it has.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The same for `ExpressionAttributeValues`, whose errors say so.
    pub(super) fn expression_values(self) -> Result<Item> {
        let one = |(name, value): (Text<'_>, Wire<'_>)| match value.checked() {
            Ok(value) => Ok((name.into_owned(), value)),
            Err(Wrong::Encoding(error)) => Err(error),
            Err(Wrong::Value(why)) => Err(DynamoDbError::validation(format!(
                "ExpressionAttributeValues contains invalid value: {why} for key {name}"
            ))),
        };
        self.0.into_iter().map(one).collect()
    }
}

impl<'a> Attributes<'a> {
    /// Names and values, in the order in which they were sent.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &Wire<'a>)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// Memory that the item will take, roughly, in bytes ([`headwater_tables::value::memory_bytes`]).
    fn memory_bytes(&self) -> usize {
        let entries = self.0.len().div_ceil(7) * 11 * size_of::<(String, AttributeValue)>();
        entries + self.0.iter().map(|(name, value)| name.len() + value.memory_bytes()).sum::<usize>()
    }
}

impl Wire<'_> {
    fn memory_bytes(&self) -> usize {
        match self {
            Self::Empty | Self::Several | Self::TooDeep | Self::Bool(_) | Self::Null(_) | Self::N(_) => 0,
            Self::S(text) => text.len(),
            Self::B(blob) => blob.len(),
            Self::L(values) => {
                let slots = values.len() * size_of::<AttributeValue>();
                slots + values.iter().map(Self::memory_bytes).sum::<usize>()
            }
            Self::M(attributes) => attributes.memory_bytes(),
            Self::Ss(members) | Self::Ns(members) => {
                members.len() * 2 * size_of::<AttributeValue>()
                    + members.iter().map(|text| text.len()).sum::<usize>()
            }
            Self::Bs(members) => {
                members.len() * 2 * size_of::<AttributeValue>()
                    + members.iter().map(|blob| blob.len()).sum::<usize>()
            }
        }
    }
}

impl Values<'_> {
    pub(super) fn values(self) -> Result<Vec<AttributeValue>> {
        self.0.into_iter().map(Wire::value).collect()
    }
}

/// Why something is no value.
enum Wrong {
    /// It cannot be read.
    Encoding(DynamoDbError),
    /// It can, and is none.
    Value(String),
}

impl From<String> for Wrong {
    fn from(why: String) -> Self {
        Self::Value(why)
    }
}

impl From<&str> for Wrong {
    fn from(why: &str) -> Self {
        Self::Value(why.to_owned())
    }
}

impl Wire<'_> {
    /// The value that this is.
    pub(super) fn value(self) -> Result<AttributeValue> {
        self.checked().map_err(|wrong| match wrong {
            Wrong::Encoding(error) => error,
            Wrong::Value(why) => DynamoDbError::validation(why),
        })
    }

    /// Recurses as deep as it was read: [`LEVELS_MAX`].
    fn checked(self) -> std::result::Result<AttributeValue, Wrong> {
        use AttributeValue as V;
        Ok(match self {
            Self::Empty => {
                Err("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")?
            }
            Self::Several => Err(
                "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported \
                 datatypes",
            )?,
            Self::TooDeep => Err("Nesting Levels have exceeded supported limits")?,
            Self::S(text) => V::S(text.into_owned()),
            Self::N(text) => V::N(number(&text)?),
            Self::B(blob) => V::B(bytes(blob)?.into()),
            Self::Bool(is) => V::Bool(is),
            Self::Null(true) => V::Null,
            Self::Null(false) => Err(
                "One or more parameter values were invalid: Null attribute value types must have the value of true",
            )?,
            Self::L(values) => {
                V::L(values.into_iter().map(Self::checked).collect::<std::result::Result<_, _>>()?)
            }
            Self::M(Attributes(pairs)) => {
                let pair = |(name, value): (Text<'_>, Self)| Ok((checked_name(name)?, value.checked()?));
                V::M(pairs.into_iter().map(pair).collect::<std::result::Result<_, Wrong>>()?)
            }
            Self::Ss(texts) => V::Ss(string_set(texts)?),
            Self::Ns(texts) => V::Ns(number_set(&texts)?),
            Self::Bs(blobs) => V::Bs(binary_set(blobs)?),
        })
    }

    pub(super) fn name(&self) -> Option<&'static str> {
        Some(match self {
            Self::Empty | Self::Several | Self::TooDeep => return None,
            Self::S(_) => "S",
            Self::N(_) => "N",
            Self::B(_) => "B",
            Self::Bool(_) => "BOOL",
            Self::Null(_) => "NULL",
            Self::L(_) => "L",
            Self::M(_) => "M",
            Self::Ss(_) => "SS",
            Self::Ns(_) => "NS",
            Self::Bs(_) => "BS",
        })
    }
}

/// The name of an attribute: of an item, or in a map.
pub(super) fn attribute_name(name: Text<'_>) -> Result<String> {
    checked_name(name).map_err(DynamoDbError::validation)
}

fn checked_name(name: Text<'_>) -> std::result::Result<String, &'static str> {
    match name.len() {
        0 => Err("Empty attribute name"),
        NAME_BYTES_MAX.. => Err("Attribute name is too large, must be less than 65536 bytes"),
        _ => Ok(name.into_owned()),
    }
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(SHOWN_BYTES_MAX)]
}

fn number(text: &str) -> std::result::Result<Number, Wrong> {
    text.parse().map_err(|error: NumberError| match error {
        NumberError::Malformed if !text.is_empty() => Wrong::Value(format!("{error}: {}", cut(text))),
        NumberError::Malformed | NumberError::Overflow | NumberError::Underflow | NumberError::Digits => {
            Wrong::Value(error.to_string())
        }
    })
}

fn bytes(blob: Blob<'_>) -> std::result::Result<Vec<u8>, Wrong> {
    blob.into_bytes().map(std::borrow::Cow::into_owned).map_err(|error| Wrong::Encoding(error.into()))
}

/// `[a, b]`, as far as anybody reads it.
fn listed<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let mut list = String::from("[");
    for text in texts {
        if list.len() > SHOWN_BYTES_MAX {
            list.push_str(", ...");
            break;
        }
        if list.len() > 1 {
            list.push_str(", ");
        }
        list.push_str(cut(text));
    }
    list.push(']');
    list
}

fn string_set(texts: Vec<Text<'_>>) -> std::result::Result<BTreeSet<String>, Wrong> {
    if texts.is_empty() {
        return Err("One or more parameter values were invalid: An string set  may not be empty".into());
    }
    let unique: BTreeSet<&str> = texts.iter().map(Text::as_str).collect();
    if unique.len() < texts.len() {
        let all = listed(texts.iter().map(Text::as_str));
        let why =
            format!("One or more parameter values were invalid: Input collection {all} contains duplicates.");
        return Err(why.into());
    }
    Ok(texts.into_iter().map(Text::into_owned).collect())
}

fn number_set(texts: &[Text<'_>]) -> std::result::Result<BTreeSet<Number>, Wrong> {
    if texts.is_empty() {
        return Err("One or more parameter values were invalid: An number set  may not be empty".into());
    }
    let numbers = texts.iter().map(|text| number(text)).collect::<std::result::Result<BTreeSet<_>, _>>()?;
    if numbers.len() < texts.len() {
        return Err("Input collection contains duplicates".into());
    }
    Ok(numbers)
}

fn binary_set(blobs: Vec<Blob<'_>>) -> std::result::Result<BTreeSet<bytes::Bytes>, Wrong> {
    if blobs.is_empty() {
        return Err("One or more parameter values were invalid: Binary sets should not be empty".into());
    }
    let members = blobs.into_iter().map(bytes).collect::<std::result::Result<Vec<_>, Wrong>>()?;
    let unique: BTreeSet<&[u8]> = members.iter().map(Vec::as_slice).collect();
    if unique.len() < members.len() {
        let encoded: Vec<_> = members.iter().map(|one| base64_simd::STANDARD.encode_to_string(one)).collect();
        let all = listed(encoded.iter().map(String::as_str));
        return Err(format!(
            "One or more parameter values were invalid: Input collection {all}of type BS contains duplicates."
        )
        .into());
    }
    Ok(members.into_iter().map(bytes::Bytes::from).collect())
}

#[cfg(test)]
mod tests;
