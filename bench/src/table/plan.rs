//! Durations and amounts of a run.

use std::time::Duration;

use crate::fan_out::Times;
use crate::load::Window;

pub(super) struct Plan {
    pub(super) rounds: usize,
    pub(super) window: Window,
    /// Longer, because a server that is mostly idle spends few of the 10 ms in which its time is counted.
    pub(super) paced_window: Window,
    pub(super) raw_time: Duration,
    pub(super) fan_out: Times,
    /// Time for each number of connections.
    pub(super) sweep_point: Duration,
    pub(super) leases: Window,
    /// Pause before the memory of an idle server is looked at.
    pub(super) idle: Duration,
    /// Pause in which background work after a load or a start should be done.
    pub(super) settle: Duration,
    pub(super) stored_bytes: u64,
    pub(super) starts: usize,
}

impl Plan {
    pub(super) fn new(quick: bool, rounds: Option<usize>) -> Self {
        let plan = if quick { Self::quick() } else { Self::full() };
        Self { rounds: rounds.unwrap_or(plan.rounds).max(1), ..plan }
    }

    fn full() -> Self {
        Self {
            rounds: 5,
            window: window(2.0, 5.0),
            paced_window: window(2.0, 8.0),
            raw_time: seconds(1.0),
            fan_out: Times { idle: seconds(5.0), measure: seconds(5.0) },
            sweep_point: seconds(3.0),
            leases: window(1.0, 4.0),
            idle: seconds(3.0),
            settle: seconds(10.0),
            stored_bytes: 5_000_000_000,
            starts: 9,
        }
    }

    fn quick() -> Self {
        Self {
            rounds: 1,
            window: window(0.3, 0.7),
            paced_window: window(0.3, 0.9),
            raw_time: seconds(0.2),
            fan_out: Times { idle: seconds(0.5), measure: seconds(1.0) },
            sweep_point: seconds(0.4),
            leases: window(0.1, 0.3),
            idle: seconds(0.5),
            settle: seconds(1.0),
            stored_bytes: 200_000_000,
            starts: 3,
        }
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn window(warm_up: f64, measure: f64) -> Window {
    Window { warm_up: seconds(warm_up), measure: seconds(measure) }
}
