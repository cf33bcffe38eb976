//! The suite every machine must pass: what a [`Machine`] promises, and what [`Handle`] makes of it, over
//! any engine and through every kind of fault.
//!
//! A [`Subject`] says how the machine is made, what is asked of it, and what its state means. Everything is compared with
//! a [`Model`], which decides the same commands one after the other on a plain state, without a journal.
//!
//! It is run on a runtime of one thread, where what goes on beside commands can be waited for
//! ([`FaultyStore::settle`]), however long an engine takes.

mod durable;
mod faults;
mod model;
mod owners;
mod pure;
mod room;
mod stored;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use headwater_host::{ManualClock, SeededRandom};
use headwater_store::{LogStore, MetaStore};
use headwater_types::Timestamp;

pub use faults::{Fault, FaultyStore, Rot};
pub use model::{Draw, Model};

use crate::error::Result;
use crate::handle::Handle;
use crate::machine::Machine;
use crate::names::Names;
use crate::options::{Options, Substrate};

/// An engine: both ports.
pub trait Engine: LogStore + MetaStore + 'static {}
impl<T: LogStore + MetaStore + 'static> Engine for T {}

/// A machine under test.
pub trait Subject: Send + Sync + 'static {
    /// The machine.
    type Machine: Machine<Answer: Debug>;

    /// A machine as another process would make it.
    fn machine(&self) -> Self::Machine;

    /// A command, drawn: the same draws give the same command. Over a few dozen draws all kinds should occur, on few
    /// keys, so that they meet.
    fn command(&self, draw: &mut Draw) -> <Self::Machine as Machine>::Command;

    /// The meaning of a state at a time, as text to be compared; without what two processes may draw differently.
    fn contents(&self, state: &<Self::Machine as Machine>::State, now: Timestamp) -> String;

    /// The meaning of an answer, as text to be compared.
    fn answer(&self, answer: &<Self::Machine as Machine>::Answer) -> String {
        format!("{answer:?}")
    }

    /// True if a damaged record is contained; false if the machine is then not opened.
    fn contains_damage(&self) -> bool {
        false
    }

    /// True if this machine, opened over a damaged record, says so.
    fn tells_damage(&self, handle: &Handle<Self::Machine>) -> bool {
        !handle.report().damage.is_empty()
    }
}

/// Runs every case, each on new and empty stores.
pub async fn check_all<S: Subject, E: Engine>(subject: &S, fresh: impl AsyncFn() -> Arc<E>) {
    for seed in 0..4 {
        pure::records_are_read_as_they_were_written(subject, seed);
        pure::applying_twice_is_applying_once(subject, seed);
        pure::a_snapshot_and_the_journal_since_are_the_state(subject, seed);
        pure::a_snapshot_is_no_longer_than_its_bound(subject, seed);
    }
    pure::damaged_records_never_panic(subject);
    durable::a_batch_decides_as_one_after_the_other(subject, &fresh).await;
    durable::snapshots_are_made_while_changes_go_on(subject, &fresh).await;
    durable::a_crash_anywhere_loses_nothing(subject, &fresh).await;
    owners::two_owners_lose_and_double_nothing(subject, &fresh).await;
    owners::a_lease_moves_with_everything_acknowledged(subject, &fresh).await;
    stored::damage_is_refused_or_contained_and_told(subject, &fresh).await;
    stored::a_damaged_snapshot_is_replaced_by_the_one_before(subject, &fresh).await;
    stored::a_journal_that_is_shorter_than_it_was_is_refused(subject, &fresh).await;
    stored::formats_that_are_not_read_are_refused_by_name(subject, &fresh).await;
}

/// When tests begin.
const START: Timestamp = Timestamp::from_secs(1_700_000_000);

/// A process over an engine.
struct World<S: Subject> {
    store: Arc<FaultyStore>,
    clock: Arc<ManualClock>,
    handle: Handle<S::Machine>,
}

/// Names of what a subject stores.
fn names() -> Names {
    Names::new("subject").expect("fitting names")
}

/// Small figures, so that snapshots and pieces come often.
fn options<M: Machine>() -> Options<M> {
    Options { snapshot_after_bytes: 1, stretch_bytes: 1, append_bytes: 200, ..Options::new(names()) }
}

impl<S: Subject> World<S> {
    async fn open<E: Engine>(
        subject: &S,
        engine: &Arc<E>,
        clock: &Arc<ManualClock>,
        seed: u64,
    ) -> Result<Self> {
        Self::over(subject, FaultyStore::over(engine.clone()), clock, seed, options()).await
    }

    async fn over(
        subject: &S,
        store: Arc<FaultyStore>,
        clock: &Arc<ManualClock>,
        seed: u64,
        options: Options<S::Machine>,
    ) -> Result<Self> {
        let random = SeededRandom::new(seed);
        let substrate = Substrate { logs: store.clone(), meta: store.clone(), clock: clock.clone(), random };
        let handle = Handle::open(subject.machine(), substrate, options).await?;
        Ok(Self { store, clock: clock.clone(), handle })
    }

    fn contents(&self, subject: &S) -> String {
        let state = self.handle.state().expect("the state can be read");
        subject.contents(&state, headwater_host::Clock::now(&*self.clock))
    }

    /// Ends the process at once.
    async fn kill(self) {
        self.store.crash();
        self.handle.close().await;
    }
}

/// A clock for a test.
fn clock() -> Arc<ManualClock> {
    ManualClock::new(START)
}

/// Time that passes between bursts of commands.
const TICK: Duration = Duration::from_secs(1);
