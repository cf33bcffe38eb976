//! Attribute values, and what they weigh.

mod number;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

pub use number::{Number, NumberError};

/// An item, or a part of one: attributes by name.
pub type Item = BTreeMap<String, AttributeValue>;

/// A value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttributeValue {
    /// Text.
    S(String),
    /// A number.
    N(Number),
    /// Bytes.
    B(Bytes),
    /// True or false.
    Bool(bool),
    /// Nothing.
    Null,
    /// Values in order.
    L(Vec<AttributeValue>),
    /// Values by name.
    M(Item),
    /// A set of texts, never empty.
    Ss(BTreeSet<String>),
    /// A set of numbers, never empty.
    Ns(BTreeSet<Number>),
    /// A set of bytes, never empty.
    Bs(BTreeSet<Bytes>),
}

/// The type of a value, as expressions and schemas name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttributeType {
    /// Text.
    S,
    /// A number.
    N,
    /// Bytes.
    B,
    /// True or false.
    Bool,
    /// Nothing.
    Null,
    /// Values in order.
    L,
    /// Values by name.
    M,
    /// A set of texts.
    Ss,
    /// A set of numbers.
    Ns,
    /// A set of bytes.
    Bs,
}

impl AttributeType {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::S => "S",
            Self::N => "N",
            Self::B => "B",
            Self::Bool => "BOOL",
            Self::Null => "NULL",
            Self::L => "L",
            Self::M => "M",
            Self::Ss => "SS",
            Self::Ns => "NS",
            Self::Bs => "BS",
        }
    }

    /// True for the types whose values have an order: text, numbers, bytes.
    pub fn is_ordered(self) -> bool {
        matches!(self, Self::S | Self::N | Self::B)
    }

    /// True for the types of sets.
    pub fn is_set(self) -> bool {
        matches!(self, Self::Ss | Self::Ns | Self::Bs)
    }

    /// The type that is written so.
    pub fn parse(text: &str) -> Option<Self> {
        use AttributeType::*;
        [S, N, B, Bool, Null, L, M, Ss, Ns, Bs].into_iter().find(|kind| kind.name() == text)
    }
}

impl AttributeValue {
    /// Its type.
    pub fn kind(&self) -> AttributeType {
        match self {
            Self::S(_) => AttributeType::S,
            Self::N(_) => AttributeType::N,
            Self::B(_) => AttributeType::B,
            Self::Bool(_) => AttributeType::Bool,
            Self::Null => AttributeType::Null,
            Self::L(_) => AttributeType::L,
            Self::M(_) => AttributeType::M,
            Self::Ss(_) => AttributeType::Ss,
            Self::Ns(_) => AttributeType::Ns,
            Self::Bs(_) => AttributeType::Bs,
        }
    }

    /// Size in bytes (developer guide, "DynamoDB item sizes and formats").
    pub fn size_bytes(&self) -> usize {
        match self {
            Self::S(text) => text.len(),
            Self::N(number) => number.size_bytes(),
            Self::B(bytes) => bytes.len(),
            Self::Bool(_) | Self::Null => 1,
            Self::L(values) => 3 + values.iter().map(|value| 1 + value.size_bytes()).sum::<usize>(),
            Self::M(map) => 3 + map.len() + size_bytes(map),
            Self::Ss(set) => set.iter().map(String::len).sum(),
            Self::Ns(set) => set.iter().map(Number::size_bytes).sum(),
            Self::Bs(set) => set.iter().map(Bytes::len).sum(),
        }
    }
}

impl AttributeValue {
    /// Number of lists and maps within each other.
    pub fn levels(&self) -> usize {
        let deepest = match self {
            Self::L(values) => values.iter().map(Self::levels).max(),
            Self::M(map) => map.values().map(Self::levels).max(),
            _ => return 0,
        };
        1 + deepest.unwrap_or(0)
    }

    /// Memory that it takes beside its own slot, roughly, in bytes.
    fn memory_bytes(&self) -> usize {
        match self {
            Self::S(text) => ALLOCATION_BYTES + text.len(),
            Self::B(bytes) => ALLOCATION_BYTES + bytes.len(),
            Self::N(_) | Self::Bool(_) | Self::Null => 0,
            Self::L(values) => {
                let slots = values.len() * size_of::<Self>();
                ALLOCATION_BYTES + slots + values.iter().map(Self::memory_bytes).sum::<usize>()
            }
            Self::M(map) => memory_bytes(map),
            Self::Ss(set) => {
                nodes(set.len(), size_of::<String>())
                    + set.iter().map(|text| text.len() + ALLOCATION_BYTES).sum::<usize>()
            }
            Self::Ns(set) => nodes(set.len(), size_of::<Number>()),
            Self::Bs(set) => {
                nodes(set.len(), size_of::<Bytes>())
                    + set.iter().map(|bytes| bytes.len() + ALLOCATION_BYTES).sum::<usize>()
            }
        }
    }
}

/// Memory that an allocation takes beside the bytes asked for, roughly.
const ALLOCATION_BYTES: usize = 32;

/// Memory for the nodes of a B-tree of so many entries: each has room for eleven, and is about two thirds full if there
/// are several.
fn nodes(entries: usize, entry_bytes: usize) -> usize {
    entries.div_ceil(7) * (11 * entry_bytes + ALLOCATION_BYTES)
}

/// Memory that an item takes, roughly, in bytes: many small values take far more than they weigh.
pub fn memory_bytes(item: &Item) -> usize {
    let entries = nodes(item.len(), size_of::<(String, AttributeValue)>());
    entries
        + item.iter().map(|(name, value)| name.len() + ALLOCATION_BYTES + value.memory_bytes()).sum::<usize>()
}

/// Size of an item: names and values, in bytes.
pub fn size_bytes(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value.size_bytes()).sum()
}
