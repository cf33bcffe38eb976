//! Finds out what a data directory holds.
//!
//! # Constraints
//! Takes time with the size of the journals and the number of segments, not with the data. Changes nothing: what is
//! refused is left as it was. Everything acknowledged is found or reported.
//!
//! # Algorithm
//! 1. The newest snapshot gives the catalog as it was, segments their directories.
//! 2. The journals from the snapshot's on are synced (what a dead process wrote may be in memory only), their
//!    cached pages dropped (after a failed sync they may show what the device never got), and read in order.
//!    Changes that the snapshot does not contain are applied; records that are not in a segment are indexed.
//! 3. Each log's shares and journal entries must follow each other without a gap from its start to its end,
//!    which must not be before the one the snapshot knew. What the files say of each other must agree (see `whole`).

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use headwater_host::disk::{Disk, DiskFile};
use headwater_store::Position;

use crate::catalog::Catalog;
use crate::control::Control;
use crate::error::OpenError;
use crate::frame::{Header, Kind};
use crate::hot::HotEntry;
use crate::identify::list;
use crate::identity::Stamp;
use crate::journal::{Beginning, JournalFile, Opening, Scan, Spare, beginning, left_behind, scan};
use crate::layout::{Layout, id_of};
use crate::log_state::LogState;
use crate::open_segments::LoadedSegments;
use crate::options::Options;
use crate::origin::{Adopted, Origin};
use crate::snapshot::{self, Snapshot};
use crate::tail::Tail;
use crate::whole;

/// State that was found on disk.
pub(crate) struct Recovered {
    pub(crate) catalog: Catalog,
    /// Journals that hold frames, oldest first.
    pub(crate) full: Vec<Arc<JournalFile>>,
    pub(crate) spares: Vec<Spare>,
    /// Every journal id ever used is smaller.
    pub(crate) id_next: u64,
    /// The last journal and its end.
    pub(crate) last: (u64, u64),
    /// Files of format 1 among what was read, but for segments.
    pub(crate) old: Vec<Adopted>,
}

/// Snapshot's state, over which the journals are read.
pub(crate) struct Base {
    pub(crate) catalog: Catalog,
    /// The first journal to be read.
    pub(crate) from: u64,
    /// The one before it that had frames, and its end, if the snapshot says so.
    pub(crate) before: Option<(u64, u64)>,
    /// A snapshot of format 1.
    old: Option<Adopted>,
}

struct Found {
    id: u64,
    file: Arc<dyn DiskFile>,
    opening: Opening,
}

/// Reads the newest snapshot.
pub(crate) fn load_snapshot(options: &Options, layout: &Layout, origin: &Origin) -> Result<Base, OpenError> {
    let disk = &*options.disk;
    let names = list(options, &layout.meta)?;
    let Some(newest) = names.iter().filter_map(|name| id_of(name, ".snap")).max() else {
        let catalog = Catalog { number_next: 1, ..Catalog::default() };
        return Ok(Base { catalog, from: 0, before: None, old: None });
    };
    let path = layout.snapshot(newest);
    let bytes = read_whole(disk, &path).map_err(OpenError::io("read", &path))?;
    let damaged = || OpenError::Corrupt(format!("{} at offset 0: the snapshot is damaged", path.display()));
    let Snapshot { catalog, before, identity, crc } = snapshot::decode(&bytes).ok_or_else(damaged)?;
    origin.snapshot(identity, newest, crc).map_err(|stranger| stranger.refuse(layout, &path))?;
    let old = identity.is_none().then_some(Adopted::Snapshot { id: newest, crc });
    Ok(Base { catalog, from: newest, before, old })
}

/// The bytes of a file.
pub(crate) fn read_whole(disk: &dyn Disk, path: &Path) -> io::Result<Vec<u8>> {
    let file = disk.open(path)?;
    let mut bytes = vec![0; file.len()? as usize];
    let got = file.read_at(&mut bytes, 0)?;
    bytes.truncate(got);
    Ok(bytes)
}

