//! Reads everything in a directory, whatever its state.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use headwater_host::disk::DiskFile;

use crate::control::Control;
use crate::error::OpenError;
use crate::frame::{HEADER_LEN, Header, Kind, place};
use crate::identify::list;
use crate::identity::{Identity, Stamp};
use crate::journal::{Opening, Scan, left_behind, lenient_scan};
use crate::layout::{Layout, id_of};
use crate::open_segments::directory;
use crate::options::Options;
use crate::origin::{Adopted, Format, Origin};
use crate::recovery::read_whole;
use crate::segment::{Entry, SEGMENT_HEADER_LEN, SegmentHeader};
use crate::snapshot::{self, Snapshot};
use crate::tail::{self, Tail, Witness};

/// Everything that was found.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) origin: Origin,
    /// `FORMAT` has to be written: it is missing, of another store, or of format 1.
    pub(super) format_is_wrong: bool,
    pub(super) tail: Tail,
    /// The newest that can be read.
    pub(super) snapshot: Option<(u64, Snapshot)>,
    /// Our own, by the journals they replace, without those that were merged into others.
    pub(super) segments: Vec<FoundSegment>,
    /// Journals in use, by id.
    pub(super) journals: Vec<FoundJournal>,
    /// Files that are of no use here, and why.
    pub(super) strange: Vec<(PathBuf, String)>,
    /// Highest id of a journal that is named anywhere.
    pub(super) journal_id_max: u64,
    pub(super) segment_id_max: u64,
}

#[derive(Debug)]
pub(super) struct FoundSegment {
    pub(super) path: PathBuf,
    pub(super) header: SegmentHeader,
    pub(super) len: u64,
    pub(super) entries: Vec<Entry>,
}

#[derive(Debug)]
pub(super) struct FoundJournal {
    pub(super) id: u64,
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) opening: Opening,
    pub(super) frames: Vec<FoundFrame>,
    /// End of the part of it that can be read.
    pub(super) end: u64,
    /// Bytes between that are no frames and were acknowledged.
    pub(super) damaged_bytes: u64,
}

#[derive(Debug)]
pub(super) struct FoundFrame {
    pub(super) offset: u64,
    pub(super) header: Header,
    /// The change in a control frame, if it can be read.
    pub(super) change: Option<Control>,
}

pub(super) fn survey(options: &Options, layout: &Layout) -> Result<Survey, OpenError> {
    let disk = &*options.disk;
    let (origin, format_is_wrong) = whose(options, layout)?;
    let mut strange = Vec::new();
    if format_is_wrong && disk.file_id(&layout.format()).is_ok() {
        strange.push((layout.format(), "it is written anew, with the identity of the files".to_owned()));
    }
    let tail = match tail::read(disk, layout).map_err(OpenError::io("read", &layout.tail()))? {
        Witness::Says { identity, tail, .. } if identity == origin.identity => tail,
        Witness::Missing => Tail::default(),
        Witness::Damaged => {
            strange.push((layout.tail(), "it cannot be read".to_owned()));
            Tail::default()
        }
        Witness::Says { .. } => {
            strange.push((layout.tail(), "it belongs to another store".to_owned()));
            Tail::default()
        }
    };
    let snapshot = newest_snapshot(options, layout, &origin, &mut strange)?;
    let from = snapshot.as_ref().map_or(0, |(id, _)| *id);
    let (segments, segment_id_max) = segments(options, layout, &origin, &mut strange)?;
    let mut journal_id_max = tail.journal.max(from);
    for segment in &segments {
        journal_id_max = journal_id_max.max(segment.header.to);
    }
    let mut journals = Vec::new();
    for id in list(options, &layout.journals)?.iter().filter_map(|name| id_of(name, ".log")) {
        journal_id_max = journal_id_max.max(id);
        journals.extend(journal(options, layout, &origin, (id, from), tail, &mut strange)?);
    }
    Ok(Survey {
        origin,
        format_is_wrong,
        tail,
        snapshot,
        segments,
        journals,
        strange,
        journal_id_max,
        segment_id_max,
    })
}

