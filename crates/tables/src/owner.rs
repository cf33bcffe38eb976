//! The one task that changes tables.
//!
//! # Algorithm
//! It takes all commands that wait, decides them in order, appends what they change in one piece, applies it, and
//! answers. Decisions see what was decided before them in the same batch; readers see nothing that is not durable.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use headwater_host::Clock;
use headwater_store::StoreError;
use parking_lot::RwLock;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tracing::{error, warn};

use crate::capacity::Capacity;
use crate::change::Change;
use crate::control::Planning;
use crate::error::{Result, TablesError};
use crate::journal::Journal;
use crate::limits::APPEND_BYTES;
use crate::requests::{Write, Written};
use crate::service::TransactionToken;
use crate::state::State;
use crate::value::Item;
use crate::write::{Moment, Recorded, Stage};

/// Commands that are decided and made durable together.
const BATCH_MAX: usize = 256;
/// How long to wait before a copy that failed is tried again.
const COPY_PAUSE: Duration = Duration::from_secs(60);

/// A plan of changes of tables, made from what there is.
pub(crate) type Plan = Box<dyn FnOnce(Planning<'_>) -> Result<Vec<Change>> + Send>;

/// What is asked of the owner.
pub(crate) enum Command {
    Write(Write, oneshot::Sender<Result<Written>>),
    WriteEach(Vec<Write>, oneshot::Sender<Result<Vec<Option<Written>>>>),
    WriteAll(Vec<Write>, Option<TransactionToken>, oneshot::Sender<Result<Vec<Written>>>),
    /// Items of a table whose time may have come.
    Expire(u64, Vec<Item>, oneshot::Sender<Result<()>>),
    Plan(Plan, oneshot::Sender<Result<()>>),
    /// The last one.
    Close,
}

/// The answers to a batch, once it is durable; or why it is not.
type Answers = Vec<Answer>;
/// One of them.
type Answer = Box<dyn FnOnce(Option<&TablesError>) + Send>;

/// The owner.
pub(crate) struct Owner {
    pub(crate) state: Arc<RwLock<State>>,
    pub(crate) journal: Journal,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) capacity: Arc<Capacity>,
    pub(crate) transition: Duration,
    pub(crate) copy_after_bytes: usize,
    /// A copy that is being made, which says whether it was, and how much of the log it is of.
    pub(crate) copying: Option<(JoinHandle<bool>, usize)>,
    pub(crate) copy_not_before: Duration,
}

