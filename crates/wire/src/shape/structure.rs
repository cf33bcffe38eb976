//! Structures: what [`shape!`](crate::shape!) makes.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::mismatch::{Found, Kind, refuse};

/// A structure that can read its members one by one.
pub trait Structure<'de>: Default {
    /// Reads the value of member `name` from `map`; false, and nothing read, if there is no such member.
    fn read<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error>;
}

/// Declares an AWS structure: a struct whose members are all optional, with `Deserialize` (AWS's coercions and
/// error texts, unknown members skipped, the last of a member given twice) and `Serialize` (present members in
/// declaration order). Derived structs would take lists for structures and refuse a member given twice.
///
/// ```
/// use headwater_wire::shape::{Blob, Text};
///
/// headwater_wire::shape! {
///     /// One record of PutRecords.
///     pub struct Entry<'a> {
///         /// What is stored.
///         data: Blob<'a> = "Data",
///         /// What decides the shard.
///         partition_key: Text<'a> = "PartitionKey",
///     }
/// }
/// let entry: Entry<'_> = headwater_wire::Codec::Json.decode(br#"{"Data":"YQ==","New":1}"#)?;
/// assert_eq!(entry.data.map(|data| data.len()), Some(1));
/// assert_eq!(entry.partition_key, None);
/// # Ok::<_, headwater_wire::DecodeError>(())
/// ```
#[macro_export]
macro_rules! shape {
    ($(#[$meta:meta])* $vis:vis struct $name:ident $(<$lt:lifetime>)? {
        $($(#[$member_meta:meta])* $member:ident: $type:ty = $wire:literal),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq)]
        $vis struct $name $(<$lt>)? {
            $($(#[$member_meta])* pub $member: Option<$type>,)*
        }

        impl<'de $(: $lt, $lt)?> $crate::shape::Structure<'de> for $name $(<$lt>)? {
            #[allow(unused_variables)]
            fn read<A: $crate::serde::de::MapAccess<'de>>(
                &mut self,
                name: &str,
                map: &mut A,
            ) -> ::core::result::Result<bool, A::Error> {
                match name {
                    $($wire => self.$member = map.next_value()?,)*
                    _ => return Ok(false),
                }
                #[allow(unreachable_code)]
                Ok(true)
            }
        }

        impl<'de $(: $lt, $lt)?> $crate::serde::Deserialize<'de> for $name $(<$lt>)? {
            fn deserialize<D: $crate::serde::Deserializer<'de>>(deserializer: D) -> ::core::result::Result<Self, D::Error> {
                $crate::shape::deserialize(deserializer)
            }
        }

        impl $(<$lt>)? $crate::serde::Serialize for $name $(<$lt>)? {
            fn serialize<S: $crate::serde::Serializer>(&self, serializer: S) -> ::core::result::Result<S::Ok, S::Error> {
                #[allow(unused_imports)]
                use $crate::serde::ser::SerializeMap as _;
                #[allow(unused_mut)]
                let mut map = serializer.serialize_map(None)?;
                $(if let Some(value) = &self.$member {
                    map.serialize_entry($wire, value)?;
                })*
                map.end()
            }
        }
    };
}

/// `Deserialize` of every [`Structure`].
pub fn deserialize<'de, D: Deserializer<'de>, T: Structure<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(StructureVisitor(PhantomData))
}

struct StructureVisitor<T>(PhantomData<T>);

impl<'de, T: Structure<'de>> Visitor<'de> for StructureVisitor<T> {
    type Value = T;

    refuse!(Kind::Structure; boolean, number, text, bytes, list);

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let mut structure = T::default();
        while let Some(name) = map.next_key_seed(Name)? {
            if !structure.read(&name, &mut map)? {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(structure)
    }

    // A null inside a list: a structure without members, which validation refuses by its missing members.
    fn visit_unit<E: Error>(self) -> Result<T, E> {
        Ok(T::default())
    }
}

/// Reads a member's name, borrowed from the body where possible.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}
