//! Work of the owner between batches: payloads to release, snapshots to make.

use std::sync::atomic::Ordering;
use std::time::Duration;

use headwater_store::StoreError;
use headwater_types::Position;
use tracing::warn;

use crate::error::{MachineError, Result};
use crate::machine::{Machine, SnapshotWish};
use crate::owner::{Owner, Work};
use crate::shared::StateVersion;
use crate::snapshot::Snapshot;

/// Pause before a snapshot, or a release, that failed is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(60);
/// Shortest pause between releases of payloads.
const RELEASE_PAUSE: Duration = Duration::from_secs(1);

impl<M: Machine> Owner<M> {
    /// Releases payloads that the state does not refer to any more.
    pub(crate) async fn release(&mut self) {
        let Some(payloads) = self.payloads.clone() else { return };
        // In this order: what is settled now is in the state that is read next, if anything refers to it.
        let settled = payloads.settled();
        let needed = {
            let hosted = self.shared.hosted.read();
            if !hosted.role.is_owner() {
                return;
            }
            self.machine.low_water(&hosted.state)
        };
        let mark: Position = needed.map_or(settled, |needed| needed.min(settled));
        self.has_released_less = mark > self.journal.low_water();
        let elapsed = self.shared.clock.elapsed();
        if !self.has_released_less || elapsed < self.release_not_before {
            return;
        }
        self.release_not_before = elapsed + RELEASE_PAUSE;
        let released = match self.journal.append_low_water(mark).await {
            Ok(()) => {
                let version = StateVersion(self.journal.tail().get());
                self.shared.hosted.write().version = version;
                self.shared.publish(version);
                payloads.release(mark).await
            }
            Err(_) if self.journal.has_grown() => return self.reload().await,
            Err(error) => Err(error),
        };
        match released {
            Ok(()) => self.has_released_less = false,
            Err(error) => {
                self.release_not_before = elapsed + RETRY_PAUSE;
                warn!(machine = M::NAME, %error, "payloads could not be released; it is tried again");
            }
        }
    }

    /// Begins a snapshot if it is time for one.
    pub(crate) async fn snapshot(&mut self) {
        if let Some((making, of_bytes)) = self.snapshotting.take_if(|(making, _)| making.is_finished()) {
            match making.await {
                Ok(Ok(bytes)) => self.snapshotted(bytes, of_bytes),
                // Somebody else has opened the machine, and perhaps gone again.
                Ok(Err(MachineError::Store(StoreError::Conflict))) => self.reload().await,
                Ok(Err(_)) | Err(_) => {
                    self.snapshot_not_before = self.shared.clock.elapsed() + RETRY_PAUSE;
                }
            }
        }
        if self.snapshotting.is_some() {
            return;
        }
        let snapshot = {
            let hosted = self.shared.hosted.read();
            let size_bytes = self.machine.size_bytes(&hosted.state);
            let wish = self.journal.snapshot_wish().and(self.machine.snapshot_wish(&hosted.state));
            let is_wanted = match wish {
                SnapshotWish::WhenLong => {
                    self.squeezes > 0 || self.journal.bytes() > self.snapshot_after_bytes.max(2 * size_bytes)
                }
                SnapshotWish::Now | SnapshotWish::Alone => true,
                SnapshotWish::Never => false,
            };
            if !is_wanted || !hosted.role.is_owner() {
                self.squeezes = 0;
                return;
            }
            if self.shared.clock.elapsed() < self.snapshot_not_before {
                return;
            }
            Snapshot::of(&self.journal, &hosted.state, self.stretch_bytes, wish == SnapshotWish::Alone)
        };
        let (shared, own_work) = (self.shared.clone(), self.own_work.clone());
        let making = async move {
            let made = snapshot.make(shared).await;
            if let Err(error) = &made {
                warn!(machine = M::NAME, %error, "no snapshot could be made; the journal goes on growing");
            }
            if let Some(own_work) = own_work.upgrade() {
                // Where much waits already it is looked at soon.
                let _ = own_work.try_send(Work::Look);
            }
            made
        };
        self.snapshotting = Some((tokio::spawn(making), self.journal.bytes()));
    }

    fn snapshotted(&mut self, bytes: usize, of_bytes: usize) {
        self.journal.snapshotted(bytes, of_bytes);
        self.machine.snapshotted();
        if self.shared.room_wanted.load(Ordering::Relaxed) > 0 {
            self.shared.room_wanted.store(self.room_wanted(), Ordering::Relaxed);
        }
        if self.squeezes > 0 {
            self.squeezes -= 1;
            self.squeeze_not_before = self.shared.clock.elapsed() + RETRY_PAUSE;
        }
    }

    /// Has the journal made as short as it can be: something was refused for want of space.
    pub(crate) fn squeeze(&mut self) {
        let is_time = self.shared.clock.elapsed() >= self.squeeze_not_before;
        if self.squeezes == 0 && self.journal.bytes() > 0 && is_time {
            self.squeezes = 2;
        }
    }

    /// Makes a snapshot while everybody waits.
    pub(crate) async fn snapshot_now(&mut self, is_alone: bool) -> Result<()> {
        self.stop_snapshot().await;
        let of_bytes = self.journal.bytes();
        let (snapshot, is_damaged) = {
            let mut hosted = self.shared.hosted.write();
            if is_alone {
                self.machine.accept_damage(&mut hosted.state);
            }
            let state = &hosted.state;
            let snapshot = match self.machine.snapshot_wish(state) {
                SnapshotWish::Never => Err(MachineError::Unread { machine: M::NAME }),
                _ => Ok(Snapshot::of(&self.journal, state, self.stretch_bytes, is_alone)),
            };
            (snapshot, !hosted.damage.is_empty())
        };
        let made = match snapshot {
            Ok(snapshot) => snapshot.make(self.shared.clone()).await,
            Err(unread) => Err(unread),
        };
        match &made {
            Ok(bytes) => {
                self.snapshotted(*bytes, of_bytes);
                if is_alone {
                    self.shared.hosted.write().damage.clear();
                }
            }
            Err(MachineError::Store(StoreError::Conflict)) => self.reload().await,
            // What was accepted is not.
            Err(_) if is_alone && is_damaged => self.reload().await,
            Err(_) => {}
        }
        made.map(drop)
    }

    pub(crate) async fn stop_snapshot(&mut self) {
        if let Some((making, _)) = self.snapshotting.take() {
            making.abort();
            let _ = making.await;
        }
    }
}