/// Reads the journals.
pub(crate) fn replay(
    options: &Options,
    layout: &Layout,
    origin: &Origin,
    base: Base,
    tail: Tail,
    segments: &LoadedSegments,
) -> Result<Recovered, OpenError> {
    let Base { mut catalog, from, before: known_before, old } = base;
    let mut old: Vec<Adopted> = old.into_iter().collect();
    let known_ends: HashMap<u32, u64> = catalog.logs.values().map(|log| (log.number, log.end())).collect();
    let mut spares = Vec::new();
    let found = find(options, layout, origin, from, tail, &mut spares)?;
    let newest = newest_id(options, layout)?;
    let ids: Vec<u64> = found.iter().map(|journal| journal.id).collect();
    whole::journals(layout, from, tail, newest, &ids)?;
    // Ids that anything remembers are not given again.
    let id_last = newest.max(from.saturating_sub(1)).max(tail.journal).max(segments.published_through());
    let id_next = id_last.saturating_add(1);
    let mut full = Vec::new();
    let mut last = known_before.unwrap_or((from.saturating_sub(1), 0));
    let mut tails = HashMap::new();
    for (at, journal) in found.iter().enumerate() {
        let path = layout.journal(journal.id);
        let next = found.get(at + 1);
        let before = at.checked_sub(1).map_or(journal.opening.before, |before| found[before].id);
        let follows = journal.opening.before == before && (at > 0 || before < from.max(1));
        if !follows {
            let missing = layout.journal(journal.opening.before);
            return Err(OpenError::Corrupt(format!("{} is missing", missing.display())));
        }
        let names = (journal.opening.before, journal.opening.before_end);
        if at == 0 && known_before.is_some_and(|known| known != names) {
            return Err(whole::does_not_follow(layout, &path, from));
        }
        let known_end = next.map(|next| next.opening.before_end);
        // Only a journal of format 1 was taken over; after a repair its id may be another's.
        let is_old = journal.opening.stamp == Stamp::NONE;
        let known_end = known_end.or_else(|| origin.journal_end(journal.id).filter(|_| is_old));
        let len = journal.file.len().map_err(OpenError::io("measure", &path))?;
        let stamp = journal.opening.stamp;
        let file = Arc::new(JournalFile::new(journal.id, stamp, path, journal.file.clone(), len, true));
        let durable = tail.durable_of(journal.id);
        let source =
            Scan { id: journal.id, path: &file.path, file: &*journal.file, stamp, known_end, durable };
        let end = scan(&source, |header, offset, payload| match header.kind {
            Kind::Records => {
                let clustered = segments.ends.get(&header.log).copied().unwrap_or(0);
                add_records(&catalog, &file, header, offset, clustered, &mut tails)
            }
            Kind::Mark | Kind::Open => Ok(()),
            _ => {
                let damaged = || source.damaged(offset);
                apply(&mut catalog, header, payload.ok_or_else(damaged)?).ok_or_else(damaged)
            }
        })?;
        file.set_end(end);
        if stamp == Stamp::NONE {
            old.push(Adopted::Journal { id: journal.id, end });
        }
        last = (journal.id, end);
        full.push(file);
    }
    let ends: Vec<(u64, u64)> = full.iter().map(|journal| (journal.id, journal.end())).collect();
    segments.check(layout, from, &ends, &catalog, |number| {
        let replayed = tails.get(&number).map_or(0, |(end, _)| *end);
        known_ends.get(&number).copied().unwrap_or(0).max(replayed)
    })?;
    segments.attach(&catalog);
    let mut logs: Vec<_> = catalog.logs.values().cloned().collect();
    logs.sort_by_key(|log| log.number);
    for log in logs {
        let known_end = known_ends.get(&log.number).copied().unwrap_or(0);
        settle(&log, tails.get(&log.number).copied(), known_end, layout)?;
    }
    Ok(Recovered { catalog, full, spares, id_next, last, old })
}

fn newest_id(options: &Options, layout: &Layout) -> Result<u64, OpenError> {
    let names = list(options, &layout.journals)?;
    Ok(names.iter().filter_map(|name| id_of(name, ".log")).max().unwrap_or(0))
}

