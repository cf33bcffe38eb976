//! Connections: their addresses, and their shares of what all connections have together.

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::pipeline::Shared;
use crate::room::Pool;

/// A connection.
#[derive(Debug, Clone)]
pub struct Peer(Arc<Shares>);

impl Deref for Peer {
    type Target = Shares;

    fn deref(&self) -> &Shares {
        &self.0
    }
}

/// The address of a connection and its shares.
#[derive(Debug)]
pub struct Shares {
    pub(crate) address: IpAddr,
    pub(crate) secure: bool,
    /// Heads, and whatever else a request holds until it has been answered.
    pub(crate) heads: Pool,
    /// Everything that requests hold which name no known key.
    pub(crate) strangers: Pool,
    pub(crate) bodies: Pool,
    /// Answers, until they have been sent.
    pub(crate) answers: Pool,
    /// One permit a read whose answer is being made.
    pub(crate) reads: Arc<Semaphore>,
    /// One permit a request that is worked on.
    pub(crate) requests: Arc<Semaphore>,
    pub(crate) overdue: Arc<Notify>,
    progress: Arc<AtomicU64>,
    /// Requests that were refused since one was let in.
    pub(crate) refused: AtomicU32,
    long: Mutex<Vec<Duration>>,
}

impl Peer {
    pub(crate) fn new(shared: &Shared, address: IpAddr, secure: bool) -> Self {
        let (budgets, limits) = (&shared.budgets, &shared.limits);
        let permits = |count: usize| Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS)));
        Self(Arc::new(Shares {
            address: address.to_canonical(),
            secure,
            heads: Pool::new(&budgets.requests, limits.connection_requests_bytes_max),
            strangers: Pool::new(&budgets.strangers, limits.connection_strangers_bytes_max),
            bodies: Pool::new(&budgets.bodies, limits.connection_bodies_bytes_max),
            answers: Pool::new(&budgets.answers, limits.connection_answers_bytes_max),
            reads: permits(limits.connection_reads_max),
            requests: permits(limits.connection_requests_max),
            overdue: Arc::default(),
            progress: Arc::default(),
            refused: AtomicU32::default(),
            long: Mutex::default(),
        }))
    }

    /// Waits until the client has left an event stream unread for longer than it may last, or goes on sending what there
    /// is no room for: the connection is to be closed, so that nothing is kept for it.
    pub async fn is_overdue(&self) {
        self.overdue.notified().await;
    }

    /// Grows whenever something that the client sent has come to be a request or a piece of a body.
    pub fn progress(&self) -> Arc<AtomicU64> {
        self.progress.clone()
    }

    pub(crate) fn note_progress(&self) {
        self.progress.fetch_add(1, Ordering::Relaxed);
    }

    /// The longest time for which a request that is under way may keep the connection silent, if there is one that may
    /// do so for longer than connections may by themselves.
    pub fn may_be_silent_for(&self) -> Option<Duration> {
        self.long.lock().iter().max().copied()
    }

    /// Notes a request that may last, until the answer is dropped.
    pub(crate) fn lasts(&self, duration: Duration) -> Lasting {
        self.long.lock().push(duration);
        Lasting { peer: self.clone(), duration }
    }
}

/// A request that may last, until it is dropped.
#[derive(Debug)]
pub(crate) struct Lasting {
    peer: Peer,
    duration: Duration,
}

impl Drop for Lasting {
    fn drop(&mut self) {
        let mut long = self.peer.long.lock();
        if let Some(at) = long.iter().position(|other| *other == self.duration) {
            long.swap_remove(at);
        }
    }
}

/// A request's place among those of its connection that are worked on.
#[derive(Debug)]
pub(crate) struct Place {
    requests: Arc<Semaphore>,
    held: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Place {
    /// Waits for a place; none if the connection has ended.
    pub(crate) async fn take(peer: &Peer) -> Option<Self> {
        let held = peer.requests.clone().acquire_owned().await.ok()?;
        Some(Self { requests: peer.requests.clone(), held: Mutex::new(Some(held)) })
    }

    /// Waits for `what` without the place, and takes one again before it returns.
    pub(crate) async fn without<T>(&self, what: impl Future<Output = T>) -> T {
        drop(self.held.lock().take());
        let done = what.await;
        // The semaphore is never closed.
        let again = self.requests.clone().acquire_owned().await.ok();
        *self.held.lock() = again;
        done
    }
}
