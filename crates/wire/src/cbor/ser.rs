//! Writing: a serde serializer over `minicbor::Encoder`.

use minicbor::Encoder;
use minicbor::data::IanaTag;
use serde::ser::{self, Serialize};

use super::{TIME, TimeUnit};

pub(super) struct Serializer<'a> {
    out: Encoder<&'a mut Vec<u8>>,
    times: TimeUnit,
    /// True if the next number is the milliseconds of a time, to be written as seconds.
    in_time: bool,
}

/// Error for what no AWS shape contains.
#[derive(Debug)]
pub(super) struct Unencodable(String);

impl std::fmt::Display for Unencodable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unencodable {}

impl ser::Error for Unencodable {
    fn custom<T: std::fmt::Display>(text: T) -> Self {
        Self(text.to_string())
    }
}

impl<E: std::fmt::Display> From<minicbor::encode::Error<E>> for Unencodable {
    fn from(error: minicbor::encode::Error<E>) -> Self {
        Self(error.to_string())
    }
}

impl<'a> Serializer<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>, times: TimeUnit) -> Self {
        Self { out: Encoder::new(out), times, in_time: false }
    }
}

type Done = Result<(), Unencodable>;

/// Methods of scalars that the encoder has under its own names.
macro_rules! scalars {
    ($($method:ident($type:ty) = $encode:ident),* $(,)?) => {
        $(fn $method(self, value: $type) -> Done {
            self.out.$encode(value)?;
            Ok(())
        })*
    };
}

impl<'s, 'a> ser::Serializer for &'s mut Serializer<'a> {
    type Ok = ();
    type Error = Unencodable;
    type SerializeSeq = Open<'s, 'a>;
    type SerializeTuple = Open<'s, 'a>;
    type SerializeTupleStruct = Open<'s, 'a>;
    type SerializeTupleVariant = Open<'s, 'a>;
    type SerializeMap = Open<'s, 'a>;
    type SerializeStruct = Open<'s, 'a>;
    type SerializeStructVariant = Open<'s, 'a>;

    fn is_human_readable(&self) -> bool {
        false
    }

    scalars! {
        serialize_bool(bool) = bool,
        serialize_i8(i8) = i8,
        serialize_i16(i16) = i16,
        serialize_i32(i32) = i32,
        serialize_i64(i64) = i64,
        serialize_u8(u8) = u8,
        serialize_u16(u16) = u16,
        serialize_u32(u32) = u32,
        serialize_f32(f32) = f32,
        serialize_f64(f64) = f64,
        serialize_str(&str) = str,
        serialize_bytes(&[u8]) = bytes,
    }

    fn serialize_u64(self, value: u64) -> Done {
        match std::mem::take(&mut self.in_time) {
            true if value.is_multiple_of(1000) => self.out.u64(value / 1000)?,
            true => self.out.f64(value as f64 / 1000.0)?,
            false => self.out.u64(value)?,
        };
        Ok(())
    }

    fn serialize_char(self, value: char) -> Done {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_none(self) -> Done {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Done {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Done {
        self.out.null()?;
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Done {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Done {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Done {
        if name == TIME {
            self.out.tag(IanaTag::Timestamp)?;
            self.in_time = self.times == TimeUnit::Seconds;
        }
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Done {
        self.out.map(1)?.str(variant)?;
        value.serialize(self)
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Open<'s, 'a>, Unencodable> {
        self.out.begin_array()?;
        Ok(Open(self))
    }

    fn serialize_tuple(self, _len: usize) -> Result<Open<'s, 'a>, Unencodable> {
        self.serialize_seq(None)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Open<'s, 'a>, Unencodable> {
        self.serialize_seq(None)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Open<'s, 'a>, Unencodable> {
        self.out.map(1)?.str(variant)?;
        self.serialize_seq(None)
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Open<'s, 'a>, Unencodable> {
        self.out.begin_map()?;
        Ok(Open(self))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Open<'s, 'a>, Unencodable> {
        self.serialize_map(None)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Open<'s, 'a>, Unencodable> {
        self.out.map(1)?.str(variant)?;
        self.serialize_map(None)
    }
}

/// A list or map that was begun with indefinite length.
pub(super) struct Open<'s, 'a>(&'s mut Serializer<'a>);

impl Open<'_, '_> {
    fn close(self) -> Done {
        self.0.out.end()?;
        Ok(())
    }
}

/// The compound traits differ only in the name of their one method.
macro_rules! lists {
    ($($trait:ident::$method:ident),*) => {
        $(impl ser::$trait for Open<'_, '_> {
            type Ok = ();
            type Error = Unencodable;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
                value.serialize(&mut *self.0)
            }

            fn end(self) -> Done {
                self.close()
            }
        })*
    };
}

macro_rules! structures {
    ($($trait:ident),*) => {
        $(impl ser::$trait for Open<'_, '_> {
            type Ok = ();
            type Error = Unencodable;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Done {
                self.0.out.str(key)?;
                value.serialize(&mut *self.0)
            }

            fn end(self) -> Done {
                self.close()
            }
        })*
    };
}

lists! {
    SerializeSeq::serialize_element, SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field, SerializeTupleVariant::serialize_field
}
structures! { SerializeStruct, SerializeStructVariant }

impl ser::SerializeMap for Open<'_, '_> {
    type Ok = ();
    type Error = Unencodable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Done {
        key.serialize(&mut *self.0)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        value.serialize(&mut *self.0)
    }

    fn end(self) -> Done {
        self.close()
    }
}
