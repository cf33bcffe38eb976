//! The journal files besides the one that is being written: ready, full, and on their way back.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use headwater_host::disk::DiskFile;
use parking_lot::Mutex;

use super::JournalFile;

/// Journals that may wait to be clustered, however small.
const FILES_MAX: usize = 128;

/// A file that nothing needs any more, under whatever name it last had.
#[derive(Debug)]
pub(crate) struct Spare {
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) len: u64,
}

/// All journal files but the one being written.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Empty, durably named, in order of id.
    ready: VecDeque<Arc<JournalFile>>,
    /// To be clustered, in order of id.
    full: VecDeque<Arc<JournalFile>>,
    /// Clustered, but perhaps still being read.
    retiring: Vec<Arc<JournalFile>>,
    spares: Vec<Spare>,
    id_next: u64,
    /// Size of the next file to prepare.
    target_bytes: u64,
}

impl Ring {
    pub(crate) fn new(id_next: u64, target_bytes: u64) -> Self {
        Self { state: Mutex::new(State { id_next, target_bytes, ..State::default() }) }
    }

    pub(crate) fn take_id(&self) -> u64 {
        let mut state = self.state.lock();
        state.id_next += 1;
        state.id_next - 1
    }

    pub(crate) fn target_bytes(&self) -> u64 {
        self.state.lock().target_bytes
    }

    /// Files are filled quickly: prepare larger ones.
    pub(crate) fn grow_target(&self, max_bytes: u64) {
        let mut state = self.state.lock();
        state.target_bytes = (state.target_bytes * 4).min(max_bytes);
    }

    /// A ready file with room for `bytes` and an id after `id`. Unfit ones become spares.
    pub(crate) fn take_ready(&self, id: u64, bytes: u64) -> Option<Arc<JournalFile>> {
        let mut state = self.state.lock();
        while let Some(ready) = state.ready.pop_front() {
            if ready.id > id && ready.capacity >= bytes {
                return Some(ready);
            }
            let spare = Spare { path: ready.path.clone(), file: ready.file.clone(), len: ready.capacity };
            state.spares.push(spare);
        }
        None
    }

    /// Bytes of journals that wait to be clustered.
    pub(crate) fn full_bytes(&self) -> u64 {
        self.state.lock().full.iter().map(|journal| journal.end()).sum()
    }

    /// The last ready file, if its capacity will do.
    pub(crate) fn take_last_ready(&self, will_do: impl Fn(u64) -> bool) -> Option<Arc<JournalFile>> {
        let mut state = self.state.lock();
        let last = state.ready.back()?;
        if will_do(last.capacity) { state.ready.pop_back() } else { None }
    }

    pub(crate) fn ready_count(&self) -> usize {
        self.state.lock().ready.len()
    }

    pub(crate) fn add_ready(&self, journal: Arc<JournalFile>) {
        self.state.lock().ready.push_back(journal);
    }

    /// May a file of this size be added though none is ready?
    pub(crate) fn has_room(&self, bytes: u64, ring_bytes: u64) -> bool {
        let state = self.state.lock();
        // Each has a handle as long as it waits.
        let few = state.full.len() + state.retiring.len() < FILES_MAX;
        let waiting = state.full.iter().chain(&state.retiring).map(|journal| journal.capacity).sum::<u64>();
        waiting == 0 || (few && waiting + bytes <= ring_bytes)
    }

    pub(crate) fn add_full(&self, journal: Arc<JournalFile>) {
        self.state.lock().full.push_back(journal);
    }

    /// The journals to be clustered, oldest first.
    pub(crate) fn full(&self) -> Vec<Arc<JournalFile>> {
        self.state.lock().full.iter().cloned().collect()
    }

    /// These journals are clustered and the snapshot goes beyond them.
    pub(crate) fn retire_through(&self, id: u64) {
        let mut state = self.state.lock();
        while state.full.front().is_some_and(|journal| journal.id <= id) {
            let journal = state.full.pop_front();
            state.retiring.extend(journal);
        }
    }

    /// Takes the retired journals that nobody reads any more.
    pub(crate) fn take_retired(&self) -> Vec<Arc<JournalFile>> {
        let mut state = self.state.lock();
        // Readers get at a journal through the index only, which has forgotten it.
        state.retiring.extract_if(.., |journal| Arc::strong_count(journal) == 1).collect()
    }

    /// Takes all spares.
    pub(crate) fn take_spares(&self) -> Vec<Spare> {
        std::mem::take(&mut self.state.lock().spares)
    }

    pub(crate) fn add_spare(&self, spare: Spare) {
        self.state.lock().spares.push(spare);
    }

    /// A spare of exactly this size, and those that are of no use: smaller, or larger than journals become.
    pub(crate) fn take_spare(&self, bytes: u64, max_bytes: u64) -> (Option<Spare>, Vec<Spare>) {
        let mut state = self.state.lock();
        let at = state.spares.iter().position(|spare| spare.len == bytes);
        let found = at.map(|at| state.spares.swap_remove(at));
        (
            found,
            state
                .spares
                .extract_if(.., |spare| spare.len < bytes || spare.len > max_bytes.max(bytes))
                .collect(),
        )
    }

    /// The largest spare.
    pub(crate) fn take_any_spare(&self) -> Option<Spare> {
        let mut state = self.state.lock();
        let at = (0..state.spares.len()).max_by_key(|&at| state.spares[at].len)?;
        Some(state.spares.swap_remove(at))
    }

    pub(crate) fn spare_count(&self) -> usize {
        self.state.lock().spares.len()
    }

    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        let state = self.state.lock();
        let journals = state.ready.iter().chain(&state.full).chain(&state.retiring);
        journals.map(|journal| journal.capacity).sum::<u64>()
            + state.spares.iter().map(|spare| spare.len).sum::<u64>()
    }
}
