//! AWS CBOR: a thin serde bridge over minicbor.
//!
//! Reading borrows strings and bytes where they are in one piece, accepts definite and indefinite lengths and
//! looks through tags (a time knows by itself that it is in milliseconds). Writing uses indefinite lengths for
//! maps and lists, as AWS does.

mod de;
mod ser;

use serde::de::{Deserialize, IgnoredAny};
use serde::ser::Serialize;

use crate::DecodeError;

/// The newtype name that [`Time`](crate::shape::Time) gives its milliseconds, and that is written as tag 1.
pub(crate) const TIME: &str = "$headwater::Time";

/// Unit of integers in times. Floating-point numbers are seconds always.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeUnit {
    Millis,
    Seconds,
}

/// Nesting beyond this is refused; the deepest AWS shape has about ten levels.
const MAX_DEPTH: u32 = 128;

pub(crate) fn decode<'de, T: Deserialize<'de>>(body: &'de [u8], times: TimeUnit) -> Result<T, DecodeError> {
    match de::decode(body, times) {
        // A type error met first does not excuse what follows.
        Err(DecodeError::Type(_)) if de::decode::<IgnoredAny>(body, times).is_err() => {
            Err(DecodeError::Malformed)
        }
        other => other,
    }
}

pub(crate) fn encode<T: Serialize + ?Sized>(value: &T, times: TimeUnit, out: &mut Vec<u8>) {
    value.serialize(&mut ser::Serializer::new(out, times)).expect("AWS shapes have 64-bit numbers");
}
