//! Makes the index of a segment again, from the segment alone.
//!
//! After bytes that are not a frame (an extent that was given back, or damage) the next frame is looked for. If it
//! continues another place of the same log than expected, a reader meets the gap and is told; what is missing between
//! is never passed over as if it had not been.

use std::io;
use std::path::Path;

use headwater_host::disk::DiskFile;

use super::format::{SEGMENT_HEADER_LEN, SegmentHeader};
use super::writer::IndexBuilder;
use crate::frame::{HEADER_LEN, Header, Kind, find_magic, place};
use crate::identity::Stamp;

const WINDOW: usize = 1 << 20;

/// The bytes of the index.
pub(crate) fn rebuild_index(file: &dyn DiskFile, path: &Path, run_bytes: u64) -> io::Result<Vec<u8>> {
    let len = file.len()?;
    let mut head = [0; SEGMENT_HEADER_LEN];
    file.read_at(&mut head, 0)?;
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, format!("{} at offset 0", path.display()));
    let segment = SegmentHeader::decode(&head).ok_or_else(damaged)?;
    let mut builder = IndexBuilder::new(run_bytes);
    let mut at = SEGMENT_HEADER_LEN as u64;
    while at < len {
        let mut bytes = [0; HEADER_LEN];
        let got = file.read_at(&mut bytes, at)?;
        let found = Header::decode(&bytes[..got], place(segment.id, at), segment.stamp());
        match found.filter(|header| header.kind == Kind::Records && at + u64::from(header.len) <= len) {
            Some(header) => {
                builder.add(&header, at);
                at += u64::from(header.len);
            }
            None => at = next_frame(file, segment.id, segment.stamp(), at + 1, len)?,
        }
    }
    Ok(builder.encode(segment, len))
}

/// The offset of the first frame at or after `from`, the file's end if there is none.
pub(super) fn next_frame(file: &dyn DiskFile, id: u64, stamp: Stamp, from: u64, len: u64) -> io::Result<u64> {
    let mut bytes = vec![0; WINDOW];
    let mut at = from;
    while at < len {
        let got = file.read_at(&mut bytes, at)?;
        let mut inside = 0;
        while let Some(found) = find_magic(&bytes[..got], inside) {
            let offset = at + found as u64;
            if Header::decode(&bytes[found..got], place(id, offset), stamp).is_some() {
                return Ok(offset);
            }
            inside = found + 1;
        }
        if got < WINDOW {
            break;
        }
        at += (WINDOW - HEADER_LEN + 1) as u64;
    }
    Ok(len)
}
