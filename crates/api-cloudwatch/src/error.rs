//! CloudWatch's errors: a shape's name, and the code that the query protocol has for it.

use headwater_edge::{EdgeError, Fault, operation_not_found};
use headwater_wire::DecodeError;

pub(crate) type Result<T> = std::result::Result<T, CloudWatchError>;

/// A refusal by an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CloudWatchError {
    /// A value that a parameter cannot have.
    Value(String),
    /// A parameter that has to be there, by its path.
    Missing(String),
    /// Parameters that exclude each other.
    Combination(String),
    /// A refusal of GetMetricData's.
    Validation(String),
    /// A token that was not given out here.
    Token,
    /// A body that cannot be read.
    Malformed,
}

impl CloudWatchError {
    pub(crate) fn value(message: impl Into<String>) -> Self {
        Self::Value(message.into())
    }

    pub(crate) fn missing(parameter: &str) -> Self {
        Self::Missing(parameter.to_owned())
    }

    pub(crate) fn combination(message: impl Into<String>) -> Self {
        Self::Combination(message.into())
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::Validation(message.into())
    }

    pub(crate) fn token() -> Self {
        Self::Token
    }
}

impl From<DecodeError> for CloudWatchError {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::Malformed => Self::Malformed,
            DecodeError::Type(text) => Self::Value(text),
        }
    }
}

impl From<CloudWatchError> for Fault {
    fn from(error: CloudWatchError) -> Self {
        use CloudWatchError as E;
        let fault = |shape, code, message: String| Self::new(400, shape, message).coded(code);
        match error {
            E::Value(message) => fault("InvalidParameterValueException", "InvalidParameterValue", message),
            E::Missing(parameter) => fault(
                "MissingRequiredParameterException",
                "MissingParameter",
                format!("The parameter {parameter} is required."),
            ),
            E::Combination(message) => {
                fault("InvalidParameterCombinationException", "InvalidParameterCombination", message)
            }
            E::Validation(message) => fault("ValidationError", "ValidationError", message),
            E::Token => fault(
                "InvalidNextToken",
                "InvalidNextToken",
                "The value for parameter NextToken is invalid.".to_owned(),
            ),
            E::Malformed => fault(
                "SerializationException",
                "MalformedQueryString",
                "The request cannot be parsed.".to_owned(),
            ),
        }
    }
}

/// A refusal of the edge. Those of signatures and policies have 403 here.
pub(crate) fn edge_fault(error: EdgeError, is_query: bool) -> Fault {
    match error {
        EdgeError::Auth(_) | EdgeError::Signature(_) | EdgeError::Key(_) | EdgeError::Denied(_) => {
            let mut fault = error.usual();
            if fault.shape == "ExpiredTokenException" {
                // The query protocol's code for it is not known.
                fault = fault.coded("InternalFailure");
            }
            Fault { status: 403, ..fault }
        }
        EdgeError::UnknownOperation(name) => {
            let status = if is_query { 400 } else { 404 };
            Fault { status, ..operation_not_found(&name, crate::VERSION) }
        }
        EdgeError::Decode(DecodeError::Malformed) => CloudWatchError::Malformed.into(),
        EdgeError::Decode(error @ DecodeError::Type(_)) => CloudWatchError::from(error).into(),
        EdgeError::NoOperation
        | EdgeError::UnsupportedMedia { .. }
        | EdgeError::TooLarge(_)
        | EdgeError::Encoding(_)
        | EdgeError::Unavailable
        | EdgeError::Internal => error.usual(),
    }
}
