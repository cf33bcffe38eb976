//! Reads a log, wherever its records are.
//!
//! # Algorithm
//! The clustering first adds a log's records to a segment's share and then removes them from the hot index. So
//! the hot index is looked at first: what it does not have any more is in a segment by then. A read goes on
//! from one place to the next until a limit is reached or the durable end.
//!
//! A trim may take records away while they are being read. Who finds something wrong therefore first looks
//! whether the log now begins later.

use std::path::PathBuf;
use std::sync::Arc;

use headwater_store::{Bounds, Position, ReadBatch, ReadCollector, ReadLimit, Timestamp};

use crate::error::ReadFault;
use crate::frame::{HEADER_LEN, Header, place, stored_batch};
use crate::hot::{HotChunks, HotEntry, find};
use crate::journal::JournalFile;
use crate::log_state::{ColdRef, LogState, position};
use crate::segment::{ReadBuffers, Wait, read_exact};
use crate::shared::Shared;
use crate::stats::StoreStats;

/// Bytes of other logs between two frames that are read along rather than skipped by another call.
const GAP_MAX: u64 = 8 << 10;
/// Read at once at the most, unless a single frame is longer.
const PIECE_MAX: u64 = 4 << 20;

/// Reads from `from` on.
pub(crate) fn read(
    log: &LogState,
    from: Position,
    limit: ReadLimit,
    wait: Wait,
    shared: &Shared,
) -> Result<ReadBatch, ReadFault> {
    loop {
        let bounds = log.bounds();
        let mut found = ReadCollector::new(from.max(bounds.start), limit);
        let Err(fault) = collect(log, &mut found, bounds, wait, &shared.handles.buffers) else {
            return Ok(found.finish(log.bounds()));
        };
        if matches!(fault, ReadFault::WouldBlock) {
            return Err(fault);
        }
        // The data at fault may have been trimmed meanwhile. A deleted log is noticed by the caller.
        if log.start() > bounds.start.get() && !log.is_deleted() {
            continue;
        }
        if let ReadFault::Corrupt { at, .. } = &fault
            && !log.is_deleted()
        {
            StoreStats::add(&shared.stats.corrupt_frames, 1);
            shared.damage.found(&at.0, at.1);
        }
        // What is good before the fault is served; the next read begins with the fault.
        if !found.is_empty() {
            return Ok(found.finish(log.bounds()));
        }
        return Err(fault);
    }
}

fn collect(
    log: &LogState,
    found: &mut ReadCollector,
    bounds: Bounds,
    wait: Wait,
    buffers: &Arc<ReadBuffers>,
) -> Result<(), ReadFault> {
    let end = bounds.end.get();
    while !found.is_full() && found.next().get() < end {
        let next = found.next().get();
        let chunks = log.hot.chunks();
        if let Some(at) = find(&chunks, next) {
            read_hot(log, &chunks, at, found, end, wait, buffers)?;
        } else {
            let cold = log.cold.load();
            let share = find_cold(&cold, next).ok_or_else(|| missing(log, next))?;
            share.segment.read(share.entry, found, end, wait)?;
        }
        if found.next().get() == next && !found.is_full() {
            return Err(missing(log, next));
        }
    }
    Ok(())
}

fn find_cold(cold: &[ColdRef], position: u64) -> Option<&ColdRef> {
    let after = cold.partition_point(|share| share.first <= position);
    cold.get(after.checked_sub(1)?).filter(|share| position < share.end)
}

fn missing(log: &LogState, position: u64) -> ReadFault {
    let at = (PathBuf::from(format!("log {}", log.id)), position);
    ReadFault::Corrupt { at, what: format!("position {position} of log {} is in no file", log.id) }
}

