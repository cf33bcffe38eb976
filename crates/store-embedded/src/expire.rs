//! Gives the space of trimmed records and deleted logs back.
//!
//! # Algorithm
//! A log's share of a segment is dead once the log, durably, begins after it or is deleted. Dead shares are
//! forgotten; the last one takes the segment with it, any other has its extent punched out of the file.
//!
//! # Recovery
//! What a crash left undone is found at the start: shares that nobody needs, in segments that take more space
//! than those that are needed.

use std::io;
use std::sync::Arc;

use crate::error::ReadFault;
use crate::log_state::LogState;
use crate::segment::{Segment, Wait};
use crate::shared::Shared;

/// A hole smaller than this is not worth it.
const HOLE_MIN: u64 = 64 << 10;
/// File systems give back whole blocks.
const BLOCK: u64 = 4096;

/// Gives back what has become free. False if there was nothing.
pub(crate) fn expire(shared: &Shared) -> io::Result<bool> {
    let shrunk = std::mem::take(&mut *shared.shrunk.lock());
    let mut dead = std::mem::take(&mut shared.segments.lock().dead);
    for log in &shrunk {
        dead.extend(forget_dead_shares(log));
    }
    let any = !dead.is_empty();
    for (segment, entry) in dead {
        if segment.live() > 0 {
            punch(&segment, entry)?;
        }
    }
    let empty: Vec<_> = {
        let mut segments = shared.segments.lock();
        segments.list.extract_if(.., |segment| segment.live() == 0).collect()
    };
    for segment in &empty {
        remove(shared, segment)?;
    }
    Ok(any || !empty.is_empty())
}

/// Removes the files of a segment that nothing refers to any more. Readers that still hold it go on.
pub(crate) fn remove(shared: &Shared, segment: &Segment) -> io::Result<()> {
    shared.disk().remove(&segment.path)?;
    shared.disk().remove(&segment.index_path)
}

/// What a dead extent goes on taking: too small for a hole, or its edges.
pub(crate) fn kept(len: u64) -> u64 {
    if len < HOLE_MIN { len } else { 2 * BLOCK }
}

fn forget_dead_shares(log: &Arc<LogState>) -> Vec<(Arc<Segment>, u32)> {
    let cold = log.cold.load_full();
    let dead = cold.iter().take_while(|share| log.is_dead(share.end)).count();
    if dead == 0 {
        return Vec::new();
    }
    // Only this thread adds and removes shares.
    log.cold.store(Arc::new(cold[dead..].to_vec()));
    let gone = cold[..dead].iter();
    gone.map(|share| {
        share.segment.lose_one();
        (share.segment.clone(), share.entry)
    })
    .collect()
}

/// Gives the extent of an entry back. Where that is not possible it stays until the segment goes.
fn punch(segment: &Segment, entry: u32) -> io::Result<()> {
    let entry = match segment.entry(entry, Wait::Yes) {
        Ok(entry) => entry,
        // A damaged entry leaves its extent; it is no reason to stop.
        Err(ReadFault::Corrupt(what)) => {
            tracing::error!(what, "cannot give space back");
            return Ok(());
        }
        Err(fault) => return Err(io::Error::other(format!("{fault:?}"))),
    };
    if entry.len < HOLE_MIN {
        return Ok(());
    }
    let from = entry.offset.next_multiple_of(BLOCK);
    let to = (entry.offset + entry.len) / BLOCK * BLOCK;
    match segment.file.punch_hole(from, to.saturating_sub(from)) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
        other => other,
    }
}
