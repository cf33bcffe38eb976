//! Memory and places that requests share.

use std::sync::Arc;
use std::time::Duration;

use headwater_host::Clock;
use headwater_types::limits::MIB;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::fault::EdgeError;
use crate::room::Pool;
use crate::trail::Trail;

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
    /// Memory for requests beside their bodies until they have been answered, in bytes: heads, tasks, small answers.
    pub requests_bytes_max: usize,
    /// The same for the requests of one connection.
    pub connection_requests_bytes_max: usize,
    /// Memory for all requests that name no known key, in bytes, bodies and all.
    pub strangers_bytes_max: usize,
    /// The same for those of one connection.
    pub connection_strangers_bytes_max: usize,
    /// Memory for all answers that are being sent, in bytes.
    pub answers_bytes_max: usize,
    /// Memory for the events of all subscriptions until they have been sent, in bytes; further ones wait.
    pub events_bytes_max: usize,
    /// The same as for all answers, for one connection, whose further answers wait for the earlier ones.
    pub connection_answers_bytes_max: usize,
    /// Reads of one connection whose answers are made or wait for its earlier answers; further ones have not begun.
    pub connection_reads_max: usize,
    /// GetRecords, and reads of many items, that are read and encoded at once; others wait. Each may need some 25 MB meanwhile.
    pub reads_max: usize,
    /// Longest wait of such a read for its turn, in milliseconds, before it is refused.
    pub read_wait_ms_max: u64,
    /// Longest time until a body has ended or has come to more than 64 KiB, in milliseconds.
    pub body_begin_ms_max: u64,
    /// Longest pause of a body before its connection is given up, in milliseconds.
    pub body_pause_ms_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 16 * MIB,
            bodies_bytes_max: 512 * MIB,
            connection_bodies_bytes_max: 64 * MIB,
            connection_requests_max: 32,
            requests_bytes_max: 384 * MIB,
            connection_requests_bytes_max: 3 * MIB,
            strangers_bytes_max: 64 * MIB,
            connection_strangers_bytes_max: MIB / 2,
            answers_bytes_max: 512 * MIB,
            events_bytes_max: 512 * MIB,
            connection_answers_bytes_max: 32 * MIB,
            connection_reads_max: 4,
            reads_max: 16,
            read_wait_ms_max: 5_000,
            body_begin_ms_max: 60_000,
            body_pause_ms_max: 30_000,
        }
    }
}

/// The budgets of all connections together, one permit a KiB.
#[derive(Debug)]
pub(crate) struct Budgets {
    pub(crate) bodies: Arc<Semaphore>,
    pub(crate) answers: Arc<Semaphore>,
    /// Requests beside their bodies.
    pub(crate) requests: Arc<Semaphore>,
    /// Everything that strangers send.
    pub(crate) strangers: Arc<Semaphore>,
    reads: Semaphore,
    read_wait: Duration,
}

impl Budgets {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            bodies: Pool::budget(limits.bodies_bytes_max),
            answers: Pool::budget(limits.answers_bytes_max),
            requests: Pool::budget(limits.requests_bytes_max),
            strangers: Pool::budget(limits.strangers_bytes_max),
            reads: Semaphore::new(limits.reads_max),
            read_wait: Duration::from_millis(limits.read_wait_ms_max),
        }
    }

    /// To be held while much is read and encoded. Refused if it does not come in time; before that it waits for the
    /// connection's earlier answers, so that nothing is read for a client that does not take what it has asked for.
    pub(crate) async fn read_slot(
        &self,
        clock: &dyn Clock,
        trail: &Trail,
    ) -> Result<SemaphorePermit<'_>, EdgeError> {
        trail.wait_for_turn().await;
        tokio::select! {
            biased;
            slot = self.reads.acquire() => slot.map_err(|closed| EdgeError::internal(&closed)),
            () = clock.sleep(self.read_wait) => Err(EdgeError::Unavailable),
        }
    }
}
