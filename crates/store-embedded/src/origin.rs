//! Membership of files in a store: its identity, and the files that were there before it had one.
//!
//! # Format
//! `FORMAT` is text. Format 1 was its first line alone. Format 2:
//! ```text
//! headwater store, format 2
//! identity <32 hexadecimal digits>
//! adopted snapshot <id> <its checksum>
//! adopted journal <id> <where it ends>
//! adopted segment <id> <its first journal> <its last journal> <its length>
//! ```
//! with a line for each file of format 1 that the directory held when it was taken over, all numbers in hexadecimal.
//!
//! # Algorithm
//! A directory of format 1 is opened as it always was. Then, in one rename, `FORMAT` gets the identity and the list of
//! what was found; what is written from then on carries the identity. Old journals go with the first clustering, old
//! segments when they are merged or expire. A file without an identity that is not in the list is refused.
//!
//! # Recovery
//! Before the rename the directory is one of format 1 still, and is taken over again.

use std::io::{self, IoSlice};
use std::path::Path;

use headwater_host::disk::Disk;

use crate::error::OpenError;
use crate::identity::{Identity, Stamp};
use crate::layout::{Layout, unfinished};
use crate::segment::SegmentHeader;

const FORMAT_1: &str = "headwater store, format 1";
const FORMAT_2: &str = "headwater store, format 2";
/// No list is longer: a line takes about 80 bytes.
const LEN_MAX: u64 = 64 << 20;

/// A file of format 1 that belongs to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Adopted {
    Snapshot { id: u64, crc: u32 },
    Journal { id: u64, end: u64 },
    Segment { id: u64, from: u64, to: u64, len: u64 },
}

/// Marks that a file must show to belong to the store.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) identity: Identity,
    /// Files without an identity; `None` while a directory of format 1 is taken over, when all are.
    adopted: Option<Vec<Adopted>>,
}

/// Contents of `FORMAT`.
#[derive(Debug, Clone)]
pub(crate) enum Format {
    /// There is no such file.
    Missing,
    One,
    Two(Origin),
    /// Another version, or no version at all.
    Other(String),
}

/// Why a file is not of this store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stranger {
    /// It carries another identity.
    Another,
    /// It carries none and is not in the list.
    NotAdopted,
}

impl Stranger {
    /// The reason as the end of a sentence that begins with the file.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Another => "belongs to another store than FORMAT",
            Self::NotAdopted => {
                "is of format 1 and was not here when this directory was taken over: it belongs to another store"
            }
        }
    }

    pub(crate) fn refuse(self, layout: &Layout, path: &Path) -> OpenError {
        OpenError::not_whole(layout, format!("{} {}", path.display(), self.reason()))
    }
}

impl Origin {
    /// A store that never was of format 1.
    pub(crate) fn new(identity: Identity) -> Self {
        Self { identity, adopted: Some(Vec::new()) }
    }

    /// A directory of format 1 that gets this identity.
    pub(crate) fn taking_over(identity: Identity) -> Self {
        Self { identity, adopted: None }
    }

    pub(crate) fn with(identity: Identity, adopted: Vec<Adopted>) -> Self {
        Self { identity, adopted: Some(adopted) }
    }

    pub(crate) fn stamp(&self) -> Stamp {
        self.identity.stamp()
    }

    pub(crate) fn is_taking_over(&self) -> bool {
        self.adopted.is_none()
    }

    pub(crate) fn adopted(&self) -> &[Adopted] {
        self.adopted.as_deref().unwrap_or_default()
    }

    fn adopts(&self, which: impl FnMut(&Adopted) -> bool) -> bool {
        self.adopted.as_ref().is_none_or(|list| list.iter().any(which))
    }

    /// May journal files hold frames of format 1 from their earlier uses?
    pub(crate) fn has_old_journals(&self) -> bool {
        self.adopts(|_| true)
    }

    /// Stamps of the frames of a segment.
    pub(crate) fn segment(&self, header: &SegmentHeader, len: u64) -> Result<Stamp, Stranger> {
        let (id, from, to) = (header.id, header.from, header.to);
        match header.identity {
            Some(identity) if identity == self.identity => Ok(identity.stamp()),
            Some(_) => Err(Stranger::Another),
            None if self.adopts(|old| *old == Adopted::Segment { id, from, to, len }) => Ok(Stamp::NONE),
            None => Err(Stranger::NotAdopted),
        }
    }

    /// Is a snapshot ours? `crc` is its checksum.
    pub(crate) fn snapshot(&self, identity: Option<Identity>, id: u64, crc: u32) -> Result<(), Stranger> {
        match identity {
            Some(identity) if identity == self.identity => Ok(()),
            Some(_) => Err(Stranger::Another),
            None if self.adopts(|old| *old == Adopted::Snapshot { id, crc }) => Ok(()),
            None => Err(Stranger::NotAdopted),
        }
    }

    /// Is a journal whose opening carries this stamp ours?
    pub(crate) fn journal(&self, stamp: Stamp, id: u64) -> Result<(), Stranger> {
        match stamp {
            stamp if stamp == self.stamp() => Ok(()),
            Stamp::NONE
                if self.adopts(|old| matches!(old, Adopted::Journal { id: old, .. } if *old == id)) =>
            {
                Ok(())
            }
            Stamp::NONE => Err(Stranger::NotAdopted),
            _ => Err(Stranger::Another),
        }
    }

