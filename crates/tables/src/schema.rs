//! Names, keys and indexes of a table.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use headwater_types::{Arn, Realm};
use serde::{Deserialize, Serialize};

use crate::options::TableOptions;
use crate::value::{AttributeType, Item};

/// The name of a table or an index: 3 to 255 of `a-z A-Z 0-9 _ . -`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableName(String);

impl TableName {
    /// The name, if it is one.
    pub fn new(text: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        ((3..=255).contains(&text.len()) && text.bytes().all(fits)).then(|| Self(text.to_owned()))
    }

    /// The end of a range of names, which need not be a name.
    pub(crate) fn bound(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A table: whose, and which.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableKey {
    /// Account and region of the table.
    pub realm: Realm,
    /// Name of the table.
    pub name: TableName,
}

impl TableKey {
    /// The table that an ARN names; `None` if it names something else.
    pub fn of_arn(arn: &Arn<'_>) -> Option<Self> {
        let name = TableName::new(arn.resource_of("table")?)?;
        (arn.service == "dynamodb").then_some(Self { realm: arn.realm()?, name })
    }

    /// The ARN: `arn:aws:dynamodb:REGION:ACCOUNT:table/NAME`.
    pub fn arn(&self) -> String {
        Arn::of("dynamodb", &self.realm, &format!("table/{}", self.name)).to_string()
    }
}

/// Types that an attribute of a key can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyType {
    /// Text.
    S,
    /// A number.
    N,
    /// Bytes.
    B,
}

impl KeyType {
    /// The same as a type of any attribute.
    pub fn attribute_type(self) -> AttributeType {
        match self {
            Self::S => AttributeType::S,
            Self::N => AttributeType::N,
            Self::B => AttributeType::B,
        }
    }
}

/// An attribute of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyAttribute {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: KeyType,
}

/// The attributes that make a key: a partition key and perhaps a sort key. In a global index each of them may have
/// up to [`KEY_PARTS_MAX`](crate::limits::KEY_PARTS_MAX) attributes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySchema {
    /// The partition key, or the first of its attributes.
    pub hash: KeyAttribute,
    /// The sort key, or the first of its attributes, if there is one.
    pub range: Option<KeyAttribute>,
    /// Further attributes of the partition key, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    more_hash: Vec<KeyAttribute>,
    /// Further attributes of the sort key, in order; none without [`Self::range`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    more_range: Vec<KeyAttribute>,
}

impl KeySchema {
    /// A key with one attribute of each kind.
    pub fn new(hash: KeyAttribute, range: Option<KeyAttribute>) -> Self {
        Self { hash, range, more_hash: Vec::new(), more_range: Vec::new() }
    }

    /// A key of any number of attributes, in order; `None` if the partition key has none.
    pub fn of_attributes(
        hash: impl IntoIterator<Item = KeyAttribute>,
        range: impl IntoIterator<Item = KeyAttribute>,
    ) -> Option<Self> {
        let (mut hash, mut range) = (hash.into_iter(), range.into_iter());
        let (first, sort) = (hash.next()?, range.next());
        Some(Self { hash: first, range: sort, more_hash: hash.collect(), more_range: range.collect() })
    }

    /// The attributes of the partition key, in order.
    pub fn hash_attributes(&self) -> impl Iterator<Item = &KeyAttribute> {
        std::iter::once(&self.hash).chain(&self.more_hash)
    }

    /// The attributes of the sort key, in order.
    pub fn range_attributes(&self) -> impl Iterator<Item = &KeyAttribute> {
        self.range.iter().chain(&self.more_range)
    }

    /// True if the partition key or the sort key has several attributes.
    pub fn is_composite(&self) -> bool {
        !self.more_hash.is_empty() || !self.more_range.is_empty()
    }

    /// Its attributes, those of the partition key first.
    pub fn attributes(&self) -> impl Iterator<Item = &KeyAttribute> {
        self.hash_attributes().chain(self.range_attributes())
    }

    /// True if this attribute is a part of the key.
    pub fn has(&self, name: &str) -> bool {
        self.attributes().any(|attribute| attribute.name == name)
    }

    /// The key's attributes of an item that has them.
    pub fn of(&self, item: &Item) -> Item {
        let present = |attribute: &KeyAttribute| {
            item.get_key_value(&attribute.name).map(|(name, value)| (name.clone(), value.clone()))
        };
        self.attributes().filter_map(present).collect()
    }
}

/// Attributes that an index gives beside its keys and the table's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum IndexProjection {
    /// All.
    All,
    /// None.
    KeysOnly,
    /// These.
    Include(BTreeSet<String>),
}

/// Capacity units a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throughput {
    /// Of reads.
    pub read: u64,
    /// Of writes.
    pub write: u64,
}

/// Billing mode of a table, which decides whether its throughput is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Billing {
    /// By the request, without a bound.
    PayPerRequest,
    /// By the capacity, which bounds it.
    Provisioned(Throughput),
}

/// Partition of an index against that of its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum IndexScope {
    /// Another partition key than the table's.
    Global,
    /// The table's partition key with another sort key.
    Local,
}

/// An index as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexSpec {
    /// Its name.
    pub name: TableName,
    /// Global or local.
    pub scope: IndexScope,
    /// Its key.
    pub schema: KeySchema,
    /// Attributes that it gives.
    pub projection: IndexProjection,
    /// Its own capacity, where the table is provisioned and the index global.
    pub throughput: Option<Throughput>,
}

/// Storage class, by which storage is paid for; it changes nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TableClass {
    /// Standard.
    Standard,
    /// Infrequent access: cheaper storage, dearer requests.
    InfrequentAccess,
}

/// A table as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSpec {
    /// Its key.
    pub schema: KeySchema,
    /// Its indexes.
    pub indexes: Vec<IndexSpec>,
    /// Its billing mode.
    pub billing: Billing,
    /// Its storage class, if one was given.
    pub class: Option<TableClass>,
    /// True if it cannot be deleted until this is taken back.
    pub deletion_protection: bool,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Options beyond keys and capacity.
    pub options: TableOptions,
}
