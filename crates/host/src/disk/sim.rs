//! Files in memory that forget, tear and fail on demand, the same way for the same seed.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::sim_state::{Inode, Locked, State, power_failed};
use super::{DIRECT_ALIGN, Disk, DiskFile, DiskLock, Faults, FileId, LockError, Space};
use crate::{Random, SeededRandom};

const PAGE: u64 = 4096;

/// A simulated disk. Clones of the `Arc` are the same disk.
#[derive(Debug)]
pub struct SimDisk {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    random: Arc<SeededRandom>,
}

#[derive(Debug)]
struct SimFile {
    shared: Arc<Shared>,
    inode: u64,
    path: PathBuf,
    power_cycle: u64,
    direct: bool,
}

#[derive(Debug)]
struct SimLock {
    shared: Arc<Shared>,
    locked: Locked,
    power_cycle: u64,
}

impl DiskLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        if state.power_cycles == self.power_cycle {
            state.locks.remove(&self.locked);
        }
    }
}

impl SimDisk {
    /// An empty disk.
    pub fn new(seed: u64) -> Arc<Self> {
        let state = Mutex::new(State::default());
        Arc::new(Self { shared: Arc::new(Shared { state, random: SeededRandom::new(seed) }) })
    }

    /// Cuts the power and brings it back: only synced bytes and names are sure to be there, every handle and
    /// lock from before is dead, and no faults are set.
    pub fn crash(&self) {
        self.shared.state.lock().crash(|| self.shared.random.next_u64());
    }

    /// Another disk with the same files, its power just back: no handle, lock or fault goes along.
    pub fn copy(&self, seed: u64) -> Arc<Self> {
        let copy = Self::new(seed);
        let mut state = self.shared.state.lock().clone();
        state.restart();
        *copy.shared.state.lock() = state;
        copy
    }

    /// From now on the disk does these things wrong.
    pub fn set_faults(&self, faults: Faults) {
        let mut state = self.shared.state.lock();
        state.changes = 0;
        state.faults = faults;
    }

    /// Changing operations since the faults were set.
    pub fn changes(&self) -> u64 {
        self.shared.state.lock().changes
    }

    /// True once the power failed at `halt_at`.
    pub fn has_halted(&self) -> bool {
        self.shared.state.lock().halted
    }

    /// The bytes of a file.
    pub fn contents(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.edit(path, |bytes| bytes.clone())
    }

    /// Changes the bytes of a file behind everybody's back, durably: bit rot, truncation.
    pub fn edit<T>(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>) -> T) -> io::Result<T> {
        let mut state = self.shared.state.lock();
        let inode = *state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        let inode = state.inodes.get_mut(&inode).ok_or(io::ErrorKind::NotFound)?;
        let result = change(&mut inode.bytes);
        inode.sync();
        Ok(result)
    }

    /// Bytes that the files whose path begins so take.
    pub fn used_bytes(&self, under: &Path) -> u64 {
        self.shared.state.lock().used_bytes(under)
    }

    fn file(&self, inode: u64, path: &Path, power_cycle: u64) -> Arc<dyn DiskFile> {
        let (shared, path) = (self.shared.clone(), path.to_owned());
        Arc::new(SimFile { shared, inode, path, power_cycle, direct: false })
    }
}

