//! The members of a group and what is kept of all of them together.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use headwater_types::{Position, Timestamp};

use super::{GroupCursor, Member, MemberChange, What};
use crate::machine::{Damage, Misfit, OnDamage};

/// Memory of a member beside its state and its name, roughly, in bytes.
const MEMBER_BYTES: usize = 96;
/// A member's record around its changes and its name.
const RECORD_BYTES: usize = 16;

/// The states of all members.
#[derive(Debug)]
pub struct GroupState<M: Member> {
    members: BTreeMap<Arc<str>, Slot<M::State>>,
    /// Members that cannot be read, and why. They have no slot.
    damaged: BTreeMap<Arc<str>, Arc<str>>,
    due: BTreeSet<(Timestamp, Arc<str>)>,
    low_water: BTreeSet<(Position, Arc<str>)>,
    behind: BTreeSet<Arc<str>>,
    size_bytes: usize,
    snapshot_bytes: usize,
}

#[derive(Debug)]
struct Slot<S> {
    state: S,
    figures: Figures,
}

/// Figures that the group keeps of a member.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Figures {
    due: Option<Timestamp>,
    low_water: Option<Position>,
    is_behind: bool,
    size_bytes: usize,
    snapshot_bytes: usize,
}

impl<M: Member> Default for GroupState<M> {
    fn default() -> Self {
        Self {
            members: BTreeMap::new(),
            damaged: BTreeMap::new(),
            due: BTreeSet::new(),
            low_water: BTreeSet::new(),
            behind: BTreeSet::new(),
            size_bytes: 0,
            snapshot_bytes: 0,
        }
    }
}

impl<M: Member> GroupState<M> {
    /// The state of this member, if there is one.
    pub fn member(&self, id: &str) -> Option<&M::State> {
        self.members.get(id).map(|slot| &slot.state)
    }

