//! The texts AWS answers when a member has the wrong type.

/// Expected type of a member, by AWS's (Java's) name for it.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    Integer,
    Long,
    Double,
    Boolean,
    Blob,
    Time,
    List,
    Map,
    Structure,
}

/// Type that was found instead.
#[derive(Clone, Copy)]
pub(super) enum Found {
    Boolean,
    Number,
    Text,
    Bytes,
    List,
    Map,
}

#[cold]
pub(super) fn mismatch(kind: Kind, found: Found) -> String {
    let class = match found {
        Found::List => return "Start of list found where not expected".to_owned(),
        Found::Map => return "Start of structure or map found where not expected.".to_owned(),
        Found::Boolean => "java.lang.Boolean",
        Found::Number => "com.amazon.coral.value.json.numbers.TruncatingBigNumber",
        Found::Text => "java.lang.String",
        Found::Bytes => "java.nio.HeapByteBuffer",
    };
    let target = match kind {
        Kind::List => return "Expected list or null".to_owned(),
        Kind::Map => return "Expected map or null".to_owned(),
        Kind::Structure => return "Expected null".to_owned(),
        Kind::Text => "an String",
        Kind::Integer => "an Integer",
        Kind::Long => "an Long",
        Kind::Double => "an Double",
        Kind::Boolean => "an Boolean",
        Kind::Blob => "a Blob",
        Kind::Time => "milliseconds since epoch",
    };
    format!("class {class} can not be converted to {target}")
}

/// Visitor methods that refuse: `refuse!(Kind::Text: boolean, number, list)`.
macro_rules! refuse {
    ($kind:expr; $($found:ident),*) => {
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an AWS member")
        }
        $(refuse!(@one $kind, $found);)*
    };
    (@one $kind:expr, boolean) => { refuse!(@method $kind, Boolean, visit_bool(bool)); };
    (@one $kind:expr, number) => {
        refuse!(@method $kind, Number, visit_u64(u64));
        refuse!(@method $kind, Number, visit_i64(i64));
        refuse!(@method $kind, Number, visit_f64(f64));
    };
    (@one $kind:expr, text) => { refuse!(@method $kind, Text, visit_str(&str)); };
    (@one $kind:expr, bytes) => { refuse!(@method $kind, Bytes, visit_bytes(&[u8])); };
    (@one $kind:expr, list) => {
        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
            Err(serde::de::Error::custom($crate::shape::mismatch::mismatch($kind, Found::List)))
        }
    };
    (@one $kind:expr, map) => {
        fn visit_map<A: serde::de::MapAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
            Err(serde::de::Error::custom($crate::shape::mismatch::mismatch($kind, Found::Map)))
        }
    };
    (@method $kind:expr, $found:ident, $method:ident($type:ty)) => {
        fn $method<E: serde::de::Error>(self, _: $type) -> Result<Self::Value, E> {
            Err(E::custom($crate::shape::mismatch::mismatch($kind, Found::$found)))
        }
    };
}
pub(super) use refuse;
