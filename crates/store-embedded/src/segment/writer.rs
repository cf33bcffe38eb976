//! Writes a segment and its index, and publishes both.

use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64};

use headwater_host::disk::{DIRECT_ALIGN, DiskFile};

use super::format::{Entry, IndexHeader, Run, SEGMENT_HEADER_LEN, SegmentHeader};
use super::{Part, Segment};
use crate::frame::{Header, place};
use crate::layout::unfinished;
use crate::shared::Shared;

/// Written at once, past the cache: twice as fast as letting a cached file grow, and no write-back stalls the
/// commits beside it. Nobody is likely to read all of it soon.
const BUFFER: usize = 4 << 20;

/// Takes frames in order of log and position.
pub(crate) struct SegmentWriter<'a> {
    shared: &'a Shared,
    header: SegmentHeader,
    temporary: PathBuf,
    file: Arc<dyn DiskFile>,
    /// The same file for whole buffers; `None` where the file system has no such thing.
    direct: Option<Arc<dyn DiskFile>>,
    buffer: Aligned,
    /// Bytes that are in the file.
    written: u64,
    index: IndexBuilder,
}

/// A buffer in memory that a direct write takes.
struct Aligned {
    memory: Vec<u8>,
    skip: usize,
    len: usize,
}

impl Aligned {
    fn new() -> Self {
        let memory = vec![0; BUFFER + DIRECT_ALIGN];
        let skip = memory.as_ptr().align_offset(DIRECT_ALIGN);
        Self { memory, skip, len: 0 }
    }

    fn bytes(&self) -> &[u8] {
        &self.memory[self.skip..self.skip + self.len]
    }

    /// Takes what fits, and returns the rest.
    fn fill<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let (taken, rest) = bytes.split_at(bytes.len().min(BUFFER - self.len));
        let from = self.skip + self.len;
        self.memory[from..from + taken.len()].copy_from_slice(taken);
        self.len += taken.len();
        rest
    }

    fn is_full(&self) -> bool {
        self.len == BUFFER
    }
}

/// Makes the index beside, from the headers alone.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct IndexBuilder {
    run_bytes: u64,
    pub(crate) entries: Vec<Entry>,
    pub(crate) runs: Vec<Run>,
}

impl IndexBuilder {
    pub(crate) fn new(run_bytes: u64) -> Self {
        Self { run_bytes, ..Self::default() }
    }

    /// A frame stands at `offset`.
    pub(crate) fn add(&mut self, header: &Header, offset: u64) {
        let len = u64::from(header.len);
        let run =
            Run { first: header.first, arrival: header.arrival, offset: offset as u32, len: header.len };
        match self.entries.last_mut() {
            Some(entry) if entry.log == header.log => {
                entry.end = header.end();
                entry.last_arrival = header.arrival;
                entry.len = offset + len - entry.offset;
                match self.runs.last_mut() {
                    Some(last) if u64::from(last.len) + len <= self.run_bytes => {
                        last.len = (offset + len) as u32 - last.offset;
                    }
                    _ => {
                        entry.runs += 1;
                        self.runs.push(run);
                    }
                }
            }
            _ => {
                self.entries.push(Entry {
                    log: header.log,
                    run_first: self.runs.len() as u32,
                    runs: 1,
                    first: header.first,
                    end: header.end(),
                    first_arrival: header.arrival,
                    last_arrival: header.arrival,
                    offset,
                    len,
                });
                self.runs.push(run);
            }
        }
    }

    /// The index file.
    pub(crate) fn encode(&self, segment: SegmentHeader, segment_len: u64) -> Vec<u8> {
        let (entries, runs) = (self.entries.len() as u32, self.runs.len() as u64);
        let SegmentHeader { id, from, to, .. } = segment;
        let header = IndexHeader { id, from, to, stamp: segment.stamp(), entries, runs, segment_len };
        let mut out = Vec::with_capacity(header.index_len() as usize);
        out.extend_from_slice(&header.encode());
        self.entries.iter().for_each(|entry| out.extend_from_slice(&entry.encode()));
        self.runs.iter().for_each(|run| out.extend_from_slice(&run.encode()));
        out
    }
}

