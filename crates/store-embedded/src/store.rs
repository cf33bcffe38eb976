//! Opening and closing a store, and its logs by name.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{Builder, JoinHandle};

use async_trait::async_trait;
use headwater_host::disk::raise_file_limit;
use headwater_store::{LogId, LogStore, Result, ShardLog, StoreError};
use parking_lot::{Mutex, RwLock};

use crate::damage::Damage;
use crate::error::OpenError;
use crate::frame::PAYLOAD_LEN_MAX;
use crate::identify::{identify, settle_identity};
use crate::journal::{
    JournalFile, Queue, Ring, Work, Writer, create_empty, prepare_one, run_prepare, use_any_spare,
};
use crate::layout::Layout;
use crate::log::EmbeddedLog;
use crate::maintenance::{measure, run_maintenance, step};
use crate::open_segments::load_segments;
use crate::options::Options;
use crate::place::{Locks, Place};
use crate::recovery::{Recovered, load_snapshot, replay};
use crate::segment::Handles;
use crate::shared::Shared;
use crate::snapshot::remove_older;
use crate::space::Room;
use crate::stats::StoreStats;

/// A store in a directory of this machine.
#[derive(Debug)]
pub struct EmbeddedStore {
    pub(crate) shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Given back last, when no thread writes any more.
    _locks: Locks,
}

impl EmbeddedStore {
    /// Opens the directory, creating it if there is none. Blocks for as long as recovery takes.
    pub fn open(options: Options) -> std::result::Result<Arc<Self>, OpenError> {
        raise_file_limit();
        let layout = Layout::new(&options.dir);
        let disk = options.disk.clone();
        disk.create_dir_all(&layout.root).map_err(OpenError::io("create", &layout.root))?;
        let mut locks = Locks::take(&options, &layout)?;
        // Until all is read and found to be whole, nothing in the directory is changed.
        let (origin, said) = identify(&options, &layout)?;
        let base = load_snapshot(&options, &layout, &origin)?;
        let from = base.from;
        let handles = Arc::new(Handles::new(disk.clone(), options.handles));
        let mut segments = load_segments(&options, &layout, &origin, &handles)?;
        let Recovered { catalog, full, spares, id_next, last, mut old } =
            replay(&options, &layout, &origin, base, said.0, &segments)?;
        old.append(&mut segments.old);
        locks.sign(&options, &layout)?;
        for dir in layout.parts() {
            disk.create_dir_all(dir).map_err(OpenError::io("create", dir))?;
        }
        let (origin, witness) = settle_identity(&options, &layout, origin, said, last, old)?;
        remove_unfinished(&options, &layout)?;
        segments.tidy(&*disk, &layout)?;
        let ring = Ring::new(id_next.max(1), options.sizes.journal_first_bytes);
        full.into_iter().for_each(|journal| ring.add_full(journal));
        spares.into_iter().for_each(|spare| ring.add_spare(spare));
        let stats = Arc::new(StoreStats::default());
        StoreStats::set(&stats.logs, catalog.logs.len() as u64);
        let queue = Queue::new(options.sizes.queue_bytes);
        let place = Place::remember(&*disk, &layout).map_err(OpenError::io("look at", &layout.root))?;
        let shared = Arc::new(Shared {
            published_through: AtomicU64::new(segments.published_through()),
            segments: Mutex::new(segments.into_segments(&catalog)),
            catalog: RwLock::new(catalog),
            options,
            layout,
            origin,
            place,
            tail: Mutex::new(witness),
            active: Mutex::default(),
            queue,
            ring,
            failing: Mutex::default(),
            shrunk: Mutex::default(),
            stats,
            poison: OnceLock::new(),
            room: Room::default(),
            handles,
            damage: Damage::default(),
            stopping: AtomicBool::new(false),
            prepare_thread: OnceLock::new(),
            cluster_thread: OnceLock::new(),
        });
        remove_older(&shared, from).map_err(OpenError::io("clean", &shared.layout.meta))?;
        shared.check_space();
        measure(&shared);
        let first = first_journal(&shared)?;
        shared.set_current(first.capacity);
        let store = Self { shared, threads: Mutex::default(), _locks: locks };
        store.start(first, last)?;
        Ok(Arc::new(store))
    }

    fn start(&self, first: Arc<JournalFile>, last: (u64, u64)) -> std::result::Result<(), OpenError> {
        let writer = Writer::new(self.shared.clone(), first, last);
        self.shared.note_tail(true);
        let journal = self.spawn("journal", move |_| writer.run())?;
        let _ = self.shared.queue.thread.set(journal);
        // Work may have come before the thread was known.
        self.shared.queue.wake();
        if self.shared.options.background {
            let _ = self.shared.prepare_thread.set(self.spawn("prepare", run_prepare)?);
            let _ = self.shared.cluster_thread.set(self.spawn("cluster", run_maintenance)?);
        }
        Ok(())
    }

