//! The one task that changes a machine.
//!
//! # Algorithm
//! It takes all commands that wait, decides them in order, appends what they change in one piece, applies it, and
//! answers. Decisions see what was decided before them in the same batch; readers see nothing that is not durable.
//! Between batches it looks at the time: whether the machine is due, the lease is to be renewed, payloads can be
//! released, a snapshot is to be made.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::poll;
use parking_lot::RwLockWriteGuard;
use tokio::sync::{mpsc, oneshot};
use tracing::{error, warn};

use crate::batch::{Limits, Reply};
use crate::error::{MachineError, Result};
use crate::journal::Journal;
use crate::lease::{Keeper, Standing};
use crate::machine::Machine;
use crate::payloads::{Hold, Payloads};
use crate::shared::{Role, Shared, StateVersion};
use crate::upkeep::Making;

/// Commands that are decided and made durable together.
const BATCH_MAX: usize = 256;
/// Pause before a machine is woken again that has found nothing to do.
const WAKE_PAUSE: Duration = Duration::from_secs(1);
/// Longest sleep: wall-clock time may be set.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// Work for the owner.
pub(crate) enum Work<M: Machine> {
    /// Decide this.
    Ask(Envelope<M>),
    /// The machine is due.
    Wake,
    /// Take what is the machine's anew, or read everything anew.
    Refresh(oneshot::Sender<Result<()>>),
    /// Make a snapshot now; if it is true, without keeping the one before.
    Snapshot(bool, oneshot::Sender<Result<()>>),
    /// The last one.
    Close,
}

/// A command, and where its answer goes.
pub(crate) struct Envelope<M: Machine> {
    pub(crate) command: M::Command,
    pub(crate) holds: Vec<Hold>,
    pub(crate) answer: oneshot::Sender<Reply<M>>,
}

/// The owner.
pub(crate) struct Owner<M: Machine> {
    pub(crate) machine: Arc<M>,
    pub(crate) shared: Arc<Shared<M>>,
    pub(crate) journal: Journal<M>,
    pub(crate) limits: Limits,
    pub(crate) append_bytes: usize,
    pub(crate) stretch_bytes: usize,
    pub(crate) snapshot_after_bytes: usize,
    pub(crate) payloads: Option<Arc<Payloads>>,
    pub(crate) keeper: Option<Keeper>,
    /// The snapshot that is being made beside the commands.
    pub(crate) snapshotting: Option<Making>,
    pub(crate) snapshot_not_before: Duration,
    /// Pause after the next snapshot that finds no room.
    pub(crate) room_pause: Duration,
    /// True if the last snapshot found none, and the store said so.
    pub(crate) lacked_room: bool,
    /// True if the journal is to be made as short as it can be: the disk is full.
    pub(crate) squeezes: bool,
    pub(crate) squeeze_not_before: Duration,
    pub(crate) wake_not_before: Duration,
    pub(crate) release_not_before: Duration,
    /// True if payloads may be released when it is time again.
    pub(crate) has_released_less: bool,
}

impl<M: Machine> Owner<M> {
    /// Works until it is closed, or nobody can ask any more.
    pub(crate) async fn run(mut self, mut commands: mpsc::Receiver<Work<M>>) {
        self.release().await;
        self.snapshot().await;
        let mut queue = VecDeque::new();
        loop {
            tokio::select! {
                biased;
                first = commands.recv() => match first {
                    Some(first) => queue.push_back(first),
                    None => break,
                },
                () = self.until_due() => {}
            }
            while queue.len() < BATCH_MAX
                && let Ok(next) = commands.try_recv()
            {
                queue.push_back(next);
            }
            let closes = queue.iter().position(|work| matches!(work, Work::Close));
            queue.truncate(closes.unwrap_or(queue.len()));
            self.tend().await;
            if self.wake_pause().is_some_and(|pause| pause.is_zero()) {
                queue.push_front(Work::Wake);
            }
            loop {
                if !queue.is_empty() {
                    self.batch(&mut queue).await;
                }
                self.catch_up().await;
                if queue.is_empty() {
                    break;
                }
            }
            if closes.is_some() {
                break;
            }
            self.release().await;
            self.snapshot().await;
        }
        self.stop_snapshot().await;
        if self.shared.hosted.read().role.is_owner() {
            self.batch(&mut VecDeque::from([Work::Close])).await;
        }
        if let Some(keeper) = &mut self.keeper {
            keeper.give_up().await;
        }
    }

