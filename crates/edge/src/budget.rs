//! Memory and places that requests share.

use std::sync::Arc;
use std::time::Duration;

use headwater_host::Clock;
use headwater_types::limits::MIB;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::fault::EdgeError;

/// Memory that requests may hold, and how long they may take to arrive.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The largest body that is read, in bytes. 10 MiB of data in base64 is 14 MiB.
    pub body_bytes_max: usize,
    /// Memory for the bodies of all requests together, in bytes.
    pub bodies_bytes_max: usize,
    /// The same for the requests of one connection, so that it leaves room for those of others.
    pub connection_bodies_bytes_max: usize,
    /// Requests of one connection that are worked on at once; further ones wait for these.
    pub connection_requests_max: usize,
    /// Memory for all large answers that are being sent, in bytes.
    pub answers_bytes_max: usize,
    /// Memory for the events of all subscriptions until they have been sent, in bytes; further ones wait.
    pub events_bytes_max: usize,
    /// The same as for all answers, for one connection, whose further answers wait for the earlier ones.
    pub connection_answers_bytes_max: usize,
    /// GetRecords, and reads of many items, that are read and encoded at once; others wait. Each may need some 25 MB meanwhile.
    pub reads_max: usize,
    /// How long such a read waits for that, in milliseconds, before it is refused.
    pub read_wait_ms_max: u64,
    /// How long a body may pause before its connection is given up, in milliseconds.
    pub body_pause_ms_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 16 * MIB,
            bodies_bytes_max: 512 * MIB,
            connection_bodies_bytes_max: 64 * MIB,
            connection_requests_max: 32,
            answers_bytes_max: 512 * MIB,
            events_bytes_max: 512 * MIB,
            connection_answers_bytes_max: 32 * MIB,
            reads_max: 16,
            read_wait_ms_max: 5_000,
            body_pause_ms_max: 30_000,
        }
    }
}

/// The budgets of all connections together.
#[derive(Debug)]
pub(crate) struct Budgets {
    /// One permit a KiB of body.
    pub(crate) bodies: Arc<Semaphore>,
    /// One permit a KiB of answer.
    pub(crate) answers: Arc<Semaphore>,
    reads: Semaphore,
    read_wait: Duration,
}

impl Budgets {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            bodies: permits(limits.bodies_bytes_max / 1024),
            answers: permits(limits.answers_bytes_max / 1024),
            reads: Semaphore::new(limits.reads_max),
            read_wait: Duration::from_millis(limits.read_wait_ms_max),
        }
    }

    /// To be held while much is read and encoded. Refused if it does not come in time.
    pub(crate) async fn read_slot(&self, clock: &dyn Clock) -> Result<SemaphorePermit<'_>, EdgeError> {
        tokio::select! {
            biased;
            slot = self.reads.acquire() => slot.map_err(|closed| EdgeError::internal(&closed)),
            () = clock.sleep(self.read_wait) => Err(EdgeError::Unavailable),
        }
    }
}

/// A semaphore of so many permits, or as many as one can have.
pub(crate) fn permits(count: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS)))
}
