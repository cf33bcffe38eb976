//! Watches on single members. Members that nobody watches cost nothing here.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::watch;

/// Watches, by member.
#[derive(Debug, Default)]
pub(super) struct Watches {
    /// Number of members that are watched: looked at before the lock is taken.
    watched: AtomicUsize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    by_id: HashMap<Arc<str>, watch::Sender<u64>>,
    /// Watched members that were changed since the last wake.
    touched: Vec<Arc<str>>,
}

/// A watch on a member.
#[derive(Debug)]
pub struct MemberWatch {
    id: Arc<str>,
    changes: Option<watch::Receiver<u64>>,
    watches: Arc<Watches>,
}

impl Watches {
    pub(super) fn watch(self: &Arc<Self>, id: &str) -> MemberWatch {
        let mut inner = self.inner.lock();
        let (id, changes) = match inner.by_id.get_key_value(id) {
            Some((id, sender)) => (id.clone(), sender.subscribe()),
            None => {
                let (id, sender): (Arc<str>, _) = (id.into(), watch::Sender::new(0));
                let changes = sender.subscribe();
                inner.by_id.insert(id.clone(), sender);
                self.watched.store(inner.by_id.len(), Ordering::SeqCst);
                (id, changes)
            }
        };
        MemberWatch { id, changes: Some(changes), watches: self.clone() }
    }

    /// Notes that a member is being changed.
    pub(super) fn touch(&self, id: &Arc<str>) {
        if self.watched.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut inner = self.inner.lock();
        if inner.by_id.contains_key(id) {
            inner.touched.push(id.clone());
        }
    }

    /// Wakes whoever watches what was changed.
    pub(super) fn wake(&self) {
        if self.watched.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut inner = self.inner.lock();
        let Inner { by_id, touched } = &mut *inner;
        for sender in touched.drain(..).filter_map(|id| by_id.get(&id)) {
            sender.send_modify(|changes| *changes += 1);
        }
    }
}

impl MemberWatch {
    /// Returns after the member was changed since the watch was made, or since this returned the last time.
    pub async fn changed(&mut self) {
        if let Some(changes) = &mut self.changes {
            // The sender stays as long as there is a receiver.
            let _ = changes.changed().await;
        }
    }
}

impl Drop for MemberWatch {
    fn drop(&mut self) {
        let mut inner = self.watches.inner.lock();
        self.changes = None;
        if inner.by_id.get(&self.id).is_some_and(|sender| sender.receiver_count() == 0) {
            inner.by_id.remove(&self.id);
            self.watches.watched.store(inner.by_id.len(), Ordering::SeqCst);
        }
    }
}
