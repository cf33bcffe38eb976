//! The encodings of AWS's protocols. Kinesis Data Streams has the first two, chosen by the request's content type;
//! CloudWatch has the others.

use std::fmt;

use serde::de::{self, Deserialize};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::{cbor, json, query, xml};

/// Encoding of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// AWS JSON 1.1: blobs as padded base64, times as epoch seconds with a millisecond fraction.
    Json,
    /// AWS CBOR 1.1: blobs as byte strings, times as tag 1 with integer epoch *milliseconds*.
    Cbor,
    /// AWS JSON 1.0: the same as 1.1 under another name.
    Json10,
    /// Smithy RPC v2 CBOR: times as tag 1 with epoch *seconds*, whole or with a fraction.
    RpcCbor,
    /// The AWS query protocol: form parameters in, the inside of an XML element out.
    Query,
}

/// Why a body could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecodeError {
    /// Not JSON or CBOR at all, or not a structure: AWS answers a bare SerializationException.
    Malformed,
    /// Well-formed, but a member has the wrong type: SerializationException with this text.
    Type(String),
}

impl Codec {
    /// The media type of bodies in this encoding.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/x-amz-json-1.1",
            Self::Cbor => "application/x-amz-cbor-1.1",
            Self::Json10 => "application/x-amz-json-1.0",
            Self::RpcCbor => "application/cbor",
            Self::Query => "text/xml",
        }
    }

    /// The codec of Kinesis that a `Content-Type` header names, parameters after `;` tolerated.
    pub fn from_content_type(value: &str) -> Option<Self> {
        let media = value.split(';').next().unwrap_or_default().trim();
        [Self::Json, Self::Cbor].into_iter().find(|codec| media.eq_ignore_ascii_case(codec.content_type()))
    }

    /// Reads a body whose top is a structure. Shapes made by [`shape!`](crate::shape!) give AWS's error texts.
    pub fn decode<'de, T: Deserialize<'de>>(self, body: &'de [u8]) -> Result<T, DecodeError> {
        match self {
            Self::Json | Self::Json10 => json::decode(body),
            Self::Cbor => cbor::decode(body, cbor::TimeUnit::Millis),
            Self::RpcCbor => cbor::decode(body, cbor::TimeUnit::Seconds),
            Self::Query => query::decode(body),
        }
    }

    /// Writes `value` as a new body.
    pub fn encode<T: Serialize + ?Sized>(self, value: &T) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        self.encode_into(value, &mut out);
        out
    }

    /// Appends `value` to `out`.
    ///
    /// # Panics
    /// If `value` is no AWS shape: a map whose keys are not text, an integer beyond 64 bits.
    pub fn encode_into<T: Serialize + ?Sized>(self, value: &T, out: &mut Vec<u8>) {
        match self {
            Self::Json | Self::Json10 => json::encode(value, out),
            Self::Cbor => cbor::encode(value, cbor::TimeUnit::Millis, out),
            Self::RpcCbor => cbor::encode(value, cbor::TimeUnit::Seconds, out),
            Self::Query => xml::encode(value, out),
        }
    }

    /// The body of an error answer: `{"__type":kind,"message":message}`.
    ///
    /// SerializationException spells its key `Message`, as AWS does.
    pub fn encode_error(self, kind: &str, message: Option<&str>) -> Vec<u8> {
        self.encode(&ErrorBody { kind, message })
    }
}

struct ErrorBody<'a> {
    kind: &'a str,
    message: Option<&'a str>,
}

impl Serialize for ErrorBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("__type", self.kind)?;
        if let Some(message) = self.message {
            let key = if self.kind == "SerializationException" { "Message" } else { "message" };
            map.serialize_entry(key, message)?;
        }
        map.end()
    }
}

impl DecodeError {
    /// The text of the SerializationException, none for a body that could not be parsed.
    pub fn message(&self) -> Option<&str> {
        match self {
            Self::Malformed => None,
            Self::Type(text) => Some(text),
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message().unwrap_or("the body is not well-formed"))
    }
}

impl std::error::Error for DecodeError {}

impl de::Error for DecodeError {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::Type(text.to_string())
    }
}