/// The journals that are in use, in order; all others are spares.
fn find(
    options: &Options,
    layout: &Layout,
    origin: &Origin,
    from: u64,
    tail: Tail,
    spares: &mut Vec<Spare>,
) -> Result<Vec<Found>, OpenError> {
    let mut found = Vec::new();
    let names = list(options, &layout.journals)?;
    for id in names.iter().filter_map(|name| id_of(name, ".log")) {
        let path = layout.journal(id);
        let file = options.disk.open(&path).map_err(OpenError::io("open", &path))?;
        let len = file.len().map_err(OpenError::io("measure", &path))?;
        let beginning = if id < from {
            left_behind(origin, &path, &*file)?.map_or(Beginning::Unused, Beginning::Strange)
        } else {
            let ready = file.sync_data().and_then(|()| file.forget_cached());
            ready.map_err(OpenError::io("sync", &path))?;
            beginning(origin, id, &path, &*file, tail.durable_of(id))?
        };
        match beginning {
            Beginning::Open(opening) => found.push(Found { id, file, opening }),
            Beginning::Unused => spares.push(Spare { path, file, len }),
            Beginning::Strange(stranger) => return Err(stranger.refuse(layout, &path)),
        }
    }
    Ok(found)
}

/// The end and the last arrival of each log, as the journals tell.
type Tails = HashMap<u32, (u64, u64)>;

fn add_records(
    catalog: &Catalog,
    file: &Arc<JournalFile>,
    header: &Header,
    offset: u64,
    clustered: u64,
    tails: &mut Tails,
) -> Result<(), OpenError> {
    let Some(log) = catalog.by_number.get(&header.log) else {
        // A log that was deleted later. A number that was never given is damage.
        return if header.log < catalog.number_next {
            Ok(())
        } else {
            Err(gap(file, offset, "an unknown log"))
        };
    };
    let follows = tails.get(&log.number).is_none_or(|(end, _)| *end == header.first);
    if !follows {
        return Err(gap(file, offset, &format!("records of {} are missing", log.id)));
    }
    if header.end() > Position::MAX.get() {
        return Err(gap(file, offset, "a position beyond the last"));
    }
    tails.insert(log.number, (header.end(), header.arrival));
    if header.end() > clustered {
        let entry = HotEntry {
            first: header.first,
            arrival: header.arrival,
            offset: offset as u32,
            len: header.len,
            count: header.count,
        };
        if log.hot.push(file, entry) {
            file.logs.lock().push(log.number);
        }
    }
    Ok(())
}

fn gap(file: &JournalFile, offset: u64, what: &str) -> OpenError {
    OpenError::Corrupt(format!("{} at offset {offset}: {what}", file.path.display()))
}

/// Applies a change unless the snapshot contains it; `None` if it cannot be what was written.
fn apply(catalog: &mut Catalog, header: &Header, payload: &[u8]) -> Option<()> {
    if header.first <= catalog.applied {
        return Some(());
    }
    let control = Control::decode(header, payload).filter(|_| header.first == catalog.applied + 1)?;
    catalog.apply(header.first, &control);
    Some(())
}

/// Sets the log's end, and checks that all between is there.
fn settle(
    log: &LogState,
    tail: Option<(u64, u64)>,
    known_end: u64,
    layout: &Layout,
) -> Result<(), OpenError> {
    let missing = |position: u64| {
        let dir = layout.root.display();
        OpenError::Corrupt(format!(
            "{dir}: records of log {} from position {position} on are missing",
            log.id
        ))
    };
    let cold = log.cold.load_full();
    let mut at = log.start();
    for share in cold.iter() {
        if share.first > at {
            return Err(missing(at));
        }
        at = at.max(share.end);
    }
    let chunks = log.hot.chunks();
    let first = chunks.first().and_then(|chunk| chunk.get(0));
    if first.is_some_and(|first| first.first > at) {
        return Err(missing(at));
    }
    if let Some((end, arrival)) = tail {
        at = at.max(end);
        if end > log.end() {
            log.publish_end(end, arrival);
        }
    }
    if at < known_end {
        return Err(missing(at));
    }
    // Only what there was can have been trimmed.
    if log.start() > log.end() {
        return Err(missing(log.end()));
    }
    log.reset_staged();
    Ok(())
}
