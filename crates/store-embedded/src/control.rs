//! Changes of the catalog, as they stand in the journal.
//!
//! # Constraints
//! Every change has a sequence number, one more than the change before it, so that replaying a journal over a
//! snapshot that contains some of its changes already applies each exactly once.
//!
//! # Format
//! The payload of a control frame; the sequence number is the frame's `first`, integers little-endian:
//! ```text
//! Create      { number u32, len u8, name }*
//! Seal        (empty; the log is the frame's `log`)
//! Trim        start u64
//! Delete      { number u32 }*
//! MetaPut     key_len u16, key, value
//! MetaDelete  key
//! ```
//! The version of a key is the sequence number of the change that set it.

use bytes::Bytes;
use headwater_store::LogId;

use crate::frame::{Header, Kind, u32_at, u64_at};

/// A change of the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Control {
    Create(Vec<(u32, LogId)>),
    Seal { log: u32 },
    Trim { log: u32, start: u64 },
    Delete(Vec<u32>),
    MetaPut { key: String, value: Bytes },
    MetaDelete { key: String },
}

impl Control {
    /// The frame of this change, its payload beside it.
    pub(crate) fn encode(&self, sequence: u64) -> (Header, Bytes) {
        let mut payload = Vec::new();
        let (kind, log) = match self {
            Self::Create(logs) => {
                for (number, id) in logs {
                    payload.extend_from_slice(&number.to_le_bytes());
                    payload.push(id.as_str().len() as u8);
                    payload.extend_from_slice(id.as_str().as_bytes());
                }
                (Kind::Create, 0)
            }
            Self::Seal { log } => (Kind::Seal, *log),
            Self::Trim { log, start } => {
                payload.extend_from_slice(&start.to_le_bytes());
                (Kind::Trim, *log)
            }
            Self::Delete(numbers) => {
                payload.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
                (Kind::Delete, 0)
            }
            Self::MetaPut { key, value } => {
                payload.extend_from_slice(&(key.len() as u16).to_le_bytes());
                payload.extend_from_slice(key.as_bytes());
                payload.extend_from_slice(value);
                (Kind::MetaPut, 0)
            }
            Self::MetaDelete { key } => {
                payload.extend_from_slice(key.as_bytes());
                (Kind::MetaDelete, 0)
            }
        };
        (Header { log, first: sequence, ..Header::new(kind, &payload) }, payload.into())
    }

    /// The change in a frame whose checksums hold; `None` if it makes no sense.
    pub(crate) fn decode(header: &Header, payload: &[u8]) -> Option<Self> {
        Some(match header.kind {
            Kind::Create => {
                let mut logs = Vec::new();
                let mut rest = payload;
                while !rest.is_empty() {
                    let len = usize::from(*rest.get(4)?);
                    let name = std::str::from_utf8(rest.get(5..5 + len)?).ok()?;
                    // The number after it has to be one as well.
                    let number = u32_at(rest, 0);
                    number.checked_add(1)?;
                    logs.push((number, LogId::new(name).ok()?));
                    rest = &rest[5 + len..];
                }
                Self::Create(logs)
            }
            Kind::Seal => Self::Seal { log: header.log },
            Kind::Trim if payload.len() == 8 => Self::Trim { log: header.log, start: u64_at(payload, 0) },
            Kind::Delete if payload.len().is_multiple_of(4) => {
                Self::Delete(payload.chunks_exact(4).map(|number| u32_at(number, 0)).collect())
            }
            Kind::MetaPut => {
                let len = usize::from(u16::from_le_bytes(payload.get(..2)?.try_into().ok()?));
                let key = std::str::from_utf8(payload.get(2..2 + len)?).ok()?.to_owned();
                Self::MetaPut { key, value: Bytes::copy_from_slice(&payload[2 + len..]) }
            }
            Kind::MetaDelete => Self::MetaDelete { key: std::str::from_utf8(payload).ok()?.to_owned() },
            Kind::Open | Kind::Records | Kind::Mark | Kind::Trim | Kind::Delete => return None,
        })
    }
}
