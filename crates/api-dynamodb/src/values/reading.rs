//! The first step: from JSON to [`Wire`], and back.

use std::fmt;
use std::marker::PhantomData;

use headwater_tables::value::Number;
use headwater_wire::shape::{Bool, Text};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Attributes, LEVELS_MAX, Values, Wire};

impl<'de: 'a, 'a> Deserialize<'de> for Wire<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ValueSeed(0).deserialize(deserializer)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Attributes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        MapSeed(0).deserialize(deserializer).map(Option::unwrap_or_default)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Values<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ListSeed(ValueSeed(0)).deserialize(deserializer).map(|values| Self(values.unwrap_or_default()))
    }
}

/// Visitor methods for what is not wanted, with AWS's text about it.
macro_rules! refuse {
    ($($method:ident($type:ty)),* => $text:literal) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a value of an attribute")
        }
        $(fn $method<E: Error>(self, _: $type) -> Result<Self::Value, E> {
            Err(E::custom($text))
        })*
    };
}

/// Reads a value within so many lists and maps.
#[derive(Clone, Copy)]
struct ValueSeed(u8);

impl<'de> DeserializeSeed<'de> for ValueSeed {
    type Value = Wire<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Wire<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed {
    type Value = Wire<'de>;

    refuse!(visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64), visit_str(&str)
        => "Unexpected value type in payload");

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Wire<'de>, A::Error> {
        Err(A::Error::custom(
            "Unrecognized collection type class com.amazonaws.dynamodb.v20120810.AttributeValue",
        ))
    }

    fn visit_unit<E: Error>(self) -> Result<Wire<'de>, E> {
        Ok(Wire::Empty)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Wire<'de>, A::Error> {
        let mut found = Wire::Empty;
        while let Some(kind) = map.next_key::<Text<'de>>()? {
            let is_too_deep = self.0 >= LEVELS_MAX;
            let value = match kind.as_str() {
                "S" => map.next_value::<Option<_>>()?.map(Wire::S),
                "N" => map.next_value::<Option<_>>()?.map(Wire::N),
                "B" => map.next_value::<Option<_>>()?.map(Wire::B),
                "BOOL" => map.next_value::<Option<_>>()?.map(|Bool(is)| Wire::Bool(is)),
                "NULL" => map.next_value::<Option<_>>()?.map(|Bool(is)| Wire::Null(is)),
                "SS" => map.next_value_seed(ListSeed(PhantomData))?.map(Wire::Ss),
                "NS" => map.next_value_seed(ListSeed(PhantomData))?.map(Wire::Ns),
                "BS" => map.next_value_seed(ListSeed(PhantomData))?.map(Wire::Bs),
                "L" | "M" if is_too_deep => {
                    map.next_value::<IgnoredAny>()?;
                    Some(Wire::TooDeep)
                }
                "L" => map.next_value_seed(ListSeed(ValueSeed(self.0 + 1)))?.map(Wire::L),
                "M" => map.next_value_seed(MapSeed(self.0 + 1))?.map(Wire::M),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    None
                }
            };
            if let Some(value) = value {
                let is_first = found == Wire::Empty;
                let is_again = std::mem::discriminant(&found) == std::mem::discriminant(&value);
                found = if is_first || is_again { value } else { several(found, value) };
            }
        }
        Ok(found)
    }
}

/// Stands for two values in one. AWS speaks of the number among them that is none.
fn several<'de>(one: Wire<'de>, other: Wire<'de>) -> Wire<'de> {
    let is_wrong = |value: &Wire<'de>| match value {
        Wire::N(text) => text.parse::<Number>().is_err(),
        _ => false,
    };
    [one, other].into_iter().find(is_wrong).unwrap_or(Wire::Several)
}

/// Reads a map of values; `None` for null.
struct MapSeed(u8);

impl<'de> DeserializeSeed<'de> for MapSeed {
    type Value = Option<Attributes<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MapSeed {
    type Value = Option<Attributes<'de>>;

    refuse!(visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64), visit_str(&str)
        => "Unexpected field type");

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(A::Error::custom(
            "Unrecognized collection type java.util.Map<java.lang.String, \
             com.amazonaws.dynamodb.v20120810.AttributeValue>",
        ))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(name) = map.next_key()? {
            pairs.push((name, map.next_value_seed(ValueSeed(self.0))?));
        }
        Ok(Some(Attributes(pairs)))
    }
}

/// Reads a list of what the seed reads; `None` for null.
struct ListSeed<S>(S);

impl<'de, S: DeserializeSeed<'de> + Copy> DeserializeSeed<'de> for ListSeed<S> {
    type Value = Option<Vec<S::Value>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, S: DeserializeSeed<'de> + Copy> Visitor<'de> for ListSeed<S> {
    type Value = Option<Vec<S::Value>>;

    refuse!(visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64), visit_str(&str)
        => "Unexpected field type");

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(A::Error::custom("Start of structure or map found where not expected"))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.0)? {
            list.push(item);
        }
        Ok(Some(list))
    }
}

/// Writes a value as it came, to send back what was not processed.
impl Serialize for Wire<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(name) = self.name() {
            match self {
                Self::Empty | Self::Several | Self::TooDeep => {}
                Self::S(text) | Self::N(text) => map.serialize_entry(name, text)?,
                Self::B(blob) => map.serialize_entry(name, blob)?,
                Self::Bool(is) | Self::Null(is) => map.serialize_entry(name, is)?,
                Self::L(values) => map.serialize_entry(name, values)?,
                Self::M(attributes) => map.serialize_entry(name, attributes)?,
                Self::Ss(texts) | Self::Ns(texts) => map.serialize_entry(name, texts)?,
                Self::Bs(blobs) => map.serialize_entry(name, blobs)?,
            }
        }
        map.end()
    }
}

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
