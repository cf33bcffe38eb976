//! Values in answers.

use headwater_tables::value::{AttributeValue, Item};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

/// Attributes by name.
#[derive(Debug, Clone, Copy)]
pub(super) struct ShownItem<'a>(pub(super) &'a Item);

/// A value: its type, and what it is.
struct Shown<'a>(&'a AttributeValue);

/// Bytes, as base64.
struct Binary<'a>(&'a [u8]);

/// Value that is written as it prints itself: a number.
struct Printed<T>(T);

impl Serialize for ShownItem<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, Shown(value))))
    }
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use AttributeValue as V;
        let mut map = serializer.serialize_map(Some(1))?;
        let kind = self.0.kind().name();
        match self.0 {
            V::S(text) => map.serialize_entry(kind, text),
            V::N(number) => map.serialize_entry(kind, &Printed(number)),
            V::B(bytes) => map.serialize_entry(kind, &Binary(bytes)),
            V::Bool(is) => map.serialize_entry(kind, is),
            V::Null => map.serialize_entry(kind, &true),
            V::L(values) => map.serialize_entry(kind, &Each(|| values.iter().map(Shown))),
            V::M(item) => map.serialize_entry(kind, &ShownItem(item)),
            V::Ss(texts) => map.serialize_entry(kind, texts),
            V::Ns(numbers) => map.serialize_entry(kind, &Each(|| numbers.iter().map(Printed))),
            V::Bs(many) => map.serialize_entry(kind, &Each(|| many.iter().map(|bytes| Binary(bytes)))),
        }?;
        map.end()
    }
}

/// A list of whatever the function goes through.
struct Each<F>(F);

impl<I: Iterator<Item: Serialize>, F: Fn() -> I> Serialize for Each<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

impl Serialize for Binary<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<T: std::fmt::Display> Serialize for Printed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}
