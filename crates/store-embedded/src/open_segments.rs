//! Opens the segments of a data directory.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64};

use bytes::Bytes;
use headwater_host::disk::{Disk, DiskFile};

use crate::catalog::Catalog;
use crate::error::OpenError;
use crate::expire::kept;
use crate::identify::list;
use crate::layout::{Layout, id_of, unfinished};
use crate::log_state::ColdRef;
use crate::options::Options;
use crate::origin::{Adopted, Origin};
use crate::segment::in_memory::InMemory;
use crate::segment::{
    Dead, Entry, Handles, INDEX_HEADER_LEN, IndexHeader, RUN_LEN, Run, SEGMENT_HEADER_LEN, Segment,
    SegmentHeader, Segments, rebuild_index,
};
use crate::whole;

/// More than was expected that a segment may take before its dead extents are given back again.
const LEAK_MAX: u64 = 64 << 10;

/// The segments and their directories.
#[derive(Default)]
pub(crate) struct LoadedSegments {
    list: Vec<(Arc<Segment>, Vec<Entry>)>,
    id_next: u64,
    /// End of each log's share in the newest segment that has one.
    pub(crate) ends: HashMap<u32, u64>,
    /// Files that belong to no segment, or to one that was merged into another.
    superfluous: Vec<PathBuf>,
    /// Indexes that were missing or damaged, made again.
    remade: Vec<(PathBuf, Bytes)>,
    /// Segments of format 1.
    pub(crate) old: Vec<Adopted>,
}

/// Opens all segments. Changes nothing: see `LoadedSegments::tidy`.
pub(crate) fn load_segments(
    options: &Options,
    layout: &Layout,
    origin: &Origin,
    handles: &Arc<Handles>,
) -> Result<LoadedSegments, OpenError> {
    let disk = &*options.disk;
    let names = list(options, &layout.segments)?;
    let mut headers = Vec::new();
    for id in names.iter().filter_map(|name| id_of(name, ".seg")) {
        let path = layout.segment(id);
        let file = disk.open(&path).map_err(OpenError::io("open", &path))?;
        let mut head = [0; SEGMENT_HEADER_LEN];
        file.read_at(&mut head, 0).map_err(OpenError::io("read", &path))?;
        let header = SegmentHeader::decode(&head).filter(|header| header.id == id);
        let damaged = || OpenError::Corrupt(format!("{} at offset 0: the header is damaged", path.display()));
        let header = header.ok_or_else(damaged)?;
        let len = file.len().map_err(OpenError::io("measure", &path))?;
        origin.segment(&header, len).map_err(|stranger| stranger.refuse(layout, &path))?;
        headers.push(header);
    }
    // Wider ones first, of equals the newer: what lies within one that came before is superfluous.
    headers.sort_by_key(|header| (header.from, std::cmp::Reverse((header.to, header.id))));
    let id_next = headers.iter().map(|header| header.id + 1).max().unwrap_or(1);
    let mut loaded = LoadedSegments { id_next, ..LoadedSegments::default() };
    let mut covered = None;
    for header in headers {
        if covered.is_some_and(|to| header.to <= to) {
            loaded.superfluous.push(layout.segment(header.id));
            continue;
        }
        covered = Some(header.to);
        let (segment, entries) = open_one(options, layout, header, handles, &mut loaded.remade)?;
        if let SegmentHeader { id, from, to, identity: None, .. } = header {
            loaded.old.push(Adopted::Segment { id, from, to, len: segment.len });
        }
        for entry in &entries {
            loaded.ends.insert(entry.log, entry.end);
        }
        loaded.list.push((segment, entries));
    }
    for id in names.iter().filter_map(|name| id_of(name, ".idx")) {
        if !loaded.list.iter().any(|(segment, _)| segment.id == id) {
            loaded.superfluous.push(layout.index(id));
        }
    }
    Ok(loaded)
}