impl Owner {
    /// Works until it is closed, or nobody can ask any more.
    pub(crate) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        while let Some(first) = commands.recv().await {
            let mut queue = VecDeque::from([first]);
            while queue.len() < BATCH_MAX
                && let Ok(next) = commands.try_recv()
            {
                queue.push_back(next);
            }
            let closes = queue.iter().position(|command| matches!(command, Command::Close));
            queue.truncate(closes.unwrap_or(queue.len()));
            while !queue.is_empty() {
                self.batch(&mut queue).await;
            }
            if closes.is_some() {
                break;
            }
            self.copy().await;
        }
        if let Some((copying, _)) = self.copying.take() {
            copying.abort();
            let _ = copying.await;
        }
    }

    /// Takes commands from the front, up to one that has to see what those before it did to tables.
    async fn batch(&mut self, queue: &mut VecDeque<Command>) {
        if self.state.read().trouble().is_some() {
            self.reload().await;
        }
        let mut answers = Answers::new();
        // Whoever asked for what cannot be decided is told by the loss of the answer; the others go on.
        let decided = catch_unwind(AssertUnwindSafe(|| match queue.pop_front() {
            Some(Command::Plan(plan, answer)) => self.plan(plan, answer, &mut answers),
            Some(first) => {
                queue.push_front(first);
                self.decide(queue, &mut answers)
            }
            None => Vec::new(),
        }));
        let records = decided.unwrap_or_else(|_| {
            error!("a change of the tables has panicked and was not done");
            answers.clear();
            Vec::new()
        });
        let failed = match records.is_empty() {
            true => None,
            false => self.commit(records).await.err(),
        };
        for answer in answers {
            answer(failed.as_ref());
        }
    }

    fn plan(&self, plan: Plan, answer: oneshot::Sender<Result<()>>, answers: &mut Answers) -> Vec<Recorded> {
        let planned =
            plan(Planning { state: &self.state.read(), now: self.clock.now(), transition: self.transition });
        let recorded = planned.and_then(Recorded::new);
        match recorded {
            Ok(recorded) => {
                answers.push(held(answer, Ok(())));
                if recorded.changes.is_empty() { Vec::new() } else { vec![recorded] }
            }
            Err(refused) => {
                answers.push(held(answer, Err(refused)));
                Vec::new()
            }
        }
    }

    fn decide(&self, queue: &mut VecDeque<Command>, answers: &mut Answers) -> Vec<Recorded> {
        let (now, elapsed) = (self.clock.now(), self.clock.elapsed());
        let moment = Moment { now, elapsed, capacity: &self.capacity };
        let state = self.state.read();
        let mut stage = Stage::new(&state);
        while stage.record_bytes < APPEND_BYTES
            && let Some(command) = queue.pop_front()
        {
            match command {
                Command::Write(write, answer) => answers.push(held(answer, stage.write(&write, moment))),
                Command::WriteEach(writes, answer) => {
                    answers.push(held(answer, stage.write_each(&writes, moment)));
                }
                Command::WriteAll(writes, token, answer) => {
                    answers.push(held(answer, stage.write_all(&writes, token.as_ref(), moment)));
                }
                Command::Expire(uid, keys, answer) => {
                    stage.expire(uid, &keys, now);
                    answers.push(held(answer, Ok(())));
                }
                Command::Plan(plan, answer) => {
                    queue.push_front(Command::Plan(plan, answer));
                    break;
                }
                Command::Close => {}
            }
        }
        stage.records
    }

    async fn commit(&mut self, mut records: Vec<Recorded>) -> Result<()> {
        while !records.is_empty() {
            let mut bytes = 0;
            let fits = records.iter().take_while(|recorded| {
                bytes += recorded.bytes.len();
                bytes <= APPEND_BYTES
            });
            let rest = records.split_off(fits.count().max(1));
            self.append(records).await?;
            records = rest;
        }
        Ok(())
    }

    async fn append(&mut self, records: Vec<Recorded>) -> Result<()> {
        if let Err(failed) = self.journal.append(&records).await {
            if let TablesError::Store(StoreError::Conflict) = failed {
                warn!("somebody else has written to the tables; they are read anew");
                self.reload().await;
            }
            return Err(failed);
        }
        let mut state = self.state.write();
        for change in records.into_iter().flat_map(|recorded| recorded.changes) {
            if !state.apply(change) {
                error!("a change was of a table that is not there");
            }
        }
        Ok(())
    }

    /// Reads everything anew. Until that succeeds nothing is given out: it may be old.
    async fn reload(&mut self) {
        let loaded = self.journal.load().await;
        let state = loaded.unwrap_or_else(|cause| {
            error!(%cause, "the tables cannot be read anew");
            State::in_trouble(cause.to_string())
        });
        *self.state.write() = state;
    }

    /// Begins a copy if it is time for one.
    async fn copy(&mut self) {
        if let Some((copying, of_bytes)) = self.copying.take_if(|(copying, _)| copying.is_finished()) {
            match copying.await {
                Ok(true) => self.journal.copied(of_bytes),
                Ok(false) | Err(_) => self.copy_not_before = self.clock.elapsed() + COPY_PAUSE,
            }
        }
        let wanted = self.journal.wants_copy(&self.state.read(), self.copy_after_bytes);
        if self.copying.is_some() || self.clock.elapsed() < self.copy_not_before || !wanted {
            return;
        }
        let (copy, of_bytes, state) = (self.journal.copy(), self.journal.bytes(), self.state.clone());
        let making = async move {
            let made = copy.make(state).await;
            if let Err(error) = &made {
                warn!(%error, "no copy of the tables could be made; the log of their changes goes on growing");
            }
            made.is_ok()
        };
        self.copying = Some((tokio::spawn(making), of_bytes));
    }
}

/// An answer that is given when what it tells of is durable.
fn held<T: Send + 'static>(answer: oneshot::Sender<Result<T>>, result: Result<T>) -> Answer {
    Box::new(move |failed| {
        // A refusal may rest on what was decided before it and is not there now.
        let result = failed.map_or(result, |failed| Err(failed.clone()));
        // Whoever asked may have gone.
        let _ = answer.send(result);
    })
}
