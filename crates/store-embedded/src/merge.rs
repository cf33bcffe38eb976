//! Makes one segment of several neighbours in which little is alive, so that space and files follow what is stored:
//! a store that is restarted often does not end up with a file per start, nor one that keeps a little of much with a
//! file for each 60 MiB that ever passed.
//!
//! # Constraints
//! Neighbours only: the journals that a segment replaces are one range. Writing again what is alive is bounded. A
//! sequence is merged when none of its segments holds more than the others together, so each byte's segment doubles
//! each time and is at most of the size at which merging ends: six times between a 64th of that size, below which
//! segments count as that large, and the whole. A segment alone is rewritten when it wastes more than is alive in it,
//! which frees more than it writes.
//!
//! # Algorithm
//! The oldest such sequence is rewritten, log by log, less what is trimmed; the new segment takes their place in memory
//! and then their files are removed. Where there is no room to write it, it waits.
//!
//! # Recovery
//! A crash before the removal leaves segments whose journals the new one replaces too: they are removed at
//! the start.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use crate::cluster::publish;
use crate::error::ReadFault;
use crate::options::Sizes;
use crate::segment::{Entry, Frames, Segment, SegmentWriter, Wait};
use crate::shared::Shared;

/// Read at once.
const PIECE: u64 = 1 << 20;
/// Segments below this part of the size at which merging ends weigh as much as that.
const LIGHT: u64 = 64;
/// Merged at once at the most.
const FILES_MAX: usize = 64;

/// Merges one sequence of segments. False if there is none.
pub(crate) fn merge(shared: &Shared) -> io::Result<bool> {
    let Some(inputs) = candidates(shared) else { return Ok(false) };
    let last = &inputs[inputs.len() - 1];
    let mut writer = SegmentWriter::create(shared, inputs[0].from, last.to, last.to_end)?;
    match fill(shared, &inputs, &mut writer) {
        Ok(()) => {}
        Err(CopyFault::Read(ReadFault::Corrupt { at, what })) => {
            writer.discard();
            if shared.damage.found(&at.0, at.1) {
                tracing::error!(what, "stored data is corrupt; the segment is not merged");
            }
            // What is known to be damaged is left alone, so others have their turn.
            return Ok(true);
        }
        Err(fault) => {
            writer.discard();
            return Err(match fault {
                CopyFault::Read(fault) => io::Error::other(format!("cannot merge: {fault:?}")),
                CopyFault::Write(error) => error,
            });
        }
    }
    let Some((segment, entries)) = writer.finish()? else {
        // Everything in them is dead; the next expiry takes the files.
        return Ok(false);
    };
    publish(shared, &segment, &entries, &inputs);
    Ok(true)
}

/// The segments to be merged next.
fn candidates(shared: &Shared) -> Option<Vec<Arc<Segment>>> {
    let sizes = shared.sizes();
    let list = shared.segments.lock().list.clone();
    let sequence = list
        .chunk_by(|a, b| is_small(shared, a) && is_small(shared, b))
        .find_map(|small| {
            let alive: Vec<u64> = small.iter().map(|segment| segment.live_bytes()).collect();
            balanced(&alive, sizes).map(|range| &small[range])
        })
        .or_else(|| list.iter().find(|segment| wastes(shared, segment)).map(std::slice::from_ref))?;
    let alive = sequence.iter().map(|segment| segment.live_bytes()).sum();
    shared.may_write(alive).then(|| sequence.to_vec())
}

/// Is there something alive in it that can be copied?
fn can_be_copied(shared: &Shared, segment: &Segment) -> bool {
    let damaged = [&segment.path, &segment.index_path].into_iter().any(|path| shared.damage.is_known(path));
    segment.live() > 0 && !damaged
}

fn is_small(shared: &Shared, segment: &Segment) -> bool {
    segment.live_bytes() < shared.sizes().merge_below_bytes && can_be_copied(shared, segment)
}

/// Does it take more room for what is dead in it than for what is alive?
fn wastes(shared: &Shared, segment: &Segment) -> bool {
    // A file system may take more than was written; writing that again would not help.
    let taken = segment.disk_bytes().min(segment.len);
    taken > 2 * segment.live_bytes() + shared.sizes().merge_below_bytes / 4 && can_be_copied(shared, segment)
}

