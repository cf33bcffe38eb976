//! Finds and reads records in segments.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use headwater_host::disk::DiskFile;
use headwater_store::ReadCollector;

use super::Segment;
use super::buffers::ReadBuffers;
use super::format::{ENTRY_LEN, Entry, INDEX_HEADER_LEN, IndexHeader, RUN_LEN, Run};
use crate::error::ReadFault;
use crate::frame::{HEADER_LEN, Header, Kind, place, stored_batch};

/// Runs that are read at once at the end of a binary search: 4 KiB.
const RUNS_AT_ONCE: u32 = 128;
/// Read in excess of what was asked for, so that one read usually is enough.
const SLACK: u64 = 64 << 10;
/// Read at once at the most.
const PIECE_MAX: u64 = 16 << 20;

/// May a read wait for the device?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    Yes,
    No,
}

impl Wait {
    /// Fills the buffer from a file, as far as the file goes.
    pub(crate) fn read(self, file: &dyn DiskFile, bytes: &mut [u8], offset: u64) -> std::io::Result<usize> {
        match self {
            Self::Yes => file.read_at(bytes, offset),
            Self::No => file.read_cached_at(bytes, offset),
        }
    }
}

/// Longest read, in bytes, for which the file's length is not asked first.
const UNASKED_LEN_MAX: usize = 1 << 20;

/// Reads so many bytes; what the file does not have is missing at the end.
pub(crate) fn read_exact(
    buffers: &Arc<ReadBuffers>,
    file: &dyn DiskFile,
    path: &std::path::Path,
    offset: u64,
    len: usize,
    wait: Wait,
) -> Result<Bytes, ReadFault> {
    // What says how long it is may be damaged: no memory for what the file cannot have.
    let len = match len {
        ..=UNASKED_LEN_MAX => len,
        _ => len.min(file.len().map_err(ReadFault::io(path))?.saturating_sub(offset) as usize),
    };
    let mut buffer = buffers.take(len);
    let got = wait.read(file, buffer.filling(), offset).map_err(ReadFault::io(path))?;
    Ok(buffer.filled(got))
}

impl Segment {
    /// An entry of the directory.
    pub(crate) fn entry(&self, at: u32, wait: Wait) -> Result<Entry, ReadFault> {
        let offset = (INDEX_HEADER_LEN + at as usize * ENTRY_LEN) as u64;
        let mut bytes = [0; ENTRY_LEN];
        let index = self.index(wait).map_err(ReadFault::io(&self.index_path))?;
        wait.read(&*index, &mut bytes, offset).map_err(ReadFault::io(&self.index_path))?;
        let damaged = || ReadFault::corrupt(&self.index_path, offset, "an index entry is damaged");
        Entry::decode(&bytes).ok_or_else(damaged)
    }

    /// The runs `from..to`.
    fn runs(&self, from: u32, to: u32, wait: Wait) -> Result<Vec<Run>, ReadFault> {
        let offset = IndexHeader::runs_offset(self.entries) + u64::from(from) * RUN_LEN as u64;
        let index = self.index(wait).map_err(ReadFault::io(&self.index_path))?;
        let (path, len) = (&self.index_path, (to - from) as usize * RUN_LEN);
        let bytes = read_exact(&self.handles.buffers, &*index, path, offset, len, wait)?;
        let runs: Vec<Run> = bytes.chunks(RUN_LEN).map_while(Run::decode).collect();
        if runs.len() == (to - from) as usize {
            Ok(runs)
        } else {
            Err(ReadFault::corrupt(&self.index_path, offset, "an index entry is damaged"))
        }
    }

    /// The last run of the entry for which `before` holds, the first if it holds for none.
    fn last_run(&self, entry: &Entry, wait: Wait, before: impl Fn(&Run) -> bool) -> Result<Run, ReadFault> {
        let (mut from, mut to) = (entry.run_first, entry.run_first + entry.runs);
        while to - from > RUNS_AT_ONCE {
            let middle = from + (to - from) / 2;
            if before(&self.runs(middle, middle + 1, wait)?[0]) { from = middle } else { to = middle }
        }
        let runs = self.runs(from, to, wait)?;
        Ok(runs[runs.partition_point(before).saturating_sub(1)])
    }