/// Reads from a journal: one piece of it that holds as many of the log's next frames as are near each other.
fn read_hot(
    log: &LogState,
    chunks: &HotChunks,
    (chunk_at, entry_at): (usize, usize),
    found: &mut ReadCollector,
    end: u64,
    wait: Wait,
    buffers: &Arc<ReadBuffers>,
) -> Result<(), ReadFault> {
    let journal = &chunks[chunk_at].journal;
    let mut entries = Vec::new();
    let (mut records, mut bytes) = (0u64, 0u64);
    let mut piece: Option<(u64, u64)> = None;
    let same_journal = chunks[chunk_at..].iter().take_while(|chunk| chunk.journal.id == journal.id);
    let skips = std::iter::once(entry_at).chain(std::iter::repeat(0));
    for entry in same_journal.zip(skips).flat_map(|(chunk, skip)| chunk.entries_from(skip)) {
        let from = u64::from(entry.offset);
        let to = from + u64::from(entry.len);
        let enough = records >= u64::from(found.records_left()) || bytes >= found.bytes_left() as u64;
        if let Some((begin, piece_end)) = piece
            && (enough || entry.first >= end || from - piece_end > GAP_MAX || to - begin > PIECE_MAX)
        {
            break;
        }
        piece = Some((piece.map_or(from, |(begin, _)| begin), to));
        // The first may be entered in its middle; counting all of it only reads less.
        let inside = entry.end() - entry.first.max(found.next().get());
        records += inside;
        bytes += u64::from(entry.len) * inside / u64::from(entry.count.max(1));
        entries.push(*entry);
    }
    let Some((begin, piece_end)) = piece else { return Err(missing(log, found.next().get())) };
    let len = (piece_end - begin) as usize;
    let bytes = read_exact(buffers, &*journal.file, &journal.path, begin, len, wait)?;
    for entry in entries {
        let offset = u64::from(entry.offset);
        let damaged = || ReadFault::corrupt(&journal.path, offset, "a frame is damaged");
        let from = (offset - begin) as usize;
        if bytes.len() < from + entry.len as usize {
            return Err(damaged());
        }
        let frame = bytes.slice(from..from + entry.len as usize);
        let header = check(log, journal, &entry, &frame).ok_or_else(damaged)?;
        found.push(stored_batch(&header, frame.slice(HEADER_LEN..)).ok_or_else(damaged)?);
    }
    Ok(())
}

/// The header of a frame, if it is the one the index means.
fn check(log: &LogState, journal: &JournalFile, entry: &HotEntry, frame: &[u8]) -> Option<Header> {
    Header::decode(frame, place(journal.id, u64::from(entry.offset)), journal.stamp).filter(|header| {
        header.log == log.number
            && header.first == entry.first
            && header.count == entry.count
            && header.len == entry.len
    })
}

/// The position of the first record that arrived at or after `time`.
pub(crate) fn position_at(log: &LogState, time: Timestamp, wait: Wait) -> Result<Position, ReadFault> {
    loop {
        let bounds = log.bounds();
        match search(log, time.as_millis(), &bounds, wait) {
            Ok(found) => return Ok(position(found.min(bounds.end.get())).max(bounds.start)),
            Err(ReadFault::WouldBlock) => return Err(ReadFault::WouldBlock),
            Err(_) if log.start() > bounds.start.get() && !log.is_deleted() => {}
            Err(fault) => return Err(fault),
        }
    }
}

fn search(log: &LogState, time: u64, bounds: &Bounds, wait: Wait) -> Result<u64, ReadFault> {
    if time > bounds.last_arrival.as_millis() {
        return Ok(bounds.end.get());
    }
    let chunks = log.hot.chunks();
    let cold = log.cold.load_full();
    // Binary search over the shares; each look is one small read. Those before the log's start may be gone already.
    let (mut from, mut to) = (cold.partition_point(|share| share.end <= bounds.start.get()), cold.len());
    while from < to {
        let middle = from + (to - from) / 2;
        let share = &cold[middle];
        if share.segment.entry(share.entry, wait)?.last_arrival < time {
            from = middle + 1
        } else {
            to = middle
        }
    }
    if let Some(share) = cold.get(from) {
        return share.segment.position_at(share.entry, time, wait);
    }
    let at = chunks.partition_point(|chunk| chunk.before(|entry| entry.arrival >= time) == chunk.len());
    let Some(chunk) = chunks.get(at) else { return Ok(bounds.end.get()) };
    let entry = chunk.get(chunk.before(|entry| entry.arrival >= time));
    Ok(entry.map_or(bounds.end.get(), |entry| entry.first))
}
