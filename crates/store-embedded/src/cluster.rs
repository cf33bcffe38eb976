//! Moves full journals into segments.
//!
//! # Algorithm
//! The oldest full journals are taken, several when there are several, on a disk that is nearly full as many as fit. Log by log the frames are read, checked,
//! and written to one segment. Then, in this order: the segment is published on the disk; the logs learn of
//! their shares; a snapshot of the catalog makes the journals superfluous; the logs forget the hot entries; the
//! journals are retired, and recycled when the last reader has let go of them.
//!
//! # Recovery
//! A crash before the snapshot leaves records both in the segment and in the journals: at the start the
//! segment's are taken.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::frame::{HEADER_LEN, Header, place};
use crate::hot::HotEntry;
use crate::journal::{JournalFile, Spare};
use crate::log_state::{ColdRef, LogState};
use crate::segment::{Dead, Entry, Segment, SegmentWriter};
use crate::shared::Shared;
use crate::snapshot::write_snapshot;
use crate::stats::StoreStats;

/// Bytes of other logs between two frames that are read along.
const GAP_MAX: u64 = 8 << 10;
const PIECE_MAX: u64 = 1 << 20;

/// Clusters full journals if there is enough in them, or anyhow. False if there was nothing to do.
pub(crate) fn cluster(shared: &Shared, anyhow: bool) -> io::Result<bool> {
    let mut full = shared.ring.full();
    let bytes = full.iter().map(|journal| journal.end()).sum::<u64>();
    let enough = bytes >= shared.cluster_bytes() || full.len() >= shared.sizes().cluster_files;
    // A journal takes twice what it holds, so clustering makes room, though it needs some first.
    if !enough && !anyhow && !shared.is_full() {
        return Ok(false);
    }
    // A failure may have come between publishing a segment and writing the snapshot.
    let published = shared.published_through.load(Ordering::Acquire);
    full.truncate(fitting(shared, &full, bytes, published)?);
    let Some(last) = full.last() else { return Ok(false) };
    let fresh: Vec<_> = full.iter().filter(|journal| journal.id > published).cloned().collect();
    if let Some(first) = fresh.first() {
        write_segment(shared, &fresh, first.id, last)?;
        shared.published_through.store(last.id, Ordering::Release);
    }
    drop(fresh);
    write_snapshot(shared, last)?;
    measure_snapshot(shared, last.id + 1);
    for log in logs_of(shared, &full) {
        log.hot.remove_through(last.id);
    }
    let last_id = last.id;
    drop(full);
    shared.ring.retire_through(last_id);
    Ok(true)
}

/// Number of the oldest of these journals, which hold so many bytes, that fit into segments now.
fn fitting(shared: &Shared, journals: &[Arc<JournalFile>], bytes: u64, published: u64) -> io::Result<usize> {
    // Beside the segment there will be a snapshot.
    let room = |free: u64| free.checked_sub(shared.snapshot_bytes());
    let mut free = shared.free_bytes();
    if room(free).is_some_and(|room| shared.segment_bytes(bytes) <= room) {
        return Ok(journals.len());
    }
    let alive =
        |journal: &Arc<JournalFile>| if journal.id > published { alive_bytes(shared, journal) } else { 0 };
    let fits = |bytes: u64, free: u64| {
        room(free).is_some_and(|room| bytes == 0 || shared.segment_bytes(bytes) <= room)
    };
    let Some(first) = journals.first() else { return Ok(0) };
    let mut sum = alive(first);
    if !fits(sum, free)
        && let Some(ready) = shared.ring.take_last_ready(|capacity| fits(sum, free + capacity))
    {
        // Journals that are clustered give back more than one that is ready.
        shared.disk().remove(&ready.path)?;
        free = shared.free_bytes();
    }
    if !fits(sum, free) {
        return Ok(0);
    }
    let more = journals[1..].iter().take_while(|journal| {
        sum += alive(journal);
        fits(sum, free)
    });
    Ok(1 + more.count())
}

