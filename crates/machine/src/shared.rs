//! State that the owner's task, its snapshots and all handles share, and the right to read it.

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use headwater_host::Clock;
use headwater_store::LogStore;
use parking_lot::{RwLock, RwLockReadGuard};
use tokio::sync::watch;

use crate::error::{MachineError, Result};
use crate::machine::{Damage, Machine};
use crate::options::Substrate;

/// Version of a state: it grows by one with every record that is applied, and never goes back. On a cluster all owners
/// agree on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StateVersion(pub u64);

/// See the module.
pub(crate) struct Shared<M: Machine> {
    pub(crate) hosted: RwLock<Hosted<M>>,
    pub(crate) applied: watch::Sender<StateVersion>,
    /// Until when reads may be served, on the clock that never steps, in milliseconds.
    pub(crate) readable_until_ms: AtomicU64,
    /// Bytes that the next snapshot may take, if the last change that needs room was refused for want of it; otherwise 0.
    pub(crate) room_wanted: AtomicU64,
    pub(crate) clock: Arc<dyn Clock>,
    /// Not kept: handles outlive the store.
    logs: Weak<dyn LogStore>,
}

/// The state, and what there is to know of it.
pub(crate) struct Hosted<M: Machine> {
    pub(crate) state: M::State,
    pub(crate) role: Role,
    pub(crate) version: StateVersion,
    pub(crate) damage: Vec<Damage>,
    pub(crate) journal_bytes: usize,
}

/// Role of this process for the machine.
#[derive(Debug, Clone)]
pub(crate) enum Role {
    /// It decides.
    Owner,
    /// Somebody else does, or nobody yet.
    Standby(Option<String>),
    /// It should, and the state cannot be read.
    Trouble(MachineError),
}

impl Role {
    pub(crate) fn is_owner(&self) -> bool {
        matches!(self, Self::Owner)
    }
}

impl<M: Machine> Hosted<M> {
    fn standing(&self) -> Result<()> {
        match &self.role {
            Role::Owner => Ok(()),
            Role::Standby(owner) => Err(MachineError::NotOwner { machine: M::NAME, owner: owner.clone() }),
            Role::Trouble(error) => Err(error.clone()),
        }
    }
}

impl<M: Machine> Shared<M> {
    pub(crate) fn new(state: M::State, role: Role, substrate: &Substrate) -> Arc<Self> {
        let version = StateVersion::default();
        let hosted = Hosted { state, role, version, damage: Vec::new(), journal_bytes: 0 };
        Arc::new(Self {
            hosted: RwLock::new(hosted),
            applied: watch::Sender::new(version),
            readable_until_ms: AtomicU64::new(u64::MAX),
            room_wanted: AtomicU64::new(0),
            clock: substrate.clock.clone(),
            logs: Arc::downgrade(&substrate.logs),
        })
    }

    /// True if what needs room was refused, and would be now.
    pub(crate) fn lacks_room(&self) -> bool {
        let wanted = self.room_wanted.load(Ordering::Relaxed);
        wanted > 0 && self.logs.upgrade().is_some_and(|logs| !logs.has_room(wanted))
    }

    /// Passes if this process decides for the machine, else says why not.
    pub(crate) fn standing(&self) -> Result<()> {
        self.hosted.read().standing()
    }

    /// The state, if it may be given out.
    pub(crate) fn read(&self) -> Result<StateRef<'_, M>> {
        let hosted = self.hosted.read();
        hosted.standing()?;
        // Looked at after the state: what was read before the lease ran out was right then.
        if self.clock.elapsed().as_millis() as u64 >= self.readable_until_ms.load(Ordering::Acquire) {
            return Err(MachineError::NotOwner { machine: M::NAME, owner: None });
        }
        Ok(StateRef(hosted))
    }

    /// Puts another state in the place of the one that is there. Nobody waits for the old one to be taken apart.
    pub(crate) fn replace(&self, state: M::State, role: Role, version: Option<StateVersion>) {
        let old = {
            let mut hosted = self.hosted.write();
            if let Some(version) = version {
                debug_assert!(version >= hosted.version, "a version went back");
                hosted.version = version;
            }
            hosted.role = role;
            std::mem::replace(&mut hosted.state, state)
        };
        tokio::task::spawn_blocking(move || drop(old));
        if let Some(version) = version {
            self.publish(version);
        }
    }

    pub(crate) fn publish(&self, version: StateVersion) {
        self.applied.send_if_modified(|applied| {
            let is_later = version > *applied;
            *applied = version.max(*applied);
            is_later
        });
    }
}

/// The state as of now. Changes wait while it is held: keep it for a stretch of work, never across an await.
pub struct StateRef<'a, M: Machine>(RwLockReadGuard<'a, Hosted<M>>);

impl<M: Machine> StateRef<'_, M> {
    /// The version of this state.
    pub fn version(&self) -> StateVersion {
        self.0.version
    }
}

impl<M: Machine> Deref for StateRef<'_, M> {
    type Target = M::State;

    fn deref(&self) -> &M::State {
        &self.0.state
    }
}

impl<M: Machine> std::fmt::Debug for StateRef<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StateRef").field("version", &self.0.version).finish_non_exhaustive()
    }
}
