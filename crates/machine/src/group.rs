//! Many small machines of one kind in one journal, behind one task: queues, mappings, functions.
//!
//! # Constraints
//! A member that is idle takes what its state takes and its name: no task, no file, no timer. Members come into being
//! with their first change and are gone when [`Member::is_empty`] says so of their state. Batches of all members are
//! made durable together.
//!
//! # Format
//! A record holds, for each member that it changes, one after the other:
//! ```text
//! kind       1 byte           1: changes, 2: damaged, 3: forgotten
//! id_len     u16, big-endian
//! id         id_len bytes, UTF-8
//! data_len   u32, big-endian
//! data       data_len bytes   a record of the member; or why it is damaged, UTF-8; or nothing
//! ```
//!
//! # Recovery
//! A record that a member cannot read damages this member only: it is refused until it is forgotten, and stays damaged
//! through snapshots. Damage that hides which members it is of is the whole group's.

mod record;
mod state;
mod watch;

use std::collections::HashMap;
use std::sync::Arc;

use headwater_types::{Position, Timestamp};

use crate::changes::{Changes, EncodeError};
use crate::machine::{Damage, Machine, Misfit, OnDamage};
use record::{Entry, entries};
pub use state::GroupState;
pub use watch::MemberWatch;
use watch::Watches;

/// Names of members are at most this long, in bytes.
pub const MEMBER_ID_BYTES_MAX: usize = u16::MAX as usize;
/// Members that are woken in one batch.
const WOKEN_MAX: usize = 256;

/// A machine that can be a member of a [`Group`].
pub trait Member: Machine {
    /// True if the state is as if nothing had ever been done: the member is then forgotten.
    fn is_empty(&self, state: &Self::State) -> bool;
}

/// A machine made of many.
#[derive(Debug)]
pub struct Group<M: Member> {
    member: M,
    watches: Arc<Watches>,
}

/// A command to a member.
#[derive(Debug, Clone)]
pub struct MemberCommand<C> {
    /// The member's name.
    pub id: Arc<str>,
    /// Request to the member.
    pub ask: MemberAsk<C>,
}

/// Request to a member.
#[derive(Debug, Clone)]
pub enum MemberAsk<C> {
    /// To decide a command.
    Decide(C),
    /// To be forgotten, with everything it has. The only thing that can be asked of a damaged member.
    Forget,
}

impl<C> MemberCommand<C> {
    /// Has a member decide a command.
    pub fn decide(id: impl Into<Arc<str>>, command: C) -> Self {
        Self { id: id.into(), ask: MemberAsk::Decide(command) }
    }

    /// Has a member forgotten.
    pub fn forget(id: impl Into<Arc<str>>) -> Self {
        Self { id: id.into(), ask: MemberAsk::Forget }
    }
}

/// Decisions of a batch about one member.
#[derive(Debug, Default)]
pub struct StagedMember<S> {
    staged: S,
    is_forgotten: bool,
}

/// An answer of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberAnswer<A> {
    /// The member's answer.
    Answered(A),
    /// It was not asked: a part of its journal cannot be read. The text says why.
    Damaged(Arc<str>),
    /// It was forgotten.
    Forgotten,
    /// It was not asked: its name is longer than [`MEMBER_ID_BYTES_MAX`].
    IdTooLong,
}

/// Changes of a member that are one record of it.
pub struct MemberChange<M: Member> {
    id: Arc<str>,
    what: What<M>,
}

enum What<M: Member> {
    Changes(Vec<M::Change>),
    Damaged(Arc<str>),
    Forgotten,
}

/// Position in the snapshot of a group.
pub struct GroupCursor<M: Member> {
    id: Arc<str>,
    /// `None`: after the member.
    within: Option<M::Cursor>,
}

impl<M: Member> std::fmt::Debug for MemberChange<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemberChange").field("id", &self.id).finish_non_exhaustive()
    }
}

impl<M: Member> std::fmt::Debug for GroupCursor<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupCursor").field("id", &self.id).finish_non_exhaustive()
    }
}

impl<M: Member> Group<M> {
    /// A group whose members all behave as this one.
    pub fn new(member: M) -> Self {
        Self { member, watches: Arc::default() }
    }