    /// Adds records from this entry to what a read found, until its limits or `end`.
    pub(crate) fn read(
        &self,
        at: u32,
        found: &mut ReadCollector,
        end: u64,
        wait: Wait,
    ) -> Result<(), ReadFault> {
        let entry = self.entry(at, wait)?;
        let run = self.last_run(&entry, wait, |run| run.first <= found.next().get())?;
        let mut offset = u64::from(run.offset);
        let extent_end = entry.offset + entry.len;
        while !found.is_full() && found.next().get() < entry.end.min(end) && offset < extent_end {
            let mut frames = Frames::read(self, &entry, offset, found, wait)?;
            while !found.is_full() {
                let Some((header, payload)) = frames.next()? else { break };
                offset += u64::from(header.len);
                if header.end() <= found.next().get() {
                    continue;
                }
                let damaged =
                    || ReadFault::corrupt(&self.path, offset - u64::from(header.len), "damaged records");
                if header.first > found.next().get() {
                    return Err(damaged());
                }
                found.push(stored_batch(&header, payload).ok_or_else(damaged)?);
            }
        }
        Ok(())
    }

    /// The position of the first record of this entry at or after `time`; its end if there is none.
    pub(crate) fn position_at(&self, at: u32, time: u64, wait: Wait) -> Result<u64, ReadFault> {
        let entry = self.entry(at, wait)?;
        let run = self.last_run(&entry, wait, |run| run.arrival < time)?;
        let extent_end = entry.offset + entry.len;
        let mut offset = u64::from(run.offset);
        while offset < extent_end {
            let header = self.header(&entry, offset, wait)?;
            if header.arrival >= time {
                return Ok(header.first);
            }
            offset += u64::from(header.len);
        }
        Ok(entry.end)
    }

    fn header(&self, entry: &Entry, offset: u64, wait: Wait) -> Result<Header, ReadFault> {
        let mut bytes = [0; HEADER_LEN];
        let file = self.file(wait).map_err(ReadFault::io(&self.path))?;
        wait.read(&*file, &mut bytes, offset).map_err(ReadFault::io(&self.path))?;
        self.check(entry, offset, &bytes)
    }

    fn check(&self, entry: &Entry, offset: u64, bytes: &[u8]) -> Result<Header, ReadFault> {
        Header::decode(bytes, place(self.id, offset), self.stamp)
            .filter(|header| header.log == entry.log && header.kind == Kind::Records)
            .ok_or_else(|| ReadFault::corrupt(&self.path, offset, "a frame is damaged"))
    }
}

/// Some bytes of an entry's extent, frame by frame.
pub(crate) struct Frames<'a> {
    segment: &'a Segment,
    entry: &'a Entry,
    offset: u64,
    bytes: Bytes,
}

impl<'a> Frames<'a> {
    /// Reads from the frame at `offset` about as much as the collector can take, at least one frame.
    fn read(
        segment: &'a Segment,
        entry: &'a Entry,
        offset: u64,
        found: &ReadCollector,
        wait: Wait,
    ) -> Result<Self, ReadFault> {
        // What so many records take here on average, and a quarter more.
        let per_record = entry.len / (entry.end - entry.first).max(1) + 1;
        let by_records = per_record.saturating_mul(u64::from(found.records_left()));
        let wanted =
            (by_records / 4).saturating_mul(5).min((found.bytes_left() as u64 / 16).saturating_mul(17));
        let wanted = wanted.saturating_add(SLACK);
        Self::read_len(segment, entry, offset, wanted, wait)
    }

    /// Reads about `wanted` bytes, at least one frame.
    pub(crate) fn read_len(
        segment: &'a Segment,
        entry: &'a Entry,
        offset: u64,
        wanted: u64,
        wait: Wait,
    ) -> Result<Self, ReadFault> {
        let rest = entry.offset + entry.len - offset;
        let file = segment.file(wait).map_err(ReadFault::io(&segment.path))?;
        let buffers = &segment.handles.buffers;
        let read =
            |len: u64| read_exact(buffers, &*file, &segment.path, offset, len.min(rest) as usize, wait);
        let mut bytes = read(wanted.min(PIECE_MAX))?;
        let first = segment.check(entry, offset, &bytes)?;
        if bytes.len() < first.len as usize {
            bytes = read(u64::from(first.len))?;
        }
        if bytes.len() < first.len as usize {
            return Err(ReadFault::corrupt(&segment.path, offset, "a frame is cut short"));
        }
        Ok(Self { segment, entry, offset, bytes })
    }

    /// The next whole frame. Its header is good; the payload is not verified yet.
    pub(crate) fn next(&mut self) -> Result<Option<(Header, Bytes)>, ReadFault> {
        if self.bytes.len() < HEADER_LEN {
            return Ok(None);
        }
        let header = self.segment.check(self.entry, self.offset, &self.bytes)?;
        if self.bytes.len() < header.len as usize {
            return Ok(None);
        }
        let mut frame = self.bytes.split_to(header.len as usize);
        frame.advance(HEADER_LEN);
        self.offset += u64::from(header.len);
        Ok(Some((header, frame)))
    }
}
