//! Entries of the journal and of snapshots.
//!
//! # Constraints
//! A change says what is there afterwards, never what was done to it: changes can be made twice, and a snapshot that was
//! written while they went on is made true by making all of them again, in order.
//!
//! # Format
//! A record of a log is a JSON array of changes that are made together. Tags and names are never changed or reused:
//! ```text
//! {"table": META}                       the table is this (see meta.rs)
//! {"gone": UID}                         the table is gone, and its items
//! {"put": [UID, {NAME: VALUE, ...}]}    the item is this
//! {"del": [UID, {NAME: VALUE, ...}]}    the item of this key is gone
//! {"token": [ACCOUNT, TOKEN, REQUEST, MS]}   a transaction was done
//! {"sealed": [UID, KEY, BASE64]}        a put or a del of an encrypted table (see encryption.rs)
//! {"counts": [[UID, COUNT], ...]}       each table there is has had so many changes (see counts.rs)
//! ```
//! A value is an object of one member as in DynamoDB's own JSON; bytes are base64, numbers may be written `15E-1`. Items
//! are at most [`LEVELS_MAX`](crate::limits::LEVELS_MAX) levels deep, which readers of JSON take.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use base64_simd::STANDARD;
use bytes::Bytes;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::meta::TableMeta;
use crate::value::{AttributeValue, Item, Number, size_bytes};

/// One change.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Change {
    #[serde(rename = "table")]
    Table(Box<TableMeta>),
    #[serde(rename = "gone")]
    Gone(u64),
    #[serde(rename = "put", serialize_with = "show_put", deserialize_with = "read_put")]
    Put(u64, Arc<Item>),
    #[serde(rename = "del", serialize_with = "show_delete", deserialize_with = "read_delete")]
    Delete(u64, Item),
    #[serde(rename = "token")]
    Token(TokenMeta),
    #[serde(rename = "counts")]
    Counts(Vec<(u64, u64)>),
    #[serde(rename = "sealed", serialize_with = "show_sealed", deserialize_with = "read_sealed")]
    Sealed(u64, u32, Bytes),
}

impl Change {
    /// The table that it changes.
    pub(crate) fn table(&self) -> Option<u64> {
        match self {
            Self::Table(meta) => Some(meta.uid),
            Self::Gone(uid) | Self::Put(uid, _) | Self::Delete(uid, _) | Self::Sealed(uid, _, _) => {
                Some(*uid)
            }
            Self::Token(_) | Self::Counts(_) => None,
        }
    }

    /// Bytes that it takes in the journal, roughly.
    pub(crate) fn stored_bytes(&self) -> usize {
        const OTHER_BYTES: usize = 64;
        match self {
            Self::Put(_, item) => OTHER_BYTES + size_bytes(item),
            Self::Delete(_, key) => OTHER_BYTES + size_bytes(key),
            Self::Sealed(_, _, sealed) => OTHER_BYTES + sealed.len() / 3 * 4,
            Self::Table(_) => 512,
            Self::Gone(_) | Self::Token(_) | Self::Counts(_) => OTHER_BYTES,
        }
    }
}

/// A transaction that was done: account (outside the home region `ACCOUNT@REGION`), token, digest of the request, when in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TokenMeta(pub(crate) String, pub(crate) String, pub(crate) u64, pub(crate) u64);

/// Changes as one record.
pub(crate) fn encode(changes: &[Change]) -> Result<Vec<u8>, String> {
    serde_json::to_vec(changes).map_err(|error| error.to_string())
}

/// The changes of a record.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<Change>, String> {
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

fn show_put<S: Serializer>(uid: &u64, item: &Arc<Item>, to: S) -> Result<S::Ok, S::Error> {
    (uid, StoredItem(Cow::Borrowed(item))).serialize(to)
}

