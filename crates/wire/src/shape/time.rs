//! Times.

use headwater_types::Timestamp;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

use super::mismatch::{Found, Kind, refuse};
use crate::cbor;

/// A time member: JSON epoch seconds with a fraction, CBOR tag 1 with integer epoch milliseconds (seconds in RPC v2),
/// ISO 8601 in query and XML.
///
/// A time before 1970 becomes the epoch and one beyond all reckoning [`Timestamp::MAX`]; a CBOR float counts as
/// seconds (RFC 8949), because no AWS client sends milliseconds that way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub Timestamp);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The name tells encodings that write times in another way.
        let millis = if deserializer.is_human_readable() {
            deserializer.deserialize_newtype_struct(cbor::TIME, TimeVisitor::<1000>)
        } else {
            deserializer.deserialize_newtype_struct(cbor::TIME, TimeVisitor::<1>)
        };
        millis.map(|millis| Self(Timestamp::from_millis(millis)))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let millis = self.0.as_millis();
        match (serializer.is_human_readable(), millis % 1000) {
            (false, _) => serializer.serialize_newtype_struct(cbor::TIME, &millis),
            (true, 0) => serializer.serialize_u64(millis / 1000),
            // The shortest digits that give this double back are those of the millisecond.
            (true, _) => serializer.serialize_f64(millis as f64 / 1000.0),
        }
    }
}

/// Reads a time whose integers count in `UNIT` milliseconds.
struct TimeVisitor<const UNIT: u64>;

impl<'de, const UNIT: u64> Visitor<'de> for TimeVisitor<UNIT> {
    type Value = u64;

    refuse!(Kind::Time; boolean, text, bytes, list, map);

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
        Ok(number.saturating_mul(UNIT))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u64, E> {
        Ok(u64::try_from(number).unwrap_or(0).saturating_mul(UNIT))
    }

    // The cast stops at both ends and makes 0 of what is not a number.
    fn visit_f64<E: Error>(self, seconds: f64) -> Result<u64, E> {
        Ok((seconds * 1000.0).round() as u64)
    }
}
