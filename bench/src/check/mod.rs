//! Is everything there that was acknowledged? Exactly once, in order per key, with the same bytes?
//!
//! A writer numbers its records 0, 1, 2, ...; number n goes to key `n mod KEYS` of that writer, and its
//! bytes follow from (writer, n). So a record says by itself where it belongs, and the ledger only keeps,
//! per request, the range of numbers and whether the answer came.

mod digest;
mod ledger;
mod record;
mod verify;
mod write;

pub(crate) use digest::Digest;
pub(crate) use ledger::Ledger;
pub(crate) use verify::{Verified, verify};
pub(crate) use write::write_until_stopped;
