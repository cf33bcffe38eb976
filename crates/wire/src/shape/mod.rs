//! The member types of AWS shapes, with the coercions AWS makes and the texts it answers when it cannot.
//!
//! A shape is declared with [`shape!`](crate::shape!); every member is an `Option`, because JSON `null`, CBOR
//! `null` and absence are the same thing. Unknown members are skipped; of a member given twice the last counts.
//! Strings, base64 text and byte strings are borrowed from the body wherever they lie in it in one piece.

mod blob;
mod list;
mod mismatch;
mod number;
mod structure;
mod text;
mod time;

pub use blob::Blob;
pub(crate) use list::MAP;
pub use list::{List, Map};
pub(crate) use number::NUMBER;
pub use number::{Bool, Double, Int, Long};
#[doc(hidden)]
pub use structure::{Structure, deserialize};
pub use text::Text;
pub use time::Time;
