//! Reading: a serde deserializer over `minicbor::Decoder`.

use minicbor::Decoder;
use minicbor::data::Type;
use serde::de::{self, Deserialize, DeserializeSeed, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::{MAX_DEPTH, TIME, TimeUnit};
use crate::DecodeError::{self, Malformed};

pub(super) fn decode<'de, T: Deserialize<'de>>(body: &'de [u8], times: TimeUnit) -> Result<T, DecodeError> {
    let mut reader = Reader { input: Decoder::new(body), depth: 0, times };
    if !matches!(reader.next_type()?, Type::Map | Type::MapIndef | Type::Array | Type::ArrayIndef) {
        return Err(Malformed);
    }
    let value = T::deserialize(&mut reader)?;
    if reader.input.position() == body.len() { Ok(value) } else { Err(Malformed) }
}

struct Reader<'de> {
    input: Decoder<'de>,
    depth: u32,
    times: TimeUnit,
}

impl From<minicbor::decode::Error> for DecodeError {
    fn from(_: minicbor::decode::Error) -> Self {
        Malformed
    }
}

impl<'de> Reader<'de> {
    /// The type of the next item, tags passed over.
    fn next_type(&mut self) -> Result<Type, DecodeError> {
        loop {
            match self.input.datatype()? {
                Type::Tag => self.input.tag()?,
                other => return Ok(other),
            };
        }
    }

    fn nested<T>(&mut self, run: impl FnOnce(&mut Self) -> Result<T, DecodeError>) -> Result<T, DecodeError> {
        if self.depth == MAX_DEPTH {
            return Err(Malformed);
        }
        self.depth += 1;
        let result = run(self);
        self.depth -= 1;
        result
    }

    fn end_of(&mut self, left: Option<u64>) -> Result<(), DecodeError> {
        // A visitor that stopped early leaves items behind; none of ours does.
        match left {
            Some(0) => Ok(()),
            Some(_) => Err(Malformed),
            None if self.input.datatype()? == Type::Break => {
                self.input.set_position(self.input.position() + 1);
                Ok(())
            }
            None => Err(Malformed),
        }
    }
}

impl<'de> de::Deserializer<'de> for &mut Reader<'de> {
    type Error = DecodeError;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.next_type()? {
            Type::Bool => visitor.visit_bool(self.input.bool()?),
            Type::Null => {
                self.input.null()?;
                visitor.visit_unit()
            }
            Type::Undefined => {
                self.input.undefined()?;
                visitor.visit_unit()
            }
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => visitor.visit_u64(self.input.u64()?),
            Type::I8 | Type::I16 | Type::I32 | Type::I64 => visitor.visit_i64(self.input.i64()?),
            // Below the smallest 64-bit integer.
            Type::Int => {
                self.input.int()?;
                visitor.visit_i64(i64::MIN)
            }
            Type::F16 => visitor.visit_f64(self.input.f16()?.into()),
            Type::F32 => visitor.visit_f64(self.input.f32()?.into()),
            Type::F64 => visitor.visit_f64(self.input.f64()?),
            Type::Bytes => visitor.visit_borrowed_bytes(self.input.bytes()?),
            Type::BytesIndef => {
                let mut bytes = Vec::new();
                for piece in self.input.bytes_iter()? {
                    bytes.extend_from_slice(piece?);
                }
                visitor.visit_byte_buf(bytes)
            }
            Type::String => visitor.visit_borrowed_str(self.input.str()?),
            Type::StringIndef => {
                let mut text = String::new();
                for piece in self.input.str_iter()? {
                    text.push_str(piece?);
                }
                visitor.visit_string(text)
            }
            Type::Array | Type::ArrayIndef => self.nested(|reader| {
                let mut items = Items { left: reader.input.array()?, reader };
                let value = visitor.visit_seq(&mut items)?;
                let left = items.left;
                reader.end_of(left)?;
                Ok(value)
            }),
            Type::Map | Type::MapIndef => self.nested(|reader| {
                let mut items = Items { left: reader.input.map()?, reader };
                let value = visitor.visit_map(&mut items)?;
                let left = items.left;
                reader.end_of(left)?;
                Ok(value)
            }),
            Type::Simple | Type::Tag | Type::Break | Type::Unknown(_) => Err(Malformed),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.next_type()? {
            Type::Null | Type::Undefined => self.deserialize_any(visitor),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let whole_seconds = name == TIME
            && self.times == TimeUnit::Seconds
            && matches!(
                self.next_type()?,
                Type::U8 | Type::U16 | Type::U32 | Type::U64 | Type::I8 | Type::I16 | Type::I32 | Type::I64
            );
        if whole_seconds {
            // Exact far beyond any date.
            return visitor.visit_f64(i64::deserialize(self)? as f64);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_enum(String::deserialize(self)?.into_deserializer())
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

/// The items of a list, or the entries of a map: `left` of them, or until a break.
struct Items<'a, 'de> {
    left: Option<u64>,
    reader: &'a mut Reader<'de>,
}

impl Items<'_, '_> {
    fn step(&mut self) -> Result<bool, DecodeError> {
        match &mut self.left {
            Some(0) => Ok(false),
            Some(left) => {
                *left -= 1;
                Ok(true)
            }
            None => Ok(self.reader.input.datatype()? != Type::Break),
        }
    }
}

// No `size_hint`: a length that was only claimed must not reserve memory.
impl<'de> de::SeqAccess<'de> for &mut Items<'_, 'de> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        if self.step()? { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }
}

impl<'de> de::MapAccess<'de> for &mut Items<'_, 'de> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DecodeError> {
        if self.step()? { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DecodeError> {
        seed.deserialize(&mut *self.reader)
    }
}