    /// The behaviour of the members.
    pub fn member(&self) -> &M {
        &self.member
    }

    /// A watch on one member, for long polls: it is woken after each change of this member, and of no other.
    pub fn watch(&self, id: &str) -> MemberWatch {
        self.watches.watch(id)
    }
}

impl<M: Member> Machine for Group<M> {
    const NAME: &'static str = M::NAME;
    const FORMAT: u32 = M::FORMAT;

    type State = GroupState<M>;
    type Staged = HashMap<Arc<str>, StagedMember<M::Staged>>;
    type Command = MemberCommand<M::Command>;
    type Answer = MemberAnswer<M::Answer>;
    type Change = MemberChange<M>;
    type Cursor = GroupCursor<M>;

    fn reads(format: u32) -> bool {
        M::reads(format)
    }

    fn initial_state(&self) -> GroupState<M> {
        GroupState::default()
    }

    fn decide(
        &self,
        state: &GroupState<M>,
        command: Self::Command,
        changes: &mut Changes<'_, Self>,
    ) -> Self::Answer {
        let MemberCommand { id, ask } = command;
        if id.len() > MEMBER_ID_BYTES_MAX {
            return MemberAnswer::IdTooLong;
        }
        let command = match ask {
            MemberAsk::Decide(command) => command,
            MemberAsk::Forget => {
                let change = MemberChange { id: id.clone(), what: What::Forgotten };
                return match changes.record([change]) {
                    Ok(()) => {
                        changes.staged.entry(id).or_default().is_forgotten = true;
                        MemberAnswer::Forgotten
                    }
                    Err(error) => MemberAnswer::Damaged(error.to_string().into()),
                };
            }
        };
        if let Some(cause) = state.damage(&id) {
            return MemberAnswer::Damaged(cause.clone());
        }
        let absent = self.member.initial_state();
        let member = state.member(&id).unwrap_or(&absent);
        MemberAnswer::Answered(within(&id, changes, |changes| self.member.decide(member, command, changes)))
    }

    fn must_wait(&self, staged: &Self::Staged, command: &Self::Command) -> bool {
        staged.get(&command.id).is_some_and(|staged| match &command.ask {
            MemberAsk::Decide(command) => {
                staged.is_forgotten || self.member.must_wait(&staged.staged, command)
            }
            MemberAsk::Forget => true,
        })
    }

    fn apply(&self, state: &mut GroupState<M>, change: Self::Change) -> Result<(), Misfit> {
        let MemberChange { id, what } = change;
        let applied = match what {
            What::Damaged(cause) => {
                state.set_damaged(&id, cause);
                Ok(())
            }
            What::Forgotten => {
                state.forget(&id);
                Ok(())
            }
            What::Changes(changes) => state.change(&self.member, &id, |member| {
                changes.into_iter().try_for_each(|change| self.member.apply(member, change))
            }),
        };
        self.watches.touch(&id);
        applied
    }

    fn frees(&self, state: &GroupState<M>, change: &Self::Change) -> bool {
        let frees = |member: &M::State, changes: &[M::Change]| {
            changes.iter().all(|change| self.member.frees(member, change))
        };
        match &change.what {
            What::Changes(changes) => match state.member(&change.id) {
                Some(member) => frees(member, changes),
                None => frees(&self.member.initial_state(), changes),
            },
            What::Damaged(_) | What::Forgotten => true,
        }
    }

    fn encode(
        &self,
        state: &GroupState<M>,
        changes: &[Self::Change],
        to: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let absent = self.member.initial_state();
        for MemberChange { id, what } in changes {
            match what {
                What::Changes(changes) => record::write(record::CHANGES, id, to, |to| {
                    self.member.encode(state.member(id).unwrap_or(&absent), changes, to)
                })?,
                What::Damaged(cause) => record::write(record::DAMAGED, id, to, |to| {
                    to.extend_from_slice(cause.as_bytes());
                    Ok(())
                })?,
                What::Forgotten => record::write(record::FORGOTTEN, id, to, |_| Ok(()))?,
            }
        }
        Ok(())
    }