/// Bytes of frames that a journal's segment would take over.
fn alive_bytes(shared: &Shared, journal: &Arc<JournalFile>) -> u64 {
    let of_log = |log: Arc<LogState>| {
        let (chunks, start) = (log.hot.chunks(), log.start());
        let ours = chunks.iter().filter(|chunk| chunk.journal.id == journal.id);
        let alive = ours.flat_map(|chunk| chunk.entries()).filter(|entry| entry.end() > start);
        alive.map(|entry| u64::from(entry.len)).sum::<u64>()
    };
    logs_of(shared, std::slice::from_ref(journal)).into_iter().map(of_log).sum()
}

/// Remembers how long snapshots are.
pub(crate) fn measure_snapshot(shared: &Shared, journal_id: u64) {
    let path = shared.layout.snapshot(journal_id);
    if let Ok(len) = shared.disk().open(&path).and_then(|file| file.len()) {
        shared.set_snapshot(len);
    }
}

fn write_segment(
    shared: &Shared,
    journals: &[Arc<JournalFile>],
    from: u64,
    last: &JournalFile,
) -> io::Result<()> {
    let mut writer = SegmentWriter::create(shared, from, last.id, last.end())?;
    if let Err(error) = fill(shared, journals, &mut writer) {
        writer.discard();
        return Err(error);
    }
    if let Some((segment, entries)) = writer.finish()? {
        publish(shared, &segment, &entries, &[]);
    }
    Ok(())
}

/// The logs that have records in these journals and still exist, by number.
fn logs_of(shared: &Shared, journals: &[Arc<JournalFile>]) -> Vec<Arc<LogState>> {
    let numbers: BTreeSet<u32> = journals.iter().flat_map(|journal| journal.logs.lock().clone()).collect();
    let catalog = shared.catalog.read();
    numbers.iter().filter_map(|number| catalog.by_number.get(number).cloned()).collect()
}

fn fill(shared: &Shared, journals: &[Arc<JournalFile>], writer: &mut SegmentWriter<'_>) -> io::Result<()> {
    for log in logs_of(shared, journals) {
        let chunks = log.hot.chunks();
        let start = log.start();
        for journal in journals {
            let mut piece = Piece::default();
            let ours = chunks.iter().filter(|chunk| chunk.journal.id == journal.id);
            for entry in ours.flat_map(|chunk| chunk.entries()).filter(|entry| entry.end() > start) {
                if !piece.takes(entry) {
                    piece.copy(shared, &log, journal, writer)?;
                }
                piece.add(*entry);
            }
            piece.copy(shared, &log, journal, writer)?;
        }
        if shared.stopping() {
            return Err(io::Error::other("the store is being closed"));
        }
    }
    Ok(())
}

/// Frames of one log that are read together.
#[derive(Default)]
struct Piece {
    entries: Vec<HotEntry>,
}

impl Piece {
    fn takes(&self, entry: &HotEntry) -> bool {
        let (Some(first), Some(last)) = (self.entries.first(), self.entries.last()) else { return true };
        let end = u64::from(last.offset) + u64::from(last.len);
        u64::from(entry.offset) - end <= GAP_MAX
            && u64::from(entry.offset) + u64::from(entry.len) - u64::from(first.offset) <= PIECE_MAX
    }

    fn add(&mut self, entry: HotEntry) {
        self.entries.push(entry);
    }

