//! Hold on a directory: the locks, and the check that what is locked is still in its place.
//!
//! # Constraints
//! Two servers never write to one directory, whatever is removed, renamed or replaced in it meanwhile.
//!
//! # Algorithm
//! The directory itself is locked, which no `rm` in it undoes, and `LOCK`, which earlier versions know. `LOCK`, `FORMAT`
//! and the directory are held open, so that none that takes the place of one has its number. About every 100 ms, and
//! once a second without work, it is looked whether the paths still lead to them. If not, another server may be about
//! to use what is there, and nothing is written any more.

use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use headwater_host::disk::{Disk, DiskFile, DiskLock, FileId, LockError};

use crate::error::OpenError;
use crate::layout::Layout;
use crate::options::Options;
use crate::shared::Shared;

/// Locks of a directory, given back when dropped.
#[derive(Debug)]
pub(crate) struct Locks {
    /// `None` where the file system cannot lock a directory.
    _root: Option<Box<dyn DiskLock>>,
    file: Option<Box<dyn DiskLock>>,
}

/// Files to which the paths led when the locks were taken.
#[derive(Debug)]
pub(crate) struct Place {
    ids: Vec<(PathBuf, FileId)>,
    /// Keeps its number from being given to another file.
    _format: Arc<dyn DiskFile>,
}

impl Locks {
    /// Takes the locks without changing anything. `LOCK` may not be there yet.
    pub(crate) fn take(options: &Options, layout: &Layout) -> Result<Self, OpenError> {
        let root = match options.disk.lock(&layout.root) {
            Ok(lock) => Some(lock),
            Err(LockError::Io(error)) if error.kind() == io::ErrorKind::Unsupported => None,
            Err(error) => return Err(refused(options, layout, error)),
        };
        let file = match options.disk.lock(&layout.lock()) {
            Ok(lock) => Some(lock),
            Err(LockError::Io(error)) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(refused(options, layout, error)),
        };
        Ok(Self { _root: root, file })
    }

    /// Makes `LOCK` if it is not there, and writes the id of this process into it.
    pub(crate) fn sign(&mut self, options: &Options, layout: &Layout) -> Result<(), OpenError> {
        let path = layout.lock();
        let disk = &*options.disk;
        if self.file.is_none() {
            match disk.create(&path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(OpenError::io("create", &path)(error));
                }
                _ => {}
            }
            self.file = Some(disk.lock(&path).map_err(|error| refused(options, layout, error))?);
        }
        // The id is for people who meet the lock; the lock itself does not need it.
        let id = format!("{}\n", std::process::id());
        let _ = disk.open(&path).and_then(|file| {
            file.write_all_at(&mut [IoSlice::new(id.as_bytes())], 0)?;
            file.set_len(id.len() as u64)
        });
        Ok(())
    }
}

fn refused(options: &Options, layout: &Layout, error: LockError) -> OpenError {
    match error {
        LockError::Held(holder) => {
            let holder = holder.or_else(|| written_holder(&*options.disk, layout));
            OpenError::Locked {
                dir: layout.root.display().to_string(),
                holder: holder.map_or("another process".into(), |id| format!("the process {id}")),
            }
        }
        LockError::Io(error) => OpenError::io("lock", &layout.root)(error),
    }
}

fn written_holder(disk: &dyn Disk, layout: &Layout) -> Option<u32> {
    let mut bytes = [0; 16];
    let got = disk.open(&layout.lock()).ok()?.read_at(&mut bytes, 0).ok()?;
    std::str::from_utf8(&bytes[..got]).ok()?.trim().parse().ok()
}

impl Place {
    /// Notes the files that are there now, under the locks.
    pub(crate) fn remember(disk: &dyn Disk, layout: &Layout) -> io::Result<Self> {
        let format = disk.open(&layout.format())?;
        let paths = [layout.root.clone(), layout.lock(), layout.format()];
        let ids = paths.into_iter().map(|path| disk.file_id(&path).map(|id| (path, id)));
        Ok(Self { ids: ids.collect::<io::Result<_>>()?, _format: format })
    }

    /// The first path that leads to something else now, or nowhere. One that cannot be looked at is let pass.
    fn lost(&self, disk: &dyn Disk) -> Option<String> {
        self.ids.iter().find_map(|(path, id)| match disk.file_id(path) {
            Ok(found) if found == *id => None,
            Ok(_) => Some(format!("{} was replaced", path.display())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Some(format!("{} was removed or renamed", path.display()))
            }
            Err(_) => None,
        })
    }
}

impl Shared {
    /// Refuses every write from now on if the directory is not where it was.
    pub(crate) fn check_place(&self) {
        if self.poison.get().is_some() {
            return;
        }
        if let Some(what) = self.place.lost(self.disk()) {
            self.poison(format!(
                "{what} while this server was using the data directory; another server may use it now"
            ));
            // The work behind would remove and rename files that may be another's.
            self.stopping.store(true, Ordering::Release);
        }
    }
}
