//! Reads everything that is stored, a little at a time, to find damage before a reader or a restart does.
//!
//! # Constraints
//! The caller decides when the next step is due; a step reads about a MiB. Between steps nothing is held: a segment
//! that is no longer needed goes, and with it what is wrong with it. Segments are read from the device, not from what
//! the kernel has cached.
//!
//! # Algorithm
//! A pass takes the newest snapshot, the journals that wait to be clustered, and the segments there are at its beginning:
//! headers, indexes, and each frame of which something is alive. What is found is counted and logged once for each place,
//! and no longer counted when the place is gone or was looked at again and is well.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use crate::error::{OpenError, ReadFault};
use crate::journal::{JournalFile, Scan, scan};
use crate::layout::id_of;
use crate::recovery::read_whole;
use crate::segment::{Entry, Found, Segment, Verified, unreadable};
use crate::shared::Shared;
use crate::snapshot;
use crate::stats::StoreStats;
use crate::store::EmbeddedStore;

/// One pass over everything that is stored.
#[derive(Debug)]
pub struct Scrub {
    shared: Arc<Shared>,
    waiting: VecDeque<Item>,
    looking: Option<Looking>,
    total_bytes: u64,
}

#[derive(Debug)]
enum Item {
    Snapshot,
    Journal(Weak<JournalFile>),
    Segment(Weak<Segment>),
}

/// A segment on the way.
#[derive(Debug)]
struct Looking {
    segment: Weak<Segment>,
    path: PathBuf,
    entries: VecDeque<Entry>,
    offset: u64,
    /// Position of the next frame.
    next: Option<u64>,
    found: BTreeSet<u64>,
}

impl EmbeddedStore {
    /// Begins a pass over all that is stored now. `turn` says with which segment: passes that are often cut short should
    /// not all begin with the same one.
    pub fn scrub(&self, turn: u64) -> Scrub {
        let shared = self.shared.clone();
        let mut segments = shared.segments.lock().list.clone();
        let count = segments.len().max(1) as u64;
        segments.rotate_left((turn % count) as usize);
        let journals = shared.ring.full();
        let total_bytes = segments.iter().map(|segment| segment.disk_bytes()).sum::<u64>()
            + journals.iter().map(|journal| journal.end()).sum::<u64>();
        let journals = journals.iter().map(|journal| Item::Journal(Arc::downgrade(journal)));
        let segments = segments.iter().map(|segment| Item::Segment(Arc::downgrade(segment)));
        let waiting = std::iter::once(Item::Snapshot).chain(journals).chain(segments).collect();
        Scrub { shared, waiting, looking: None, total_bytes }
    }

    /// Places in stored files that are known to be damaged now.
    pub fn damaged_places(&self) -> u64 {
        self.shared.damage.count()
    }
}

impl Scrub {
    /// About what there is to read.
    pub fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    /// Reads a little more and returns how much; `None` when everything was read.
    ///
    /// # Errors
    /// There are no file descriptors left: the same step may be tried again later. A place that cannot be read for another
    /// reason is counted as damaged, and the pass goes on behind it.
    pub fn step(&mut self) -> io::Result<Option<u64>> {
        if self.shared.stopping() {
            return Ok(None);
        }
        let bytes = if self.looking.is_some() {
            self.frames()?
        } else {
            let shared = self.shared.clone();
            let bytes = match self.waiting.front() {
                None => return Ok(None),
                Some(Item::Snapshot) => shared.verify_snapshot()?,
                Some(Item::Journal(journal)) => match journal.upgrade() {
                    Some(journal) => shared.verify_journal(&journal)?,
                    None => 0,
                },
                Some(Item::Segment(segment)) => match segment.upgrade() {
                    Some(segment) => self.begin(&segment)?,
                    None => 0,
                },
            };
            self.waiting.pop_front();
            bytes
        };
        StoreStats::add(&self.shared.stats.scrubbed_bytes, bytes);
        Ok(Some(bytes))
    }

    fn begin(&mut self, segment: &Arc<Segment>) -> io::Result<u64> {
        let (entries, verified) = match segment.verify_index(self.shared.sizes().run_bytes) {
            Ok(found) => found,
            Err(error) => {
                let found = vec![segment.bad_frame(0, unreadable(error)?)];
                (Vec::new(), Verified { found, ..Verified::default() })
            }
        };
        let (index, header): (Vec<_>, Vec<_>) =
            verified.found.into_iter().partition(|found| found.path == segment.index_path);
        let found = self.shared.report(header);
        let index = self.shared.report(index);
        self.shared.damage.looked_through(&segment.index_path, &index);
        let offset = entries.first().map_or(0, |entry| entry.offset);
        let (segment, path) = (Arc::downgrade(segment), segment.path.clone());
        self.looking = Some(Looking { segment, path, entries: entries.into(), offset, next: None, found });
        Ok(verified.bytes)
    }

