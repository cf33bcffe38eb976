//! Gives the space of trimmed records and deleted logs back.
//!
//! # Algorithm
//! A log's share of a segment is dead once the log, durably, begins after it or is deleted. Dead shares are
//! forgotten; the last one takes the segment with it, any other has its extent punched out of the file. The files of a
//! segment go when the last reader that found it has let go of it, because it may have to open them.
//!
//! # Recovery
//! Work that a crash left undone is found at the start: shares that nobody needs, in segments that take more space than
//! those that are needed.

use std::io;
use std::sync::Arc;

use crate::error::ReadFault;
use crate::log_state::LogState;
use crate::segment::{Dead, Segment, Wait};
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
    let punched = punch_all(&mut dead);
    let empty = {
        let mut segments = shared.segments.lock();
        // Those that could not be, for want of files say, are tried again.
        segments.dead.append(&mut dead);
        let empty: Vec<_> = segments.list.extract_if(.., |segment| segment.live() == 0).collect();
        let any = !empty.is_empty();
        segments.retiring.extend(empty);
        any
    };
    remove_retired(shared)?;
    punched?;
    Ok(any || empty)
}

/// Gives extents back, one after the other; at an error those that remain stay in the list.
fn punch_all(dead: &mut Vec<Dead>) -> io::Result<()> {
    while let Some(Dead { segment, entry, counted }) = dead.last() {
        if segment.live() > 0
            && let Some(len) = punch(segment, *entry)?
        {
            if *counted {
                segment.lose_bytes(len);
            }
            segment.measure()?;
        }
        dead.pop();
    }
    Ok(())
}

/// Removes the files of segments that nothing refers to any more, and nobody reads.
pub(crate) fn remove_retired(shared: &Shared) -> io::Result<()> {
    let unread = |segment: &mut Arc<Segment>| Arc::strong_count(segment) == 1;
    let gone: Vec<_> = shared.segments.lock().retiring.extract_if(.., unread).collect();
    let mut gone = gone.into_iter();
    while let Some(segment) = gone.next() {
        shared.handles.forget(segment.id);
        if let Err(error) = remove(shared, &segment) {
            let mut segments = shared.segments.lock();
            segments.retiring.push(segment);
            segments.retiring.extend(gone);
            return Err(error);
        }
    }
    Ok(())
}

fn remove(shared: &Shared, segment: &Segment) -> io::Result<()> {
    for path in [&segment.path, &segment.index_path] {
        match shared.disk().remove(path) {
            // An attempt before this one may have come so far.
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => shared.damage.forget(path),
        }
    }
    Ok(())
}

/// Bytes that a dead extent goes on taking: too small for a hole, or its edges.
pub(crate) fn kept(len: u64) -> u64 {
    if len < HOLE_MIN { len } else { 2 * BLOCK }
}

fn forget_dead_shares(log: &Arc<LogState>) -> Vec<Dead> {
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
        Dead { segment: share.segment.clone(), entry: share.entry, counted: true }
    })
    .collect()
}

/// Gives the extent of an entry back, and returns its length. Where that is not possible it stays until the segment is
/// rewritten or goes.
fn punch(segment: &Segment, entry: u32) -> io::Result<Option<u64>> {
    let entry = match segment.entry(entry, Wait::Yes) {
        Ok(entry) => entry,
        // A damaged entry leaves its extent; it is no reason to stop.
        Err(ReadFault::Corrupt { what, .. }) => {
            tracing::error!(what, "cannot give space back");
            return Ok(None);
        }
        Err(fault) => return Err(io::Error::other(format!("{fault:?}"))),
    };
    if entry.len >= HOLE_MIN {
        let from = entry.offset.next_multiple_of(BLOCK);
        let to = (entry.offset + entry.len) / BLOCK * BLOCK;
        match segment.file(Wait::Yes)?.punch_hole(from, to.saturating_sub(from)) {
            Err(error) if error.kind() != io::ErrorKind::Unsupported => return Err(error),
            _ => {}
        }
    }
    Ok(Some(entry.len))
}