impl<'a> SegmentWriter<'a> {
    /// A segment for the records of these journals, of which the last ended at `to_end`.
    pub(crate) fn create(shared: &'a Shared, from: u64, to: u64, to_end: u64) -> io::Result<Self> {
        let id = shared.segments.lock().take_id();
        let header = SegmentHeader { id, from, to, to_end, identity: Some(shared.origin.identity) };
        let temporary = unfinished(&shared.layout.segment(id));
        let file = shared.create(&temporary)?;
        let direct = shared.disk().open_direct(&temporary).ok();
        let mut buffer = Aligned::new();
        buffer.fill(&header.encode());
        let index = IndexBuilder::new(shared.sizes().run_bytes);
        Ok(Self { shared, header, temporary, file, direct, buffer, written: 0, index })
    }

    /// Path of the finished segment.
    pub(crate) fn path(&self) -> PathBuf {
        self.shared.layout.segment(self.header.id)
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> u64 {
        self.written + self.buffer.len as u64
    }

    /// Adds a frame, under a new place but otherwise as it was.
    pub(crate) fn append(&mut self, header: &Header, payload: &[u8]) -> io::Result<()> {
        let offset = self.len();
        if offset + u64::from(header.len) > u64::from(u32::MAX) {
            return Err(io::Error::other("a segment would exceed 4 GiB"));
        }
        let header = Header { place: place(self.header.id, offset), commit: 0, ..*header };
        self.add(&header.encode(self.header.stamp()))?;
        self.add(payload)?;
        self.index.add(&header, offset);
        Ok(())
    }

    fn add(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            bytes = self.buffer.fill(bytes);
            if self.buffer.is_full() {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let slice = || [IoSlice::new(self.buffer.bytes())];
        // The last, shorter piece goes through the cache.
        let direct = self.direct.as_ref().filter(|_| self.buffer.is_full());
        let written = direct.map(|direct| direct.write_all_at(&mut slice(), self.written));
        match written {
            Some(Ok(())) => {}
            Some(Err(error)) if error.kind() != io::ErrorKind::InvalidInput => return Err(error),
            Some(Err(_)) | None => self.file.write_all_at(&mut slice(), self.written)?,
        }
        self.written += self.buffer.len as u64;
        self.buffer.len = 0;
        Ok(())
    }

    /// Publishes the segment, or leaves nothing if no frame was added. Its entries come with it.
    pub(crate) fn finish(mut self) -> io::Result<Option<(Arc<Segment>, Vec<Entry>)>> {
        if self.len() == SEGMENT_HEADER_LEN as u64 {
            self.discard();
            return Ok(None);
        }
        self.flush()?;
        self.file.sync_data()?;
        let layout = &self.shared.layout;
        let disk = self.shared.disk();
        let index = write_index(self.shared, &self.index.encode(self.header, self.written), self.header.id)?;
        let path = layout.segment(self.header.id);
        disk.rename(&self.temporary, &path)?;
        self.shared.sync_dir(&layout.segments)?;
        let id = self.header.id;
        let live_bytes = self.index.entries.iter().map(|entry| entry.len).sum();
        let disk_bytes =
            self.file.allocated_bytes().unwrap_or(self.written) + index.allocated_bytes().unwrap_or(0);
        self.shared.handles.keep(id, Part::Frames, self.file);
        self.shared.handles.keep(id, Part::Index, index);
        let segment = Arc::new(Segment {
            id,
            from: self.header.from,
            to: self.header.to,
            to_end: self.header.to_end,
            stamp: self.header.stamp(),
            path,
            index_path: layout.index(self.header.id),
            handles: self.shared.handles.clone(),
            entries: self.index.entries.len() as u32,
            len: self.written,
            live: AtomicU32::new(self.index.entries.len() as u32),
            live_bytes: AtomicU64::new(live_bytes),
            disk_bytes: AtomicU64::new(disk_bytes),
        });
        Ok(Some((segment, self.index.entries)))
    }

    /// Gives up.
    pub(crate) fn discard(self) {
        // What stays is removed at the next start.
        let _ = self.shared.disk().remove(&self.temporary);
    }
}

/// Writes an index under its name, durably once the directory is synced.
pub(crate) fn write_index(shared: &Shared, bytes: &[u8], id: u64) -> io::Result<Arc<dyn DiskFile>> {
    let path = shared.layout.index(id);
    let temporary = unfinished(&path);
    // One may be left of an attempt that failed.
    let _ = shared.disk().remove(&temporary);
    let file = shared.create(&temporary)?;
    file.write_all_at(&mut [IoSlice::new(bytes)], 0)?;
    file.sync_data()?;
    shared.disk().rename(&temporary, &path)?;
    Ok(file)
}