fn read_put<'de, D: Deserializer<'de>>(from: D) -> Result<(u64, Arc<Item>), D::Error> {
    let (uid, item) = <(u64, StoredItem<'static>)>::deserialize(from)?;
    Ok((uid, Arc::new(item.0.into_owned())))
}

fn show_delete<S: Serializer>(uid: &u64, key: &Item, to: S) -> Result<S::Ok, S::Error> {
    (uid, StoredItem(Cow::Borrowed(key))).serialize(to)
}

fn read_delete<'de, D: Deserializer<'de>>(from: D) -> Result<(u64, Item), D::Error> {
    let (uid, item) = <(u64, StoredItem<'static>)>::deserialize(from)?;
    Ok((uid, item.0.into_owned()))
}

fn show_sealed<S: Serializer>(uid: &u64, key: &u32, sealed: &Bytes, to: S) -> Result<S::Ok, S::Error> {
    (uid, key, Base64(sealed)).serialize(to)
}

fn read_sealed<'de, D: Deserializer<'de>>(from: D) -> Result<(u64, u32, Bytes), D::Error> {
    let (uid, key, sealed) = <(u64, u32, Cow<'_, str>)>::deserialize(from)?;
    let sealed = STANDARD.decode_to_vec(sealed.as_bytes()).map_err(|_| D::Error::custom("no base64"))?;
    Ok((uid, key, sealed.into()))
}

struct StoredItem<'a>(Cow<'a, Item>);

impl Serialize for StoredItem<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(name, value)| (name, Shown(value))))
    }
}

impl<'de> Deserialize<'de> for StoredItem<'static> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(ItemVisitor).map(|item| Self(Cow::Owned(item)))
    }
}

struct ItemVisitor;

impl<'de> Visitor<'de> for ItemVisitor {
    type Value = Item;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("attributes by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Item, A::Error> {
        let mut item = Item::new();
        while let Some((name, Stored(value))) = map.next_entry::<String, Stored>()? {
            item.insert(name, value);
        }
        Ok(item)
    }
}

struct Shown<'a>(&'a AttributeValue);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(1))?;
        let name = self.0.kind().name();
        match self.0 {
            AttributeValue::S(text) => map.serialize_entry(name, text)?,
            AttributeValue::N(number) => map.serialize_entry(name, &number.short())?,
            AttributeValue::B(bytes) => map.serialize_entry(name, &Base64(bytes))?,
            AttributeValue::Bool(value) => map.serialize_entry(name, value)?,
            AttributeValue::Null => map.serialize_entry(name, &true)?,
            AttributeValue::L(values) => map.serialize_entry(name, &Values(values))?,
            AttributeValue::M(item) => map.serialize_entry(name, &StoredItem(Cow::Borrowed(item)))?,
            AttributeValue::Ss(set) => map.serialize_entry(name, set)?,
            AttributeValue::Ns(set) => {
                map.serialize_entry(name, &set.iter().map(Number::short).collect::<Vec<_>>())?;
            }
            AttributeValue::Bs(set) => {
                map.serialize_entry(name, &set.iter().map(|bytes| Base64(bytes)).collect::<Vec<_>>())?;
            }
        }
        map.end()
    }
}

struct Values<'a>(&'a [AttributeValue]);

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut list = to.serialize_seq(Some(self.0.len()))?;
        for value in self.0 {
            list.serialize_element(&Shown(value))?;
        }
        list.end()
    }
}

struct Base64<'a>(&'a [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode_to_string(self.0))
    }
}

struct Stored(AttributeValue);

