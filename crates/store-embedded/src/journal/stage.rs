//! One commit being made: the work that goes into it is checked, ordered and turned into frames.

use std::collections::HashSet;
use std::io::IoSlice;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use headwater_store::{
    Appended, Bounds, Expect, Expected, LogId, Position, RecordBatch, Result, StoreError, Timestamp, Version,
};

use super::{JournalFile, Reply, Work};
use crate::catalog::Catalog;
use crate::control::Control;
use crate::frame::{Header, Kind, place};
use crate::hot::HotEntry;
use crate::identity::Stamp;
use crate::log_state::{LogState, position};

/// Shorter payloads are copied next to their header, which is cheaper than a slice of their own.
const COPY_BELOW: usize = 8 << 10;

/// Work that one write and one sync make durable.
#[derive(Debug, Default)]
pub(super) struct Commit {
    file_id: u64,
    stamp: Stamp,
    /// Offset in the file where this commit begins; everything before is durable.
    begin: u64,
    len: u64,
    inline: Vec<u8>,
    parts: Vec<Part>,
    pub(super) effects: Vec<Effect>,
    pub(super) answers: Vec<Answer>,
    /// Names of logs and keys that are created, deleted or set here: checks see the catalog as it was before
    /// the commit, so each name is touched once.
    touched: HashSet<String>,
    /// Logs whose staged state was changed.
    staged: Vec<Arc<LogState>>,
}

#[derive(Debug)]
enum Part {
    Inline(Range<usize>),
    Payload(Bytes),
}

impl Part {
    fn slice<'a>(&'a self, inline: &'a [u8]) -> IoSlice<'a> {
        match self {
            Self::Inline(range) => IoSlice::new(&inline[range.clone()]),
            Self::Payload(payload) => IoSlice::new(payload),
        }
    }
}

/// Change that becomes visible once the commit is durable.
#[derive(Debug)]
pub(super) enum Effect {
    Records { log: Arc<LogState>, entry: HotEntry, bytes: u64 },
    Control { sequence: u64, change: Control },
}

/// Caller, and the result they are told once the commit is durable.
#[derive(Debug)]
pub(super) enum Answer {
    Append(Reply<Appended>, Result<Appended>),
    Unit(Reply<()>, Result<()>),
    Version(Reply<Version>, Result<Version>),
    Seal(Reply<Bounds>, Result<Arc<LogState>>),
}

/// Counters that the journal's thread alone moves on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counters {
    pub(super) sequence_next: u64,
    pub(super) number_next: u32,
}

impl Answer {
    pub(super) fn send(self, outcome: &Result<()>) {
        // Whoever stopped waiting does not need the answer.
        match self {
            Self::Append(reply, result) => drop(reply.send(outcome.clone().and(result))),
            Self::Unit(reply, result) => drop(reply.send(outcome.clone().and(result))),
            Self::Version(reply, result) => drop(reply.send(outcome.clone().and(result))),
            Self::Seal(reply, result) => {
                drop(reply.send(outcome.clone().and(result).map(|log| log.bounds())));
            }
        }
    }
}

impl Commit {
    /// An empty commit at this place.
    pub(super) fn begin(&mut self, file: &JournalFile, begin: u64) {
        *self = Self {
            file_id: file.id,
            stamp: file.stamp,
            begin,
            inline: std::mem::take(&mut self.inline),
            parts: std::mem::take(&mut self.parts),
            effects: std::mem::take(&mut self.effects),
            answers: std::mem::take(&mut self.answers),
            ..Self::default()
        };
        self.inline.clear();
        self.parts.clear();
    }

    pub(super) fn bytes(&self) -> u64 {
        self.len
    }

