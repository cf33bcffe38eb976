//! Large answers: counted until they have been sent.

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use crate::fault::EdgeError;
use crate::peer::Peer;
use crate::pipeline::Shared;

/// Answers below this size are not counted: connections bound them well enough.
const SMALL_ANSWER_BYTES: usize = 64 * 1024;

/// A large body and its share of the memory for answers.
struct Held {
    body: Vec<u8>,
    _permits: [OwnedSemaphorePermit; 2],
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

/// The answer's body. A large one waits for the earlier ones of its connection, and counts against the memory of all
/// answers until it has been sent.
pub(crate) async fn hold(shared: &Shared, peer: &Peer, body: Vec<u8>) -> Result<Bytes, EdgeError> {
    if body.len() < SMALL_ANSWER_BYTES {
        return Ok(body.into());
    }
    let limit_kib = shared.limits.connection_answers_bytes_max / 1024;
    let kib = u32::try_from(body.len().div_ceil(1024)).map_err(|_| EdgeError::Unavailable)?;
    let connection_kib = kib.min(u32::try_from(limit_kib).unwrap_or(u32::MAX));
    let of_connection = peer.answers.clone().acquire_many_owned(connection_kib).await;
    let of_connection = of_connection.map_err(|_| EdgeError::Unavailable)?;
    let of_all = shared.budgets.answers.clone().try_acquire_many_owned(kib);
    let of_all = of_all.map_err(|_| EdgeError::Unavailable)?;
    Ok(Bytes::from_owner(Held { body, _permits: [of_connection, of_all] }))
}