    /// End of an adopted journal when it was taken over.
    pub(crate) fn journal_end(&self, wanted: u64) -> Option<u64> {
        self.adopted().iter().find_map(|old| match *old {
            Adopted::Journal { id, end } if id == wanted => Some(end),
            _ => None,
        })
    }

    fn text(&self) -> String {
        let mut text = format!("{FORMAT_2}\nidentity {}\n", self.identity.hex());
        for old in self.adopted() {
            text += &match old {
                Adopted::Snapshot { id, crc } => format!("adopted snapshot {id:x} {crc:x}\n"),
                Adopted::Journal { id, end } => format!("adopted journal {id:x} {end:x}\n"),
                Adopted::Segment { id, from, to, len } => {
                    format!("adopted segment {id:x} {from:x} {to:x} {len:x}\n")
                }
            };
        }
        text
    }

    /// Writes `FORMAT`, whole or not at all.
    pub(crate) fn write(&self, disk: &dyn Disk, layout: &Layout) -> io::Result<()> {
        let path = layout.format();
        let temporary = unfinished(&path);
        let _ = disk.remove(&temporary);
        let file = disk.create(&temporary)?;
        file.write_all_at(&mut [IoSlice::new(self.text().as_bytes())], 0)?;
        file.sync_data()?;
        disk.rename(&temporary, &path)?;
        disk.sync_dir(&layout.root)
    }
}

impl Format {
    pub(crate) fn read(disk: &dyn Disk, layout: &Layout) -> io::Result<Self> {
        let file = match disk.open(&layout.format()) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::Missing),
            Err(error) => return Err(error),
        };
        let mut bytes = vec![0; file.len()?.min(LEN_MAX) as usize];
        let got = file.read_at(&mut bytes, 0)?;
        Ok(Self::parse(&String::from_utf8_lossy(&bytes[..got])))
    }

    fn parse(text: &str) -> Self {
        let found = || Self::Other(text.lines().next().unwrap_or_default().chars().take(100).collect());
        let Some(text) = text.strip_suffix('\n') else { return found() };
        if text == FORMAT_1 {
            return Self::One;
        }
        let mut lines = text.split('\n');
        if lines.next() != Some(FORMAT_2) {
            return found();
        }
        let identity = lines.next().and_then(|line| Identity::from_hex(line.strip_prefix("identity ")?));
        let Some(identity) = identity else { return Self::Other("an identity that is none".into()) };
        match lines.map(adopted).collect::<Option<Vec<_>>>() {
            Some(list) => Self::Two(Origin::with(identity, list)),
            None => Self::Other("a line that cannot be read".into()),
        }
    }

    /// Lines of the versions that can be read, for an error.
    pub(crate) const READS: &'static str = "'headwater store, format 1' and 'headwater store, format 2'";
}

fn adopted(line: &str) -> Option<Adopted> {
    let mut words = line.strip_prefix("adopted ")?.split(' ');
    let kind = words.next()?;
    let numbers: Vec<u64> =
        words.map(|word| u64::from_str_radix(word, 16).ok()).collect::<Option<Vec<_>>>()?;
    Some(match (kind, &numbers[..]) {
        ("snapshot", &[id, crc]) => Adopted::Snapshot { id, crc: crc.try_into().ok()? },
        ("journal", &[id, end]) => Adopted::Journal { id, end },
        ("segment", &[id, from, to, len]) => Adopted::Segment { id, from, to, len },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let identity = Identity::from_bytes([7; 16]).unwrap();
        let list = vec![
            Adopted::Snapshot { id: 5, crc: u32::MAX },
            Adopted::Journal { id: 6, end: 4096 },
            Adopted::Segment { id: 1, from: 2, to: u64::MAX, len: 9 },
        ];
        let text = Origin::with(identity, list.clone()).text();
        let Format::Two(origin) = Format::parse(&text) else { panic!("{text}") };
        assert_eq!((origin.identity, origin.adopted()), (identity, &list[..]));
        assert!(matches!(Format::parse("headwater store, format 1\n"), Format::One));
        for wrong in [
            "",
            "headwater store, format 1",
            "headwater store, format 3\n",
            "headwater store, format 2\n",
            "headwater store, format 2\nidentity 00000000000000000000000000000000\n",
            "headwater store, format 2\nidentity +0000000000000000000000000000001\n",
            &format!("{text}adopted journal 1\n"),
            &format!("{text}\n"),
        ] {
            assert!(matches!(Format::parse(wrong), Format::Other(_)), "{wrong:?}");
        }
    }

    #[test]
    fn a_file_without_identity_is_taken_from_the_list_only() {
        let identity = Identity::from_bytes([7; 16]).unwrap();
        let header = SegmentHeader { id: 1, from: 2, to: 3, to_end: 0, identity: None };
        let old = Adopted::Segment { id: 1, from: 2, to: 3, len: 100 };
        let origin = Origin::with(identity, vec![old]);
        assert_eq!(origin.segment(&header, 100), Ok(Stamp::NONE));
        assert_eq!(origin.segment(&header, 101), Err(Stranger::NotAdopted));
        assert_eq!(Origin::new(identity).segment(&header, 100), Err(Stranger::NotAdopted));
        assert_eq!(Origin::taking_over(identity).segment(&header, 101), Ok(Stamp::NONE));
        let other = SegmentHeader { identity: Identity::from_bytes([8; 16]), ..header };
        assert_eq!(origin.segment(&other, 100), Err(Stranger::Another));
    }
}