    /// Nothing to write and nobody to answer?
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0 && self.answers.is_empty()
    }

    /// The bytes of the commit.
    pub(super) fn slices(&self) -> Vec<IoSlice<'_>> {
        self.parts.iter().map(|part| part.slice(&self.inline)).collect()
    }

    /// Adds a frame and returns its offset in the file.
    pub(super) fn add_frame(&mut self, mut header: Header, payload: &Bytes) -> u64 {
        let offset = self.begin + self.len;
        header.place = place(self.file_id, offset);
        header.commit = self.begin as u32;
        let from = self.inline.len();
        self.inline.extend_from_slice(&header.encode(self.stamp));
        let copied = payload.len() < COPY_BELOW;
        if copied {
            self.inline.extend_from_slice(payload);
        }
        match self.parts.last_mut() {
            Some(Part::Inline(range)) => range.end = self.inline.len(),
            _ => self.parts.push(Part::Inline(from..self.inline.len())),
        }
        if !copied {
            self.parts.push(Part::Payload(payload.clone()));
        }
        self.len += u64::from(header.len);
        offset
    }

    /// Must this work wait for the next commit, because it depends on a name that this one changes?
    pub(super) fn depends(&self, work: &Work) -> bool {
        let touched = |name: &str| self.touched.contains(name);
        match work {
            Work::Create { ids, .. } | Work::Delete { ids, .. } => ids.iter().any(|id| touched(id.as_str())),
            Work::MetaPut { key, .. } | Work::MetaDelete { key, .. } => touched(&meta_name(key)),
            Work::Append { .. } | Work::Seal { .. } | Work::Trim { .. } | Work::Rotate { .. } => false,
        }
    }

    /// Takes work in.
    pub(super) fn stage(&mut self, work: Work, catalog: &Catalog, counters: &mut Counters) {
        let answer = match work {
            Work::Append { log, records, payload_crc, arrival, expect, place, reply, .. } => {
                drop(place);
                Answer::Append(reply, self.append(log, &records, payload_crc, arrival, expect))
            }
            Work::Seal { log, reply } => Answer::Seal(reply, self.seal(log, counters)),
            Work::Trim { log, before, reply } => Answer::Unit(reply, self.trim(log, before, counters)),
            Work::Create { ids, reply } => {
                self.create(ids, catalog, counters);
                Answer::Unit(reply, Ok(()))
            }
            Work::Delete { ids, reply } => {
                self.delete(ids, catalog, counters);
                Answer::Unit(reply, Ok(()))
            }
            Work::MetaPut { key, value, expected, reply } => {
                Answer::Version(reply, self.meta_put(key, value, expected, catalog, counters))
            }
            Work::MetaDelete { key, expected, reply } => {
                Answer::Unit(reply, self.meta_delete(key, expected, catalog, counters))
            }
            Work::Rotate { reply } => Answer::Unit(reply, Ok(())),
        };
        self.answers.push(answer);
    }

    /// Takes back what was staged: the commit was given up before anything of it could count.
    pub(super) fn unstage(&mut self) {
        self.effects.clear();
        self.staged.drain(..).for_each(|log| log.reset_staged());
    }

    fn append(
        &mut self,
        log: Arc<LogState>,
        records: &RecordBatch,
        payload_crc: u32,
        arrival: u64,
        expect: Expect,
    ) -> Result<Appended> {
        let mut staged = log.staged.lock();
        if staged.deleted {
            return Err(StoreError::NoSuchLog(log.id.to_string()));
        }
        if staged.sealed {
            return Err(StoreError::Closed);
        }
        if matches!(expect, Expect::Tail(tail) if tail.get() != staged.end) {
            return Err(StoreError::Conflict);
        }
        if Position::MAX.get() - staged.end < u64::from(records.count()) {
            return Err(StoreError::Invalid("the log has no positions left".into()));
        }
        let header = Header {
            len: (crate::frame::HEADER_LEN + records.bytes().len()) as u32,
            payload_crc,
            place: 0,
            commit: 0,
            log: log.number,
            count: records.count(),
            first: staged.end,
            arrival: arrival.max(staged.last_arrival),
            kind: Kind::Records,
        };
        let offset = self.add_frame(header, records.bytes());
        staged.end = header.end();
        staged.last_arrival = header.arrival;
        drop(staged);
        let entry = HotEntry {
            first: header.first,
            arrival: header.arrival,
            offset: offset as u32,
            len: header.len,
            count: header.count,
        };
        self.staged.push(log.clone());
        self.effects.push(Effect::Records { log, entry, bytes: records.bytes().len() as u64 });
        Ok(Appended { first: position(header.first), arrival: Timestamp::from_millis(header.arrival) })
    }

    fn seal(&mut self, log: Arc<LogState>, counters: &mut Counters) -> Result<Arc<LogState>> {
        let mut staged = log.staged.lock();
        if staged.deleted {
            return Err(StoreError::NoSuchLog(log.id.to_string()));
        }
        if !std::mem::replace(&mut staged.sealed, true) {
            self.control(Control::Seal { log: log.number }, counters);
            self.staged.push(log.clone());
        }
        drop(staged);
        Ok(log)
    }

    fn trim(&mut self, log: Arc<LogState>, before: u64, counters: &mut Counters) -> Result<()> {
        let mut staged = log.staged.lock();
        if staged.deleted {
            return Err(StoreError::NoSuchLog(log.id.to_string()));
        }
        let start = before.min(staged.end);
        if start > staged.start {
            staged.start = start;
            self.control(Control::Trim { log: log.number, start }, counters);
            self.staged.push(log.clone());
        }
        Ok(())
    }

    fn create(&mut self, ids: Vec<LogId>, catalog: &Catalog, counters: &mut Counters) {
        let mut logs = Vec::new();
        for id in ids {
            if !catalog.logs.contains_key(&id) && self.touched.insert(id.as_str().to_owned()) {
                logs.push((counters.number_next, id));
                counters.number_next += 1;
            }
        }
        if !logs.is_empty() {
            self.control(Control::Create(logs), counters);
        }
    }

    fn delete(&mut self, ids: Vec<LogId>, catalog: &Catalog, counters: &mut Counters) {
        let mut numbers = Vec::new();
        for id in ids {
            let Some(log) = catalog.logs.get(&id) else { continue };
            if self.touched.insert(id.as_str().to_owned()) {
                log.staged.lock().deleted = true;
                self.staged.push(log.clone());
                numbers.push(log.number);
            }
        }
        if !numbers.is_empty() {
            self.control(Control::Delete(numbers), counters);
        }
    }

    fn meta_put(
        &mut self,
        key: String,
        value: Bytes,
        expected: Expected,
        catalog: &Catalog,
        counters: &mut Counters,
    ) -> Result<Version> {
        if catalog.version(&key) != expected {
            return Err(StoreError::Conflict);
        }
        self.touched.insert(meta_name(&key));
        Ok(Version(self.control(Control::MetaPut { key, value }, counters)))
    }

    fn meta_delete(
        &mut self,
        key: String,
        expected: Version,
        catalog: &Catalog,
        counters: &mut Counters,
    ) -> Result<()> {
        if catalog.version(&key) != Expected::Version(expected) {
            return Err(StoreError::Conflict);
        }
        self.touched.insert(meta_name(&key));
        self.control(Control::MetaDelete { key }, counters);
        Ok(())
    }

    fn control(&mut self, change: Control, counters: &mut Counters) -> u64 {
        let sequence = counters.sequence_next;
        counters.sequence_next += 1;
        let (header, payload) = change.encode(sequence);
        self.add_frame(header, &payload);
        self.effects.push(Effect::Control { sequence, change });
        sequence
    }
}

/// Keys and logs share one set of touched names; no log's name begins with this.
fn meta_name(key: &str) -> String {
    format!("\n{key}")
}