fn open_one(
    options: &Options,
    layout: &Layout,
    header: SegmentHeader,
    handles: &Arc<Handles>,
    remade: &mut Vec<(PathBuf, Bytes)>,
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
            let (index, entries) = rebuild(options, header, &*file, &path, len)?;
            remade.push((index_path.clone(), index.0.clone()));
            (Arc::new(index) as Arc<dyn DiskFile>, entries)
        }
    };
    let measured = file.allocated_bytes().and_then(|bytes| Ok(bytes + index.allocated_bytes()?));
    let disk_bytes = measured.map_err(OpenError::io("measure", &path))?;
    // Both files are closed again: there may be more of them than the process may open.
    let segment = Segment {
        id: header.id,
        from: header.from,
        to: header.to,
        to_end: header.to_end,
        stamp: header.stamp(),
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

/// The directory of a segment, from its index or, where that is not good, from the segment.
pub(crate) fn directory(
    options: &Options,
    layout: &Layout,
    header: SegmentHeader,
    file: &dyn DiskFile,
) -> Result<Vec<Entry>, OpenError> {
    let path = layout.segment(header.id);
    let len = file.len().map_err(OpenError::io("measure", &path))?;
    let index = options.disk.open(&layout.index(header.id)).ok();
    match index.and_then(|index| read_index(&*index, header, len).ok()?) {
        Some(entries) => Ok(entries),
        None => Ok(rebuild(options, header, file, &path, len)?.1),
    }
}

/// The directory of an index that fits this segment.
fn read_index(index: &dyn DiskFile, segment: SegmentHeader, len: u64) -> io::Result<Option<Vec<Entry>>> {
    let mut head = [0; INDEX_HEADER_LEN];
    index.read_at(&mut head, 0)?;
    let Some(header) = IndexHeader::decode(&head) else { return Ok(None) };
    if !header.is_of(&segment, len) || index.len()? != header.index_len() {
        return Ok(None);
    }
    let mut bytes = vec![0; header.index_len() as usize - INDEX_HEADER_LEN];
    index.read_at(&mut bytes, INDEX_HEADER_LEN as u64)?;
    let (entries, runs) = bytes.split_at(header.entries as usize * Entry::LEN);
    // A bad run would be found by a reader only, who could not mend it.
    if runs.chunks(RUN_LEN).any(|run| Run::decode(run).is_none()) {
        return Ok(None);
    }
    let entries = entries.chunks_exact(Entry::LEN).map(Entry::decode);
    Ok(entries.map(|entry| entry.filter(|entry| entry.fits(&header))).collect())
}

/// Makes an index again, in memory.
fn rebuild(
    options: &Options,
    header: SegmentHeader,
    file: &dyn DiskFile,
    path: &Path,
    len: u64,
) -> Result<(InMemory, Vec<Entry>), OpenError> {
    let run = || {
        let index = InMemory(rebuild_index(file, path, options.sizes.run_bytes)?.into());
        let entries = read_index(&index, header, len)?;
        io::Result::Ok((index, entries.ok_or_else(|| io::Error::other("the new index is not readable"))?))
    };
    run().map_err(OpenError::io("make the index of", path))
}

impl LoadedSegments {
    /// Removes what is superfluous and writes the indexes that were made again.
    pub(crate) fn tidy(&mut self, disk: &dyn Disk, layout: &Layout) -> Result<(), OpenError> {
        for path in self.superfluous.drain(..) {
            disk.remove(&path).map_err(OpenError::io("remove", &path))?;
        }
        for (path, bytes) in self.remade.drain(..) {
            let temporary = unfinished(&path);
            let write = || {
                let index = disk.create(&temporary)?;
                index.write_all_at(&mut [io::IoSlice::new(&bytes)], 0)?;
                index.sync_data()?;
                disk.rename(&temporary, &path)?;
                disk.sync_dir(&layout.segments)
            };
            write().map_err(OpenError::io("write", &path))?;
        }
        Ok(())
    }

    /// Checks that the journals and the snapshot know of everything in the segments.
    pub(crate) fn check(
        &self,
        layout: &Layout,
        from: u64,
        journal_ends: &[(u64, u64)],
        catalog: &Catalog,
        end_of: impl Fn(u32) -> u64,
    ) -> Result<(), OpenError> {
        for (segment, entries) in &self.list {
            whole::segment(layout, segment, entries, from, journal_ends, catalog, &end_of)?;
        }
        Ok(())
    }

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
                // The snapshot may be older than the segment; the journals then have it too.
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
