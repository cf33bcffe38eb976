//! Decides what is kept. Pure: reads no file and changes none.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use headwater_host::disk::DiskFile;
use headwater_store::Position;

use super::report::{LostRecords, RepairReport};
use super::survey::{FoundJournal, FoundSegment, Survey};
use crate::catalog::Catalog;
use crate::error::OpenError;
use crate::frame::{Header, Kind};
use crate::identity::Stamp;
use crate::log_state::LogState;
use crate::origin::Origin;
use crate::segment::SegmentHeader;

/// Steps to be done.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) aside: PathBuf,
    /// Copied there, because the store goes on with the file or with its name.
    pub(super) copies: Vec<PathBuf>,
    /// Moved there.
    pub(super) moves: Vec<PathBuf>,
    /// `FORMAT`, where it has to be written.
    pub(super) origin: Origin,
    pub(super) write_format: bool,
    /// The catalog as the snapshot will have it.
    pub(super) catalog: Catalog,
    /// The frames of the new segment, by log and position.
    pub(super) pieces: Vec<Piece>,
    pub(super) segment: SegmentHeader,
    /// Ids of journals that are taken by now; the next one is an empty file.
    pub(super) journal_last: u64,
}

/// A frame of the new segment.
#[derive(Debug)]
pub(super) enum Piece {
    /// One that is in a journal.
    Kept { file: Arc<dyn DiskFile>, path: PathBuf, stamp: Stamp, offset: u64, header: Header },
    /// The place of records that are missing.
    Lost { header: Header },
}

impl Piece {
    fn log(&self) -> u32 {
        match self {
            Self::Kept { header, .. } | Self::Lost { header } => header.log,
        }
    }
}

/// More records than this are in no hole: a number is wrong, and no place is kept for them.
const HOLE_MAX: u64 = 1 << 40;
/// No change has a number beyond this.
const SEQUENCE_MAX: u64 = u64::MAX / 2;

/// Frames of one log in the journals.
type Frames<'a> = BTreeMap<u32, Vec<(&'a FoundJournal, u64, &'a Header)>>;

pub(super) fn plan(
    mut survey: Survey,
    why: String,
    aside: PathBuf,
) -> Result<(Plan, RepairReport), OpenError> {
    let mut report = RepairReport { why: Some(why), aside: aside.clone(), ..RepairReport::default() };
    let old = survey.old();
    let (from, mut catalog) = match survey.snapshot.take() {
        Some((id, snapshot)) => (id, snapshot.catalog),
        None => (0, Catalog { number_next: 1, ..Catalog::default() }),
    };
    survey.journals.sort_by_key(|journal| journal.id);
    let frames = replay(&survey, from, &mut catalog, &mut report);
    let mut pieces = Vec::new();
    let mut cut = BTreeSet::new();
    let logs: BTreeMap<u32, Arc<LogState>> =
        catalog.by_number.iter().map(|(number, log)| (*number, log.clone())).collect();
    for log in logs.values() {
        let found = frames.get(&log.number).map(Vec::as_slice).unwrap_or_default();
        settle(log, &survey.segments, found, &mut pieces, &mut cut, &mut report);
    }
    report.logs = logs.len() as u64;
    report.keys = catalog.meta.len() as u64;
    let (mut copies, mut moves) = (Vec::new(), Vec::new());
    nameless(&survey, &frames, &mut catalog, &mut report, &mut |segment, is_needed| {
        let index = segment.path.with_extension("idx");
        if is_needed {
            copies.push(segment.path.clone())
        } else {
            moves.extend([segment.path.clone(), index])
        }
    });
    copies.extend(cut.iter().map(|at| survey.segments[*at].path.clone()));
    copies.dedup();
    copies.extend(survey.journals.iter().map(|journal| journal.path.clone()));
    for path in &copies {
        report.files.push((path.clone(), "a copy; the store goes on with what is kept of it".to_owned()));
    }
    for path in moves.iter().filter(|path| path.extension().is_some_and(|ending| ending == "seg")) {
        report.files.push((path.clone(), "it has only records of logs whose names are lost".to_owned()));
    }
    for (path, why) in survey.strange {
        // What is in the root is written anew.
        if path.parent() == aside.parent() {
            copies.push(path.clone())
        } else {
            moves.push(path.clone())
        }
        report.files.push((path, why));
    }
    if report.lost_changes + report.lost_journal_bytes + report.nameless_logs > 0 || !report.lost.is_empty() {
        report.remarks.push(
            "What was deleted, trimmed or set after the newest snapshot and journal that were found may be as it was \
             before. Look at the streams before producers and consumers go on."
                .to_owned(),
        );
    }
    if survey.journal_id_max > u64::MAX / 2 || survey.segment_id_max > u64::MAX / 2 {
        return Err(OpenError::Corrupt(format!("{}: ids are used up", aside.display())));
    }
    let journal_last = survey.journal_id_max + 1;
    let identity = survey.origin.identity;
    let segment = SegmentHeader {
        id: survey.segment_id_max + 1,
        from: journal_last,
        to: journal_last,
        to_end: 0,
        identity: Some(identity),
    };
    let (origin, write_format) = (Origin::with(identity, old), survey.format_is_wrong);
    Ok((Plan { aside, copies, moves, origin, write_format, catalog, pieces, segment, journal_last }, report))
}