impl Disk for SimDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.shared.state.lock();
        if state.change()? {
            return Err(power_failed());
        }
        if state.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if !path.parent().is_none_or(|dir| state.dirs.contains(dir)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inode = state.add_inode();
        state.set_names(vec![(path.to_owned(), Some(inode))]);
        Ok(self.file(inode, path, state.power_cycles))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let state = self.shared.state.lock();
        state.alive()?;
        let inode = *state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(self.file(inode, path, state.power_cycles))
    }

    fn open_direct(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let state = self.shared.state.lock();
        state.alive()?;
        let inode = *state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        let (shared, path, power_cycle) = (self.shared.clone(), path.to_owned(), state.power_cycles);
        Ok(Arc::new(SimFile { shared, inode, path, power_cycle, direct: true }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.shared.state.lock();
        if state.change()? {
            return Err(power_failed());
        }
        let inode = *state.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        state.set_names(vec![(from.to_owned(), None), (to.to_owned(), Some(inode))]);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.shared.state.lock();
        if state.change()? {
            return Err(power_failed());
        }
        if !state.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.set_names(vec![(path.to_owned(), None)]);
        Ok(())
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.shared.state.lock();
        state.alive()?;
        state.dirs.extend(path.ancestors().map(Path::to_owned));
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.shared.state.lock();
        if state.change()? {
            return Err(power_failed());
        }
        state.sync_dir(path);
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let state = self.shared.state.lock();
        state.alive()?;
        let inside = state.names.keys().filter(|name| name.parent() == Some(path));
        Ok(inside.filter_map(|name| Some(name.file_name()?.to_str()?.to_owned())).collect())
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>, LockError> {
        let mut state = self.shared.state.lock();
        state.alive().map_err(LockError::Io)?;
        let locked = match state.names.get(path) {
            Some(inode) => Locked::File(*inode),
            None if state.dirs.contains(path) => Locked::Directory(path.to_owned()),
            None => return Err(LockError::Io(io::ErrorKind::NotFound.into())),
        };
        if !state.locks.insert(locked.clone()) {
            return Err(LockError::Held(Some(std::process::id())));
        }
        let power_cycle = state.power_cycles;
        Ok(Box::new(SimLock { shared: self.shared.clone(), locked, power_cycle }))
    }

    fn file_id(&self, path: &Path) -> io::Result<FileId> {
        let state = self.shared.state.lock();
        state.alive()?;
        match state.names.get(path) {
            Some(&inode) => Ok(FileId { device: 0, inode }),
            None if state.dirs.contains(path) => Ok(FileId { device: 1, inode: 0 }),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn space(&self, _path: &Path) -> io::Result<Space> {
        let state = self.shared.state.lock();
        state.alive()?;
        let total_bytes = state.faults.capacity_bytes.unwrap_or(1 << 50);
        Ok(Space { free_bytes: total_bytes.saturating_sub(state.used_bytes(Path::new(""))), total_bytes })
    }
}

impl SimFile {
    fn with<T>(&self, work: impl FnOnce(&mut State, u64) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.shared.state.lock();
        if state.power_cycles != self.power_cycle {
            return Err(power_failed());
        }
        work(&mut state, self.inode)
    }

    fn inode<T>(&self, work: impl FnOnce(&mut Inode) -> T) -> io::Result<T> {
        self.with(|state, id| {
            state.alive()?;
            Ok(work(state.inodes.get_mut(&id).ok_or(io::ErrorKind::NotFound)?))
        })
    }

    fn grow_check(&self, state: &State, id: u64, end: u64) -> io::Result<()> {
        let len = state.inodes.get(&id).map_or(0, |inode| inode.bytes.len() as u64);
        let more = end.saturating_sub(len);
        match state.faults.capacity_bytes {
            Some(capacity) if more > 0 && state.used_bytes(Path::new("")) + more > capacity => {
                Err(io::ErrorKind::StorageFull.into())
            }
            _ => Ok(()),
        }
    }

    fn named(&self, text: &Option<String>) -> bool {
        text.as_ref().is_some_and(|text| self.path.to_string_lossy().contains(text.as_str()))
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        self.with(|state, id| {
            state.alive()?;
            if self.named(&state.faults.fail_reads_of) {
                return Err(io::Error::other("simulated read error"));
            }
            let inode = state.inodes.get(&id).ok_or(io::ErrorKind::NotFound)?;
            let found = inode.bytes.get(offset as usize..).unwrap_or_default();
            let len = found.len().min(bytes.len());
            bytes[..len].copy_from_slice(&found[..len]);
            Ok(len)
        })
    }

    fn read_cached_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        if self.shared.state.lock().faults.nothing_cached {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.read_at(bytes, offset)
    }

    fn write_all_at(&self, slices: &mut [IoSlice<'_>], offset: u64) -> io::Result<()> {
        let aligned = |slice: &IoSlice<'_>| slice.len() | slice.as_ptr() as usize | offset as usize;
        if self.direct && slices.iter().any(|slice| !aligned(slice).is_multiple_of(DIRECT_ALIGN)) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.with(|state, id| {
            let halts = state.change()?;
            if self.named(&state.faults.fail_writes_of) {
                return Err(io::Error::other("simulated write error"));
            }
            let mut bytes = slices.iter().flat_map(|slice| slice.iter().copied()).collect::<Vec<u8>>();
            if halts {
                bytes.truncate(self.shared.random.next_u64() as usize % (bytes.len() + 1));
            }
            self.grow_check(state, id, offset + bytes.len() as u64)?;
            let inode = state.inodes.get_mut(&id).ok_or(io::ErrorKind::NotFound)?;
            inode.write(offset as usize, &bytes);
            if halts { Err(power_failed()) } else { Ok(()) }
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(|state, id| {
            if state.change()? {
                return Err(power_failed());
            }
            let fails = self.named(&state.faults.fail_syncs_of);
            let inode = state.inodes.get_mut(&id).ok_or(io::ErrorKind::NotFound)?;
            if fails {
                inode.fail_sync();
                return Err(io::Error::other("simulated sync error"));
            }
            inode.sync();
            Ok(())
        })
    }

    fn len(&self) -> io::Result<u64> {
        self.inode(|inode| inode.bytes.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.with(|state, id| {
            if state.change()? {
                return Err(power_failed());
            }
            self.grow_check(state, id, len)?;
            state.inodes.get_mut(&id).ok_or(io::ErrorKind::NotFound)?.resize(len as usize);
            Ok(())
        })
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        if self.len()? < len { self.set_len(len) } else { Ok(()) }
    }

    fn punch_hole(&self, offset: u64, len: u64) -> io::Result<()> {
        self.with(|state, id| {
            if state.change()? {
                return Err(power_failed());
            }
            let inode = state.inodes.get_mut(&id).ok_or(io::ErrorKind::NotFound)?;
            let end = (offset + len).min(inode.bytes.len() as u64);
            if offset < end {
                inode.write(offset as usize, &vec![0; (end - offset) as usize]);
                inode.holes.extend(offset.div_ceil(PAGE)..end / PAGE);
            }
            Ok(())
        })
    }

    fn forget_cached(&self) -> io::Result<()> {
        self.inode(|inode| inode.forget_cached(&mut || self.shared.random.next_u64().is_multiple_of(2)))
    }

    fn allocated_bytes(&self) -> io::Result<u64> {
        self.inode(|inode| inode.bytes.len() as u64 - PAGE * inode.holes.len() as u64)
    }
}
