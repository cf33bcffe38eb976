//! Byte strings.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Error as _, Serialize, Serializer};

use super::mismatch::{Found, Kind, refuse};
use crate::DecodeError;

/// A blob member, as it lies in the body: base64 text in JSON, the bytes themselves in CBOR.
///
/// Decoding happens when asked, into the buffer the bytes are wanted in.
#[derive(Clone, PartialEq, Eq)]
pub struct Blob<'a>(Form<'a>);

#[derive(Clone, PartialEq, Eq)]
enum Form<'a> {
    Base64(Cow<'a, str>),
    Raw(Cow<'a, [u8]>),
}

impl<'a> Blob<'a> {
    /// A blob of these bytes, owned or borrowed.
    pub fn new(bytes: impl Into<Cow<'a, [u8]>>) -> Self {
        Self(Form::Raw(bytes.into()))
    }

    /// Number of bytes that [`Blob::append_to`] appends. For base64 that turns out to be invalid, an upper bound.
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Raw(bytes) => bytes.len(),
            Form::Base64(text) => {
                let padding = text.bytes().rev().take(2).take_while(|&byte| byte == b'=').count();
                (text.len().div_ceil(4) * 3).saturating_sub(padding)
            }
        }
    }

    /// True if the blob has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends the bytes to `out`, or fails with AWS's text about what is wrong with the base64; `out` is then as
    /// it was.
    pub fn append_to(&self, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        match &self.0 {
            Form::Raw(bytes) => out.extend_from_slice(bytes),
            Form::Base64(text) => {
                let before = out.len();
                // Reserved here because the decoder would reserve exactly, and batches append many times.
                out.reserve(self.len());
                base64_simd::STANDARD.decode_append(text.as_bytes(), out).map_err(|_| {
                    out.truncate(before);
                    DecodeError::Type(base64_error(text))
                })?;
            }
        }
        Ok(())
    }

    /// The bytes, borrowed where the body holds them as they are.
    pub fn into_bytes(self) -> Result<Cow<'a, [u8]>, DecodeError> {
        if let Form::Raw(bytes) = self.0 {
            return Ok(bytes);
        }
        let mut bytes = Vec::with_capacity(self.len());
        self.append_to(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// Longest part of a text that is not base64 that is repeated: it may be as long as the body.
const SHOWN_BYTES_MAX: usize = 1024;

#[cold]
fn base64_error(text: &str) -> String {
    let length = text.chars().count();
    let bytes = text.as_bytes();
    let invalid = text.char_indices().find(|&(at, c)| match c {
        '=' => bytes.get(at + 1).is_some_and(|&next| next != b'='),
        _ => !(c.is_ascii_alphanumeric() || c == '+' || c == '/'),
    });
    let reason = if !length.is_multiple_of(4) {
        format!("Base64 encoded length is expected a multiple of 4 bytes but found: {length}")
    } else if let Some((_, c)) = invalid {
        format!("Invalid Base64 character: '{c}'")
    } else {
        // Spelled as AWS spells it.
        "Invalid last non-pad Base64 character dectected".to_owned()
    };
    let shown = &text[..text.floor_char_boundary(SHOWN_BYTES_MAX)];
    format!("'{shown}' can not be converted to a Blob: {reason}")
}

impl Default for Blob<'_> {
    fn default() -> Self {
        Self::new(&[][..])
    }
}

impl fmt::Debug for Blob<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.len())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Blob<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BlobVisitor)
    }
}

impl Serialize for Blob<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Form::Raw(bytes) => serializer.serialize_bytes(bytes),
            Form::Base64(text) if serializer.is_human_readable() => serializer.serialize_str(text),
            Form::Base64(_) => {
                serializer.serialize_bytes(&self.clone().into_bytes().map_err(S::Error::custom)?)
            }
        }
    }
}

struct BlobVisitor;

impl<'de> Visitor<'de> for BlobVisitor {
    type Value = Blob<'de>;

    refuse!(Kind::Blob; boolean, number, list, map);

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<Blob<'de>, E> {
        Ok(Blob(Form::Base64(Cow::Borrowed(text))))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Blob<'de>, E> {
        Ok(Blob(Form::Base64(Cow::Owned(text.to_owned()))))
    }

    fn visit_borrowed_bytes<E: serde::de::Error>(self, bytes: &'de [u8]) -> Result<Blob<'de>, E> {
        Ok(Blob::new(bytes))
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Blob<'de>, E> {
        Ok(Blob::new(bytes.to_owned()))
    }

    fn visit_byte_buf<E: serde::de::Error>(self, bytes: Vec<u8>) -> Result<Blob<'de>, E> {
        Ok(Blob::new(bytes))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Blob<'de>, E> {
        Ok(Blob::default())
    }
}
