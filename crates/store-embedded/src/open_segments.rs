//! Opens the segments of a data directory.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64};

use headwater_host::disk::DiskFile;

use crate::catalog::Catalog;
use crate::error::OpenError;
use crate::expire::kept;
use crate::layout::{Layout, id_of, unfinished};
use crate::log_state::ColdRef;
use crate::options::Options;
use crate::segment::{
    Dead, Entry, Handles, INDEX_HEADER_LEN, IndexHeader, RUN_LEN, SEGMENT_HEADER_LEN, Segment, SegmentHeader,
    Segments, rebuild_index,
};

/// More than was expected that a segment may take before its dead extents are given back again.
const LEAK_MAX: u64 = 64 << 10;

/// The segments and their directories.
pub(crate) struct LoadedSegments {
    list: Vec<(Arc<Segment>, Vec<Entry>)>,
    id_next: u64,
    /// Where each log's share of the newest segment that has one ends.
    pub(crate) ends: HashMap<u32, u64>,
}

/// Opens all segments and removes those that were merged into others.
pub(crate) fn load_segments(
    options: &Options,
    layout: &Layout,
    handles: &Arc<Handles>,
) -> Result<LoadedSegments, OpenError> {
    let disk = &*options.disk;
    let names = disk.list(&layout.segments).map_err(OpenError::io("list", &layout.segments))?;
    let mut headers = Vec::new();
    for id in names.iter().filter_map(|name| id_of(name, ".seg")) {
        let path = layout.segment(id);
        let file = disk.open(&path).map_err(OpenError::io("open", &path))?;
        let mut head = [0; SEGMENT_HEADER_LEN];
        file.read_at(&mut head, 0).map_err(OpenError::io("read", &path))?;
        let header = SegmentHeader::decode(&head).filter(|header| header.id == id);
        let damaged = || OpenError::Corrupt(format!("{} at offset 0: the header is damaged", path.display()));
        headers.push(header.ok_or_else(damaged)?);
    }
    // Wider ones first, of equals the newer: what lies within one that came before is superfluous.
    headers.sort_by_key(|header| (header.from, std::cmp::Reverse((header.to, header.id))));
    let id_next = headers.iter().map(|header| header.id + 1).max().unwrap_or(1);
    let mut loaded = LoadedSegments { list: Vec::new(), id_next, ends: HashMap::new() };
    let mut covered = None;
    for header in headers {
        if covered.is_some_and(|to| header.to <= to) {
            let path = layout.segment(header.id);
            disk.remove(&path).map_err(OpenError::io("remove", &path))?;
            continue;
        }
        covered = Some(header.to);
        let (segment, entries) = open_one(options, layout, header, handles)?;
        for entry in &entries {
            loaded.ends.insert(entry.log, entry.end);
        }
        loaded.list.push((segment, entries));
    }
    for id in names.iter().filter_map(|name| id_of(name, ".idx")) {
        if !loaded.list.iter().any(|(segment, _)| segment.id == id) {
            let path = layout.index(id);
            disk.remove(&path).map_err(OpenError::io("remove", &path))?;
        }
    }
    Ok(loaded)
}

fn open_one(
    options: &Options,
    layout: &Layout,
    header: SegmentHeader,
    handles: &Arc<Handles>,
) -> Result<(Arc<Segment>, Vec<Entry>), OpenError> {
    let path = layout.segment(header.id);
    let file = options.disk.open(&path).map_err(OpenError::io("open", &path))?;
    let index_path = layout.index(header.id);
    let len = file.len().map_err(OpenError::io("measure", &path))?;
    let found = options.disk.open(&index_path).ok().and_then(|index| {
        let entries = read_index(&*index, header, len).ok()??;
        Some((index, entries))
    });
    let (index, entries) = match found {
        Some(found) => found,
        None => {
            tracing::warn!(index = %index_path.display(), "the index is missing or damaged and is made again");
            rebuild(options, layout, header, &*file, len)?
        }
    };
    let measured = file.allocated_bytes().and_then(|bytes| Ok(bytes + index.allocated_bytes()?));
    let disk_bytes = measured.map_err(OpenError::io("measure", &path))?;
    // Both files are closed again: there may be more of them than the process may open.
    let segment = Segment {
        id: header.id,
        from: header.from,
        to: header.to,
        path,
        index_path,
        handles: handles.clone(),
        entries: entries.len() as u32,
        len,
        live: AtomicU32::new(0),
        live_bytes: AtomicU64::new(0),
        disk_bytes: AtomicU64::new(disk_bytes),
    };
    Ok((Arc::new(segment), entries))
}

