//! Work of the owner between batches: payloads to release, snapshots to make.

use std::sync::atomic::Ordering;
use std::time::Duration;

use headwater_store::StoreError;
use headwater_types::Position;
use tokio::task::{JoinError, JoinHandle};
use tracing::warn;

use crate::error::{MachineError, Result};
use crate::machine::{Machine, SnapshotWish};
use crate::owner::Owner;
use crate::shared::StateVersion;
use crate::snapshot::{Keeps, Snapshot};

/// Pause before a snapshot, or a release, that failed is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(60);
/// Pause after a snapshot that finds no room, at first.
pub(crate) const ROOM_PAUSE: Duration = Duration::from_secs(1);
/// Shortest pause between releases of payloads.
const RELEASE_PAUSE: Duration = Duration::from_secs(1);

/// A snapshot that is being made beside the commands.
pub(crate) struct Making {
    task: JoinHandle<Result<usize>>,
    /// So much of the journal it is of.
    of_bytes: usize,
    /// Outcome, once it has ended and that was seen.
    made: Option<Result<usize>>,
}

impl Making {
    /// Returns when it has ended.
    pub(crate) async fn end(&mut self) {
        if self.made.is_none() {
            let made = (&mut self.task).await;
            let failed = |cause: JoinError| StoreError::Read(format!("a snapshot has failed: {cause}"));
            self.made = Some(made.unwrap_or_else(|cause| Err(failed(cause).into())));
        }
    }
}

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
        // Where commands come all the time, nobody has waited for its end.
        if let Some(making) = self.snapshotting.as_mut().filter(|making| making.task.is_finished()) {
            making.end().await;
        }
        if let Some(Making { of_bytes, made: Some(made), .. }) =
            self.snapshotting.take_if(|making| making.made.is_some())
        {
            let elapsed = self.shared.clock.elapsed();
            self.lacked_room = false;
            match made {
                Ok(bytes) => self.snapshotted(bytes, of_bytes),
                // Somebody else has opened the machine, and perhaps gone again.
                Err(MachineError::Store(StoreError::Conflict)) => self.reload().await,
                Err(MachineError::Store(StoreError::NoSpace(_))) => {
                    self.squeezes = true;
                    self.snapshot_not_before = elapsed + self.room_pause;
                    self.room_pause = (2 * self.room_pause).min(RETRY_PAUSE);
                    // A store that says that there is some now is not relied on.
                    self.lacked_room = !self.journal.substrate.logs.has_room(self.room_wanted());
                }
                Err(_) => self.snapshot_not_before = elapsed + RETRY_PAUSE,
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
                    self.squeezes || self.journal.bytes() > self.snapshot_after_bytes.max(2 * size_bytes)
                }
                SnapshotWish::Now | SnapshotWish::Alone => true,
                SnapshotWish::Never => false,
            };
            if !is_wanted || !hosted.role.is_owner() {
                self.squeezes = false;
                return;
            }
            let bound_bytes = self.machine.snapshot_bytes(&hosted.state);
            let next_bytes = self.journal.next_snapshot_bytes(bound_bytes) as u64;
            if !self.snapshot_pause(next_bytes).is_zero() {
                return;
            }
            let keeps = match (wish, self.squeezes) {
                (SnapshotWish::Alone, _) => Keeps::Nothing,
                (_, true) => Keeps::WhatFits { next_bytes },
                (_, false) => Keeps::Previous,
            };
            Snapshot::of(&self.journal, &hosted.state, self.stretch_bytes, keeps)
        };
        let shared = self.shared.clone();
        let making = async move {
            let made = snapshot.make(shared).await;
            if let Err(error) = &made {
                warn!(machine = M::NAME, %error, "no snapshot could be made; the journal goes on growing");
            }
            made
        };
        let task = tokio::spawn(making);
        self.snapshotting = Some(Making { task, of_bytes: self.journal.bytes(), made: None });
    }

    /// Until a snapshot of so many bytes at the most may be begun. Where the last one found no room, the store is asked each
    /// second whether there is.
    fn snapshot_pause(&self, next_bytes: u64) -> Duration {
        let pause = self.snapshot_not_before.saturating_sub(self.shared.clock.elapsed());
        if pause.is_zero() || !self.lacked_room {
            return pause;
        }
        match self.journal.substrate.logs.has_room(next_bytes) {
            true => Duration::ZERO,
            false => pause.min(ROOM_PAUSE),
        }
    }

    /// Until a snapshot is to be begun because the disk is full.
    pub(crate) fn squeeze_pause(&self) -> Option<Duration> {
        (self.squeezes && self.snapshotting.is_none()).then(|| self.snapshot_pause(self.room_wanted()))
    }

    fn snapshotted(&mut self, bytes: usize, of_bytes: usize) {
        self.journal.snapshotted(bytes, of_bytes);
        self.machine.snapshotted();
        if self.shared.room_wanted.load(Ordering::Relaxed) > 0 {
            self.shared.room_wanted.store(self.room_wanted(), Ordering::Relaxed);
        }
        self.room_pause = ROOM_PAUSE;
        if std::mem::take(&mut self.squeezes) {
            self.squeeze_not_before = self.shared.clock.elapsed() + RETRY_PAUSE;
        }
    }

    /// Has the journal made as short as it can be: something was refused for want of space.
    pub(crate) fn squeeze(&mut self) {
        if self.squeezes || self.journal.bytes() == 0 && !self.journal.has_previous() {
            return;
        }
        let is_time = self.shared.clock.elapsed() >= self.squeeze_not_before;
        self.squeezes = is_time || self.journal.would_shrink(self.room_wanted() as usize);
    }

    /// Makes a snapshot while everybody waits.
    pub(crate) async fn snapshot_now(&mut self, is_alone: bool) -> Result<()> {
        self.stop_snapshot().await;
        let of_bytes = self.journal.bytes();
        let keeps = if is_alone { Keeps::Nothing } else { Keeps::Previous };
        let is_damaged = !self.shared.hosted.read().damage.is_empty();
        let accepts = is_alone && is_damaged;
        // The state as it is accepted is seen once the snapshot is durable.
        let readable_until_ms = accepts.then(|| self.shared.readable_until_ms.swap(0, Ordering::AcqRel));
        let snapshot = {
            let mut hosted = self.shared.hosted.write();
            if is_alone {
                self.machine.accept_damage(&mut hosted.state);
            }
            let state = &hosted.state;
            match self.machine.snapshot_wish(state) {
                SnapshotWish::Never => Err(MachineError::Unread { machine: M::NAME }),
                _ => Ok(Snapshot::of(&self.journal, state, self.stretch_bytes, keeps)),
            }
        };
        let made = match snapshot {
            Ok(snapshot) => snapshot.make(self.shared.clone()).await,
            Err(unread) => Err(unread),
        };
        match &made {
            Ok(bytes) => {
                self.snapshotted(*bytes, of_bytes);
                // What was begun before it and given up.
                let manifest = self.journal.manifest.lock().0.clone();
                self.journal.forget_other_snapshots(&manifest).await;
                if is_alone {
                    self.shared.hosted.write().damage.clear();
                }
            }
            Err(MachineError::Store(StoreError::Conflict)) => self.reload().await,
            // What was accepted is not.
            Err(_) if accepts => self.reload().await,
            Err(_) => {}
        }
        if let Some(until_ms) = readable_until_ms {
            // Another value is that of a lease that was renewed meanwhile, or lost.
            let readable = &self.shared.readable_until_ms;
            let _ = readable.compare_exchange(0, until_ms, Ordering::AcqRel, Ordering::Acquire);
        }
        made.map(drop)
    }

    pub(crate) async fn stop_snapshot(&mut self) {
        if let Some(mut making) = self.snapshotting.take() {
            making.task.abort();
            making.end().await;
        }
    }
}