    /// Returns when there is something to do that nobody asks for.
    async fn until_due(&mut self) {
        let clock = self.shared.clock.clone();
        loop {
            let pause = self.pause();
            if pause.is_some_and(|pause| pause.is_zero()) {
                return;
            }
            let mut sleep = pin!(async {
                match pause {
                    Some(pause) => clock.sleep(pause.min(SLEEP_MAX)).await,
                    None => std::future::pending().await,
                }
            });
            // The clock may have been moved before the sleep began to count.
            if poll!(sleep.as_mut()).is_ready() || self.pause().is_some_and(|pause| pause.is_zero()) {
                continue;
            }
            tokio::select! {
                () = sleep => {}
                () = ended(&mut self.snapshotting) => return,
            }
        }
    }

    /// Does a stretch of the machine's work on what is derived.
    async fn catch_up(&mut self) {
        if !self.is_behind() {
            return;
        }
        {
            let mut hosted = self.shared.hosted.write();
            let state = &mut hosted.state;
            let work = || self.machine.catch_up(state, self.stretch_bytes.max(1));
            let left = catch_unwind(AssertUnwindSafe(work));
            if left.is_err() {
                let cause = "bringing the state up to date has panicked; it is read anew".to_owned();
                hosted.role = Role::Trouble(MachineError::Damaged { machine: M::NAME, cause });
            }
            // Readers that wait come before the next stretch.
            RwLockWriteGuard::unlock_fair(hosted);
            drop(left);
        }
        tokio::task::yield_now().await;
    }

    fn is_behind(&self) -> bool {
        let hosted = self.shared.hosted.read();
        hosted.role.is_owner() && self.machine.is_behind(&hosted.state)
    }

    /// Until there is something to do.
    fn pause(&self) -> Option<Duration> {
        if self.is_behind() {
            return Some(Duration::ZERO);
        }
        let elapsed = self.shared.clock.elapsed();
        let renewal = self.keeper.as_ref().map(|keeper| keeper.next().saturating_sub(elapsed));
        let release = self.has_released_less.then(|| self.release_not_before.saturating_sub(elapsed));
        let squeeze = self.squeeze_pause();
        [self.wake_pause(), renewal, release, squeeze].into_iter().flatten().min()
    }

    /// Until the machine is to be woken.
    fn wake_pause(&self) -> Option<Duration> {
        let due = {
            let hosted = self.shared.hosted.read();
            if !hosted.role.is_owner() {
                return None;
            }
            self.machine.due(&hosted.state)?
        };
        let until_due = Duration::from_millis(due.millis_since(self.shared.clock.now()));
        let not_before = self.wake_not_before.saturating_sub(self.shared.clock.elapsed());
        Some(until_due.max(not_before))
    }

    /// Takes commands from the front and decides them together.
    async fn batch(&mut self, queue: &mut VecDeque<Work<M>>) {
        let role = self.shared.hosted.read().role.clone();
        match role {
            Role::Owner => {}
            Role::Standby(_) => return pass_on(queue),
            Role::Trouble(_) => {
                self.reload().await;
                let role = self.shared.hosted.read().role.clone();
                match role {
                    Role::Owner => {}
                    Role::Standby(_) => return pass_on(queue),
                    Role::Trouble(error) => return refuse(queue, &error),
                }
            }
        }
        match queue.pop_front() {
            // The caller may have gone.
            Some(Work::Refresh(done)) => {
                let is_done = self.machine.refresh(&mut self.shared.hosted.write().state);
                if !is_done {
                    self.reload().await;
                }
                let _ = done.send(self.shared.standing());
                return;
            }
            Some(Work::Snapshot(is_alone, done)) => {
                let _ = done.send(self.snapshot_now(is_alone).await);
                return;
            }
            first => first.into_iter().for_each(|first| queue.push_front(first)),
        }
        let is_wake = matches!(queue.front(), Some(Work::Wake));
        let (recorded, answers) = self.decide(queue);
        let is_idle = recorded.len() == 0;
        let is_done = self.commit(recorded, answers).await;
        if is_wake {
            // Woken again at once only if that has led somewhere.
            let pause = if is_idle || !is_done { WAKE_PAUSE } else { Duration::ZERO };
            self.wake_not_before = self.shared.clock.elapsed() + pause;
        }
    }

