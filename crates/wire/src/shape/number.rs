//! Numbers and booleans.

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error, Visitor};

use super::mismatch::{Found, Kind, mismatch, refuse};

/// The newtype name under which numbers are read: where everything is text, it tells what is to be one.
pub(crate) const NUMBER: &str = "$headwater::Number";

/// A 32-bit integer member. Fractions are cut off; what lies beyond the range becomes its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Int(pub i32);

/// A 64-bit integer member. Fractions are cut off; what lies beyond the range becomes its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Long(pub i64);

/// A boolean member. The strings `true`, `yes`, `1` and their opposites count, in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Bool(pub bool);

impl<'de> Deserialize<'de> for Int {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wide = deserializer.deserialize_newtype_struct(NUMBER, NumberVisitor::<false>)?;
        Ok(Self(wide.clamp(i32::MIN.into(), i32::MAX.into()) as i32))
    }
}

impl<'de> Deserialize<'de> for Long {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(NUMBER, NumberVisitor::<true>).map(Self)
    }
}

impl<'de> Deserialize<'de> for Bool {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BoolVisitor).map(Self)
    }
}

struct NumberVisitor<const LONG: bool>;

impl<'de, const LONG: bool> Visitor<'de> for NumberVisitor<LONG> {
    type Value = i64;

    refuse!(if LONG { Kind::Long } else { Kind::Integer }; boolean, text, bytes, list, map);

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<i64, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<i64, E> {
        Ok(number)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<i64, E> {
        Ok(number.try_into().unwrap_or(i64::MAX))
    }

    // The cast truncates towards zero, stops at the ends and makes 0 of what is not a number.
    fn visit_f64<E: Error>(self, number: f64) -> Result<i64, E> {
        Ok(number as i64)
    }
}

/// A floating-point member. JSON has the texts `NaN`, `Infinity` and `-Infinity` for what it cannot write as a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Double(pub f64);

impl<'de> Deserialize<'de> for Double {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(NUMBER, DoubleVisitor).map(Self)
    }
}

struct DoubleVisitor;

impl<'de> Visitor<'de> for DoubleVisitor {
    type Value = f64;

    refuse!(Kind::Double; boolean, bytes, list, map);

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<f64, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<f64, E> {
        Ok(number as f64)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<f64, E> {
        Ok(number as f64)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<f64, E> {
        Ok(number)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<f64, E> {
        match text {
            "NaN" => Ok(f64::NAN),
            "Infinity" => Ok(f64::INFINITY),
            "-Infinity" => Ok(f64::NEG_INFINITY),
            _ => Err(E::custom(mismatch(Kind::Double, Found::Text))),
        }
    }
}

struct BoolVisitor;

impl<'de> Visitor<'de> for BoolVisitor {
    type Value = bool;

    refuse!(Kind::Boolean; bytes, list, map);

    fn visit_bool<E: Error>(self, value: bool) -> Result<bool, E> {
        Ok(value)
    }

    // AWS names the class of integers only, but takes no number.
    fn visit_u64<E: Error>(self, _: u64) -> Result<bool, E> {
        Err(E::custom(mismatch(Kind::Boolean, Found::Number)))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<bool, E> {
        Err(E::custom(mismatch(Kind::Boolean, Found::Number)))
    }

    // "For some reason, doubles are fine", says the suite that was run against AWS.
    fn visit_f64<E: Error>(self, value: f64) -> Result<bool, E> {
        Ok(value != 0.0)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<bool, E> {
        match text.to_uppercase().as_str() {
            "TRUE" | "YES" | "1" => Ok(true),
            "FALSE" | "NO" | "0" => Ok(false),
            other => Err(E::custom(format_args!("'{other}' can not be converted to an Boolean"))),
        }
    }
}
