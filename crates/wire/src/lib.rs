//! Bytes to values and back: the encodings AWS services speak and the signatures they carry.
//!
//! Pure: no I/O, no clock, no async. Every byte that comes in is untrusted: decoding never panics, never
//! recurses without bound and never allocates more than the input justifies.
#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

mod cbor;
mod codec;
pub mod date;
pub mod event_stream;
mod json;
mod query;
pub mod shape;
pub mod sigv4;
mod xml;

#[doc(hidden)]
pub use serde;

pub use codec::{Codec, DecodeError};
pub use query::parameter;
pub use xml::{XmlAnswer, ec2_error, s3_error, xml_answer, xml_error};
