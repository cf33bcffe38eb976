//! CloudWatch's errors: a shape's name, and the code that the query protocol has for it.

use headwater_wire::{Codec, DecodeError};

use crate::error::ApiError;

pub(super) type Result<T> = std::result::Result<T, Refused>;

/// An error answer.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    pub(super) status: u16,
    /// As the model names it.
    pub(super) shape: &'static str,
    /// As the query protocol names it.
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Refused {
    fn new(status: u16, shape: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, shape, code, message: message.into() }
    }

    pub(super) fn value(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidParameterValueException", "InvalidParameterValue", message)
    }

    pub(super) fn missing(parameter: &str) -> Self {
        let message = format!("The parameter {parameter} is required.");
        Self::new(400, "MissingRequiredParameterException", "MissingParameter", message)
    }

    pub(super) fn combination(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidParameterCombinationException", "InvalidParameterCombination", message)
    }

    /// What GetMetricData refuses with.
    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self::new(400, "ValidationError", "ValidationError", message)
    }

    pub(super) fn token() -> Self {
        Self::new(
            400,
            "InvalidNextToken",
            "InvalidNextToken",
            "The value for parameter NextToken is invalid.",
        )
    }

    pub(super) fn malformed(message: impl Into<String>) -> Self {
        Self::new(400, "SerializationException", "MalformedQueryString", message)
    }

    pub(super) fn too_large(bytes_max: usize) -> Self {
        let message = format!("A request of more than {bytes_max} bytes is not taken.");
        Self::new(413, "RequestEntityTooLargeException", "RequestEntityTooLarge", message)
    }

    pub(super) fn unknown_operation(codec: Codec, name: &str) -> Self {
        let shown = &name[..name.floor_char_boundary(128)];
        let message = format!("Could not find operation {shown} for version {}.", super::VERSION);
        let status = if codec == Codec::Query { 400 } else { 404 };
        Self::new(status, "UnknownOperationException", "InvalidAction", message)
    }

    pub(super) fn unavailable() -> Self {
        let ApiError { message, .. } = ApiError::unavailable();
        Self::new(503, "ServiceUnavailable", "ServiceUnavailable", message.unwrap_or_default())
    }
}

impl From<DecodeError> for Refused {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::Malformed => Self::malformed("The request cannot be parsed."),
            DecodeError::Type(text) => Self::value(text),
        }
    }
}

/// What the check of a signature or of policies refuses.
impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        let code = match error.kind {
            "InvalidSignatureException" => "SignatureDoesNotMatch",
            "MissingAuthenticationTokenException" => "MissingAuthenticationToken",
            "IncompleteSignatureException" => "IncompleteSignature",
            "UnrecognizedClientException" => "InvalidClientTokenId",
            "ExpiredTokenException" => "ExpiredToken",
            "AccessDeniedException" => "AccessDenied",
            _ => "InternalFailure",
        };
        // Of CloudWatch all of these have 403.
        let status = if code == "InternalFailure" { 500 } else { 403 };
        Self::new(status, error.kind, code, error.message.unwrap_or_default())
    }
}
