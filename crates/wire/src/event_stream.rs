//! AWS event streams: the frames in which SubscribeToShard answers.
//!
//! # Format
//! Integers are big-endian; checksums are CRC-32 (IEEE).
//! ```text
//! 0     total length u32, of the whole frame
//! 4     headers length u32
//! 8     CRC of the 8 bytes before
//! 12    headers: name length u8, name, 7 u8 (the type "string"), value length u16, value
//! ..    payload
//! end   CRC of everything before, 4 bytes
//! ```
//!
//! A frame is written in one piece: the payload is encoded where it will stand, and the lengths are filled in
//! afterwards.

use serde::Serialize;

use crate::Codec;

/// Lengths and their checksum.
const PRELUDE_LEN: usize = 12;
/// The checksum at the end.
const CRC_LEN: usize = 4;
/// The type of a header whose value is a string.
const STRING: u8 = 7;

/// One header: a name of at most 255 bytes and a value of at most 65,535.
pub type Header<'a> = (&'a str, &'a str);

/// A frame whose payload is `payload` in JSON. `capacity_bytes` is about how long the payload will be.
pub fn event(event_type: &str, payload: &impl Serialize, capacity_bytes: usize) -> Vec<u8> {
    let headers = [
        (":event-type", event_type),
        (":content-type", Codec::Json.content_type()),
        (":message-type", "event"),
    ];
    frame(&headers, capacity_bytes, |out| Codec::Json.encode_into(payload, out))
}

/// A frame with an exception that the service's model knows.
pub fn exception(kind: &str, message: &str) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a> {
        message: &'a str,
    }
    let headers = [
        (":exception-type", kind),
        (":content-type", Codec::Json.content_type()),
        (":message-type", "exception"),
    ];
    frame(&headers, message.len() + 32, |out| Codec::Json.encode_into(&Body { message }, out))
}

/// A frame with these headers, its payload appended by `payload`.
fn frame(headers: &[Header<'_>], capacity_bytes: usize, payload: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let headers_len: usize = headers.iter().map(|(name, value)| 4 + name.len() + value.len()).sum();
    let mut out = Vec::with_capacity(PRELUDE_LEN + headers_len + capacity_bytes + CRC_LEN);
    out.extend_from_slice(&[0; PRELUDE_LEN]);
    for (name, value) in headers {
        out.push(name.len() as u8);
        out.extend_from_slice(name.as_bytes());
        out.push(STRING);
        out.extend_from_slice(&(value.len() as u16).to_be_bytes());
        out.extend_from_slice(value.as_bytes());
    }
    payload(&mut out);
    let total_len = (out.len() + CRC_LEN) as u32;
    if let Some(place) = out.first_chunk_mut() {
        *place = prelude(total_len, headers_len as u32);
    }
    let crc = crc32fast::hash(&out);
    out.extend_from_slice(&crc.to_be_bytes());
    out
}

/// Both lengths and their checksum.
fn prelude(total_len: u32, headers_len: u32) -> [u8; PRELUDE_LEN] {
    let ([a, b, c, d], [e, f, g, h]) = (total_len.to_be_bytes(), headers_len.to_be_bytes());
    let [i, j, k, l] = crc32fast::hash(&[a, b, c, d, e, f, g, h]).to_be_bytes();
    [a, b, c, d, e, f, g, h, i, j, k, l]
}

/// A frame as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame<'a> {
    headers: Vec<Header<'a>>,
    /// Bytes that it carries.
    pub payload: &'a [u8],
}

/// Why bytes are not a frame. The connection that they came from is of no more use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A length that no frame can have.
    #[error("an event stream frame of {0} bytes")]
    Length(usize),
    /// The bytes are not what was sent.
    #[error("an event stream frame whose checksum is wrong")]
    Checksum,
    /// Headers that cannot be read, or of a type other than string.
    #[error("an event stream frame with malformed headers")]
    Headers,
}

/// The longest frame (AWS's documentation: 24 MiB of payload is the most of any service).
pub const FRAME_LEN_MAX: usize = 25 << 20;

impl<'a> Frame<'a> {
    /// Reads the frame at the beginning of `bytes` and says how long it is; `None` if it has not all come yet.
    pub fn parse(bytes: &'a [u8]) -> Result<Option<(Self, usize)>, FrameError> {
        let Some(&[a, b, c, d, e, f, g, h, ..]) = bytes.first_chunk::<PRELUDE_LEN>() else { return Ok(None) };
        let (total, headers_len) = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
        if !bytes.starts_with(&prelude(total, headers_len)) {
            return Err(FrameError::Checksum);
        }
        let (total, headers_len) = (total as usize, headers_len as usize);
        let fits = PRELUDE_LEN + CRC_LEN..=FRAME_LEN_MAX;
        if !fits.contains(&total) || headers_len > total - PRELUDE_LEN - CRC_LEN {
            return Err(FrameError::Length(total));
        }
        let Some(frame) = bytes.get(..total) else { return Ok(None) };
        let (checked, crc) = frame.split_at(total - CRC_LEN);
        if crc32fast::hash(checked).to_be_bytes() != crc {
            return Err(FrameError::Checksum);
        }
        let (_, rest) = checked.split_at(PRELUDE_LEN);
        let (headers, payload) = rest.split_at(headers_len);
        let headers = parse_headers(headers).ok_or(FrameError::Headers)?;
        Ok(Some((Self { headers, payload }, total)))
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }
}

fn parse_headers(mut bytes: &[u8]) -> Option<Vec<Header<'_>>> {
    let mut headers = Vec::new();
    while let [name_len, rest @ ..] = bytes {
        let (name, rest) = rest.split_at_checked(usize::from(*name_len))?;
        let [STRING, high, low, rest @ ..] = rest else { return None };
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([*high, *low])))?;
        headers.push((std::str::from_utf8(name).ok()?, std::str::from_utf8(value).ok()?));
        bytes = rest;
    }
    Some(headers)
}
