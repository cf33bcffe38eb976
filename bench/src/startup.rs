//! Duration of a start and memory at rest, with nothing and with much stored.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;
use crate::api::Api;
use crate::load::Worker;
use crate::process::resident_mib;
use crate::scratch::Scratch;
use crate::server::{Program, Server};
use crate::workload::{SHARDS, Work};

/// Written right before the kill, so that the restart finds a tail that no background work has taken.
const TAIL_BYTES: u64 = 256 << 20;

pub(crate) struct Startup {
    pub(crate) empty: Vec<Duration>,
    pub(crate) idle_mib: f64,
}

pub(crate) struct Stored {
    pub(crate) bytes: u64,
    pub(crate) fill_mb_per_second: f64,
    pub(crate) after_kill: Vec<Duration>,
    /// Some time after the load ended, same process.
    pub(crate) quiet_mib: f64,
    /// Some time after a restart, nothing read or written since.
    pub(crate) restarted_mib: f64,
}

pub(crate) fn empty(program: &Program, work: &Path, starts: usize, settle: Duration) -> Result<Startup> {
    let mut times = Vec::new();
    let mut idle_mib = 0.0;
    for start in 0..starts {
        let scratch = Scratch::new(work, "empty")?;
        let server = Server::start(program, scratch.path())?;
        times.push(server.first_answer);
        if start + 1 == starts {
            thread::sleep(settle);
            idle_mib = resident_mib(server.pid())?;
        }
    }
    Ok(Startup { empty: times, idle_mib })
}

/// `settle` is the time in which background work after a load or a start should be done.
pub(crate) fn stored(
    program: &Program,
    work: &Path,
    bytes: u64,
    restarts: usize,
    settle: Duration,
) -> Result<Stored> {
    let scratch = Scratch::new(work, "stored")?;
    let server = Server::start(program, scratch.path())?;
    let started = Instant::now();
    fill(server.address, "filled", bytes)?;
    let fill_mb_per_second = bytes as f64 / 1e6 / started.elapsed().as_secs_f64();
    thread::sleep(settle);
    let quiet_mib = resident_mib(server.pid())?;
    fill(server.address, "tail", TAIL_BYTES)?;
    let mut after_kill = Vec::new();
    let mut running = server;
    for _ in 0..restarts {
        running.kill()?;
        running = Server::start(program, scratch.path())?;
        after_kill.push(running.first_answer);
    }
    thread::sleep(settle);
    let restarted_mib = resident_mib(running.pid())?;
    Ok(Stored { bytes, fill_mb_per_second, after_kill, quiet_mib, restarted_mib })
}

/// Stores about `bytes` of record data in 1 KiB records, as fast as the server takes them.
pub(crate) fn fill(address: SocketAddr, stream: &str, bytes: u64) -> Result<()> {
    Api::open(address)?.create_stream(stream, SHARDS)?;
    let put = Work::PutRecordsLarge.put().ok_or("PutRecords puts")?;
    let sent_bytes = AtomicU64::new(0);
    let request_bytes = put.request_bytes() as u64;
    let putters = put.putters(address, stream)?;
    thread::scope(|scope| {
        let sent_bytes = &sent_bytes;
        let threads: Vec<_> = putters
            .into_iter()
            .map(|mut putter| {
                scope.spawn(move || -> Result<()> {
                    while sent_bytes.fetch_add(request_bytes, Ordering::Relaxed) < bytes {
                        putter.step()?;
                    }
                    Ok(())
                })
            })
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a writer panicked")?)
    })
}
