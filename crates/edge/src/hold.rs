//! Answers: counted until they have been sent.

use bytes::Bytes;

use crate::body::{SMALL_ANSWER_BYTES, Whole};
use crate::fault::EdgeError;
use crate::peer::Peer;
use crate::room::holding;

/// The answer's body, which counts against the memory of all answers until it has been sent, and waits for the earlier
/// ones of its connection. A small one is a part of what its request takes.
pub(crate) async fn hold(peer: &Peer, body: Vec<u8>) -> Result<Whole, EdgeError> {
    if body.len() <= SMALL_ANSWER_BYTES {
        return Ok(Bytes::from(body).into());
    }
    let taken = peer.answers.take(body.capacity()).await.ok_or(EdgeError::Unavailable)?;
    Ok(Whole::held(holding(body, taken)))
}
