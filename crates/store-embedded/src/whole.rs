//! Check that the files of a directory are from one moment of one store.
//!
//! # Constraints
//! Every state that a crash leaves passes, whichever step it comes after. Files of other times do not: a journal that
//! is missing or older, segments that are newer than the journals, journals that do not follow the snapshot. Whose a
//! file is at all, `origin` knows.
//!
//! # What is known
//! - A journal file is taken away only when a later one is there by name, so one at or after the one that the witness
//!   names is always there, and so is one at or after the one with which the replay begins.
//! - A journal is used for something else only after a snapshot that goes beyond it, so one that the witness saw in use
//!   is in use as long as the newest snapshot does not.
//! - So is one whose records a segment holds, and it ended where the segment says.
//! - Records of a segment are in the snapshot's bounds or in the journals, and the numbers of their logs were given.

use std::path::Path;

use crate::catalog::Catalog;
use crate::error::OpenError;
use crate::layout::Layout;
use crate::segment::{Entry, Segment};
use crate::tail::Tail;

/// Are the journals there that the witness knows? `newest` is the newest of all files, `used` are those in use.
pub(crate) fn journals(
    layout: &Layout,
    from: u64,
    tail: Tail,
    newest: u64,
    used: &[u64],
) -> Result<(), OpenError> {
    if newest < tail.journal {
        let (path, witness) = (layout.journal(tail.journal), layout.tail());
        let what = format!("{} is missing, and {} names it", path.display(), witness.display());
        return Err(OpenError::not_whole(layout, what));
    }
    if newest < from {
        let (path, snapshot) = (layout.journals.display(), layout.snapshot(from));
        let what = format!("{path} has no file from {from:016x}.log on, where {} ends", snapshot.display());
        return Err(OpenError::not_whole(layout, what));
    }
    for (id, end) in [(tail.journal_before, tail.end_before), (tail.journal, tail.end)] {
        if end > 0 && id >= from.max(1) && !used.contains(&id) {
            let (path, witness) = (layout.journal(id), layout.tail());
            return Err(OpenError::not_whole(
                layout,
                format!(
                    "{} is missing or from an earlier time: {} says that {end} bytes of it were acknowledged",
                    path.display(),
                    witness.display()
                ),
            ));
        }
    }
    Ok(())
}

/// The first journal after the snapshot is not the one that came after it.
pub(crate) fn does_not_follow(layout: &Layout, journal: &Path, from: u64) -> OpenError {
    let (journal, snapshot) = (journal.display(), layout.snapshot(from));
    OpenError::not_whole(layout, format!("{journal} does not go on where {} ends", snapshot.display()))
}

/// Do the journals and the snapshot, which begins at journal `from`, know of everything in this segment?
pub(crate) fn segment(
    layout: &Layout,
    segment: &Segment,
    entries: &[Entry],
    from: u64,
    journal_ends: &[(u64, u64)],
    catalog: &Catalog,
    end_of: impl Fn(u32) -> u64,
) -> Result<(), OpenError> {
    let newer = |why: String| {
        let what = format!("{} is newer than the journals and the snapshot: {why}", segment.path.display());
        Err(OpenError::not_whole(layout, what))
    };
    if segment.to >= from.max(1) {
        let journal = layout.journal(segment.to);
        let journal = journal.display();
        match journal_ends.iter().find(|(id, _)| *id == segment.to) {
            None => return newer(format!("it has records of {journal}, which is missing")),
            Some((_, end)) if segment.to_end != 0 && segment.to_end != *end => {
                return newer(format!(
                    "it has records of {journal} up to {}, which ends at {end}",
                    segment.to_end
                ));
            }
            Some(_) => {}
        }
    }
    for entry in entries {
        match catalog.by_number.get(&entry.log) {
            None if entry.log >= catalog.number_next => {
                return newer(format!("it has records of log number {}, which they do not know", entry.log));
            }
            Some(log) if entry.end > end_of(entry.log) => {
                let (id, end) = (&log.id, end_of(entry.log));
                return newer(format!(
                    "it has records of log {id} up to {}, and they end at {end}",
                    entry.end
                ));
            }
            _ => {}
        }
    }
    Ok(())
}
