//! The way to a machine: commands in, answers out, the state to read and versions to wait for.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::batch::{Limits, Reply};
use crate::error::{MachineError, Result};
use crate::journal::Journal;
use crate::lease::{Keeper, Owners, Standing};
use crate::machine::{Damage, Machine};
use crate::options::{Options, Substrate};
use crate::owner::{Envelope, Owner, Work};
use crate::payloads::Hold;
use crate::shared::{Role, Shared, StateRef, StateVersion};
use crate::upkeep::ROOM_PAUSE;

/// Commands that wait for the owner; further ones wait for these.
const QUEUE_MAX: usize = 1024;

/// Cheap to clone. The machine ends when it is closed, or when its last handle is dropped.
pub struct Handle<M: Machine>(Arc<Inner<M>>);

struct Inner<M: Machine> {
    machine: Arc<M>,
    shared: Arc<Shared<M>>,
    work: mpsc::Sender<Work<M>>,
    task: Mutex<Option<JoinHandle<()>>>,
    /// This process's name, and the way to others.
    others: Option<(String, Arc<dyn Owners<M>>)>,
}

/// State of a machine, for metrics and people.
#[derive(Debug, Clone)]
pub struct Report {
    /// The version of the state.
    pub version: StateVersion,
    /// Memory that the state takes, roughly, in bytes.
    pub size_bytes: usize,
    /// Bytes in the journal since the last snapshot.
    pub journal_bytes: usize,
    /// True if this process decides for the machine.
    pub is_owner: bool,
    /// Why nothing is given out, if that is so.
    pub trouble: Option<MachineError>,
    /// Damage that the machine has contained.
    pub damage: Vec<Damage>,
    /// True if what needs room on the disk is refused.
    pub lacks_room: bool,
}

impl<M: Machine> Clone for Handle<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<M: Machine> fmt::Debug for Handle<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("machine", &M::NAME).finish_non_exhaustive()
    }
}

impl<M: Machine> Handle<M> {
    /// Reads the state and begins to decide. With a lease that somebody else holds nothing is read: commands are passed
    /// on until the lease comes here.
    ///
    /// # Errors
    /// If what is stored is damaged and the machine does not contain it, has a format that is not read, or the store
    /// refuses.
    pub async fn open(machine: M, substrate: Substrate, options: Options<M>) -> Result<Self> {
        let machine = Arc::new(machine);
        let Options { names, budget_bytes, record_bytes_max, .. } = options;
        let Substrate { meta, clock, .. } = substrate.clone();
        let (keeper, others) = match options.lease {
            None => (None, None),
            Some(lease) => {
                let others = lease.owners.map(|owners| (lease.owner.clone(), owners));
                let key = names.lease.clone();
                (Some(Keeper::new(lease.owner, lease.lasts, key, meta, clock.clone())), others)
            }
        };
        let shared = Shared::new(machine.initial_state(), Role::Standby(None), &substrate);
        let journal =
            Journal::open(machine.clone(), substrate, Arc::new(names), options.contains_cut).await?;
        let (work, waiting) = mpsc::channel(QUEUE_MAX);
        let mut owner = Owner {
            machine: machine.clone(),
            shared: shared.clone(),
            journal,
            limits: Limits { budget_bytes, record_bytes_max },
            append_bytes: options.append_bytes,
            stretch_bytes: options.stretch_bytes,
            snapshot_after_bytes: options.snapshot_after_bytes,
            payloads: options.payloads,
            keeper,
            snapshotting: None,
            snapshot_not_before: Duration::ZERO,
            room_pause: ROOM_PAUSE,
            lacked_room: false,
            squeezes: false,
            squeeze_not_before: Duration::ZERO,
            wake_not_before: Duration::ZERO,
            release_not_before: Duration::ZERO,
            has_released_less: false,
        };
        owner.begin().await?;
        let task = Mutex::new(Some(tokio::spawn(owner.run(waiting))));
        Ok(Self(Arc::new(Inner { machine, shared, work, task, others })))
    }

    /// Stands in for a machine that cannot be opened: everything is refused with this error.
    pub fn unavailable(machine: M, substrate: &Substrate, error: MachineError) -> Self {
        let shared = Shared::new(machine.initial_state(), Role::Trouble(error), substrate);
        let (work, _) = mpsc::channel(1);
        let (machine, task) = (Arc::new(machine), Mutex::default());
        Self(Arc::new(Inner { machine, shared, work, task, others: None }))
    }

    /// The machine.
    pub fn machine(&self) -> &M {
        &self.0.machine
    }

    /// Has a command decided, here or by whoever owns the machine. What it changed is durable when it returns.
    ///
    /// # Errors
    /// Each error says what to do. After an error of the store other than `Conflict`, `Busy`, `NoSpace` and `Invalid` it
    /// is unknown whether the command was done.
    pub async fn ask(&self, command: M::Command) -> Result<M::Answer> {
        self.ask_holding(command, Vec::new()).await
    }

