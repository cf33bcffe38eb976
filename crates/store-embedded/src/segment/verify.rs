//! Looks a segment through for damage, without a reader.

use std::io;
use std::path::PathBuf;

use headwater_host::disk::{DiskFile, is_out_of_files};

use super::format::{ENTRY_LEN, Entry, INDEX_HEADER_LEN, IndexHeader, RUN_LEN, Run, SEGMENT_HEADER_LEN};
use super::rebuild::{next_frame, rebuild_index};
use super::{Frames, Segment, SegmentHeader, Wait};
use crate::error::ReadFault;
use crate::frame::stored_batch;

/// Read at once.
const PIECE: u64 = 1 << 20;

/// A place that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) offset: u64,
    pub(crate) what: String,
}

/// The words for a place that cannot be read.
///
/// # Errors
/// The process has no file descriptors left, which says nothing about the place.
pub(crate) fn unreadable(error: io::Error) -> io::Result<String> {
    if is_out_of_files(&error) { Err(error) } else { Ok(format!("it cannot be read: {error}")) }
}

/// Findings of one look.
#[derive(Debug, Default)]
pub(crate) struct Verified {
    /// Bytes that were read.
    pub(crate) bytes: u64,
    pub(crate) found: Vec<Found>,
}

impl Segment {
    pub(crate) fn bad_frame(&self, offset: u64, what: impl Into<String>) -> Found {
        Found { path: self.path.clone(), offset, what: what.into() }
    }

    fn bad_index(&self, offset: u64, what: impl Into<String>) -> Found {
        Found { path: self.index_path.clone(), offset, what: what.into() }
    }

    /// Checks the header of the segment and the whole index, as the device has them, and returns the directory; where the
    /// index is damaged, that of one made anew.
    pub(crate) fn verify_index(&self, run_bytes: u64) -> io::Result<(Vec<Entry>, Verified)> {
        let file = self.file(Wait::Yes)?;
        file.forget_cached()?;
        let mut verified = Verified::default();
        let mut head = [0; SEGMENT_HEADER_LEN];
        file.read_at(&mut head, 0)?;
        let is_ours = |header: &SegmentHeader| {
            (header.id, header.from, header.to, header.to_end, header.stamp())
                == (self.id, self.from, self.to, self.to_end, self.stamp)
        };
        let ours = SegmentHeader::decode(&head).filter(is_ours);
        if ours.is_none() {
            verified.found.push(self.bad_frame(0, "the header is damaged"));
        }
        let bytes = match self.index_bytes() {
            Ok(bytes) => bytes,
            Err(error) => {
                verified.found.push(self.bad_index(0, unreadable(error)?));
                return Ok((self.remade(&*file, run_bytes)?, verified));
            }
        };
        verified.bytes = bytes.len() as u64 + head.len() as u64;
        let header = IndexHeader::decode(&bytes).filter(|header| {
            let of_this = (header.id, header.from, header.to, header.stamp);
            of_this == (self.id, self.from, self.to, self.stamp)
                && header.segment_len == self.len
                && header.index_len() == bytes.len() as u64
        });
        let Some(header) = header else {
            verified.found.push(self.bad_index(0, "the header is damaged"));
            return Ok((self.remade(&*file, run_bytes)?, verified));
        };
        let (entries, runs) = bytes[INDEX_HEADER_LEN..]
            .split_at(IndexHeader::runs_offset(header.entries) as usize - INDEX_HEADER_LEN);
        let runs_offset = IndexHeader::runs_offset(header.entries);
        for (at, _) in runs.chunks(RUN_LEN).enumerate().filter(|(_, run)| Run::decode(run).is_none()) {
            let offset = runs_offset + (at * RUN_LEN) as u64;
            verified.found.push(self.bad_index(offset, "an index entry is damaged"));
        }
        let mut directory = Vec::with_capacity(header.entries as usize);
        for (at, entry) in entries.chunks(ENTRY_LEN).enumerate() {
            match Entry::decode(entry).filter(|entry| entry.fits(&header)) {
                Some(entry) => directory.push(entry),
                None => {
                    let offset = (INDEX_HEADER_LEN + at * ENTRY_LEN) as u64;
                    verified.found.push(self.bad_index(offset, "an index entry is damaged"));
                }
            }
        }
        if directory.len() < header.entries as usize {
            directory = self.remade(&*file, run_bytes)?;
        }
        Ok((directory, verified))
    }

    /// The whole index, as the device has it.
    fn index_bytes(&self) -> io::Result<Vec<u8>> {
        let index = self.index(Wait::Yes)?;
        index.forget_cached()?;
        let mut bytes = vec![0; index.len()? as usize];
        let got = index.read_at(&mut bytes, 0)?;
        bytes.truncate(got);
        Ok(bytes)
    }

    fn remade(&self, file: &dyn DiskFile, run_bytes: u64) -> io::Result<Vec<Entry>> {
        let bytes = match rebuild_index(file, &self.path, run_bytes) {
            Ok(bytes) => bytes,
            // The header has been found already; frames cannot be told without it.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let count = IndexHeader::decode(&bytes).map_or(0, |header| header.entries as usize);
        let entries = bytes[INDEX_HEADER_LEN..].chunks_exact(ENTRY_LEN).take(count);
        Ok(entries.filter_map(Entry::decode).collect())
    }

    /// Checks some frames of an entry from `offset` on, the first of which should be that of position `next`, and
    /// returns where to go on.
    pub(crate) fn verify_frames(
        &self,
        entry: &Entry,
        mut offset: u64,
        next: &mut Option<u64>,
    ) -> Result<(u64, Verified), ReadFault> {
        let extent_end = entry.offset + entry.len;
        let mut verified = Verified { bytes: PIECE.min(extent_end - offset), ..Verified::default() };
        let fault = match Frames::read_len(self, entry, offset, PIECE, Wait::Yes) {
            Ok(mut frames) => loop {
                match frames.next() {
                    Ok(Some((header, payload))) => {
                        if next.is_some_and(|next| next != header.first) {
                            verified.found.push(self.bad_frame(offset, "records before these are missing"));
                        }
                        *next = Some(header.end());
                        if stored_batch(&header, payload).is_none() {
                            verified.found.push(self.bad_frame(offset, "damaged records"));
                        }
                        offset += u64::from(header.len);
                    }
                    Ok(None) => return Ok((offset, verified)),
                    Err(fault) => break fault,
                }
            },
            Err(fault) => fault,
        };
        match fault {
            ReadFault::NoFiles(_) | ReadFault::WouldBlock => return Err(fault),
            ReadFault::Corrupt { .. } => {
                verified.found.push(self.bad_frame(offset, "a frame is damaged"));
                *next = None;
                let file = self.file(Wait::Yes).map_err(ReadFault::io(&self.path))?;
                match next_frame(&*file, self.id, self.stamp, offset + 1, extent_end) {
                    Ok(found) => offset = found.min(extent_end),
                    Err(error) => {
                        verified.found.push(
                            self.bad_frame(offset + 1, unreadable(error).map_err(ReadFault::io(&self.path))?),
                        );
                        offset = extent_end;
                    }
                }
            }
            ReadFault::Io(what) => {
                verified.found.push(self.bad_frame(offset, what));
                *next = None;
                offset = extent_end;
            }
        }
        Ok((offset, verified))
    }
}