/// Applies what the journals say to the catalog, and returns their records by log.
fn replay<'a>(survey: &'a Survey, from: u64, catalog: &mut Catalog, report: &mut RepairReport) -> Frames<'a> {
    let mut frames = Frames::new();
    for (at, journal) in survey.journals.iter().enumerate() {
        // The next journal says where this one ended; what is behind was never acknowledged.
        let next = survey.journals.get(at + 1).map(|next| next.opening);
        let known_end = next.filter(|next| next.before == journal.id).map(|next| next.before_end);
        let missing = known_end.map_or(0, |end| end.saturating_sub(journal.end));
        add(&mut report.lost_journal_bytes, journal.damaged_bytes.saturating_add(missing));
        let counted = journal.frames.iter().filter(|frame| {
            known_end.is_none_or(|end| frame.offset < end)
                && (frame.header.kind == Kind::Records || frame.header.first < SEQUENCE_MAX)
        });
        for frame in counted {
            let header = &frame.header;
            match (header.kind, &frame.change) {
                (Kind::Open | Kind::Mark, _) => {}
                (Kind::Records, _) => {
                    frames.entry(header.log).or_default().push((journal, frame.offset, header));
                }
                (_, Some(change)) if header.first > catalog.applied => {
                    report.lost_changes += header.first - catalog.applied - 1;
                    catalog.apply(header.first, change);
                }
                (_, None) if header.first > catalog.applied => {
                    report.lost_changes += header.first - catalog.applied;
                    catalog.applied = header.first;
                }
                _ => {}
            }
        }
    }
    let tail = survey.tail;
    for (id, end) in [(tail.journal_before, tail.end_before), (tail.journal, tail.end)] {
        if id >= from.max(1) && !survey.journals.iter().any(|journal| journal.id == id) {
            add(&mut report.lost_journal_bytes, end);
        }
    }
    frames
}

