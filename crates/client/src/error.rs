//! Errors of calls, sorted by what the caller should do.

use serde::Deserialize;

/// Why a call did not succeed, after the retries that made sense.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The service answered with an error. Change the request, or slow down where
    /// [`ServiceError::is_throttling`] says so.
    #[error("{0}")]
    Service(#[from] ServiceError),
    /// No answer came. Check that the server runs and the endpoint is right; the call may have taken effect.
    #[error("cannot reach {endpoint}: {cause}. Is the server running, and is this the right endpoint?")]
    Unreachable {
        /// The endpoint that was called.
        endpoint: String,
        /// The network's message.
        cause: String,
    },
    /// Something answered that is no Kinesis. Check the endpoint.
    #[error(
        "{endpoint} does not answer like Kinesis (HTTP {status}: {excerpt}). Is this the right endpoint?"
    )]
    NotKinesis {
        /// The endpoint that was called.
        endpoint: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of what was said.
        excerpt: String,
    },
}

/// An error the service answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ServiceError {
    /// The exception's name without namespace: `ResourceNotFoundException`.
    pub code: String,
    /// The text for people; empty where the service gave none.
    pub message: String,
    /// The HTTP status.
    pub status: u16,
}

/// The body of an error answer, in the spellings that occur.
#[derive(Deserialize)]
pub(crate) struct ErrorBody {
    #[serde(rename = "__type")]
    pub(crate) kind: String,
    #[serde(default, alias = "Message")]
    pub(crate) message: Option<String>,
}

impl ServiceError {
    /// True if the same request may succeed later, at a lower rate.
    pub fn is_throttling(&self) -> bool {
        match self.code.as_str() {
            "ProvisionedThroughputExceededException" | "ThrottlingException" | "KMSThrottlingException" => {
                true
            }
            // Also the name of quotas that no waiting mends; rates have this text.
            "LimitExceededException" => self.message.starts_with("Rate exceeded"),
            _ => self.status == 429,
        }
    }

    /// True if the service failed rather than refused.
    pub fn is_fault(&self) -> bool {
        self.status >= 500
    }
}

impl Error {
    /// The exception's name, where the service answered.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Service(error) => Some(&error.code),
            Self::Unreachable { .. } | Self::NotKinesis { .. } => None,
        }
    }

    /// True if the same call may succeed if it is made again.
    ///
    /// A put that is repeated after a lost answer may be stored twice: AWS SDKs repeat puts all the same, and
    /// consumers of Kinesis have to expect duplicates.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Service(error) => error.is_throttling() || error.is_fault(),
            Self::Unreachable { .. } => true,
            Self::NotKinesis { status, .. } => *status >= 500,
        }
    }
}