/// The store that most of the files say they are of; `FORMAT` decides where that is open.
fn whose(options: &Options, layout: &Layout) -> Result<(Origin, bool), OpenError> {
    let format = Format::read(&*options.disk, layout).map_err(OpenError::io("read", &layout.format()))?;
    if let Format::Other(found) = &format
        && found.starts_with("headwater store")
    {
        let path = layout.format();
        return Err(OpenError::Format(format!(
            "{} says '{found}', which this version does not know",
            path.display()
        )));
    }
    let mut votes: BTreeMap<[u8; 16], (u32, Identity)> = BTreeMap::new();
    let mut vote = |identity: Option<Identity>| {
        if let Some(identity) = identity {
            votes.entry(identity.bytes()).or_insert((0, identity)).0 += 2;
        }
    };
    let witness = tail::read(&*options.disk, layout).map_err(OpenError::io("read", &layout.tail()))?;
    if let Witness::Says { identity, .. } = witness {
        vote(Some(identity));
    }
    for name in list(options, &layout.segments)?.iter().filter(|name| id_of(name, ".seg").is_some()) {
        vote(head(options, &layout.segments.join(name))?.and_then(|(header, _)| header.identity));
    }
    for name in list(options, &layout.meta)?.iter().filter(|name| id_of(name, ".snap").is_some()) {
        let path = layout.meta.join(name);
        let bytes = read_whole(&*options.disk, &path).map_err(OpenError::io("read", &path))?;
        vote(snapshot::decode(&bytes).and_then(|snapshot| snapshot.identity));
    }
    let most = votes.values().map(|(count, _)| *count).max().unwrap_or(0);
    match format {
        Format::Two(origin) => {
            let own = votes.get(&origin.identity.bytes()).map_or(0, |(count, _)| *count);
            if own + 1 >= most {
                return Ok((origin, false));
            }
        }
        Format::One => return Ok((Origin::taking_over(Identity::draw(&*options.random)), true)),
        Format::Missing | Format::Other(_) => {}
    }
    let identity = votes.values().find(|(count, _)| *count == most).map(|(_, identity)| *identity);
    // Nothing has an identity: what is there is of format 1.
    Ok((identity.map_or_else(|| Origin::taking_over(Identity::draw(&*options.random)), Origin::new), true))
}

/// The header and the length of a segment; `None` if the header is damaged. A file that cannot be opened or read now, for
/// want of descriptors say, is not one that is damaged.
fn head(options: &Options, path: &Path) -> Result<Option<(SegmentHeader, u64)>, OpenError> {
    let file = options.disk.open(path).map_err(OpenError::io("open", path))?;
    let mut bytes = [0; SEGMENT_HEADER_LEN];
    file.read_at(&mut bytes, 0).map_err(OpenError::io("read", path))?;
    let len = file.len().map_err(OpenError::io("measure", path))?;
    Ok(SegmentHeader::decode(&bytes).map(|header| (header, len)))
}

fn newest_snapshot(
    options: &Options,
    layout: &Layout,
    origin: &Origin,
    strange: &mut Vec<(PathBuf, String)>,
) -> Result<Option<(u64, Snapshot)>, OpenError> {
    let mut ids: Vec<u64> =
        list(options, &layout.meta)?.iter().filter_map(|name| id_of(name, ".snap")).collect();
    ids.sort_unstable();
    let mut found = None;
    for id in ids.into_iter().rev() {
        let path = layout.snapshot(id);
        let bytes = read_whole(&*options.disk, &path).map_err(OpenError::io("read", &path))?;
        match snapshot::decode(&bytes) {
            None => strange.push((path, "it is damaged".to_owned())),
            Some(snapshot) => match origin.snapshot(snapshot.identity, id, snapshot.crc) {
                Err(stranger) => strange.push((path, format!("it {}", stranger.reason()))),
                Ok(()) if found.is_none() => found = Some((id, snapshot)),
                // The next start removes it, as always.
                Ok(()) => {}
            },
        }
    }
    Ok(found)
}

