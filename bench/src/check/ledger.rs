//! Ledger of what was sent and what of it was acknowledged, in memory and as a file for the day it is needed.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::Result;

/// One request: numbers `first .. first + count` of one writer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) writer: u64,
    pub(crate) first: u64,
    pub(crate) count: u64,
    pub(crate) fate: Fate,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fate {
    /// With the shard and the sequence number that the first record was given.
    Acknowledged { shard: String, sequence: String },
    /// The connection ended before the answer: any part of it may have been stored, once.
    InDoubt,
}

pub(crate) struct Ledger {
    pub(crate) entries: Vec<Entry>,
    file: BufWriter<File>,
}

impl Ledger {
    pub(crate) fn create(path: &Path) -> Result<Self> {
        Ok(Ledger { entries: Vec::new(), file: BufWriter::new(File::create(path)?) })
    }

    pub(crate) fn add(&mut self, entry: Entry) -> Result<()> {
        let Entry { writer, first, count, fate } = &entry;
        match fate {
            Fate::Acknowledged { shard, sequence } => {
                writeln!(self.file, "ack {writer} {first} {count} {shard} {sequence}")?;
            }
            Fate::InDoubt => {
                writeln!(self.file, "doubt {writer} {first} {count}")?;
                self.file.flush()?;
            }
        }
        self.entries.push(entry);
        Ok(())
    }

    /// The next unused number of `writer`.
    pub(crate) fn next(&self, writer: u64) -> u64 {
        let of_writer = self.entries.iter().rev().find(|entry| entry.writer == writer);
        of_writer.map_or(0, |entry| entry.first + entry.count)
    }

    pub(crate) fn acknowledged(&self) -> u64 {
        let acknowledged = |entry: &&Entry| entry.fate != Fate::InDoubt;
        self.entries.iter().filter(acknowledged).map(|entry| entry.count).sum()
    }
}