    /// Members after this name, in order.
    pub fn members_after(&self, id: Option<&str>) -> impl Iterator<Item = (&Arc<str>, &M::State)> {
        let start = id.map_or(Bound::Unbounded, Bound::Excluded);
        self.members.range::<str, _>((start, Bound::Unbounded)).map(|(id, slot)| (id, &slot.state))
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// True if there is no member.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Members that cannot be read, and why.
    pub fn damaged(&self) -> impl Iterator<Item = (&str, &str)> {
        self.damaged.iter().map(|(id, cause)| (&**id, &**cause))
    }

    pub(super) fn damage(&self, id: &str) -> Option<&Arc<str>> {
        self.damaged.get(id)
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    pub(super) fn snapshot_bytes(&self) -> usize {
        let damaged = self.damaged.iter().map(|(id, cause)| RECORD_BYTES + id.len() + cause.len());
        self.snapshot_bytes + damaged.sum::<usize>()
    }

    /// A member whose derived state is to be brought up to date.
    pub(super) fn behind(&self) -> Option<&Arc<str>> {
        self.behind.first()
    }

    pub(super) fn due(&self) -> Option<(Timestamp, &Arc<str>)> {
        self.all_due().next()
    }

    pub(super) fn all_due(&self) -> impl Iterator<Item = (Timestamp, &Arc<str>)> {
        self.due.iter().map(|(due, id)| (*due, id))
    }

    pub(super) fn low_water(&self) -> Option<Position> {
        // Nobody knows what a damaged member refers to.
        if !self.damaged.is_empty() {
            return Some(Position::START);
        }
        self.low_water.first().map(|(at, _)| *at)
    }

    /// Changes a member, which is made if it is not there and forgotten if it is then empty.
    pub(super) fn change(
        &mut self,
        member: &M,
        id: &str,
        work: impl FnOnce(&mut M::State) -> Result<(), Misfit>,
    ) -> Result<(), Misfit> {
        if self.damaged.contains_key(id) {
            // It stays as it is: what it says now is of a state that nobody knows.
            return Ok(());
        }
        if let Some(slot) = self.members.get_mut(id) {
            let done = work(&mut slot.state);
            let (was, is) = (slot.figures, figures(member, id, &slot.state));
            slot.figures = is;
            let is_gone = member.is_empty(&slot.state);
            if was != is || is_gone {
                let id = match self.members.get_key_value(id) {
                    Some((id, _)) => id.clone(),
                    None => id.into(),
                };
                self.account(&id, was, if is_gone { Figures::default() } else { is });
                if is_gone {
                    self.members.remove(&id);
                }
            }
            return done;
        }
        let mut state = member.initial_state();
        let done = work(&mut state);
        if !member.is_empty(&state) {
            let (id, figures): (Arc<str>, _) = (id.into(), figures(member, id, &state));
            self.account(&id, Figures::default(), figures);
            self.members.insert(id, Slot { state, figures });
        }
        done
    }

    /// Forgets a member, damaged or not.
    pub(super) fn forget(&mut self, id: &str) {
        self.damaged.remove(id);
        if let Some((id, slot)) = self.members.remove_entry(id) {
            self.account(&id, slot.figures, Figures::default());
        }
    }

    pub(super) fn set_damaged(&mut self, id: &str, cause: Arc<str>) {
        self.forget(id);
        self.damaged.insert(id.into(), cause);
    }

    pub(super) fn on_damage(&mut self, member: &M, damage: &Damage) -> OnDamage {
        // A member that has no state yet stands for all: it says whether it takes damage of unknown extent.
        member.on_damage(&mut member.initial_state(), damage)
    }

    fn account(&mut self, id: &Arc<str>, was: Figures, is: Figures) {
        debug_assert!(self.size_bytes >= was.size_bytes, "a member took more than all of them");
        self.size_bytes = self.size_bytes - was.size_bytes + is.size_bytes;
        self.snapshot_bytes = self.snapshot_bytes - was.snapshot_bytes + is.snapshot_bytes;
        if was.due != is.due {
            was.due.map(|due| self.due.remove(&(due, id.clone())));
            is.due.map(|due| self.due.insert((due, id.clone())));
        }
        match (was.is_behind, is.is_behind) {
            (false, true) => drop(self.behind.insert(id.clone())),
            (true, false) => drop(self.behind.remove(id)),
            (true, true) | (false, false) => {}
        }
        if was.low_water != is.low_water {
            was.low_water.map(|at| self.low_water.remove(&(at, id.clone())));
            is.low_water.map(|at| self.low_water.insert((at, id.clone())));
        }
    }

    pub(super) fn snapshot(
        &self,
        member: &M,
        from: Option<&GroupCursor<M>>,
        limit_bytes: usize,
    ) -> (Vec<MemberChange<M>>, Option<GroupCursor<M>>) {
        let mut changes = Vec::new();
        if from.is_none() {
            changes.extend(
                self.damaged
                    .iter()
                    .map(|(id, cause)| MemberChange { id: id.clone(), what: What::Damaged(cause.clone()) }),
            );
        }
        let mut within = from.and_then(|cursor| cursor.within.as_ref().map(|within| (&cursor.id, within)));
        let start = match from {
            None => Bound::Unbounded,
            Some(GroupCursor { id, within: Some(_) }) => Bound::Included(&**id),
            Some(GroupCursor { id, within: None }) => Bound::Excluded(&**id),
        };
        let mut bytes = 0;
        for (id, slot) in self.members.range::<str, _>((start, Bound::Unbounded)) {
            let at = within.take().filter(|(of, _)| *of == id).map(|(_, within)| within);
            let (of_member, next) = member.snapshot(&slot.state, at, limit_bytes.saturating_sub(bytes));
            // What a member takes in memory bounds what it takes encoded, about.
            bytes += id.len() + slot.figures.size_bytes;
            if !of_member.is_empty() {
                changes.push(MemberChange { id: id.clone(), what: What::Changes(of_member) });
            }
            if next.is_some() || bytes >= limit_bytes {
                return (changes, Some(GroupCursor { id: id.clone(), within: next }));
            }
        }
        (changes, None)
    }
}

fn figures<M: Member>(member: &M, id: &str, state: &M::State) -> Figures {
    Figures {
        due: member.due(state),
        low_water: member.low_water(state),
        is_behind: member.is_behind(state),
        size_bytes: MEMBER_BYTES + id.len() + member.size_bytes(state),
        snapshot_bytes: RECORD_BYTES + id.len() + member.snapshot_bytes(state),
    }
}
