//! Makes journal files ready before they are needed.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::{JournalFile, Spare};
use crate::layout::unfinished;
use crate::shared::Shared;
use crate::stats::StoreStats;

const PIECE: usize = 1 << 20;
/// Written before it is synced, so that the commits beside it do not have to wait long.
const SYNC_EVERY: u64 = 8 << 20;

/// Time between two looks around, without being woken.
const ROUND: Duration = Duration::from_secs(1);

/// The body of the thread `prepare`.
pub(crate) fn run_prepare(shared: &Shared) {
    while !shared.stopping() {
        // This thread has the most leisure of all.
        shared.check_place();
        shared.note_tail(false);
        match prepare_one(shared) {
            Ok(true) => {}
            Ok(false) => thread::park_timeout(ROUND),
            Err(_) if shared.stopping() => return,
            Err(error) => {
                tracing::warn!(%error, "cannot prepare a journal file");
                StoreStats::add(&shared.stats.background_failures, 1);
                thread::park_timeout(Duration::from_secs(1));
            }
        }
    }
}

/// Number of files that should be ready.
fn wanted(shared: &Shared) -> usize {
    if shared.ring.target_bytes() >= shared.journal_max_bytes() { 2 } else { 1 }
}

/// Makes one more file ready. False if there are enough, if too many wait to be clustered, or for want of room.
pub(crate) fn prepare_one(shared: &Shared) -> io::Result<bool> {
    let target = shared.ring.target_bytes();
    // The one that is being written counts too.
    if shared.ring.ready_count() >= wanted(shared) || !shared.ring.has_room(2 * target, shared.ring_bytes()) {
        return Ok(false);
    }
    let (spare, useless) = shared.ring.take_spare(target, shared.journal_max_bytes());
    for spare in useless {
        shared.disk().remove(&spare.path)?;
    }
    let spare = match spare {
        Some(spare) => spare,
        // It is tried again when there is room.
        None if !shared.has_room_for(target) => return Ok(false),
        None => fill(shared, target)?,
    };
    let ready = rename(shared, spare)?;
    shared.ring.add_ready(ready);
    shared.queue.wake();
    Ok(true)
}

/// A journal made of any spare there is, whatever its size.
pub(crate) fn use_any_spare(shared: &Shared) -> io::Result<Option<Arc<JournalFile>>> {
    shared.ring.take_any_spare().map(|spare| rename(shared, spare)).transpose()
}

/// Makes a journal of a spare, under a new id.
fn rename(shared: &Shared, spare: Spare) -> io::Result<Arc<JournalFile>> {
    let id = shared.ring.take_id();
    let path = shared.layout.journal(id);
    shared.disk().rename(&spare.path, &path)?;
    shared.sync_dir(&shared.layout.journals)?;
    Ok(Arc::new(JournalFile::new(id, shared.origin.stamp(), path, spare.file, spare.len, true)))
}

/// A new file of zeros.
fn fill(shared: &Shared, len: u64) -> io::Result<Spare> {
    let path = unfinished(&shared.layout.journal(shared.ring.take_id()));
    let file = shared.create(&path)?;
    let zeros = vec![0; PIECE.min(len as usize)];
    let write = || {
        let mut at = 0;
        while at < len {
            if shared.stopping() {
                return Err(io::Error::other("the store is being closed"));
            }
            let piece = zeros.len().min((len - at) as usize);
            file.write_all_at(&mut [IoSlice::new(&zeros[..piece])], at)?;
            at += piece as u64;
            if at.is_multiple_of(SYNC_EVERY) {
                file.sync_data()?;
            }
        }
        file.sync_data()
    };
    if let Err(error) = write() {
        let _ = shared.disk().remove(&path);
        return Err(error);
    }
    Ok(Spare { path, file, len })
}

/// An empty file in a hurry: its space is reserved but not written. It gets its name last, so that a journal
/// without its length is a damaged one.
pub(crate) fn create_empty(shared: &Shared, len: u64) -> io::Result<Arc<JournalFile>> {
    let id = shared.ring.take_id();
    let path = shared.layout.journal(id);
    let temporary = unfinished(&path);
    let disk = shared.disk();
    let file = shared.create(&temporary)?;
    let reserved = file.allocate(len).and_then(|()| file.sync_data());
    if let Err(error) = reserved {
        let _ = disk.remove(&temporary);
        return Err(error);
    }
    disk.rename(&temporary, &path)?;
    shared.sync_dir(&shared.layout.journals)?;
    Ok(Arc::new(JournalFile::new(id, shared.origin.stamp(), path, file, len, false)))
}
