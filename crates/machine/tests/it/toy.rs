//! A toy: registers that hold numbers, and may expire.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::Duration;

use headwater_machine::conformance::{Draw, Subject};
use headwater_machine::{
    Changes, EncodeError, Machine, Member, MemberAnswer, MemberCommand, Misfit, Overlay, SnapshotWish,
    Unrecorded,
};
use headwater_types::Timestamp;
use parking_lot::Mutex;

/// The toy.
#[derive(Debug)]
pub(crate) struct Registers {
    /// True if damage is passed over.
    pub(crate) contains_damage: bool,
    /// True if it writes down that it was closed.
    pub(crate) notes_its_end: bool,
    /// Its wish, until a snapshot is made.
    pub(crate) wish: Mutex<SnapshotWish>,
}

impl Default for Registers {
    fn default() -> Self {
        let wish = Mutex::new(SnapshotWish::WhenLong);
        Self { contains_damage: false, notes_its_end: false, wish }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Register {
    pub(crate) value: i64,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) pad: usize,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) registers: BTreeMap<String, Register>,
    due: BTreeSet<(Timestamp, String)>,
    bytes: usize,
}

#[derive(Debug, Clone)]
pub(crate) enum Command {
    Add {
        key: String,
        by: i64,
        lasts: Option<Duration>,
        pad: usize,
    },
    Remove {
        key: String,
    },
    /// Two registers, or none.
    Move {
        from: String,
        to: String,
        by: i64,
    },
    /// Registers that have nothing to do with each other.
    Each(Vec<(String, i64)>),
    Read {
        key: String,
    },
    /// Removes all, once everything before it was applied.
    Clear,
    Panic,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    Value(i64),
    Missing,
    Full,
    TooLong,
    NoRoom,
}

#[derive(Debug, Clone)]
pub(crate) enum Change {
    Set(String, Register),
    Gone(String),
}

#[derive(Debug, Default)]
pub(crate) struct Staged {
    registers: Overlay<String, Register>,
    is_cleared: bool,
}

/// Memory of a register beside its key and its pad.
const REGISTER_BYTES: usize = 64;
/// Registers that are removed in one go because they expired.
const EXPIRED_MAX: usize = 2;

impl Register {
    fn is_there(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| expires > now)
    }

    fn bytes(&self, key: &str) -> usize {
        REGISTER_BYTES + key.len() + self.pad
    }
}

impl State {
    fn set(&mut self, key: String, register: Option<Register>) -> bool {
        let old = match register {
            Some(register) => {
                self.bytes += register.bytes(&key);
                register.expires.map(|at| self.due.insert((at, key.clone())));
                self.registers.insert(key.clone(), register)
            }
            None => self.registers.remove(&key),
        };
        let Some(old) = old else { return false };
        self.bytes -= old.bytes(&key);
        if let Some(at) = old.expires
            && self.registers.get(&key).is_none_or(|new| new.expires != Some(at))
        {
            self.due.remove(&(at, key));
        }
        true
    }
}

impl Registers {
    fn get<'a>(
        &self,
        state: &'a State,
        staged: &'a Staged,
        key: &str,
        now: Timestamp,
    ) -> Option<&'a Register> {
        staged.registers.get(key, state.registers.get(key)).filter(|register| register.is_there(now))
    }

    fn set(
        &self,
        state: &State,
        changes: &mut Changes<'_, Self>,
        registers: Vec<(String, Register)>,
    ) -> Result<(), Answer> {
        let grows = |staged: &Staged, key: &str, new: &Register| {
            let old = staged.registers.get(key, state.registers.get(key)).map_or(0, |old| old.bytes(key));
            new.bytes(key) as isize - old as isize
        };
        let grown: isize = registers.iter().map(|(key, new)| grows(changes.staged, key, new)).sum();
        changes.check_room(grown.max(0) as usize).map_err(|_| Answer::Full)?;
        let recorded =
            changes.record(registers.iter().map(|(key, new)| Change::Set(key.clone(), new.clone())));
        recorded.map_err(|error| match error {
            Unrecorded::TooLong { .. } => Answer::TooLong,
            Unrecorded::Encode(error) => panic!("{error}"),
            Unrecorded::NoRoom { .. } => Answer::NoRoom,
        })?;
        changes.note_growth(grown);
        for (key, register) in registers {
            changes.staged.registers.set(key, register);
        }
        Ok(())
    }
}

impl Machine for Registers {
    const NAME: &'static str = "registers";
    const FORMAT: u32 = 3;

    type State = State;
    type Staged = Staged;
    type Command = Command;
    type Answer = Answer;
    type Change = Change;
    type Cursor = String;

    fn reads(format: u32) -> bool {
        (2..=3).contains(&format)
    }

    fn initial_state(&self) -> State {
        State::default()
    }