    /// The same for a command that refers to payloads, which are kept from being released until it is answered.
    ///
    /// # Errors
    /// As [`Handle::ask`]; [`MachineError::PayloadReleased`] if they were released nevertheless, by another owner.
    pub async fn ask_holding(&self, command: M::Command, holds: Vec<Hold>) -> Result<M::Answer> {
        let (answer, answered) = oneshot::channel();
        let envelope = Envelope { command, holds, answer };
        if self.0.work.send(Work::Ask(envelope)).await.is_err() {
            // Closed because it could not be opened, or because the process stops.
            return Err(self.refusal().unwrap_or(MachineError::Stopped { machine: M::NAME }));
        }
        match answered.await {
            Ok(Reply::Answered(answer)) => answer,
            Ok(Reply::PassOn(command)) => self.pass_on(command).await,
            Err(_) => Err(MachineError::Stopped { machine: M::NAME }),
        }
    }

    async fn pass_on(&self, command: M::Command) -> Result<M::Answer> {
        let owner = match &self.0.shared.hosted.read().role {
            Role::Standby(owner) => owner.clone(),
            Role::Owner | Role::Trouble(_) => None,
        };
        match (&self.0.others, owner) {
            (Some((own_name, owners)), Some(owner)) if owner != *own_name => {
                owners.ask(&owner, command).await
            }
            (_, owner) => Err(MachineError::NotOwner { machine: M::NAME, owner }),
        }
    }

    /// Has what belongs to the machine, such as keys, take effect: in place ([`Machine::refresh`]), or by reading everything
    /// anew, as after a restart.
    ///
    /// # Errors
    /// Why the state cannot be read; nothing is then given out until it can.
    pub async fn refresh(&self) -> Result<()> {
        self.work(Work::Refresh).await
    }

    /// Makes a snapshot now, while commands wait. With `is_alone` the snapshot before it and the journal before it are
    /// not kept: what was to be gone is gone, and damage that was contained is final.
    ///
    /// # Errors
    /// If the store refuses, or the machine wishes for none ([`MachineError::Unread`]). The snapshot before it is then still
    /// there.
    pub async fn snapshot(&self, is_alone: bool) -> Result<()> {
        self.work(|done| Work::Snapshot(is_alone, done)).await
    }

    async fn work(&self, work: impl FnOnce(oneshot::Sender<Result<()>>) -> Work<M>) -> Result<()> {
        let stopped = MachineError::Stopped { machine: M::NAME };
        let (done, is_done) = oneshot::channel();
        if self.0.work.send(work(done)).await.is_err() {
            return Err(self.refusal().unwrap_or(stopped));
        }
        is_done.await.unwrap_or(Err(stopped))
    }

    fn refusal(&self) -> Option<MachineError> {
        match &self.0.shared.hosted.read().role {
            Role::Trouble(error) => Some(error.clone()),
            Role::Owner | Role::Standby(_) => None,
        }
    }

    /// The state: everything that was acknowledged, and nothing that is not durable.
    ///
    /// # Errors
    /// `NotOwner` if this process does not own the machine; or why the state cannot be read.
    pub fn state(&self) -> Result<StateRef<'_, M>> {
        self.0.shared.read()
    }

    /// The version that was applied last, to be watched.
    pub fn versions(&self) -> watch::Receiver<StateVersion> {
        self.0.shared.applied.subscribe()
    }

    /// Returns the first version after this one, once it was applied: for long polls.
    ///
    /// # Errors
    /// `Stopped` if that will not be, because the machine was closed.
    pub async fn moved_past(&self, version: StateVersion) -> Result<StateVersion> {
        let mut versions = self.versions();
        let stopped = MachineError::Stopped { machine: M::NAME };
        tokio::select! {
            applied = versions.wait_for(|applied| *applied > version) => {
                applied.map(|applied| *applied).map_err(|_| stopped)
            }
            () = self.0.work.closed() => Err(stopped),
        }
    }

    /// State of the machine, for metrics and people.
    pub fn report(&self) -> Report {
        let hosted = self.0.shared.hosted.read();
        Report {
            version: hosted.version,
            size_bytes: self.0.machine.size_bytes(&hosted.state),
            journal_bytes: hosted.journal_bytes,
            is_owner: hosted.role.is_owner(),
            trouble: match &hosted.role {
                Role::Trouble(error) => Some(error.clone()),
                Role::Owner | Role::Standby(_) => None,
            },
            damage: hosted.damage.clone(),
            lacks_room: self.0.shared.lacks_room(),
        }
    }

    /// Ends what is under way, gives up the lease and lets go of the store. What is asked afterwards is refused.
    pub async fn close(&self) {
        let task = self.0.task.lock().take();
        if let Some(task) = task {
            // It may have ended.
            let _ = self.0.work.send(Work::Close).await;
            let _ = task.await;
        }
    }
}

impl<M: Machine> Owner<M> {
    /// The first look: errors are the opener's.
    async fn begin(&mut self) -> Result<()> {
        let Some(keeper) = &mut self.keeper else { return self.try_load().await };
        match keeper.tend().await {
            Standing::Owner | Standing::NewOwner => {
                let until_ms = keeper.valid_until().as_millis() as u64;
                self.shared.readable_until_ms.store(until_ms, Ordering::Release);
                self.try_load().await
            }
            Standing::Other(owner) => {
                self.shared.hosted.write().role = Role::Standby(owner);
                Ok(())
            }
        }
    }
}
