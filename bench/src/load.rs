//! The closed loop: one thread a worker, a warm-up, then a window in which everything is counted.

use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;
use crate::process::{Busy, Shares};

/// One request after another on one connection.
pub(crate) trait Worker: Send {
    /// Sends one request, judges its answer, returns the records it moved.
    fn step(&mut self) -> Result<u64>;

    /// Waits until the next request is due; no part of its latency.
    fn wait(&mut self) {}
}

/// Worker that sends at a steady rate.
pub(crate) struct Paced<W> {
    worker: W,
    due: Instant,
    every: Duration,
}

/// Spreads `requests_per_second` evenly over the workers.
pub(crate) fn paced<W>(workers: Vec<W>, requests_per_second: f64) -> Vec<Paced<W>> {
    let gap = Duration::from_secs_f64(1.0 / requests_per_second);
    let every = gap * workers.len() as u32;
    let now = Instant::now();
    (0..).zip(workers).map(|(number, worker)| Paced { worker, due: now + gap * number, every }).collect()
}

impl<W: Worker> Worker for Paced<W> {
    fn step(&mut self) -> Result<u64> {
        self.worker.step()
    }

    fn wait(&mut self) {
        thread::sleep(self.due.saturating_duration_since(Instant::now()));
        self.due += self.every;
    }
}

/// Way in which the workers follow one request with the next.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// As soon as it is answered.
    Closed,
    /// At a steady rate that AWS's limits let through.
    Paced,
}

#[derive(Clone, Copy)]
pub(crate) struct Window {
    pub(crate) warm_up: Duration,
    pub(crate) measure: Duration,
}

/// Results of one window.
pub(crate) struct Tally {
    pub(crate) records: u64,
    pub(crate) requests: u64,
    pub(crate) elapsed: Duration,
    /// Of every request, in no order.
    pub(crate) latencies_us: Vec<u32>,
    pub(crate) shares: Shares,
}

impl Tally {
    pub(crate) fn records_per_second(&self) -> f64 {
        self.records as f64 / self.elapsed.as_secs_f64()
    }

    /// Processor time of the server in the window, where its process is known.
    pub(crate) fn server_time(&self) -> Option<Duration> {
        self.shares.server.map(|cpus| self.elapsed.mul_f64(cpus))
    }
}

/// The value below which `part` (0 to 1) of all lie; sorts them.
pub(crate) fn percentile_us(latencies_us: &mut [u32], part: f64) -> u32 {
    latencies_us.sort_unstable();
    let at = (latencies_us.len() as f64 * part) as usize;
    latencies_us.get(at.min(latencies_us.len().saturating_sub(1))).copied().unwrap_or(0)
}

const WARMING: u8 = 0;
const MEASURING: u8 = 1;
const STOPPED: u8 = 2;

#[derive(Default)]
struct Counts {
    records: u64,
    latencies_us: Vec<u32>,
}

pub(crate) fn closed_loop<W: Worker>(workers: Vec<W>, window: Window, server: Option<u32>) -> Result<Tally> {
    let phase = AtomicU8::new(WARMING);
    thread::scope(|scope| {
        let phase = &phase;
        let threads: Vec<_> =
            workers.into_iter().map(|worker| scope.spawn(move || work(worker, phase))).collect();
        thread::sleep(window.warm_up);
        let before = Busy::now(server)?;
        let started = Instant::now();
        phase.store(MEASURING, Ordering::Relaxed);
        // A worker that failed ends the run at once.
        while started.elapsed() < window.measure && !threads.iter().any(|thread| thread.is_finished()) {
            thread::sleep(Duration::from_millis(10).min(window.measure));
        }
        phase.store(STOPPED, Ordering::Relaxed);
        let elapsed = started.elapsed();
        let after = Busy::now(server);
        let mut all = Counts::default();
        for thread in threads {
            let counts = thread.join().map_err(|_| "a worker panicked")??;
            all.records += counts.records;
            all.latencies_us.extend(counts.latencies_us);
        }
        Ok(Tally {
            records: all.records,
            requests: all.latencies_us.len() as u64,
            elapsed,
            latencies_us: all.latencies_us,
            shares: before.until(&after?),
        })
    })
}

fn work(mut worker: impl Worker, phase: &AtomicU8) -> Result<Counts> {
    let mut counts = Counts::default();
    while phase.load(Ordering::Relaxed) != STOPPED {
        worker.wait();
        let sent = Instant::now();
        let records = worker.step()?;
        let latency_us = sent.elapsed().as_micros() as u32;
        // A request counts when its answer came inside the window.
        if phase.load(Ordering::Relaxed) == MEASURING {
            counts.records += records;
            counts.latencies_us.push(latency_us);
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_few_values() {
        assert_eq!(percentile_us(&mut [], 0.5), 0);
        assert_eq!(percentile_us(&mut [3], 0.99), 3);
        assert_eq!(percentile_us(&mut [4, 1, 3, 2], 0.5), 3);
    }

    #[test]
    fn a_rate_is_shared_evenly_and_out_of_step() {
        let paced = paced(vec![(); 4], 100.0);
        assert!(paced.iter().all(|worker| worker.every == Duration::from_millis(40)));
        let gaps = paced.windows(2).map(|pair| pair[1].due - pair[0].due);
        assert!(gaps.into_iter().all(|gap| gap == Duration::from_millis(10)));
    }

    #[test]
    fn a_failing_worker_fails_the_run() {
        struct Fails;
        impl Worker for Fails {
            fn step(&mut self) -> Result<u64> {
                Err("refused".into())
            }
        }
        let window = Window { warm_up: Duration::ZERO, measure: Duration::from_secs(60) };
        assert!(closed_loop(vec![Fails], window, None).is_err());
    }
}
