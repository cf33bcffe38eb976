//! Work that waits to be made durable.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;

use bytes::Bytes;
use headwater_store::{Appended, Bounds, Expect, Expected, LogId, RecordBatch, Result, StoreError, Version};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::frame::HEADER_LEN;
use crate::log_state::LogState;

pub(crate) type Reply<T> = oneshot::Sender<Result<T>>;

/// A piece of work for the journal.
#[derive(Debug)]
pub(crate) enum Work {
    Append {
        log: Arc<LogState>,
        records: RecordBatch,
        payload_crc: u32,
        arrival: u64,
        expect: Expect,
        /// It makes room in the end.
        frees: bool,
        /// Its place in the queue, given back when it is taken into a commit.
        place: OwnedSemaphorePermit,
        reply: Reply<Appended>,
    },
    Seal {
        log: Arc<LogState>,
        reply: Reply<Bounds>,
    },
    Trim {
        log: Arc<LogState>,
        before: u64,
        reply: Reply<()>,
    },
    Create {
        ids: Vec<LogId>,
        reply: Reply<()>,
    },
    Delete {
        ids: Vec<LogId>,
        reply: Reply<()>,
    },
    MetaPut {
        key: String,
        value: Bytes,
        expected: Expected,
        reply: Reply<Version>,
    },
    MetaDelete {
        key: String,
        expected: Version,
        reply: Reply<()>,
    },
    /// Go on in another file, so that what is in this one can be clustered.
    Rotate {
        reply: Reply<()>,
    },
}

impl Work {
    /// Largest length of its frame.
    pub(crate) fn frame_len(&self) -> u64 {
        let payload = match self {
            Self::Append { records, .. } => records.bytes().len(),
            Self::Seal { .. } | Self::Trim { .. } | Self::Rotate { .. } => 8,
            Self::Create { ids, .. } => ids.iter().map(|id| id.as_str().len() + 5).sum(),
            Self::Delete { ids, .. } => 4 * ids.len(),
            Self::MetaPut { key, value, .. } => 2 + key.len() + value.len(),
            Self::MetaDelete { key, .. } => key.len(),
        };
        (HEADER_LEN + payload) as u64
    }

    /// Does it make the store hold more in the end? Such work is refused when the disk is nearly full. Metadata is small, and
    /// without changing it no stream could be deleted to make room.
    pub(crate) fn needs_space(&self) -> bool {
        matches!(self, Self::Append { frees: false, .. })
    }

    /// May it be refused because too much waits already? Records have waited for their place, and what seals, trims
    /// and deletes is never in the way.
    pub(crate) fn may_be_too_much(&self) -> bool {
        matches!(self, Self::Create { .. } | Self::MetaPut { .. })
    }

    /// Answers that it was not done.
    pub(crate) fn refuse(self, error: StoreError) {
        // Whoever stopped waiting does not need the answer.
        match self {
            Self::Append { reply, .. } => drop(reply.send(Err(error))),
            Self::Seal { reply, .. } => drop(reply.send(Err(error))),
            Self::MetaPut { reply, .. } => drop(reply.send(Err(error))),
            Self::Trim { reply, .. }
            | Self::Create { reply, .. }
            | Self::Delete { reply, .. }
            | Self::MetaDelete { reply, .. }
            | Self::Rotate { reply } => drop(reply.send(Err(error))),
        }
    }
}

/// Work on its way to the journal's thread.
#[derive(Debug)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    /// Room for records that wait, a permit a KiB.
    room: Arc<Semaphore>,
    room_kib: u32,
    /// Bytes that wait or are being committed.
    bytes: AtomicUsize,
    pub(crate) thread: OnceLock<Thread>,
}

#[derive(Debug, Default)]
struct Waiting {
    work: VecDeque<Work>,
    closed: bool,
}

impl Queue {
    /// A queue for so many bytes of records.
    pub(crate) fn new(limit_bytes: usize) -> Self {
        let room_kib = (limit_bytes / 1024).clamp(1, 1 << 22) as u32;
        let room = Arc::new(Semaphore::new(room_kib as usize));
        let (waiting, bytes, thread) = Default::default();
        Self { waiting, room, room_kib, bytes, thread }
    }

    /// A place for records of this size, first come first served. One batch gets a place whatever its size.
    pub(crate) async fn place(&self, bytes: usize) -> Result<OwnedSemaphorePermit> {
        let kib = (bytes / 1024 + 1).min(self.room_kib as usize) as u32;
        let closed = |_| StoreError::Poisoned("the store was closed".into());
        self.room.clone().acquire_many_owned(kib).await.map_err(closed)
    }

    /// Adds work and wakes the journal. `Busy` if more than `limit_bytes` wait already; records have their place.
    pub(crate) fn push(&self, work: Work, limit_bytes: usize) -> Result<()> {
        let len = work.frame_len() as usize;
        {
            let mut waiting = self.waiting.lock();
            if waiting.closed {
                return Err(StoreError::Poisoned("the store was closed".into()));
            }
            // One piece of work is taken whatever its size.
            let before = self.bytes.load(Ordering::Relaxed);
            if work.may_be_too_much() && before > 0 && before + len > 2 * limit_bytes {
                return Err(StoreError::Busy);
            }
            self.bytes.fetch_add(len, Ordering::Relaxed);
            waiting.work.push_back(work);
        }
        self.wake();
        Ok(())
    }

    /// Takes everything. True if nothing will ever be added again.
    pub(crate) fn take(&self, into: &mut VecDeque<Work>) -> bool {
        let mut waiting = self.waiting.lock();
        if into.is_empty() {
            std::mem::swap(into, &mut waiting.work);
        } else {
            into.append(&mut waiting.work);
        }
        waiting.closed
    }

    /// Work of so many bytes is done with.
    pub(crate) fn done(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes as usize, Ordering::Relaxed);
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Takes no more work; what waits is still done.
    pub(crate) fn close(&self) {
        self.waiting.lock().closed = true;
        self.room.close();
        self.wake();
    }

    /// Answers everything that waits with this error.
    pub(crate) fn refuse_all(&self, error: &StoreError) {
        let waiting = std::mem::take(&mut self.waiting.lock().work);
        waiting.into_iter().for_each(|work| work.refuse(error.clone()));
    }

    pub(crate) fn wake(&self) {
        self.thread.get().inspect(|thread| thread.unpark());
    }
}
