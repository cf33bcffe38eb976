//! Lists and maps.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::Serializer;

use super::Text;
use super::mismatch::{Found, Kind, refuse};

/// Items of a list or map that are kept. Three bytes of a body can make an item of a hundred, so what no operation
/// allows is not held in memory either: every limit on a list's length is far below this one, which makes the length
/// that validation sees wrong enough to be refused.
const ITEMS_MAX: usize = 10_000;

/// A list member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct List<T>(pub Vec<T>);

/// A map member with text keys, in the order of the body; of a key given twice the last value counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Map<'a, V>(pub Vec<(Text<'a>, V)>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V> Default for Map<'_, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'a, V> Deref for Map<'a, V> {
    type Target = [(Text<'a>, V)];

    fn deref(&self) -> &[(Text<'a>, V)] {
        &self.0
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}

impl<'a, V> FromIterator<(Text<'a>, V)> for Map<'a, V> {
    fn from_iter<I: IntoIterator<Item = (Text<'a>, V)>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}

impl<V: Serialize> Serialize for Map<'_, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}

impl<'de: 'a, 'a, V: Deserialize<'de>> Deserialize<'de> for Map<'a, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(MAP, MapVisitor(PhantomData))
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = List<T>;

    refuse!(Kind::List; boolean, number, text, bytes, map);

    // A null inside a list of lists, and an empty list in a form.
    fn visit_unit<E: serde::de::Error>(self) -> Result<List<T>, E> {
        Ok(List::default())
    }

    // Lists of 500 records are the common case; growth by doubling costs them little.
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<List<T>, A::Error> {
        let mut list = Vec::new();
        while list.len() < ITEMS_MAX {
            match items.next_element()? {
                Some(item) => list.push(item),
                None => return Ok(List(list)),
            }
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(List(list))
    }
}

/// The name under which a map is asked for, so that forms know it from a structure.
pub(crate) const MAP: &str = "$headwater::Map";

struct MapVisitor<'a, V>(PhantomData<(&'a (), V)>);

impl<'de: 'a, 'a, V: Deserialize<'de>> Visitor<'de> for MapVisitor<'a, V> {
    type Value = Map<'a, V>;

    refuse!(Kind::Map; boolean, number, text, bytes, list);

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Map<'a, V>, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Map<'a, V>, A::Error> {
        let mut map: Vec<(Text<'a>, V)> = Vec::new();
        while map.len() < ITEMS_MAX
            && let Some(entry) = entries.next_entry()?
        {
            map.push(entry);
        }
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        keep_last(&mut map);
        Ok(Map(map))
    }
}

/// Drops all but the last entry of each key, in n log n: the body decides how many there are.
fn keep_last<V>(map: &mut Vec<(Text<'_>, V)>) {
    let mut order: Vec<(&Text<'_>, usize)> = map.iter().map(|(key, _)| key).zip(0..).collect();
    // Stable: of equal keys the earlier comes first.
    order.sort_by_key(|(key, _)| *key);
    let pairs = order.iter().zip(order.iter().skip(1));
    let mut dropped: Vec<usize> = pairs.filter(|((a, _), (b, _))| a == b).map(|((_, at), _)| *at).collect();
    if dropped.is_empty() {
        return;
    }
    dropped.sort_unstable();
    let mut at = 0..;
    map.retain(|_| at.next().is_none_or(|at| dropped.binary_search(&at).is_err()));
}

impl<T: fmt::Display> fmt::Display for List<T> {
    /// As AWS prints lists in its validation texts: `[a, b]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (i, item) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{item}")?;
        }
        f.write_str("]")
    }
}