    fn decode(&self, record: &[u8]) -> Result<Vec<Self::Change>, Misfit> {
        entries(record)
            .map(|entry| {
                Ok(match entry? {
                    Entry::Changes { id, data } => {
                        MemberChange { id: id.into(), what: What::Changes(self.member.decode(data)?) }
                    }
                    Entry::Forgotten { id } => MemberChange { id: id.into(), what: What::Forgotten },
                    Entry::Damaged { id, cause } => {
                        MemberChange { id: id.into(), what: What::Damaged(cause.into()) }
                    }
                })
            })
            .collect()
    }

    fn replay(&self, state: &mut GroupState<M>, record: &[u8]) -> Result<(), Misfit> {
        // All of it is looked at before any of it is done.
        entries(record).try_for_each(|entry| entry.map(drop))?;
        let mut stray = Ok(());
        for entry in entries(record) {
            match entry? {
                Entry::Damaged { id, cause } => state.set_damaged(id, cause.into()),
                Entry::Forgotten { id } => state.forget(id),
                Entry::Changes { id, data } => {
                    match state.change(&self.member, id, |member| self.member.replay(member, data)) {
                        Ok(()) => {}
                        Err(misfit @ Misfit::Stray(_)) => stray = Err(misfit),
                        Err(misfit) => {
                            tracing::error!(machine = M::NAME, id, %misfit, "a member is damaged and is set aside");
                            state.set_damaged(id, misfit.to_string().into());
                        }
                    }
                }
            }
        }
        stray
    }

    fn snapshot(
        &self,
        state: &GroupState<M>,
        from: Option<&GroupCursor<M>>,
        limit_bytes: usize,
    ) -> (Vec<Self::Change>, Option<GroupCursor<M>>) {
        state.snapshot(&self.member, from, limit_bytes)
    }

    fn size_bytes(&self, state: &GroupState<M>) -> usize {
        state.size_bytes()
    }

    fn snapshot_bytes(&self, state: &GroupState<M>) -> usize {
        state.snapshot_bytes()
    }

    fn is_behind(&self, state: &GroupState<M>) -> bool {
        state.behind().is_some()
    }

    fn catch_up(&self, state: &mut GroupState<M>, limit_bytes: usize) -> Box<dyn Send> {
        let mut left: Box<dyn Send> = Box::new(());
        let Some(id) = state.behind().cloned() else { return left };
        let caught_up = state.change(&self.member, &id, |member| {
            left = self.member.catch_up(member, limit_bytes);
            Ok(())
        });
        debug_assert!(caught_up.is_ok(), "nothing was changed that could not be");
        left
    }

    fn due(&self, state: &GroupState<M>) -> Option<Timestamp> {
        state.due().map(|(due, _)| due)
    }

    fn wake(&self, state: &GroupState<M>, changes: &mut Changes<'_, Self>) {
        for (due, id) in state.all_due().take(WOKEN_MAX) {
            if due > changes.now {
                break;
            }
            if let Some(member) = state.member(id) {
                within(id, changes, |changes| self.member.wake(member, changes));
            }
        }
    }

    fn low_water(&self, state: &GroupState<M>) -> Option<Position> {
        state.low_water()
    }

    fn payload_of(&self, command: &Self::Command) -> Option<Position> {
        match &command.ask {
            MemberAsk::Decide(command) => self.member.payload_of(command),
            MemberAsk::Forget => None,
        }
    }

    fn on_damage(&self, state: &mut GroupState<M>, damage: &Damage) -> OnDamage {
        // It may have been of any member: only a member that contains any damage can go on.
        state.on_damage(&self.member, damage)
    }

    fn applied(&self) {
        self.watches.wake();
        self.member.applied();
    }
}

fn within<M: Member, T>(
    id: &Arc<str>,
    changes: &mut Changes<'_, Group<M>>,
    work: impl FnOnce(&mut Changes<'_, M>) -> T,
) -> T {
    let StagedMember { mut staged, is_forgotten } = changes.staged.remove(id).unwrap_or_default();
    debug_assert!(!is_forgotten, "a command to a member that is being forgotten waits");
    let mut wrap = |changes| MemberChange { id: id.clone(), what: What::Changes(changes) };
    let done = changes.nested(&mut staged, &mut wrap, work);
    changes.staged.insert(id.clone(), StagedMember { staged, is_forgotten });
    done
}
