//! Progress of the clients in one round, for which the kill of some rounds waits: so the test has something to show on a
//! machine of any speed.

use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Answered puts.
    pub(super) stored: Count,
    /// Scalings that were accepted.
    pub(super) scaled: Count,
    /// Events after which a subscription can be resumed.
    pub(super) pushed: Count,
    /// Subscriptions that were resumed after a kill.
    pub(super) resumed: Count,
}

#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}