/// The directory of an index that fits this segment.
fn read_index(index: &dyn DiskFile, segment: SegmentHeader, len: u64) -> io::Result<Option<Vec<Entry>>> {
    let mut head = [0; INDEX_HEADER_LEN];
    index.read_at(&mut head, 0)?;
    let Some(header) = IndexHeader::decode(&head) else { return Ok(None) };
    if header.segment != segment || header.segment_len != len || index.len()? != header.index_len() {
        return Ok(None);
    }
    let mut bytes = vec![0; header.entries as usize * Entry::LEN];
    index.read_at(&mut bytes, INDEX_HEADER_LEN as u64)?;
    let entries = bytes.chunks_exact(Entry::LEN).map(Entry::decode);
    Ok(entries.map(|entry| entry.filter(|entry| entry.fits(&header))).collect())
}

fn rebuild(
    options: &Options,
    layout: &Layout,
    header: SegmentHeader,
    file: &dyn DiskFile,
    len: u64,
) -> Result<(Arc<dyn DiskFile>, Vec<Entry>), OpenError> {
    let disk = &*options.disk;
    let path = layout.segment(header.id);
    let index_path = layout.index(header.id);
    let temporary = unfinished(&index_path);
    let run = || {
        let bytes = rebuild_index(file, &path, options.sizes.run_bytes)?;
        let index = disk.create(&temporary)?;
        index.write_all_at(&mut [io::IoSlice::new(&bytes)], 0)?;
        index.sync_data()?;
        disk.rename(&temporary, &index_path)?;
        disk.sync_dir(&layout.segments)?;
        let entries = read_index(&*index, header, len)?;
        io::Result::Ok((index, entries.ok_or_else(|| io::Error::other("the new index is not readable"))?))
    };
    run().map_err(OpenError::io("make the index of", &path))
}

impl LoadedSegments {
    /// Tells the logs of their shares.
    pub(crate) fn attach(&self, catalog: &Catalog) {
        let mut shares: HashMap<u32, Vec<ColdRef>> = HashMap::new();
        for (segment, entries) in &self.list {
            let (mut live, mut live_bytes) = (0, 0);
            for (at, entry) in entries.iter().enumerate() {
                let Some(log) = catalog.by_number.get(&entry.log) else { continue };
                if !log.is_dead(entry.end) {
                    live += 1;
                    live_bytes += entry.len;
                    let (first, end, at) = (entry.first, entry.end, at as u32);
                    let share = ColdRef { first, end, segment: segment.clone(), entry: at };
                    shares.entry(entry.log).or_default().push(share);
                }
                // The snapshot may be older than the segment.
                if entry.end > log.end() {
                    log.publish_end(entry.end, entry.last_arrival);
                }
            }
            segment.set_live(live, live_bytes);
        }
        for (number, shares) in shares {
            catalog.by_number[&number].cold.store(Arc::new(shares));
        }
    }

    /// The last journal whose records are in segments, 0 if there is none.
    pub(crate) fn published_through(&self) -> u64 {
        self.list.iter().map(|(segment, _)| segment.to).max().unwrap_or(0)
    }

    /// For running: forgets the directories, and notes the extents that a crash kept from being given back.
    pub(crate) fn into_segments(self, catalog: &Catalog) -> Segments {
        let mut dead = Vec::new();
        for (segment, entries) in &self.list {
            let is_dead =
                |entry: &Entry| catalog.by_number.get(&entry.log).is_none_or(|log| log.is_dead(entry.end));
            let needed: u64 =
                entries.iter().map(|entry| if is_dead(entry) { kept(entry.len) } else { entry.len }).sum();
            let runs: u64 = entries.iter().map(|entry| u64::from(entry.runs)).sum();
            let index_bytes = IndexHeader::runs_offset(segment.entries) + runs * RUN_LEN as u64;
            if segment.disk_bytes() > needed + index_bytes + LEAK_MAX {
                let gone = entries.iter().enumerate().filter(|(_, entry)| is_dead(entry));
                dead.extend(gone.map(|(at, _)| Dead {
                    segment: segment.clone(),
                    entry: at as u32,
                    counted: false,
                }));
            }
        }
        let list = self.list.into_iter().map(|(segment, _)| segment).collect();
        Segments { list, id_next: self.id_next, dead, retiring: Vec::new() }
    }
}