/// The first long enough sequence of small neighbours, with so much alive in each, of which none outweighs the others.
fn balanced(alive: &[u64], sizes: &Sizes) -> Option<Range<usize>> {
    let least = sizes.merge_files.max(2);
    (0..alive.len()).find_map(|from| {
        let (mut sum, mut largest, mut found) = (0, 0, None);
        for (at, bytes) in alive[from..].iter().take(FILES_MAX).enumerate() {
            let weight = (*bytes).max(sizes.merge_below_bytes / LIGHT);
            sum += weight;
            largest = largest.max(weight);
            if sum > 2 * sizes.merge_below_bytes {
                break;
            }
            if at + 1 >= least && 2 * largest <= sum {
                found = Some(from..from + at + 1);
            }
        }
        found
    })
}

fn fill(shared: &Shared, inputs: &[Arc<Segment>], writer: &mut SegmentWriter<'_>) -> Result<(), CopyFault> {
    // By log, in the order of the inputs, which is that of the positions.
    let mut entries: BTreeMap<u32, Vec<(&Segment, Entry)>> = BTreeMap::new();
    for segment in inputs {
        for at in 0..segment.entries {
            let entry = segment.entry(at, Wait::Yes).map_err(CopyFault::Read)?;
            entries.entry(entry.log).or_default().push((segment, entry));
        }
    }
    for (number, entries) in entries {
        let log = shared.catalog.read().by_number.get(&number).cloned();
        let Some(log) = log else { continue };
        for (segment, entry) in entries.iter().filter(|(_, entry)| !log.is_dead(entry.end)) {
            copy(segment, entry, log.start(), writer)?;
        }
        if shared.stopping() {
            return Err(CopyFault::Write(io::Error::other("the store is being closed")));
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

#[cfg(test)]
mod tests {
    use super::{LIGHT, balanced};
    use crate::options::Sizes;

    /// Adds so many segments with so much alive in each, merging as it goes: the most segments there were, and the bytes
    /// that were written again.
    fn merge_as_they_come(sizes: &Sizes, segments: impl Iterator<Item = u64>) -> (usize, u64) {
        let (mut list, mut most, mut written) = (Vec::new(), 0, 0);
        for alive in segments {
            list.push(alive);
            while let Some((from, range)) = list
                .chunk_by(|a, b| a.max(b) < &sizes.merge_below_bytes)
                .scan(0, |from, small| {
                    let found = balanced(small, sizes).map(|range| (*from, range));
                    *from += small.len();
                    Some(found)
                })
                .flatten()
                .next()
            {
                let merged: u64 = list[from..][range.clone()].iter().sum();
                written += merged;
                list.splice(from + range.start..from + range.end, [merged]);
            }
            most = most.max(list.len());
        }
        // Those that are large enough to be kept do not count: eight would exceed what one merge writes.
        let enough = 2 * sizes.merge_below_bytes / sizes.merge_files as u64;
        (most - list.iter().filter(|alive| **alive > enough).count(), written)
    }

    #[test]
    fn little_is_written_again_and_few_segments_stay_whatever_comes() {
        let sizes = Sizes::default();
        let light = sizes.merge_below_bytes / LIGHT;
        let alike = |alive: u64| std::iter::repeat_n(alive, 3000).collect::<Vec<_>>();
        let mixed =
            |seed: u64| (0..3000u64).map(move |i| 1 << ((i * (seed * 2 + 1) + i * i / 7) % 25)).collect();
        let cases: [Vec<u64>; 7] =
            [alike(0), alike(1000), alike(20 << 10), alike(3 << 20), alike(31 << 20), mixed(1), mixed(5)];
        for segments in cases {
            let (alive, count) = (segments.iter().sum::<u64>(), segments.len() as u64);
            let (most, written) = merge_as_they_come(&sizes, segments.iter().copied());
            let what = format!("{count} segments of {} bytes and the like", segments[0]);
            assert!(
                written <= 7 * alive + 2 * light * count,
                "{written} bytes were written of {alive}: {what}"
            );
            assert!(most < 64, "{most} segments: {what}");
        }
    }
}