    /// Copies the frames and empties the piece.
    fn copy(
        &mut self,
        shared: &Shared,
        log: &LogState,
        journal: &JournalFile,
        writer: &mut SegmentWriter<'_>,
    ) -> io::Result<()> {
        let (Some(first), Some(last)) = (self.entries.first(), self.entries.last()) else { return Ok(()) };
        let begin = u64::from(first.offset);
        let end = u64::from(last.offset) + u64::from(last.len);
        let cut_short = || io::Error::other(format!("{} is cut short", journal.path.display()));
        // Asked before memory is taken for what is not there.
        if end > journal.file.len()? {
            return Err(cut_short());
        }
        let mut bytes = vec![0; (end - begin) as usize];
        if journal.file.read_at(&mut bytes, begin)? < bytes.len() {
            return Err(cut_short());
        }
        for entry in self.entries.drain(..) {
            let from = (u64::from(entry.offset) - begin) as usize;
            let frame = &bytes[from..from + entry.len as usize];
            let payload = &frame[HEADER_LEN..];
            let found = Header::decode(frame, place(journal.id, u64::from(entry.offset)), journal.stamp);
            let good = found.is_some_and(|header| header.payload_is_good(payload));
            if !good {
                // It keeps its place with a checksum that cannot hold, so that its readers are told.
                tracing::error!(file = %journal.path.display(), offset = entry.offset, log = %log.id,
                    "acknowledged records are damaged");
                shared.damage.found(&writer.path(), writer.len());
                StoreStats::add(&shared.stats.corrupt_frames, 1);
            }
            let header = found.unwrap_or_else(|| damaged(log, &entry, payload));
            writer.append(&header, payload)?;
        }
        Ok(())
    }
}

/// A header for a frame whose own is lost; its payload does not pass as good.
fn damaged(log: &LogState, entry: &HotEntry, payload: &[u8]) -> Header {
    Header {
        len: entry.len,
        payload_crc: !crc32c::crc32c(payload),
        place: 0,
        commit: 0,
        log: log.number,
        count: entry.count,
        first: entry.first,
        arrival: entry.arrival,
        kind: crate::frame::Kind::Records,
    }
}

/// Tells the logs of a new segment, in the place of those it was merged from.
pub(crate) fn publish(shared: &Shared, segment: &Arc<Segment>, entries: &[Entry], replaced: &[Arc<Segment>]) {
    {
        let mut segments = shared.segments.lock();
        segments.list.retain(|old| !replaced.iter().any(|gone| gone.id == old.id));
        segments.retiring.extend_from_slice(replaced);
        segments.list.push(segment.clone());
        segments.list.sort_by_key(|segment| segment.from);
    }
    for (at, entry) in entries.iter().enumerate() {
        let (first, end) = (entry.first, entry.end);
        let log = shared.catalog.read().by_number.get(&entry.log).cloned();
        let Some(log) = log else {
            segment.lose_one();
            segment.lose_bytes(entry.len);
            let dead = Dead { segment: segment.clone(), entry: at as u32, counted: false };
            shared.segments.lock().dead.push(dead);
            continue;
        };
        let share = ColdRef { first, end, segment: segment.clone(), entry: at as u32 };
        log.cold.rcu(|cold| {
            let old = |share: &&ColdRef| !replaced.iter().any(|gone| gone.id == share.segment.id);
            let mut next: Vec<ColdRef> = cold.iter().filter(old).cloned().collect();
            let at = next.partition_point(|other| other.first < share.first);
            next.insert(at, share.clone());
            debug_assert!(
                next.windows(2).all(|pair| pair[0].end <= pair[1].first),
                "every record of a log is in one segment"
            );
            next
        });
        if log.is_dead(end) {
            shared.shrunk.lock().push(log);
        }
    }
}

/// Makes spares of the journals that nobody reads any more.
pub(crate) fn recycle(shared: &Shared) -> io::Result<()> {
    let retired = shared.ring.take_retired();
    if shared.is_full() && shared.ring.ready_count() > 0 {
        for spare in shared.ring.take_spares() {
            shared.disk().remove(&spare.path)?;
        }
    }
    if retired.is_empty() {
        return Ok(());
    }
    for journal in retired {
        // Its file goes, or gets another name.
        shared.damage.forget(&journal.path);
        let keep = (journal.written || journal.end() >= journal.capacity / 16 * 15)
            && (shared.ring.target_bytes()..=shared.journal_max_bytes()).contains(&journal.capacity)
            && shared.ring.spare_count() < shared.sizes().ring_files as usize;
        if keep {
            let (path, file) = (journal.path.clone(), journal.file.clone());
            shared.ring.add_spare(Spare { path, file, len: journal.capacity });
        } else {
            shared.disk().remove(&journal.path)?;
        }
    }
    shared.wake_prepare();
    shared.queue.wake();
    Ok(())
}