    /// Some frames of the segment on the way.
    fn frames(&mut self) -> io::Result<u64> {
        let Some(looking) = &mut self.looking else { return Ok(0) };
        let Some(segment) = looking.segment.upgrade() else {
            self.looking = None;
            return Ok(0);
        };
        let alive = |entry: &Entry| {
            let catalog = self.shared.catalog.read();
            catalog.by_number.get(&entry.log).is_some_and(|log| !log.is_dead(entry.end))
        };
        while let Some(entry) = looking.entries.front() {
            if looking.offset >= entry.offset + entry.len || !alive(entry) {
                looking.entries.pop_front();
                looking.offset = looking.entries.front().map_or(0, |entry| entry.offset);
                looking.next = None;
                continue;
            }
            let seen = segment.verify_frames(entry, looking.offset, &mut looking.next).map_err(fault)?;
            let (offset, Verified { bytes, found }) = seen;
            looking.offset = offset;
            // What was trimmed meanwhile may have been given back.
            if alive(entry) {
                looking.found.extend(self.shared.report(found));
            }
            return Ok(bytes);
        }
        self.shared.damage.looked_through(&looking.path, &looking.found);
        self.looking = None;
        // Nobody else is likely to read it soon.
        segment.file(crate::segment::Wait::Yes)?.forget_cached()?;
        Ok(0)
    }
}

fn fault(fault: ReadFault) -> io::Error {
    io::Error::other(format!("{fault:?}"))
}

impl Shared {
    /// Counts and logs what was found, each place once, and returns the offsets.
    fn report(&self, found: Vec<Found>) -> BTreeSet<u64> {
        for Found { path, offset, what } in &found {
            if self.damage.found(path, *offset) {
                StoreStats::add(&self.stats.corrupt_frames, 1);
                let place = format!("{} at offset {offset}: {what}", path.display());
                tracing::error!(place, "stored data is corrupt, as the scrubber found");
            }
        }
        found.into_iter().map(|found| found.offset).collect()
    }

    fn looked(&self, path: &Path, found: Option<Found>) {
        let found = self.report(found.into_iter().collect());
        self.damage.looked_through(path, &found);
    }

    /// Reads the newest snapshot.
    fn verify_snapshot(&self) -> io::Result<u64> {
        let names = match self.disk().list(&self.layout.meta) {
            Ok(names) => names,
            Err(error) => {
                let (path, what) = (self.layout.meta.clone(), unreadable(error)?);
                self.report(vec![Found { path, offset: 0, what }]);
                return Ok(0);
            }
        };
        self.looked(&self.layout.meta, None);
        let Some(newest) = names.iter().filter_map(|name| id_of(name, ".snap")).max() else { return Ok(0) };
        let path = self.layout.snapshot(newest);
        let (bytes, what) = match self.handles.with_room(|| read_whole(self.disk(), &path)) {
            Ok(bytes) => {
                let damaged = snapshot::decode(&bytes).is_none();
                (bytes.len(), damaged.then(|| "the snapshot is damaged".to_owned()))
            }
            // A newer one has taken its place.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => (0, Some(unreadable(error)?)),
        };
        self.looked(&path, what.map(|what| Found { path: path.clone(), offset: 0, what }));
        Ok(bytes as u64)
    }

    /// Reads a journal that is full.
    fn verify_journal(&self, journal: &JournalFile) -> io::Result<u64> {
        let (path, mut at, mut found) = (&journal.path, 0, Vec::new());
        let (file, stamp, end) = (&*journal.file, journal.stamp, journal.end());
        let source = Scan { id: journal.id, path, file, stamp, known_end: Some(end), durable: end };
        let scanned = scan(&source, |header, offset, payload| {
            at = offset + u64::from(header.len);
            if payload.is_none() {
                found.push(Found { path: path.clone(), offset, what: "damaged records".into() });
            }
            Ok(())
        });
        match scanned {
            Ok(_) => at = journal.end(),
            Err(OpenError::Io { error, .. }) => {
                found.push(Found { path: path.clone(), offset: at, what: unreadable(error)? });
            }
            Err(error) => found.push(Found { path: path.clone(), offset: at, what: error.to_string() }),
        }
        let found = self.report(found);
        self.damage.looked_through(path, &found);
        Ok(at)
    }
}
