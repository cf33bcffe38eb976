//! AWS Signature Version 4: signing requests, and reading the signature of those that come in.
//!
//! The canonical form ([`canonical`]) is what signer and verifier must agree on, so both use it.

pub mod canonical;
mod chunked;
mod incoming;
mod payload;
mod sign;
mod verify;

pub use canonical::SigningRules;
pub use chunked::{Chunking, Chunks};
pub use incoming::{AuthError, Authentication, NamedCredential, Source};
pub use payload::{PayloadError, PayloadReader};
pub use sign::{Credentials, Signature, Target, sign, sign_by};
pub use verify::{Claim, SKEW, SignatureError};

/// The only algorithm there is.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";