/// Decides about one log.
fn settle(
    log: &LogState,
    segments: &[FoundSegment],
    frames: &[(&FoundJournal, u64, &Header)],
    pieces: &mut Vec<Piece>,
    cut: &mut BTreeSet<usize>,
    report: &mut RepairReport,
) {
    let lose = |report: &mut RepairReport, first: u64, end: u64, begins_after: bool| {
        report.lost.push(LostRecords { log: log.id.clone(), first, end, begins_after });
    };
    let before = log.durable();
    let (mut start, mut at, mut arrival) = (before.start, before.start, 0);
    // Shares by segment, in the order of the journals they replace, so of positions.
    let mut kept: Vec<(usize, u64, u64, u64)> = Vec::new();
    for (segment, entry) in segments.iter().enumerate().flat_map(|(number, segment)| {
        segment.entries.iter().filter(|entry| entry.log == log.number).map(move |entry| (number, entry))
    }) {
        if entry.end <= before.start.max(entry.first) || entry.end > Position::MAX.get() {
            continue;
        }
        if entry.first > at {
            // What is before a hole between segments cannot be kept in its place: the log begins after it.
            cut.extend(kept.drain(..).map(|(number, ..)| number));
            lose(report, start, entry.first, true);
            start = entry.first;
        }
        at = at.max(entry.end);
        arrival = arrival.max(entry.last_arrival);
        kept.push((segment, entry.first, entry.end, entry.len));
    }
    report.bytes += kept.iter().map(|(.., len)| len).sum::<u64>();
    let clustered = at;
    let place = |first: u64, end: u64, arrival: u64, pieces: &mut Vec<Piece>| {
        let mut first = first;
        while first < end {
            let count = (end - first).min(u32::MAX.into()) as u32;
            pieces.push(Piece::Lost { header: lost(log.number, first, count, arrival) });
            first += u64::from(count);
        }
    };
    for (journal, offset, header) in frames.iter().filter(|(_, _, header)| header.first >= clustered) {
        if header.first < at || header.end() > Position::MAX.get() {
            continue;
        }
        if header.first > at {
            if at == start || header.first - at > HOLE_MAX {
                lose(report, start, header.first, true);
                start = header.first;
                pieces.retain(|piece| piece.log() != log.number);
            } else {
                lose(report, at, header.first, false);
                place(at, header.first, arrival, pieces);
            }
        }
        at = header.end();
        arrival = arrival.max(header.arrival);
        report.bytes += u64::from(header.len);
        let (file, path, stamp) = (journal.file.clone(), journal.path.clone(), journal.opening.stamp);
        pieces.push(Piece::Kept { file, path, stamp, offset: *offset, header: **header });
    }
    if before.end > at {
        let begins_after = at == start || before.end - at > HOLE_MAX;
        lose(report, if begins_after { start } else { at }, before.end, begins_after);
        if begins_after {
            start = before.end;
            pieces.retain(|piece| piece.log() != log.number);
        } else {
            place(at, before.end, arrival, pieces);
        }
        at = before.end;
    }
    let lost: u64 = report
        .lost
        .iter()
        .filter(|lost| lost.log == log.id)
        .map(|lost| lost.end - lost.first.max(start).min(lost.end))
        .sum();
    report.records += (at - start).saturating_sub(lost);
    log.publish_start(start);
    log.publish_end(at, arrival.max(before.last_arrival));
}

/// Counts stay right as far as they can: numbers in damaged files may be anything.
fn add(count: &mut u64, more: u64) {
    *count = count.saturating_add(more);
}

/// Header for records that are missing; its payload, which is empty, does not pass as good.
fn lost(log: u32, first: u64, count: u32, arrival: u64) -> Header {
    let payload_crc = !crc32c::crc32c(&[]);
    Header { log, first, count, arrival, payload_crc, ..Header::new(Kind::Records, &[]) }
}

/// Counts the logs whose names nothing tells, and says which segments hold records of them, and whether the store
/// needs these for others.
fn nameless(
    survey: &Survey,
    frames: &Frames<'_>,
    catalog: &mut Catalog,
    report: &mut RepairReport,
    aside: &mut dyn FnMut(&FoundSegment, bool),
) {
    let given = catalog.number_next;
    let mut numbers = BTreeSet::new();
    for segment in &survey.segments {
        let unknown = segment.entries.iter().filter(|entry| entry.log >= given);
        let mut any = false;
        for entry in unknown {
            any = true;
            numbers.insert(entry.log);
            add(&mut report.nameless_records, entry.end.saturating_sub(entry.first));
        }
        if any {
            let is_needed = segment.entries.iter().any(|entry| catalog.by_number.contains_key(&entry.log));
            aside(segment, is_needed);
        }
    }
    for (number, frames) in frames.range(given..) {
        numbers.insert(*number);
        let records = frames.iter().map(|(_, _, header)| u64::from(header.count)).sum();
        add(&mut report.nameless_records, records);
    }
    report.nameless_logs = numbers.len() as u64;
    // None of them is given again, in case the names are found.
    if let Some(last) = numbers.last() {
        catalog.number_next = last.saturating_add(1);
    }
}
