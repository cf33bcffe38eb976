//! Memory that requests and their answers may hold: a share of the server's, and of that a connection's.
//!
//! # Constraints
//! Everything of a request is counted from the moment its head has come until the last byte of its answer has been handed
//! to the connection; what cannot be counted because a budget is used up is refused with an answer that has no body, which
//! no window of HTTP/2 can hold up. Requests that name no known key have budgets of their own, so that strangers leave room.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of a request beside its head, its body and its answer: the connection's stream, a task, and its work.
pub(crate) const REQUEST_BYTES: usize = 8 << 10;
/// Bytes of a header field beside its name and value, at most: its place in a table that has grown by doubling, and two
/// allocations.
const FIELD_BYTES: usize = 320;
/// Header fields of one request, as HTTP/1 has them anyway.
pub(crate) const FIELDS_MAX: usize = 100;
/// Requests of a connection that may be refused one after the other before it is closed.
pub(crate) const REFUSED_MAX: u32 = 16;

/// A budget of all connections and one connection's share of it, one permit a KiB.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    all: Arc<Semaphore>,
    own: Arc<Semaphore>,
    own_kib_max: u32,
}

impl Pool {
    /// A new connection's share of `all`.
    pub(crate) fn new(all: &Arc<Semaphore>, own_bytes_max: usize) -> Self {
        let own_kib_max = kib(own_bytes_max);
        Self { all: all.clone(), own: Arc::new(Semaphore::new(own_kib_max as usize)), own_kib_max }
    }

    /// A budget of this many bytes.
    pub(crate) fn budget(bytes: usize) -> Arc<Semaphore> {
        Arc::new(Semaphore::new((bytes / 1024).min(Semaphore::MAX_PERMITS)))
    }

    /// Takes this much now, or nothing.
    pub(crate) fn try_take(&self, bytes: usize) -> Option<Taken> {
        let [all, own] =
            [&self.all, &self.own].map(|budget| budget.clone().try_acquire_many_owned(kib(bytes)));
        Some(Taken([all.ok()?, own.ok()?]))
    }

    /// Takes this much of the server's now, or nothing, and waits for what the connection has earlier on its way. More
    /// than all of the connection's share is taken when the connection has nothing else.
    pub(crate) async fn take(&self, bytes: usize) -> Option<Taken> {
        let all = self.all.clone().try_acquire_many_owned(kib(bytes)).ok()?;
        let own = self.own.clone().acquire_many_owned(kib(bytes).min(self.own_kib_max)).await.ok()?;
        Some(Taken([all, own]))
    }
}

fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
}

/// Memory that was taken, until it is dropped.
#[derive(Debug)]
pub(crate) struct Taken([OwnedSemaphorePermit; 2]);

impl Taken {
    pub(crate) fn merge(&mut self, more: Self) {
        self.0.iter_mut().zip(more.0).for_each(|(taken, more)| taken.merge(more));
    }

    /// Gives back all but this much.
    fn shrink(&mut self, bytes: usize) {
        for taken in &mut self.0 {
            drop(taken.split(taken.num_permits().saturating_sub(kib(bytes) as usize)));
        }
    }
}

/// The room of a request that was let in.
#[derive(Debug)]
pub struct Room {
    pub(crate) has_key: bool,
    pool: Pool,
    taken: Taken,
}

impl Room {
    /// Room for a request with this head, if there is any. `has_key` says whether it names a key that is known.
    pub(crate) fn of<B>(pool: &Pool, request: &Request<B>, has_key: bool) -> Option<Self> {
        let fields =
            request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + FIELD_BYTES);
        let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
        let taken = pool.try_take(REQUEST_BYTES + target + fields.sum::<usize>())?;
        Some(Self { has_key, pool: pool.clone(), taken })
    }

    /// Takes more of the same; false if there is none.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        self.pool.try_take(bytes).map(|more| self.taken.merge(more)).is_some()
    }

    /// Gives back what the head took.
    pub(crate) fn forget_head(&mut self) {
        self.taken.shrink(REQUEST_BYTES);
    }
}

/// Bytes that hold memory of a budget for as long as they live.
pub(crate) fn holding<T: Send + 'static>(bytes: impl AsRef<[u8]> + Send + 'static, held: T) -> Bytes {
    struct Holding<B, T>(B, T);
    impl<B: AsRef<[u8]>, T> AsRef<[u8]> for Holding<B, T> {
        fn as_ref(&self) -> &[u8] {
            self.0.as_ref()
        }
    }
    Bytes::from_owner(Holding(bytes, held))
}
