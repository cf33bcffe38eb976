//! Carries out a plan.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};

use headwater_host::disk::{Disk, DiskFile};

use super::plan::{Piece, Plan};
use crate::error::OpenError;
use crate::frame::{HEADER_LEN, Header, place};
use crate::layout::{Layout, unfinished};
use crate::options::Options;
use crate::segment::{IndexBuilder, SEGMENT_HEADER_LEN};
use crate::snapshot;
use crate::tail::{Tail, TailFile};

const PIECE: usize = 1 << 20;

pub(super) fn apply(options: &Options, layout: &Layout, plan: &Plan) -> Result<(), OpenError> {
    let disk = &*options.disk;
    for dir in layout.parts() {
        disk.create_dir_all(dir).map_err(OpenError::io("create", dir))?;
    }
    for path in &plan.copies {
        let to = place_aside(disk, layout, plan, path)?;
        copy(disk, path, &to).map_err(OpenError::io("copy", path))?;
    }
    // An index may be missing beside its segment.
    for path in plan.moves.iter().filter(|path| disk.file_id(path).is_ok()) {
        let to = place_aside(disk, layout, plan, path)?;
        disk.rename(path, &to).map_err(OpenError::io("move", path))?;
        sync_parents(disk, path, &to).map_err(OpenError::io("move", path))?;
    }
    write_segment(options, layout, plan)?;
    let next = plan.journal_last + 1;
    let path = layout.journal(next);
    empty_journal(options, layout, &path).map_err(OpenError::io("create", &path))?;
    // Each journal that comes names the one before it.
    let before = (plan.journal_last, 0);
    let tail = Tail { journal: next, journal_before: before.0, ..Tail::default() };
    TailFile::create(disk, layout, plan.origin.identity, tail, options.clock.elapsed())
        .map_err(OpenError::io("write", &layout.tail()))?;
    if plan.write_format {
        plan.origin.write(disk, layout).map_err(OpenError::io("write", &layout.format()))?;
    }
    let bytes = snapshot::encode(&plan.catalog, before, plan.origin.identity);
    let path = layout.snapshot(next);
    snapshot::write_file(disk, layout, &path, &bytes).map_err(OpenError::io("write", &path))
}

/// Makes a place for a file that is set aside: in a directory of its own directory's name.
fn place_aside(disk: &dyn Disk, layout: &Layout, plan: &Plan, path: &Path) -> Result<PathBuf, OpenError> {
    let inside = path.strip_prefix(&layout.root).unwrap_or(path);
    let to = plan.aside.join(inside);
    let dir = to.parent().unwrap_or(&plan.aside);
    disk.create_dir_all(dir).map_err(OpenError::io("create", dir))?;
    Ok(to)
}

fn sync_parents(disk: &dyn Disk, from: &Path, to: &Path) -> io::Result<()> {
    [from, to].into_iter().filter_map(Path::parent).try_for_each(|dir| disk.sync_dir(dir))
}

fn copy(disk: &dyn Disk, from: &Path, to: &Path) -> io::Result<()> {
    let source = disk.open(from)?;
    let temporary = unfinished(to);
    let _ = disk.remove(&temporary);
    let copy = disk.create(&temporary)?;
    let mut bytes = vec![0; PIECE];
    let mut at = 0;
    loop {
        let got = source.read_at(&mut bytes, at)?;
        if got == 0 {
            break;
        }
        // Holes stay holes.
        if bytes[..got].iter().any(|byte| *byte != 0) {
            copy.write_all_at(&mut [IoSlice::new(&bytes[..got])], at)?;
        }
        at += got as u64;
    }
    copy.set_len(at)?;
    copy.sync_data()?;
    disk.rename(&temporary, to)?;
    sync_parents(disk, to, to)
}

fn write_segment(options: &Options, layout: &Layout, plan: &Plan) -> Result<(), OpenError> {
    if plan.pieces.is_empty() {
        return Ok(());
    }
    let disk = &*options.disk;
    let (path, index_path) = (layout.segment(plan.segment.id), layout.index(plan.segment.id));
    let write = || {
        let (temporary, file) = create(disk, &path)?;
        let mut index = IndexBuilder::new(options.sizes.run_bytes);
        let mut buffer = plan.segment.encode().to_vec();
        let mut flushed = 0;
        for piece in &plan.pieces {
            let (header, payload) = frame(piece)?;
            let offset = flushed + buffer.len() as u64;
            if offset + u64::from(header.len) > u64::from(u32::MAX) {
                return Err(io::Error::other("what the journals hold is more than 4 GiB"));
            }
            let header = Header { place: place(plan.segment.id, offset), commit: 0, ..header };
            buffer.extend_from_slice(&header.encode(plan.segment.stamp()));
            buffer.extend_from_slice(&payload);
            index.add(&header, offset);
            if buffer.len() >= PIECE {
                file.write_all_at(&mut [IoSlice::new(&buffer)], flushed)?;
                flushed += buffer.len() as u64;
                buffer.clear();
            }
        }
        file.write_all_at(&mut [IoSlice::new(&buffer)], flushed)?;
        let len = flushed + buffer.len() as u64;
        assert!(len > SEGMENT_HEADER_LEN as u64, "there are pieces");
        file.sync_data()?;
        let (index_temporary, index_file) = create(disk, &index_path)?;
        index_file.write_all_at(&mut [IoSlice::new(&index.encode(plan.segment, len))], 0)?;
        index_file.sync_data()?;
        disk.rename(&index_temporary, &index_path)?;
        disk.rename(&temporary, &path)?;
        disk.sync_dir(&layout.segments)
    };
    write().map_err(OpenError::io("write", &path))
}

fn create(disk: &dyn Disk, path: &Path) -> io::Result<(PathBuf, std::sync::Arc<dyn DiskFile>)> {
    let temporary = unfinished(path);
    let _ = disk.remove(&temporary);
    let file = disk.create(&temporary)?;
    Ok((temporary, file))
}

/// A piece's header and payload. One that is damaged is taken as it is, for its readers to be told.
fn frame(piece: &Piece) -> io::Result<(Header, Vec<u8>)> {
    match piece {
        Piece::Lost { header } => Ok((*header, Vec::new())),
        Piece::Kept { file, path, stamp, offset, header } => {
            let mut bytes = vec![0; header.len as usize];
            let got = file.read_at(&mut bytes, *offset)?;
            if Header::decode(&bytes[..got], header.place, *stamp) != Some(*header) {
                let what = format!("{} at offset {offset} reads otherwise than before", path.display());
                return Err(io::Error::other(what));
            }
            // What the file does not have any more is zeros, which the checksum does not match.
            Ok((*header, bytes.split_off(HEADER_LEN)))
        }
    }
}

fn empty_journal(options: &Options, layout: &Layout, path: &Path) -> io::Result<()> {
    let disk = &*options.disk;
    let (temporary, file) = create(disk, path)?;
    file.allocate(options.sizes.journal_first_bytes)?;
    file.sync_data()?;
    disk.rename(&temporary, path)?;
    disk.sync_dir(&layout.journals)
}