    fn spawn(
        &self,
        name: &str,
        body: impl FnOnce(&Shared) + Send + 'static,
    ) -> std::result::Result<std::thread::Thread, OpenError> {
        let shared = self.shared.clone();
        let what = name.to_owned();
        let handle = Builder::new().name(name.to_owned()).spawn(move || {
            // A thread that is gone without a word would leave everybody waiting for it.
            if catch_unwind(AssertUnwindSafe(|| body(&shared))).is_err() {
                let why = shared.poison(format!("the thread {what} has failed; see what it said before"));
                shared.queue.close();
                shared.queue.refuse_all(&why);
            }
        });
        let handle = handle.map_err(OpenError::io("start a thread for", &self.shared.layout.root))?;
        let thread = handle.thread().clone();
        self.threads.lock().push(handle);
        Ok(thread)
    }

    /// Counters and gauges of the store.
    pub fn stats(&self) -> Arc<StoreStats> {
        self.shared.stats.clone()
    }

    /// Why writes are refused, if they are until the store is opened anew.
    pub fn poisoned(&self) -> Option<String> {
        self.shared.poison.get().cloned()
    }

    /// Is the disk so full that records are refused?
    pub fn is_full(&self) -> bool {
        self.shared.is_full()
    }

    /// Had the process no file descriptors left when one was last needed?
    pub fn is_out_of_files(&self) -> bool {
        self.shared.handles.exhausted()
    }

    /// Why the background work failed when it was last tried, if it did.
    pub fn background_failure(&self) -> Option<String> {
        self.shared.failing.lock().clone()
    }

    /// Goes on in another journal file, so that what was written so far can be clustered.
    pub async fn rotate(&self) -> Result<()> {
        self.shared.submit(|reply| Work::Rotate { reply }).await
    }

    /// Does the background work that there is, now and on this thread. For stores without `background`.
    pub fn maintain(&self) -> io::Result<()> {
        self.shared.check_place();
        if self.shared.stopping() {
            return Ok(());
        }
        self.shared.check_space();
        while prepare_one(&self.shared)? {}
        while step(&self.shared, true)? {}
        self.shared.check_space();
        self.shared.note_tail(true);
        Ok(())
    }

    /// Finishes what waits, refuses everything else, and stops the threads. Dropping the store does it too.
    pub fn close(&self) {
        self.shared.queue.close();
        self.shared.stopping.store(true, Ordering::Release);
        self.shared.wake_prepare();
        self.shared.wake_cluster();
        for thread in std::mem::take(&mut *self.threads.lock()) {
            // A thread that panicked has said so itself.
            let _ = thread.join();
        }
        self.shared.check_place();
        self.shared.note_tail(true);
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        self.close();
    }
}

fn remove_unfinished(options: &Options, layout: &Layout) -> std::result::Result<(), OpenError> {
    for dir in [&layout.journals, &layout.segments, &layout.meta] {
        for name in options.disk.list(dir).map_err(OpenError::io("list", dir))? {
            if name.ends_with(".tmp") {
                let path = dir.join(name);
                options.disk.remove(&path).map_err(OpenError::io("remove", &path))?;
            }
        }
    }
    Ok(())
}

/// The file that is written first: small and new, unless one is left that can be used.
fn first_journal(shared: &Shared) -> std::result::Result<Arc<JournalFile>, OpenError> {
    let journals = &shared.layout.journals;
    match prepare_one(shared) {
        Ok(_) => {}
        // A full disk must not keep anybody from reading.
        Err(error) => tracing::warn!(%error, "cannot prepare a journal file"),
    }
    if let Some(ready) = shared.ring.take_ready(0, 0) {
        return Ok(ready);
    }
    // On a full disk a spare of any size will do.
    match use_any_spare(shared).map_err(OpenError::io("rename a journal in", journals))? {
        Some(ready) => Ok(ready),
        None => create_empty(shared, shared.options.sizes.journal_first_bytes)
            .map_err(OpenError::io("create a journal in", journals)),
    }
}

#[async_trait]
impl LogStore for EmbeddedStore {
    async fn create(&self, ids: &[LogId]) -> Result<()> {
        let ids = ids.to_vec();
        let len: usize = ids.iter().map(|id| id.as_str().len() + 5).sum();
        if len > PAYLOAD_LEN_MAX {
            return Err(StoreError::Invalid(format!(
                "{} logs are too many to be created at once",
                ids.len()
            )));
        }
        self.shared.submit(|reply| Work::Create { ids, reply }).await
    }

    async fn open(&self, id: &LogId) -> Result<Arc<dyn ShardLog>> {
        let log = self.shared.catalog.read().logs.get(id).cloned();
        let log = log.ok_or_else(|| StoreError::NoSuchLog(id.to_string()))?;
        Ok(Arc::new(EmbeddedLog { shared: self.shared.clone(), log }))
    }

    async fn delete(&self, ids: &[LogId]) -> Result<()> {
        let ids = ids.to_vec();
        if ids.len() > PAYLOAD_LEN_MAX / 4 {
            return Err(StoreError::Invalid(format!(
                "{} logs are too many to be deleted at once",
                ids.len()
            )));
        }
        self.shared.submit(|reply| Work::Delete { ids, reply }).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<LogId>> {
        let catalog = self.shared.catalog.read();
        Ok(catalog.logs.keys().filter(|id| id.as_str().starts_with(prefix)).cloned().collect())
    }

    fn has_room(&self, bytes: u64) -> bool {
        self.shared.has_room_for_records(bytes)
    }
}
