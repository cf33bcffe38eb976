//! Makes one segment of several small neighbours, so that a store that is restarted often does not end up
//! with a file per start.
//!
//! # Algorithm
//! The oldest sequence of neighbours that are all small is rewritten, log by log, less what is trimmed; the
//! new segment takes their place in memory and then their files are removed.
//!
//! # Recovery
//! A crash before the removal leaves segments whose journals the new one replaces too: they are removed at
//! the start.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use crate::cluster::publish;
use crate::error::ReadFault;
use crate::expire::remove;
use crate::segment::{Entry, Frames, Segment, SegmentWriter, Wait};
use crate::shared::Shared;

/// Read at once.
const PIECE: u64 = 1 << 20;

/// Merges one sequence of small segments. False if there is none.
pub(crate) fn merge(shared: &Shared) -> io::Result<bool> {
    let Some(inputs) = candidates(shared) else { return Ok(false) };
    let last = &inputs[inputs.len() - 1];
    let mut writer = SegmentWriter::create(shared, inputs[0].from, last.to, last.to_end)?;
    if let Err(error) = fill(shared, &inputs, &mut writer) {
        writer.discard();
        return Err(error);
    }
    let Some((segment, entries)) = writer.finish()? else {
        // Everything in them is dead; the next expiry takes the files.
        return Ok(false);
    };
    let shares = entries.iter().map(|entry| (entry.log, entry.first, entry.end));
    publish(shared, &segment, shares, &inputs);
    for old in &inputs {
        remove(shared, old)?;
    }
    Ok(true)
}

/// The first sequence of enough small neighbours.
fn candidates(shared: &Shared) -> Option<Vec<Arc<Segment>>> {
    let sizes = shared.sizes();
    let segments = shared.segments.lock();
    let small = |segment: &Arc<Segment>| segment.len < sizes.merge_below_bytes && segment.live() > 0;
    let mut sequences = segments.list.chunk_by(|a, b| small(a) && small(b));
    let found = sequences.find(|sequence| sequence.len() >= sizes.merge_files.max(2))?;
    let mut len = 0;
    let mut inputs = Vec::new();
    for segment in found {
        len += segment.len;
        if !inputs.is_empty() && len > 2 * sizes.merge_below_bytes {
            break;
        }
        inputs.push(segment.clone());
    }
    (inputs.len() > 1).then_some(inputs)
}

fn fill(shared: &Shared, inputs: &[Arc<Segment>], writer: &mut SegmentWriter<'_>) -> io::Result<()> {
    // By log, in the order of the inputs, which is that of the positions.
    let mut entries: BTreeMap<u32, Vec<(&Segment, Entry)>> = BTreeMap::new();
    for segment in inputs {
        for at in 0..segment.entries {
            let entry = segment.entry(at, Wait::Yes).map_err(failed)?;
            entries.entry(entry.log).or_default().push((segment, entry));
        }
    }
    for (number, entries) in entries {
        let log = shared.catalog.read().by_number.get(&number).cloned();
        let Some(log) = log else { continue };
        for (segment, entry) in entries.iter().filter(|(_, entry)| !log.is_dead(entry.end)) {
            copy(segment, entry, log.start(), writer).map_err(|fault| match fault {
                CopyFault::Read(fault) => failed(fault),
                CopyFault::Write(error) => error,
            })?;
        }
        if shared.stopping() {
            return Err(io::Error::other("the store is being closed"));
        }
    }
    Ok(())
}

enum CopyFault {
    Read(ReadFault),
    Write(io::Error),
}

/// Copies an entry's frames as they are: a damaged payload keeps its checksum and is found by its readers.
fn copy(
    segment: &Segment,
    entry: &Entry,
    start: u64,
    writer: &mut SegmentWriter<'_>,
) -> Result<(), CopyFault> {
    let mut offset = entry.offset;
    while offset < entry.offset + entry.len {
        let mut frames =
            Frames::read_len(segment, entry, offset, PIECE, Wait::Yes).map_err(CopyFault::Read)?;
        while let Some((header, payload)) = frames.next().map_err(CopyFault::Read)? {
            offset += u64::from(header.len);
            if header.end() > start {
                writer.append(&header, &payload).map_err(CopyFault::Write)?;
            }
        }
    }
    Ok(())
}

fn failed(fault: ReadFault) -> io::Error {
    io::Error::other(format!("cannot merge: {fault:?}"))
}