impl<'de> Deserialize<'de> for Stored {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(ValueVisitor).map(Self)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = AttributeValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of an attribute")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AttributeValue, A::Error> {
        let Some(name) = map.next_key::<Cow<'_, str>>()? else { return Err(A::Error::custom("no type")) };
        let number = |text: String| text.parse::<Number>().map_err(A::Error::custom);
        let bytes = |text: String| {
            STANDARD
                .decode_to_vec(text.as_bytes())
                .map(Bytes::from)
                .map_err(|_| A::Error::custom("no base64"))
        };
        let value = match name.as_ref() {
            "S" => AttributeValue::S(map.next_value()?),
            "N" => AttributeValue::N(number(map.next_value()?)?),
            "B" => AttributeValue::B(bytes(map.next_value()?)?),
            "BOOL" => AttributeValue::Bool(map.next_value()?),
            "NULL" => map.next_value::<bool>().map(|_| AttributeValue::Null)?,
            "L" => {
                let values: Vec<Stored> = map.next_value()?;
                AttributeValue::L(values.into_iter().map(|stored| stored.0).collect())
            }
            "M" => AttributeValue::M(map.next_value::<StoredItem<'static>>()?.0.into_owned()),
            "SS" => AttributeValue::Ss(map.next_value()?),
            "NS" => {
                let texts: Vec<String> = map.next_value()?;
                AttributeValue::Ns(texts.into_iter().map(number).collect::<Result<_, _>>()?)
            }
            "BS" => {
                let texts: Vec<String> = map.next_value()?;
                AttributeValue::Bs(texts.into_iter().map(bytes).collect::<Result<_, _>>()?)
            }
            _ => return Err(A::Error::custom("an unknown type")),
        };
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Changes as earlier versions wrote them. A line is never changed: another form gets a line of its own.
    const WRITTEN: &str = include_str!("../tests/fixtures/changes-1.jsonl");

    #[test]
    fn what_earlier_versions_wrote_is_read_and_means_the_same() {
        let mut lines = 0;
        for line in WRITTEN.lines() {
            let changes = decode(line.as_bytes()).unwrap_or_else(|error| panic!("{error}: {line}"));
            let again = decode(&encode(&changes).unwrap()).unwrap();
            assert_eq!(format!("{again:?}"), format!("{changes:?}"));
            lines += 1;
        }
        assert!(lines >= 9);
    }

    #[test]
    fn keys_of_several_attributes_are_written_beside_those_of_one() {
        let read = |line: usize| {
            let line = WRITTEN.lines().nth(line).expect("a line");
            let changes = decode(line.as_bytes()).expect(line);
            let [Change::Table(meta)] = &changes[..] else { panic!("{changes:?}") };
            let again = String::from_utf8(encode(&changes).expect("it is written")).expect("text");
            let schemas =
                std::iter::once(&meta.schema).chain(meta.indexes.iter().map(|index| &index.spec.schema));
            let names = schemas.map(|schema| {
                let of = |parts: &mut dyn Iterator<Item = &crate::schema::KeyAttribute>| {
                    parts.map(|part| part.name.as_str()).collect::<Vec<_>>().join(" ")
                };
                (of(&mut schema.hash_attributes()), of(&mut schema.range_attributes()))
            });
            (names.collect::<Vec<_>>(), again)
        };
        let (one, again) = read(0);
        assert_eq!(one, [("leaseKey".to_owned(), String::new())]);
        assert!(
            !again.contains("more_"),
            "what earlier versions could write is written as they did: {again}"
        );
        let (several, again) = read(WRITTEN.lines().count() - 1);
        assert_eq!(
            several[1],
            ("tournament region".to_owned(), "round bracket seat".to_owned()),
            "the first of each stand where they always did"
        );
        assert!(again.contains(r#""more_hash":[{"name":"region","kind":"S"}]"#), "{again}");
    }

    #[test]
    fn the_deepest_item_is_read_again() {
        let mut value = AttributeValue::Null;
        for level in 0..crate::limits::LEVELS_MAX {
            value = match level % 2 {
                0 => AttributeValue::L(vec![value]),
                _ => AttributeValue::M([("k".to_owned(), value)].into()),
            };
        }
        let item = Arc::new(Item::from([("a".to_owned(), value)]));
        let read = decode(&encode(&[Change::Put(1, item.clone())]).unwrap()).unwrap();
        let [Change::Put(1, again)] = &read[..] else { panic!("{read:?}") };
        assert_eq!(*again, item);
    }

    #[test]
    fn what_is_no_change_is_refused() {
        for wrong in [
            "",
            "{}",
            r#"[{"what":1}]"#,
            r#"[{"put":[1]}]"#,
            r#"[{"put":[1,{"a":{"Q":"x"}}]}]"#,
            r#"[{"put":[1,{"a":{}}]}]"#,
            r#"[{"put":[1,{"a":{"N":"x"}}]}]"#,
            r#"[{"put":[1,{"a":{"B":"*"}}]}]"#,
            r#"[{"table":{"uid":1}}]"#,
        ] {
            assert!(decode(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
