//! Time: what the machine says, or what a test says.
#![allow(clippy::disallowed_methods, reason = "this is where the machine's clock is asked")]

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use headwater_types::Timestamp;
use tokio::sync::watch;

/// A clock that tells wall time, measures durations and wakes sleepers.
#[async_trait]
pub trait Clock: Send + Sync + Debug {
    /// Wall-clock time. May step when the machine's clock is set.
    fn now(&self) -> Timestamp;
    /// Time since some fixed moment; never steps. For latencies and rates.
    fn elapsed(&self) -> Duration;
    /// Returns once `by` has passed on [`Clock::elapsed`].
    async fn sleep(&self, by: Duration);
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// The clock, its `elapsed` beginning now.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { start: Instant::now() })
    }
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(since.as_millis() as u64)
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    async fn sleep(&self, by: Duration) {
        tokio::time::sleep(by).await;
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug)]
pub struct ManualClock {
    start: Timestamp,
    elapsed: watch::Sender<Duration>,
}

impl ManualClock {
    /// A clock that says `now`.
    pub fn new(now: Timestamp) -> Arc<Self> {
        Arc::new(Self { start: now, elapsed: watch::Sender::new(Duration::ZERO) })
    }

    /// Moves time on and wakes whoever slept until then.
    pub fn advance(&self, by: Duration) {
        self.elapsed.send_modify(|elapsed| *elapsed += by);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.start.plus(*self.elapsed.borrow())
    }

    fn elapsed(&self) -> Duration {
        *self.elapsed.borrow()
    }

    async fn sleep(&self, by: Duration) {
        let until = self.elapsed() + by;
        let mut watch = self.elapsed.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail while this future is polled.
        let _ = watch.wait_for(|elapsed| *elapsed >= until).await;
    }
}
