//! AWS's shapes, error names and HTTP: the only crate that knows them.
//!
//! # Constraints
//! Every byte of a request is untrusted. What a request may hold in memory is bounded twice: by the largest
//! body that is taken at all, and by what all requests together may hold ([`Limits`]).
//!
//! # Order of things
//! [`Api::handle`] checks a request in the order in which AWS does (reference, section 1), decodes its members, asks
//! whether the caller may have it done, and runs the [`operations`] table's entry; one file an operation holds shapes,
//! validation, run and answer. Requests of CloudWatch and of DynamoDB are told apart before that and have tables of their
//! own ([`monitoring`], [`tables`]).

mod answer;
mod body;
mod checks;
mod context;
mod error;
mod foreign;
mod guard;
mod http_edge;
mod identity;
mod monitoring;
mod operations;
mod resource;
mod room;
mod tables;

pub use body::{AnswerBody, Frames, Whole};
pub use context::{Api, Limits, Peer, Resources};
pub use guard::AccessControl;
pub use http_edge::{ConnectionBroken, MetricsOf};
pub use room::Room;
