//! The pipeline of a request: from HTTP to a service's operation and back. Knows no AWS service.
//!
//! # Constraints
//! Every byte of a request is untrusted. The memory of requests and answers is bounded three times: by the largest body
//! that is taken at all, by the connection's share and by what all connections may hold together ([`Limits`]). An
//! operation reaches nothing before it has asked whether it may ([`AccessControl`]).
//!
//! # Format
//! A service is a value that implements [`Service`]: a [`Description`] (names, signing name, target prefix, version,
//! routes, protocols, limits), a table of [`Operation`]s, and a match that turns the edge's refusals into the service's
//! errors. Mounting it ([`Edge::new`]) is all that adds it.
//!
//! # Algorithm
//! [`Edge::handle`] is the list of steps: identify by the head, take a place, receive, identify by the body, protocol,
//! operation, checks that come before the signature, authenticate, run, hold, encode, count, record.
#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

mod access;
mod admission;
mod answer;
mod body;
mod budget;
mod call;
mod checks;
mod compression;
mod description;
mod exchange;
mod fault;
mod foreign;
mod hold;
mod identify;
mod pages;
mod peer;
mod pipeline;
mod protocol;
mod reply;
mod room;
mod route;
mod scope;
mod service;
mod trail;

pub use access::AccessControl;
pub use body::{AnswerBody, BodyStream, BodyStreamError, Frames, Whole};
pub use budget::Limits;
pub use call::{Call, REQUEST_ID};
pub use checks::{Checks, TextRule, Violations, any_text, flag};
pub use description::Description;
pub use fault::{EdgeError, Fault, NO_OPERATION, UnknownKey, operation_not_found};
pub use headwater_wire::sigv4::SigningRules;
pub use pages::MetricsOf;
pub use peer::Peer;
pub use pipeline::{ConnectionBroken, Edge, Host};
pub use protocol::{Nothing, Protocol};
pub use reply::{HttpReply, Reply, Running};
pub use room::Room;
pub use route::{PathParameters, Route};
pub use service::{Effect, Hosted, Mounted, Operation, Service, Upkeep};
pub use trail::Trail;
