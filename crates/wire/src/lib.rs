//! Bytes to values and back: the encodings AWS services speak and the signatures they carry.
//!
//! Pure: no I/O, no clock, no async. Every byte that comes in is untrusted: decoding never panics, never
//! recurses without bound and never allocates more than the input justifies.
//!
//! # Example
//! ```
//! use headwater_wire::shape::{Blob, Text};
//! use headwater_wire::{Codec, DecodeError};
//!
//! headwater_wire::shape! {
//!     struct Input<'a> {
//!         stream_name: Text<'a> = "StreamName",
//!         data: Blob<'a> = "Data",
//!     }
//! }
//!
//! let input: Input<'_> = Codec::Json.decode(br#"{"StreamName": "s", "Data": "aGVsbG8="}"#)?;
//! assert_eq!(input.stream_name.as_deref(), Some("s"));
//! assert_eq!(input.data.unwrap().into_bytes().unwrap().as_ref(), b"hello");
//!
//! // A member of the wrong type is told in AWS's words; what is no JSON at all has none.
//! let refused = Codec::Json.decode::<Input<'_>>(br#"{"StreamName": []}"#).err();
//! assert!(matches!(refused, Some(DecodeError::Type(text)) if !text.is_empty()));
//! assert_eq!(Codec::Json.decode::<Input<'_>>(b"{").err(), Some(DecodeError::Malformed));
//! # Ok::<(), DecodeError>(())
//! ```
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
