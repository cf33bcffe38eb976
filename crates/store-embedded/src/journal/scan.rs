//! Reads a journal file as a crash left it.
//!
//! # Recovery
//! Frames are taken one after the other from the beginning of the file. Where one is not as it should be, the
//! question is whether it was ever acknowledged:
//! - The next journal's opening says where this one ended. Before that everything was durable.
//! - Without a next journal, any frame further on that says that more than this offset was durable proves it, and so
//!   does the witness (see `tail`).
//! - Without proof it is a torn tail: it is cut, and because the file is never appended to, stays cut.
//!
//! A frame that was durable and whose payload is damaged keeps its place in the index, so that whoever reads
//! it is told. If its header is damaged nobody knows whose it was, and the store does not open.

use std::io;
use std::path::Path;

use headwater_host::disk::DiskFile;

use crate::error::OpenError;
use crate::frame::{HEADER_LEN, Header, Kind, find_magic, place};
use crate::identity::Stamp;
use crate::origin::{Origin, Stranger};

const WINDOW: usize = 1 << 20;

/// A journal's first frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opening {
    /// The journal before this one, 0 for none...
    pub(crate) before: u64,
    /// ...and where it ended.
    pub(crate) before_end: u64,
    /// Stamp of the frames.
    pub(crate) stamp: Stamp,
}

/// The beginning of a journal file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// The file is in use.
    Open(Opening),
    /// It was not in use when the power failed: zeros, or what an earlier use left.
    Unused,
    /// It is of another store.
    Strange(Stranger),
}

/// A journal file to be read.
pub(crate) struct Scan<'a> {
    pub(crate) id: u64,
    pub(crate) path: &'a Path,
    pub(crate) file: &'a dyn DiskFile,
    pub(crate) stamp: Stamp,
    /// Offset at which it ended, if the next journal says so.
    pub(crate) known_end: Option<u64>,
    /// So much of it was durable for sure.
    pub(crate) durable: u64,
}

/// The beginning of a file that is before the first journal that counts: never one in use.
pub(crate) fn left_behind(
    origin: &Origin,
    path: &Path,
    file: &dyn DiskFile,
) -> Result<Option<Stranger>, OpenError> {
    let mut bytes = [0; HEADER_LEN];
    let len = file.read_at(&mut bytes, 0).map_err(OpenError::io("read", path))?;
    Ok(Header::decode_any(&bytes[..len]).and_then(|(_, stamp)| stranger(origin, stamp)))
}

/// Tells why bytes that an earlier use of a file left are not of this store; `None` if they are.
fn stranger(origin: &Origin, stamp: Stamp) -> Option<Stranger> {
    match stamp {
        stamp if stamp == origin.stamp() => None,
        Stamp::NONE if origin.has_old_journals() => None,
        Stamp::NONE => Some(Stranger::NotAdopted),
        _ => Some(Stranger::Another),
    }
}

/// The beginning of a file, of which so much was durable for sure.
pub(crate) fn beginning(
    origin: &Origin,
    id: u64,
    path: &Path,
    file: &dyn DiskFile,
    durable: u64,
) -> Result<Beginning, OpenError> {
    let mut bytes = [0; HEADER_LEN];
    let cut_short =
        |len: u64| OpenError::Corrupt(format!("{} at offset {len}: the file is cut short", path.display()));
    let len = file.read_at(&mut bytes, 0).map_err(OpenError::io("read", path))?;
    if len < HEADER_LEN {
        return Err(cut_short(len as u64));
    }
    let found = Header::decode_any(&bytes[..len]);
    let own = found.filter(|(header, _)| header.place == place(id, 0) && header.kind == Kind::Open);
    if let Some((header, stamp)) = own {
        if let Err(stranger) = origin.journal(stamp, id) {
            return Ok(Beginning::Strange(stranger));
        }
        // What is missing at the end of the file may have been acknowledged.
        let len = file.len().map_err(OpenError::io("measure", path))?;
        if len < u64::from(header.count) {
            return Err(OpenError::Corrupt(format!(
                "{} at offset {len}: the file is cut short",
                path.display()
            )));
        }
        return Ok(Beginning::Open(Opening { before: header.first, before_end: header.arrival, stamp }));
    }
    if let Some(stranger) = found.and_then(|(_, stamp)| stranger(origin, stamp)) {
        return Ok(Beginning::Strange(stranger));
    }
    // While format 1 is taken over nothing carries a stamp.
    let stamp = if origin.journal(Stamp::NONE, id).is_ok() { Stamp::NONE } else { origin.stamp() };
    let scan = Scan { id, path, file, stamp, known_end: None, durable };
    if scan.was_durable(0)? { Err(scan.damaged(0)) } else { Ok(Beginning::Unused) }
}

/// Calls `each` with every frame after the opening: its header, its offset, and its payload or, if that is
/// damaged, `None`. Returns where the frames end.
pub(crate) fn scan(
    scan: &Scan<'_>,
    mut each: impl FnMut(&Header, u64, Option<&[u8]>) -> Result<(), OpenError>,
) -> Result<u64, OpenError> {
    let read = |error| OpenError::io("read", scan.path)(error);
    let mut window = Window::new(scan.file);
    let mut at = 0;
    let mut commit = 0;
    let limit = scan.limit()?;
    while scan.known_end.is_none_or(|end| at < end) {
        let head = window.get(at, HEADER_LEN).map_err(read)?;
        let header = scan.next_header(head, at, commit, limit);
        let Some(header) = header else {
            if scan.known_end.is_some() || scan.was_durable(at)? {
                return Err(scan.damaged(at));
            }
            return Ok(at);
        };
        let len = header.len as usize;
        let payload = window.get(at, len).map_err(read)?.get(HEADER_LEN..).unwrap_or_default();
        if header.payload_is_good(payload) {
            if header.kind != Kind::Open {
                each(&header, at, Some(payload))?;
            }
        } else if scan.known_end.is_some() || scan.was_durable(at)? {
            each(&header, at, None)?;
        } else {
            return Ok(at);
        }
        commit = u64::from(header.commit);
        at += len as u64;
    }
    Ok(at)
}

