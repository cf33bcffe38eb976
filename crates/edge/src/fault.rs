//! Refusals: the edge's own as values, and the one form of error that every protocol encodes.

use std::borrow::Cow;
use std::fmt::Display;

use bytes::Bytes;
use headwater_access::{Denial, Question, Unknown};
use headwater_wire::DecodeError;
use headwater_wire::sigv4::{AuthError, SignatureError};
use tracing::error;

/// An error answer, before a protocol gives it its form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The HTTP status.
    pub status: u16,
    /// The error's shape as the model names it; also how the request ended, for metrics and the audit log.
    pub shape: &'static str,
    /// The name in the query protocol, where it is another one.
    pub query_code: Option<&'static str>,
    /// The text, none where AWS sends none.
    pub message: Option<Cow<'static, str>>,
    /// The whole body, where it is in no protocol's form or has members beside the text.
    pub body: Option<Bytes>,
    /// The media type, where it is not the protocol's: `Some(None)` for none at all.
    pub media: Option<Option<&'static str>>,
}

impl Fault {
    /// An error with a text.
    pub fn new(status: u16, shape: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: Some(message.into()), ..Self::bare(status, shape) }
    }

    /// An error without a text.
    pub const fn bare(status: u16, shape: &'static str) -> Self {
        Self { status, shape, query_code: None, message: None, body: None, media: None }
    }

    /// An answer that is in no protocol's form.
    pub fn raw(status: u16, shape: &'static str, media: Option<&'static str>, body: &'static str) -> Self {
        let body = Some(Bytes::from_static(body.as_bytes()));
        Self { body, media: Some(media), ..Self::bare(status, shape) }
    }

    /// The same under this name in the query protocol.
    pub fn coded(self, query_code: &'static str) -> Self {
        Self { query_code: Some(query_code), ..self }
    }

    /// The name in the query protocol.
    pub fn code(&self) -> &'static str {
        self.query_code.unwrap_or(self.shape)
    }
}

/// A key that signs nothing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownKey {
    /// There is none of this id, or its token is another.
    Invalid,
    /// Its time is over.
    Expired,
}

impl From<Unknown> for UnknownKey {
    fn from(unknown: Unknown) -> Self {
        match unknown {
            Unknown::Invalid => Self::Invalid,
            Unknown::Expired => Self::Expired,
        }
    }
}

/// A refusal of the edge itself. Each service gives it the name that its clients know ([`crate::Service::fault`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EdgeError {
    /// The body is not what the protocol asks for.
    Decode(DecodeError),
    /// Not signed, or not in full.
    Auth(AuthError),
    /// The signature does not hold.
    Signature(SignatureError),
    /// Signed with a key that is not known or has ended.
    Key(UnknownKey),
    /// A policy forbids it, or none allows it; the text is AWS's.
    Denied(String),
    /// The service has no such operation.
    UnknownOperation(String),
    /// No request of any service looks like this: another method, or no operation named.
    NoOperation,
    /// A body in an encoding that the service does not speak; the media type it was said to be.
    UnsupportedMedia {
        /// The media type, empty if none was named.
        media: String,
        /// True if a target named an operation.
        has_target: bool,
    },
    /// A larger body than is taken, in bytes.
    TooLarge(usize),
    /// A compressed body that cannot be inflated, or is not to be.
    Encoding(&'static str),
    /// No memory or no place is left for the request or its answer.
    Unavailable,
    /// A defect of the server, which its log has.
    Internal,
}

impl EdgeError {
    /// A defect: the client is told that it failed, the log is told why.
    pub fn internal(cause: &dyn Display) -> Self {
        error!(%cause, "a request failed inside the server");
        Self::Internal
    }

    /// `resource` as the request named it: its ARN may hold what the caller does not know.
    pub(crate) fn denied(question: &Question<'_>, resource: &str, denial: Denial) -> Self {
        let Question { action, facts, .. } = question;
        let (user, why) = (facts.caller.arn(), denial.text(action));
        Self::Denied(format!(
            "User: {user} is not authorized to perform: {action} on resource: {resource} {why}"
        ))
    }

    /// The names that most services have for it.
    pub fn usual(self) -> Fault {
        match self {
            Self::Decode(error) => Fault {
                message: error.message().map(|text| Cow::Owned(text.to_owned())),
                ..Fault::bare(400, "SerializationException")
            }
            .coded("MalformedQueryString"),
            Self::Auth(error) => {
                let (shape, code) = match error {
                    AuthError::Both => ("InvalidSignatureException", "SignatureDoesNotMatch"),
                    AuthError::Missing => {
                        ("MissingAuthenticationTokenException", "MissingAuthenticationToken")
                    }
                    AuthError::Incomplete(_) => ("IncompleteSignatureException", "IncompleteSignature"),
                };
                Fault::new(400, shape, error.to_string()).coded(code)
            }
            Self::Signature(error) => {
                let (shape, code) = match error.is_incomplete() {
                    true => ("IncompleteSignatureException", "IncompleteSignature"),
                    false => ("InvalidSignatureException", "SignatureDoesNotMatch"),
                };
                Fault::new(400, shape, error.to_string()).coded(code)
            }
            Self::Key(UnknownKey::Invalid) => Fault::new(
                400,
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            )
            .coded("InvalidClientTokenId"),
            Self::Key(UnknownKey::Expired) => Fault::new(
                400,
                "ExpiredTokenException",
                "The security token included in the request is expired",
            )
            .coded("ExpiredToken"),
            Self::Denied(text) => Fault::new(400, "AccessDeniedException", text).coded("AccessDenied"),
            Self::UnknownOperation(_) | Self::NoOperation => {
                Fault::bare(400, "UnknownOperationException").coded("InvalidAction")
            }
            Self::UnsupportedMedia { media, has_target } => unsupported(&media, has_target),
            Self::TooLarge(bytes_max) => Fault::new(
                413,
                "RequestEntityTooLargeException",
                format!("A request of more than {bytes_max} bytes is not taken."),
            )
            .coded("RequestEntityTooLarge"),
            Self::Encoding(text) => {
                Fault::new(400, "SerializationException", text).coded("MalformedQueryString")
            }
            Self::Unavailable => Fault::new(
                503,
                "ServiceUnavailable",
                "The server holds as many requests and answers in memory as it may. Try again.",
            ),
            Self::Internal => Fault::new(500, "InternalFailureException", "Internal service failure.")
                .coded("InternalFailure"),
        }
    }
}

/// The refusal, in the words of the query protocol, of an operation that a version of an API does not have. The name is
/// shown up to 128 bytes.
pub fn operation_not_found(name: &str, version: &str) -> Fault {
    let shown = &name[..name.floor_char_boundary(128)];
    let message = format!("Could not find operation {shown} for version {version}.");
    Fault::new(400, "UnknownOperationException", message).coded("InvalidAction")
}

/// The answer to a request that names no operation in a way that is known; AWS's own, in no protocol's form.
pub const NO_OPERATION: &str = "<AccessDeniedException>\n  <Message>Unable to determine service/operation name to be \
                                       authorized</Message>\n</AccessDeniedException>\n";

fn unsupported(media: &str, has_target: bool) -> Fault {
    let shape = "UnsupportedContentType";
    if media.eq_ignore_ascii_case("application/json") {
        let body =
            r#"{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}"#;
        return Fault::raw(404, shape, Some("application/json"), body);
    }
    if has_target {
        Fault::raw(404, shape, None, "<UnknownOperationException/>\n")
    } else {
        Fault::raw(403, shape, None, NO_OPERATION)
    }
}

impl From<DecodeError> for EdgeError {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}
