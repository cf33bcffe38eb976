//! Compressed bodies, inflated within bounds.

use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::request::Parts;
use tokio::sync::OwnedSemaphorePermit;

use crate::answer::header;
use crate::fault::EdgeError;
use crate::pipeline::Shared;

/// The body as it was before it was compressed, and its memory.
pub(crate) fn inflate(
    shared: &Shared,
    head: &Parts,
    body: &Bytes,
    bytes_max: usize,
) -> Result<(Bytes, OwnedSemaphorePermit), EdgeError> {
    if !header(&head.headers, "content-encoding").is_some_and(|name| name.eq_ignore_ascii_case("gzip")) {
        return Err(EdgeError::Encoding("Content-Encoding can be gzip only"));
    }
    // Granted before it is needed: how much it will be cannot be told.
    let mut granted = shared.grant(bytes_max)?;
    let mut bytes = Vec::new();
    let mut reader = MultiGzDecoder::new(body.as_ref()).take(bytes_max as u64 + 1);
    if reader.read_to_end(&mut bytes).is_err() {
        return Err(EdgeError::Encoding("the body is not gzip"));
    }
    if bytes.len() > bytes_max {
        return Err(EdgeError::TooLarge(bytes_max));
    }
    bytes.shrink_to_fit();
    let unused = (bytes_max / 1024).saturating_sub(bytes.len().div_ceil(1024));
    drop(granted.split(unused));
    Ok((bytes.into(), granted))
}