/// Findings in a journal that is not as it should be.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Lenient {
    /// End of the part that can be read.
    pub(crate) end: u64,
    /// Bytes that were acknowledged and are no frames.
    pub(crate) damaged_bytes: u64,
}

/// The same as `scan`, but passes over what is damaged, as a repair has to.
pub(crate) fn lenient_scan(
    scan: &Scan<'_>,
    mut each: impl FnMut(&Header, u64, Option<&[u8]>),
) -> Result<Lenient, OpenError> {
    let read = |error| OpenError::io("read", scan.path)(error);
    let mut window = Window::new(scan.file);
    let mut found = Lenient::default();
    let mut commit = 0;
    let limit = scan.limit()?;
    loop {
        let at = found.end;
        let head = window.get(at, HEADER_LEN).map_err(read)?;
        let header = scan.next_header(head, at, commit, limit);
        let Some(header) = header else {
            if !scan.was_durable(at)? {
                return Ok(found);
            }
            let Some(next) = scan.next_frame(at + 1)? else {
                found.damaged_bytes += scan.durable.saturating_sub(at);
                return Ok(found);
            };
            found.damaged_bytes += next - at;
            found.end = next;
            continue;
        };
        let payload = window.get(at, header.len as usize).map_err(read)?.get(HEADER_LEN..);
        let payload = payload.filter(|payload| header.payload_is_good(payload));
        if payload.is_none() && !scan.was_durable(at)? {
            return Ok(found);
        }
        if header.kind != Kind::Open {
            each(&header, at, payload);
        }
        commit = u64::from(header.commit);
        found.end = at + u64::from(header.len);
    }
}

impl Scan<'_> {
    /// Offset that no frame reaches beyond: one that says so would be read as more memory than the file has bytes.
    fn limit(&self) -> Result<u64, OpenError> {
        let len = self.file.len().map_err(OpenError::io("measure", self.path))?;
        Ok(self.known_end.map_or(len, |end| end.min(len)))
    }

    /// The header at `at` of a frame that ends before `limit`; the frames before it say that `commit` bytes were durable.
    fn next_header(&self, head: &[u8], at: u64, commit: u64, limit: u64) -> Option<Header> {
        let header = Header::decode(head, place(self.id, at), self.stamp)?;
        // Commits only move on: a frame that says otherwise is no part of this sequence.
        let follows = (commit..=at).contains(&u64::from(header.commit));
        (follows && at + u64::from(header.len) <= limit).then_some(header)
    }

    /// The offset of the first frame at or after `from`.
    fn next_frame(&self, from: u64) -> Result<Option<u64>, OpenError> {
        self.search(from, |_| true)
    }

    /// Is there a frame that says that more than `offset` bytes were durable, or something else that does?
    fn was_durable(&self, offset: u64) -> Result<bool, OpenError> {
        if self.durable > offset {
            return Ok(true);
        }
        Ok(self.search(offset, |header| u64::from(header.commit) > offset)?.is_some())
    }

    /// The offset of the first header at or after `from` that is like this.
    fn search(&self, from: u64, like: impl Fn(&Header) -> bool) -> Result<Option<u64>, OpenError> {
        let read = |error| OpenError::io("read", self.path)(error);
        let mut window = Window::new(self.file);
        let mut at = from;
        loop {
            let bytes = window.get(at, WINDOW).map_err(read)?;
            let ends = bytes.len() < WINDOW;
            let mut inside = 0;
            while let Some(found) = find_magic(bytes, inside) {
                let offset = at + found as u64;
                let header = Header::decode(&bytes[found..], place(self.id, offset), self.stamp);
                if header.is_some_and(|header| like(&header)) {
                    return Ok(Some(offset));
                }
                inside = found + 1;
            }
            if ends {
                return Ok(None);
            }
            // A header may lie across the edge.
            at += (WINDOW - HEADER_LEN + 1) as u64;
        }
    }

    pub(crate) fn damaged(&self, offset: u64) -> OpenError {
        OpenError::Corrupt(format!(
            "{} at offset {offset}: a frame that was acknowledged is damaged",
            self.path.display()
        ))
    }
}

/// A file read forward in large pieces.
struct Window<'a> {
    file: &'a dyn DiskFile,
    begin: u64,
    bytes: Vec<u8>,
}

impl<'a> Window<'a> {
    fn new(file: &'a dyn DiskFile) -> Self {
        Self { file, begin: 0, bytes: Vec::new() }
    }

    /// The bytes at `at`; fewer than `len` only at the end of the file.
    fn get(&mut self, at: u64, len: usize) -> io::Result<&[u8]> {
        let skip = at.checked_sub(self.begin).map(|skip| skip as usize);
        let inside = skip.filter(|skip| skip + len <= self.bytes.len());
        let skip = match inside {
            Some(skip) => skip,
            None => {
                // A header may claim far more than there is.
                let left = self.file.len()?.saturating_sub(at);
                self.bytes.resize(left.min(len.max(WINDOW) as u64) as usize, 0);
                let got = self.file.read_at(&mut self.bytes, at)?;
                self.bytes.truncate(got);
                self.begin = at;
                0
            }
        };
        Ok(&self.bytes[skip..self.bytes.len().min(skip + len)])
    }
}