    /// Learns who the owner is, if it is time to.
    async fn tend(&mut self) {
        let Some(keeper) = &mut self.keeper else { return };
        let standing = keeper.tend().await;
        let until_ms = keeper.valid_until().as_millis() as u64;
        match standing {
            Standing::Owner | Standing::NewOwner => {
                // It may have made way when its lease ran out, and nobody came.
                let is_standby = matches!(self.shared.hosted.read().role, Role::Standby(_));
                if is_standby || standing == Standing::NewOwner {
                    self.load().await;
                }
                self.shared.readable_until_ms.store(until_ms, Ordering::Release);
            }
            Standing::Other(owner) => self.step_down(owner).await,
        }
    }

    async fn step_down(&mut self, owner: Option<String>) {
        self.stop_snapshot().await;
        let mut hosted = self.shared.hosted.write();
        if let Role::Standby(known) = &mut hosted.role {
            *known = owner;
            return;
        }
        drop(hosted);
        warn!(machine = M::NAME, owner = owner.as_deref().unwrap_or("nobody yet"), "ownership was lost");
        self.shared.replace(self.machine.initial_state(), Role::Standby(owner), None);
    }

    /// Somebody else has written: reads everything anew, or makes way.
    pub(crate) async fn reload(&mut self) {
        if let Some(keeper) = &mut self.keeper {
            keeper.doubt();
            match keeper.tend().await {
                Standing::Other(owner) => return self.step_down(owner).await,
                Standing::Owner | Standing::NewOwner => {}
            }
        }
        self.load().await;
    }

    /// Reads everything. Until that succeeds nothing is given out: it may be old.
    async fn load(&mut self) {
        if let Err(cause) = self.try_load().await {
            error!(machine = M::NAME, %cause, "the state cannot be read");
            self.shared.replace(self.machine.initial_state(), Role::Trouble(cause), None);
        }
    }

    pub(crate) async fn try_load(&mut self) -> Result<()> {
        self.stop_snapshot().await;
        let owner = self.keeper.as_ref().map(|keeper| keeper.owner.clone());
        let loaded = self.journal.load(owner.as_deref()).await?;
        {
            let mut hosted = self.shared.hosted.write();
            hosted.damage = loaded.damage;
            hosted.journal_bytes = self.journal.bytes();
        }
        let version = StateVersion(self.journal.tail().get());
        self.shared.replace(loaded.state, Role::Owner, Some(version));
        self.machine.applied();
        self.has_released_less = self.payloads.is_some();
        if let Some(payloads) = &self.payloads {
            // Perhaps nobody came to it after the mark was journaled.
            let mark = self.journal.low_water().min(payloads.settled());
            if let Err(error) = payloads.release(mark).await {
                warn!(machine = M::NAME, %error, "payloads could not be released; it is tried again");
            }
        }
        Ok(())
    }
}

/// Returns when the snapshot has ended, for good or ill; never if there is none.
async fn ended(making: &mut Option<Making>) {
    match making {
        Some(making) => making.end().await,
        None => std::future::pending().await,
    }
}

fn pass_on<M: Machine>(queue: &mut VecDeque<Work<M>>) {
    for work in queue.drain(..) {
        // The caller may have gone.
        match work {
            Work::Ask(Envelope { command, answer, .. }) => drop(answer.send(Reply::PassOn(command))),
            Work::Refresh(done) | Work::Snapshot(_, done) => {
                let _ = done.send(Err(MachineError::NotOwner { machine: M::NAME, owner: None }));
            }
            Work::Wake | Work::Close => {}
        }
    }
}

fn refuse<M: Machine>(queue: &mut VecDeque<Work<M>>, error: &MachineError) {
    for work in queue.drain(..) {
        match work {
            Work::Ask(Envelope { answer, .. }) => drop(answer.send(Reply::Answered(Err(error.clone())))),
            Work::Refresh(done) | Work::Snapshot(_, done) => drop(done.send(Err(error.clone()))),
            Work::Wake | Work::Close => {}
        }
    }
}
