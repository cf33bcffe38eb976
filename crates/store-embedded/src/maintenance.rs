//! The thread `cluster`: everything that is done behind the acknowledgements.

use std::io;
use std::thread;
use std::time::Duration;

use crate::cluster::{cluster, recycle};
use crate::expire::{expire, remove_retired};
use crate::merge::merge;
use crate::shared::Shared;
use crate::stats::StoreStats;

/// Interval at which it looks around without being woken.
const ROUND: Duration = Duration::from_secs(1);
/// Into how many naps a rest is divided, each of which a wake may cut short.
const ROUNDS_OF_REST: u32 = 50;

/// The body of the thread.
pub(crate) fn run_maintenance(shared: &Shared) {
    while !shared.stopping() {
        shared.check_space();
        shared.handles.buffers.trim();
        probe(shared);
        match step(shared, false) {
            Ok(true) => continue,
            Ok(false) => *shared.failing.lock() = None,
            Err(_) if shared.stopping() => return,
            Err(error) => {
                // Nothing is lost: the journals still have what was not moved, and the next attempt writes
                // new files.
                tracing::error!(%error, "background work failed, trying again");
                StoreStats::add(&shared.stats.background_failures, 1);
                *shared.failing.lock() = Some(error.to_string());
                // Whoever waits for this thread wakes it again and again; what failed just now needs time.
                rest(shared);
                continue;
            }
        }
        thread::park_timeout(ROUND);
    }
}

/// If there were no file descriptors, are there now? Nobody else may open a file for long.
fn probe(shared: &Shared) {
    if shared.handles.exhausted() {
        let _ = shared.handles.with_room(|| shared.disk().open(&shared.layout.format()));
    }
}

/// Waits a round, whoever wakes the thread meanwhile.
fn rest(shared: &Shared) {
    let begin = shared.options.clock.elapsed();
    for _ in 0..ROUNDS_OF_REST {
        if shared.stopping() || shared.options.clock.elapsed().saturating_sub(begin) >= ROUND {
            return;
        }
        thread::park_timeout(ROUND / ROUNDS_OF_REST);
    }
}

/// Does one round of what there is to do. True if there may be more.
pub(crate) fn step(shared: &Shared, anyhow: bool) -> io::Result<bool> {
    recycle(shared)?;
    // Expiry frees the space that clustering may need, and goes on when that fails.
    let expired = expire(shared);
    let clustered = cluster(shared, anyhow);
    let merged = match clustered {
        Ok(_) => merge(shared),
        Err(_) => Ok(false),
    };
    recycle(shared)?;
    remove_retired(shared)?;
    measure(shared);
    Ok(clustered? | expired? | merged?)
}

/// Brings the gauges up to date.
pub(crate) fn measure(shared: &Shared) {
    let list = shared.segments.lock().list.clone();
    let bytes = list.iter().map(|segment| segment.disk_bytes()).sum();
    StoreStats::set(&shared.stats.segments, list.len() as u64);
    StoreStats::set(&shared.stats.segment_bytes, bytes);
    StoreStats::set(&shared.stats.journal_bytes, shared.ring.bytes());
}
