//! Answers of operations, before the protocol's form is put around them.

use std::pin::Pin;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::body::Frames;
use crate::fault::Fault;

/// An operation under way.
pub type Running<'a> = Pin<Box<dyn Future<Output = Result<Reply, Fault>> + Send + 'a>>;

/// The answer of an operation.
#[derive(Debug)]
pub enum Reply {
    /// The encoded members, empty where AWS sends no body.
    Body(Vec<u8>),
    /// Frames of an event stream, for as long as it lasts.
    Events(Frames),
    /// Status, headers and body of a REST operation.
    Http(Box<HttpReply>),
}

/// An answer whose status and headers are the operation's own.
#[derive(Debug)]
pub struct HttpReply {
    /// The status.
    pub status: StatusCode,
    /// Headers; the media type is the protocol's if none is among them.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl From<Vec<u8>> for Reply {
    fn from(body: Vec<u8>) -> Self {
        Self::Body(body)
    }
}

impl From<Frames> for Reply {
    fn from(frames: Frames) -> Self {
        Self::Events(frames)
    }
}

impl From<HttpReply> for Reply {
    fn from(reply: HttpReply) -> Self {
        Self::Http(Box::new(reply))
    }
}