    fn decide(&self, state: &State, command: Command, changes: &mut Changes<'_, Self>) -> Answer {
        let now = changes.now;
        match command {
            Command::Add { key, by, lasts, pad } => {
                let old = self.get(state, changes.staged, &key, now);
                let value = old.map_or(0, |old| old.value) + by;
                let register = Register { value, expires: lasts.map(|lasts| now.plus(lasts)), pad };
                self.set(state, changes, vec![(key, register)]).err().unwrap_or(Answer::Value(value))
            }
            Command::Remove { key } => {
                let Some(old) = self.get(state, changes.staged, &key, now) else { return Answer::Missing };
                let (value, bytes) = (old.value, old.bytes(&key) as isize);
                changes.record([Change::Gone(key.clone())]).expect("short");
                changes.note_growth(-bytes);
                changes.staged.registers.remove(key);
                Answer::Value(value)
            }
            Command::Move { from, to, by } => {
                let found = |key| self.get(state, changes.staged, key, now).cloned();
                let (Some(source), Some(target), true) = (found(&from), found(&to), from != to) else {
                    return Answer::Missing;
                };
                let value = source.value - by;
                let target = Register { value: target.value + by, ..target };
                let both = vec![(from, Register { value, ..source }), (to, target)];
                self.set(state, changes, both).err().unwrap_or(Answer::Value(value))
            }
            Command::Each(each) => {
                let mut sum = 0;
                for (key, value) in each {
                    sum += value;
                    let register = Register { value, expires: None, pad: 0 };
                    if let Err(refused) = self.set(state, changes, vec![(key, register)]) {
                        return refused;
                    }
                }
                Answer::Value(sum)
            }
            Command::Read { key } => match self.get(state, changes.staged, &key, now) {
                Some(register) => Answer::Value(register.value),
                None => Answer::Missing,
            },
            Command::Clear => {
                let gone: Vec<Change> = state.registers.keys().cloned().map(Change::Gone).collect();
                let count = state.registers.values().filter(|register| register.is_there(now)).count();
                changes.record(gone).expect("short");
                changes.staged.is_cleared = true;
                Answer::Value(count as i64)
            }
            Command::Panic => {
                changes.record([Change::Gone("half of it".into())]).expect("short");
                changes.staged.registers.remove("a".into());
                panic!("as asked");
            }
        }
    }

    fn must_wait(&self, staged: &Staged, command: &Command) -> bool {
        staged.is_cleared || (matches!(command, Command::Clear) && !staged.registers.is_empty())
    }

    fn apply(&self, state: &mut State, change: Change) -> Result<(), Misfit> {
        match change {
            Change::Set(key, register) => {
                state.set(key, Some(register));
                Ok(())
            }
            Change::Gone(key) => match state.set(key, None) {
                true => Ok(()),
                false => Err(Misfit::Stray("a register")),
            },
        }
    }

    fn frees(&self, _: &State, change: &Change) -> bool {
        matches!(change, Change::Gone(_))
    }

    fn encode(&self, _: &State, changes: &[Change], to: &mut Vec<u8>) -> Result<(), EncodeError> {
        for change in changes {
            let line = match change {
                Change::Set(key, Register { value, expires, pad }) => {
                    let expires = expires.map_or(0, Timestamp::as_millis);
                    format!("set {key} {value} {expires} {}\n", "x".repeat(*pad))
                }
                Change::Gone(key) => format!("gone {key}\n"),
            };
            to.extend_from_slice(line.as_bytes());
        }
        Ok(())
    }

    fn decode(&self, record: &[u8]) -> Result<Vec<Change>, Misfit> {
        let malformed = || Misfit::Malformed("no line of registers".into());
        let text = std::str::from_utf8(record).map_err(|_| malformed())?;
        let read = |line: &str| {
            let mut words = line.strip_suffix('\n')?.split(' ');
            let (kind, key) = (words.next()?, words.next()?.to_owned());
            let change = match kind {
                "set" => {
                    let value = words.next()?.parse().ok()?;
                    let expires = Some(words.next()?.parse().ok()?).filter(|millis| *millis > 0);
                    let (expires, pad) = (expires.map(Timestamp::from_millis), words.next()?.len());
                    Change::Set(key, Register { value, expires, pad })
                }
                "gone" => Change::Gone(key),
                _ => return None,
            };
            words.next().is_none().then_some(change)
        };
        text.split_inclusive('\n').map(|line| read(line).ok_or_else(malformed)).collect()
    }

    fn snapshot(
        &self,
        state: &State,
        from: Option<&String>,
        limit_bytes: usize,
    ) -> (Vec<Change>, Option<String>) {
        let (mut changes, mut bytes) = (Vec::new(), 0);
        let start = from.map_or(Bound::Unbounded, Bound::Excluded);
        for (key, register) in state.registers.range::<String, _>((start, Bound::Unbounded)) {
            changes.push(Change::Set(key.clone(), register.clone()));
            bytes += register.bytes(key);
            if bytes >= limit_bytes {
                return (changes, Some(key.clone()));
            }
        }
        (changes, None)
    }