fn segments(
    options: &Options,
    layout: &Layout,
    origin: &Origin,
    strange: &mut Vec<(PathBuf, String)>,
) -> Result<(Vec<FoundSegment>, u64), OpenError> {
    let mut headers = Vec::new();
    let mut id_max = 0;
    for id in list(options, &layout.segments)?.iter().filter_map(|name| id_of(name, ".seg")) {
        id_max = id_max.max(id);
        let path = layout.segment(id);
        let mut aside = |why: String| {
            strange.push((path.clone(), why.clone()));
            let index = layout.index(id);
            if options.disk.file_id(&index).is_ok() {
                strange.push((index, why));
            }
        };
        match head(options, &path)?.filter(|(header, _)| header.id == id) {
            None => aside("its header is damaged".to_owned()),
            Some((header, len)) => match origin.segment(&header, len) {
                Err(stranger) => aside(format!("it {}", stranger.reason())),
                Ok(_) => headers.push((header, len)),
            },
        }
    }
    headers.sort_by_key(|(header, _)| (header.from, std::cmp::Reverse((header.to, header.id))));
    let mut covered = None;
    let mut found = Vec::new();
    for (header, len) in headers {
        // Merged into another: the next start removes it, as always.
        if covered.is_some_and(|to| header.to <= to) {
            continue;
        }
        covered = Some(header.to);
        let path = layout.segment(header.id);
        // One at a time: there may be more of them than a process may open.
        let file = options.disk.open(&path).map_err(OpenError::io("open", &path))?;
        let entries = directory(options, layout, header, &*file)?;
        found.push(FoundSegment { path, header, len, entries });
    }
    Ok((found, id_max))
}

/// A journal if it is in use.
fn journal(
    options: &Options,
    layout: &Layout,
    origin: &Origin,
    (id, from): (u64, u64),
    tail: Tail,
    strange: &mut Vec<(PathBuf, String)>,
) -> Result<Option<FoundJournal>, OpenError> {
    let path = layout.journal(id);
    let file = options.disk.open(&path).map_err(OpenError::io("open", &path))?;
    let mut bytes = [0; HEADER_LEN];
    let got = file.read_at(&mut bytes, 0).map_err(OpenError::io("read", &path))?;
    let found = Header::decode_any(&bytes[..got]);
    let own = found.filter(|(header, _)| header.place == place(id, 0) && header.kind == Kind::Open);
    let stranger = match own {
        Some((_, stamp)) if id >= from => origin.journal(stamp, id).err(),
        _ => left_behind(origin, &path, &*file)?,
    };
    if let Some(stranger) = stranger {
        strange.push((path, format!("it {}", stranger.reason())));
        return Ok(None);
    }
    if id < from {
        return Ok(None);
    }
    let stamp = own.map_or_else(
        || if origin.journal(Stamp::NONE, id).is_ok() { Stamp::NONE } else { origin.stamp() },
        |(_, stamp)| stamp,
    );
    let durable = tail.durable_of(id);
    let scan = Scan { id, path: &path, file: &*file, stamp, known_end: None, durable };
    let mut frames = Vec::new();
    let found = lenient_scan(&scan, |header, offset, payload| {
        let change = payload.and_then(|payload| Control::decode(header, payload));
        frames.push(FoundFrame { offset, header: *header, change });
    })?;
    if frames.is_empty() && own.is_none() && found.damaged_bytes == 0 {
        return Ok(None);
    }
    let opening = match own {
        Some((header, stamp)) => Opening { before: header.first, before_end: header.arrival, stamp },
        None => Opening { before: 0, before_end: 0, stamp },
    };
    let (end, damaged_bytes) = (found.end, found.damaged_bytes);
    Ok(Some(FoundJournal { id, path, file, opening, frames, end, damaged_bytes }))
}

impl Survey {
    /// Files of format 1 that stay.
    pub(super) fn old(&self) -> Vec<Adopted> {
        let mut old: Vec<Adopted> = self.origin.adopted().to_vec();
        if !self.origin.is_taking_over() {
            return old;
        }
        for FoundSegment { header, len, .. } in &self.segments {
            if let SegmentHeader { id, from, to, identity: None, .. } = *header {
                old.push(Adopted::Segment { id, from, to, len: *len });
            }
        }
        if let Some((id, Snapshot { identity: None, crc, .. })) = &self.snapshot {
            old.push(Adopted::Snapshot { id: *id, crc: *crc });
        }
        old.extend(self.journals.iter().map(|journal| Adopted::Journal { id: journal.id, end: journal.end }));
        old
    }
}
