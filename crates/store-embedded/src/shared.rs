//! State shared by the threads and the handles of one open store.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;

use headwater_host::disk::Disk;
use headwater_store::StoreError;
use parking_lot::{Mutex, RwLock};

use crate::catalog::Catalog;
use crate::damage::Damage;
use crate::journal::{Queue, Ring};
use crate::layout::Layout;
use crate::log_state::LogState;
use crate::options::{Options, Sizes};
use crate::origin::Origin;
use crate::place::Place;
use crate::segment::{Handles, Segments};
use crate::space::Room;
use crate::stats::StoreStats;
use crate::tail::{Active, TailFile};

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) layout: Layout,
    pub(crate) origin: Origin,
    pub(crate) place: Place,
    pub(crate) tail: Mutex<TailFile>,
    /// For the witness; the journal's thread changes it with the file.
    pub(crate) active: Mutex<Option<Active>>,
    pub(crate) catalog: RwLock<Catalog>,
    pub(crate) queue: Queue,
    pub(crate) ring: Ring,
    pub(crate) segments: Mutex<Segments>,
    /// The records of journals up to this id are in segments.
    pub(crate) published_through: AtomicU64,
    /// Why the background work failed when it was last tried.
    pub(crate) failing: Mutex<Option<String>>,
    /// Logs that hold less than before: segments may have become free.
    pub(crate) shrunk: Mutex<Vec<Arc<LogState>>>,
    pub(crate) stats: Arc<StoreStats>,
    /// Why nothing is written any more.
    pub(crate) poison: OnceLock<String>,
    pub(crate) room: Room,
    pub(crate) handles: Arc<Handles>,
    pub(crate) damage: Damage,
    pub(crate) stopping: AtomicBool,
    pub(crate) prepare_thread: OnceLock<Thread>,
    pub(crate) cluster_thread: OnceLock<Thread>,
}

impl Shared {
    pub(crate) fn disk(&self) -> &dyn Disk {
        &*self.options.disk
    }

    pub(crate) fn sizes(&self) -> &Sizes {
        &self.options.sizes
    }

    pub(crate) fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Refuses every write from now on.
    pub(crate) fn poison(&self, why: String) -> StoreError {
        tracing::error!(why, "the store accepts no more writes");
        StoreError::Poisoned(self.poison.get_or_init(|| why).clone())
    }

    /// Is writing still allowed?
    pub(crate) fn writable(&self) -> Result<(), StoreError> {
        match self.poison.get() {
            Some(why) => Err(StoreError::Poisoned(why.clone())),
            None => Ok(()),
        }
    }

    pub(crate) fn wake_prepare(&self) {
        self.prepare_thread.get().inspect(|thread| thread.unpark());
    }

    pub(crate) fn wake_cluster(&self) {
        self.cluster_thread.get().inspect(|thread| thread.unpark());
    }
}