    fn size_bytes(&self, state: &State) -> usize {
        state.bytes
    }

    /// A line is no longer than its register in memory.
    fn snapshot_bytes(&self, state: &State) -> usize {
        state.bytes
    }

    fn due(&self, state: &State) -> Option<Timestamp> {
        state.due.first().map(|(at, _)| *at)
    }

    fn wake(&self, state: &State, changes: &mut Changes<'_, Self>) {
        let due = state.due.iter().take_while(|(at, _)| *at <= changes.now).take(EXPIRED_MAX);
        let keys: Vec<String> = due.map(|(_, key)| key.clone()).collect();
        changes.record(keys.iter().cloned().map(Change::Gone)).expect("short");
        keys.into_iter().for_each(|key| changes.staged.registers.remove(key));
    }

    fn snapshot_wish(&self, _: &State) -> SnapshotWish {
        *self.wish.lock()
    }

    fn snapshotted(&self) {
        *self.wish.lock() = SnapshotWish::WhenLong;
    }

    fn close(&self, _: &State, changes: &mut Changes<'_, Self>) {
        if self.notes_its_end {
            let register = Register { value: 1, expires: None, pad: 0 };
            changes.record([Change::Set("closed".into(), register)]).expect("short");
        }
    }

    fn on_damage(
        &self,
        _state: &mut State,
        _damage: &headwater_machine::Damage,
    ) -> headwater_machine::OnDamage {
        match self.contains_damage {
            true => headwater_machine::OnDamage::PassOver,
            false => headwater_machine::OnDamage::Refuse,
        }
    }
}

impl Member for Registers {
    fn is_empty(&self, state: &State) -> bool {
        state.registers.is_empty()
    }
}

fn drawn(draw: &mut Draw) -> Command {
    let mut key = || format!("k{}", draw.below(6));
    let (key, other, third) = (key(), key(), key());
    let by = draw.below(100) as i64 - 20;
    match draw.below(20) {
        0..9 => {
            let lasts = (draw.below(3) == 0).then(|| Duration::from_secs(1 + draw.below(4)));
            Command::Add { key, by, lasts, pad: draw.below(60) as usize }
        }
        9..12 => Command::Remove { key },
        12..15 => Command::Move { from: key, to: other, by },
        15..17 => Command::Each(vec![(key, by), (other, by + 1), (third, by + 2)]),
        17..19 => Command::Read { key },
        _ => Command::Clear,
    }
}

fn contents(state: &State, now: Timestamp) -> String {
    let there = state.registers.iter().filter(|(_, register)| register.is_there(now));
    there.map(|(key, register)| format!("{key}={} ", register.value)).collect()
}

/// The toy under the suite.
pub(crate) struct RegistersSubject {
    pub(crate) contains_damage: bool,
}

impl Subject for RegistersSubject {
    type Machine = Registers;

    fn machine(&self) -> Registers {
        Registers { contains_damage: self.contains_damage, ..Registers::default() }
    }

    fn command(&self, draw: &mut Draw) -> Command {
        drawn(draw)
    }

    fn contents(&self, state: &State, now: Timestamp) -> String {
        contents(state, now)
    }

    fn contains_damage(&self) -> bool {
        self.contains_damage
    }
}

/// A group of toys under the suite.
pub(crate) struct GroupSubject;

impl Subject for GroupSubject {
    type Machine = headwater_machine::Group<Registers>;

    fn machine(&self) -> Self::Machine {
        headwater_machine::Group::new(Registers { contains_damage: true, ..Registers::default() })
    }

    fn command(&self, draw: &mut Draw) -> MemberCommand<Command> {
        let id = format!("m{}", draw.below(4));
        match draw.below(30) {
            0 => MemberCommand::forget(id),
            _ => MemberCommand::decide(id, drawn(draw)),
        }
    }

    fn contents(&self, state: &headwater_machine::GroupState<Registers>, now: Timestamp) -> String {
        let members = state.members_after(None).map(|(id, member)| (id, contents(member, now)));
        members.filter(|(_, text)| !text.is_empty()).map(|(id, text)| format!("{id}: {text}; ")).collect()
    }

    fn answer(&self, answer: &MemberAnswer<Answer>) -> String {
        format!("{answer:?}")
    }

    fn contains_damage(&self) -> bool {
        true
    }

    fn tells_damage(&self, handle: &headwater_machine::Handle<Self::Machine>) -> bool {
        let is_member = handle.state().expect("opened").damaged().count() > 0;
        is_member || !handle.report().damage.is_empty()
    }
}
