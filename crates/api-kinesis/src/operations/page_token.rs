//! NextToken of the lists whose tokens expire.

use headwater_streams::TokenError;

use crate::error::{KinesisError, Result};

/// The token as it is sent.
pub(super) fn encode(token: Vec<u8>) -> String {
    base64_simd::STANDARD.encode_to_string(token)
}

/// Decodes a token that was sent back, and opens it by `open`.
pub(super) fn decode<T>(
    token: &str,
    open: impl FnOnce(&[u8]) -> std::result::Result<T, TokenError>,
) -> Result<T> {
    let bytes = base64_simd::STANDARD.decode_to_vec(token.as_bytes()).map_err(|_| invalid())?;
    open(&bytes).map_err(|error| match error {
        TokenError::Invalid => invalid(),
        TokenError::Expired { .. } => KinesisError::new(
            "ExpiredNextTokenException",
            "The pagination token passed to the operation is expired.",
        ),
    })
}

pub(super) fn invalid() -> KinesisError {
    KinesisError::invalid_argument("NextToken is invalid.")
}
