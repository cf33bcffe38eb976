//! The thread `journal`: the one that makes things durable.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use headwater_host::disk::{is_out_of_files, raise_thread_priority};
use headwater_store::{Result, StoreError};

use super::stage::{Commit, Counters, Effect};
use super::{JournalFile, Spare, Work, create_empty};
use crate::error::is_full;
use crate::frame::{HEADER_LEN, Header, Kind};
use crate::shared::Shared;
use crate::stats::StoreStats;

/// A file that was full after less than this asks for larger ones.
const FILLED_QUICKLY: Duration = Duration::from_secs(4);
/// Looks at an empty queue after a commit, each with the processor given to others first: some 0.1 ms if there are none.
const LOOKS: u32 = 200;
/// Longest wait for the clustering before looking again.
const WAIT_FOR_ROOM: Duration = Duration::from_millis(20);
/// Time for which commits are answered without a look whether the directory is where it was.
const PLACE_CHECK: Duration = Duration::from_millis(100);
/// Longest wait for the clustering in all before what waits is refused.
const ROOM_WAIT_MAX: Duration = Duration::from_secs(5);

/// Writes the journal. Lives on its thread.
#[derive(Debug)]
pub(crate) struct Writer {
    shared: Arc<Shared>,
    file: Arc<JournalFile>,
    /// Offset at which the next commit begins.
    offset: u64,
    /// The journal before this one and where it ended, for the first frame.
    before: (u64, u64),
    opened: Duration,
    counters: Counters,
    commit: Commit,
    /// Was anything committed since the last mark?
    unmarked: bool,
    /// When the newest commit became durable.
    committed: Duration,
    /// A write into the file failed for want of space: it ends where it is.
    abandoned: bool,
    /// Did the last commit answer more than one caller?
    crowded: bool,
    /// Looks at the queue that are left before the thread sleeps.
    looks: u32,
    /// The journal before this one, until the opening of this one, which says where that one ends, is durable. It
    /// may not be clustered earlier: after a crash its end would be unknown.
    closing: Option<Arc<JournalFile>>,
    /// Since when there has been no room for another file.
    waiting_since: Option<Duration>,
    /// When it was last looked whether the directory is where it was.
    place_checked: Duration,
}

/// Why there is no next file.
enum NoFile {
    /// The clustering is behind, or the store is being closed.
    Wait,
    Refused(StoreError),
}

impl Writer {
    /// Goes on after the journal `before` in `file`, which is empty.
    pub(crate) fn new(shared: Arc<Shared>, file: Arc<JournalFile>, before: (u64, u64)) -> Self {
        let catalog = shared.catalog.read();
        let counters = Counters { sequence_next: catalog.applied + 1, number_next: catalog.number_next };
        drop(catalog);
        shared.set_active(file.clone(), before);
        let opened = shared.options.clock.elapsed();
        let commit = Commit::default();
        Self {
            shared,
            file,
            offset: 0,
            before,
            opened,
            counters,
            commit,
            unmarked: false,
            committed: opened,
            abandoned: false,
            crowded: false,
            looks: 0,
            closing: None,
            waiting_since: None,
            place_checked: opened,
        }
    }

    /// The body of the thread.
    pub(crate) fn run(mut self) {
        raise_thread_priority();
        let mut pending = VecDeque::new();
        loop {
            if self.crowded {
                // Those who were just answered will ask again: letting them run first makes fewer, larger commits.
                // A single caller would only wait longer.
                thread::yield_now();
            }
            let closed = self.shared.queue.take(&mut pending);
            if !pending.is_empty() {
                self.step(&mut pending, closed);
            } else if closed {
                self.mark();
                return;
            } else if !self.crowded && self.lingers() {
                continue;
            } else if self.unmarked {
                // A wake may be of work that was found without it: only the clock says how long nothing has come.
                match self.until_mark() {
                    pause if pause > Duration::ZERO => thread::park_timeout(pause),
                    _ if self.shared.queue.bytes() == 0 => self.mark(),
                    _ => {}
                }
            } else {
                thread::park();
            }
        }
    }

    /// Time until the newest commit has been the newest for long enough.
    fn until_mark(&self) -> Duration {
        let due = self.committed.saturating_add(self.shared.sizes().mark_after);
        due.saturating_sub(self.shared.options.clock.elapsed())
    }

    /// Looks at the queue for a moment before the thread sleeps. True if there is work.
    ///
    /// A caller who was alone often comes back at once, and being woken takes longer than that. Where there are several,
    /// the first to come would only make the commit smaller.
    fn lingers(&mut self) -> bool {
        // Once, until there was another commit.
        let looks = std::mem::take(&mut self.looks);
        (0..looks).any(|_| {
            thread::yield_now();
            self.shared.queue.bytes() > 0
        })
    }

    /// Makes one commit of what is pending, as far as it fits.
    fn step(&mut self, pending: &mut VecDeque<Work>, closed: bool) {
        self.commit.begin(&self.file, self.offset);
        let mut staged_bytes = 0;
        while let Some(work) = pending.front() {
            let len = work.frame_len();
            let refused = self.refusal(work);
            let full = self.commit.bytes() >= self.shared.sizes().commit_bytes;
            if refused.is_none() && (full || self.commit.depends(work)) {
                break;
            }
            let rotates = matches!(work, Work::Rotate { .. }) && self.offset + self.commit.bytes() > 0;
            if refused.is_none() && (rotates || !self.fits(len)) {
                if !self.commit.is_empty() {
                    break;
                }
                match self.rotate(len, work.needs_space()) {
                    Ok(()) => {}
                    Err(NoFile::Wait) if !closed && self.waited_for_room() => {
                        break;
                    }
                    Err(NoFile::Wait) => {
                        let work = pending.pop_front().expect("there is a front");
                        self.shared.queue.done(len);
                        let why = if self.shared.is_full() { below_the_floor() } else { StoreError::Busy };
                        work.refuse(self.shared.writable().err().unwrap_or(why));
                        continue;
                    }
                    Err(NoFile::Refused(error)) => {
                        let work = pending.pop_front().expect("there is a front");
                        self.shared.queue.done(len);
                        work.refuse(error);
                        continue;
                    }
                }
            }
            let work = pending.pop_front().expect("there is a front");
            match refused {
                Some(error) => {
                    self.shared.queue.done(len);
                    work.refuse(error);
                }
                None => {
                    staged_bytes += len;
                    self.stage(work);
                }
            }
        }
        self.finish_commit(staged_bytes);
        StoreStats::set(&self.shared.stats.queue_depth, pending.len() as u64);
        StoreStats::set(&self.shared.stats.queue_bytes, self.shared.queue.bytes() as u64);
    }

    /// Why this work is not even tried.
    fn refusal(&self, work: &Work) -> Option<StoreError> {
        if let Err(error) = self.shared.writable() {
            return Some(error);
        }
        if work.needs_space() && self.shared.is_full() {
            return Some(below_the_floor());
        }
        None
    }

    fn fits(&self, frame_len: u64) -> bool {
        let opening = if self.offset == 0 && self.commit.bytes() == 0 { HEADER_LEN as u64 } else { 0 };
        !self.abandoned && self.offset + self.commit.bytes() + opening + frame_len <= self.file.capacity
    }

    fn stage(&mut self, work: Work) {
        if self.offset == 0 && self.commit.bytes() == 0 {
            self.add_opening();
        }
        self.commit.stage(work, &self.shared.catalog.read(), &mut self.counters);
    }

    fn add_opening(&mut self) {
        let (first, arrival) = self.before;
        let count = self.file.capacity as u32;
        let header = Header { first, arrival, count, ..Header::new(Kind::Open, &[]) };
        self.commit.add_frame(header, &Bytes::new());
    }

    /// Says that everything written so far was durable.
    fn mark(&mut self) {
        if !std::mem::take(&mut self.unmarked)
            || self.shared.writable().is_err()
            || !self.fits(HEADER_LEN as u64)
        {
            return;
        }
        self.commit.begin(&self.file, self.offset);
        self.commit.add_frame(Header::new(Kind::Mark, &[]), &Bytes::new());
        self.finish_commit(0);
        self.unmarked = false;
    }

    /// Writes, syncs, publishes, answers. So many bytes of the queue are in the commit.
    fn finish_commit(&mut self, queued_bytes: u64) {
        let outcome = if self.commit.bytes() == 0 { Ok(()) } else { self.write() };
        if outcome.is_ok() {
            self.publish();
        } else {
            self.commit.unstage();
        }
        self.crowded = self.commit.answers.len() > 1;
        self.looks = LOOKS;
        // Before the answers: who has one finds room for what comes next.
        self.shared.queue.done(queued_bytes);
        for answer in self.commit.answers.drain(..) {
            answer.send(&outcome);
        }
    }

    fn write(&mut self) -> Result<()> {
        if let Err(error) = self.file.file.write_all_at(&mut self.commit.slices(), self.offset) {
            if !is_full(&error) {
                return Err(self.failed("write", &error));
            }
            // Parts of the commit may be in the file. What is refused must not come back after a crash, so its first
            // header is wiped out; if even that fails, nobody knows. Nothing else is written there again, and the
            // next file's opening says where this one ends.
            let zeros = [0; HEADER_LEN];
            let wiped = self.file.file.write_all_at(&mut [IoSlice::new(&zeros)], self.offset);
            wiped.and_then(|()| self.file.file.sync_data()).map_err(|error| self.failed("wiping", &error))?;
            self.abandoned = true;
            self.counters.sequence_next = self.shared.catalog.read().applied + 1;
            return Err(no_space(&error));
        }
        let clock = &self.shared.options.clock;
        let begin = clock.elapsed();
        self.file.file.sync_data().map_err(|error| self.failed("fdatasync", &error))?;
        let now = clock.elapsed();
        let took = now.saturating_sub(begin);
        if now.saturating_sub(self.place_checked) >= PLACE_CHECK {
            self.place_checked = now;
            self.shared.check_place();
            self.shared.writable()?;
        }
        self.offset += self.commit.bytes();
        self.file.set_end(self.offset);
        self.unmarked = true;
        self.committed = now;
        if let Some(closed) = self.closing.take() {
            self.shared.ring.add_full(closed);
            self.shared.wake_cluster();
        }
        StoreStats::add(&self.shared.stats.commits, 1);
        StoreStats::add(&self.shared.stats.sync_micros, took.as_micros() as u64);
        if let Some(hook) = &self.shared.options.on_sync {
            hook(took);
        }
        Ok(())
    }

    fn failed(&self, what: &str, error: &io::Error) -> StoreError {
        self.shared.poison(format!("{what} of {} failed: {error}", self.file.path.display()))
    }

    fn publish(&mut self) {
        for effect in self.commit.effects.drain(..) {
            match effect {
                Effect::Records { log, entry, bytes } => {
                    let before = log.durable();
                    debug_assert_eq!(
                        before.end, entry.first,
                        "a log's records follow each other without a gap"
                    );
                    debug_assert!(before.last_arrival <= entry.arrival, "arrivals never go back");
                    debug_assert!(!before.sealed, "nothing is appended to a sealed log");
                    if log.hot.push(&self.file, entry) {
                        self.file.logs.lock().push(log.number);
                    }
                    log.publish_end(entry.end(), entry.arrival);
                    StoreStats::add(&self.shared.stats.records, u64::from(entry.count));
                    StoreStats::add(&self.shared.stats.record_bytes, bytes);
                }
                Effect::Control { sequence, change } => {
                    let mut catalog = self.shared.catalog.write();
                    let shrunk = catalog.apply(sequence, &change);
                    StoreStats::set(&self.shared.stats.logs, catalog.logs.len() as u64);
                    drop(catalog);
                    self.shared.shrunk.lock().extend(shrunk);
                }
            }
        }
    }

    /// Goes on in another file, with room for a frame of this length: of records, if `grows`, or of control.
    fn rotate(&mut self, frame_len: u64, grows: bool) -> std::result::Result<(), NoFile> {
        let clock = &self.shared.options.clock;
        if self.offset > 0 && clock.elapsed().saturating_sub(self.opened) < FILLED_QUICKLY {
            self.shared.ring.grow_target(self.shared.journal_max_bytes());
        }
        let next = self.next_file(frame_len + HEADER_LEN as u64, grows)?;
        self.change_file(next)?;
        self.commit.begin(&self.file, self.offset);
        Ok(())
    }

    fn next_file(&self, bytes: u64, grows: bool) -> std::result::Result<Arc<JournalFile>, NoFile> {
        let shared = &*self.shared;
        let len =
            if grows { shared.ring.target_bytes() } else { shared.sizes().journal_first_bytes }.max(bytes);
        // What is ready is left to control when records may not go on.
        if grows && !shared.may_go_on(self.offset, len, shared.ring.ready_count() == 0) {
            return Err(NoFile::Refused(below_the_floor()));
        }
        if let Some(ready) = shared.ring.take_ready(self.file.id, bytes) {
            return Ok(ready);
        }
        let ring_bytes = if grows { shared.ring_bytes() } else { shared.control_ring_bytes() };
        if !shared.ring.has_room(len + self.file.capacity, ring_bytes) {
            return Err(NoFile::Wait);
        }
        // Nothing has been written, so nothing is in doubt: a moment without file descriptors passes.
        create_empty(shared, len).map_err(|error| {
            tracing::warn!(%error, "cannot create a journal file");
            NoFile::Refused(match error {
                error if is_full(&error) => no_space(&error),
                error if is_out_of_files(&error) => StoreError::NoFiles(error.to_string()),
                _ => StoreError::Busy,
            })
        })
    }

    /// Waits a little for the clustering to make room. False once that has taken too long: what waits is then
    /// refused, and may be tried again.
    fn waited_for_room(&mut self) -> bool {
        let now = self.shared.options.clock.elapsed();
        let since = *self.waiting_since.get_or_insert(now);
        if now.saturating_sub(since) > ROOM_WAIT_MAX || self.shared.writable().is_err() {
            return false;
        }
        self.shared.wake_cluster();
        thread::park_timeout(WAIT_FOR_ROOM);
        true
    }

    fn change_file(&mut self, next: Arc<JournalFile>) -> std::result::Result<(), NoFile> {
        if self.offset > 0 {
            self.before = (self.file.id, self.offset);
            self.closing = Some(self.file.clone());
        } else if self.abandoned {
            // Nothing in it counts, but it may look as if it did.
            let disk = self.shared.disk();
            let removed = disk
                .remove(&self.file.path)
                .and_then(|()| self.shared.sync_dir(&self.shared.layout.journals));
            removed.map_err(|error| NoFile::Refused(self.failed("removing", &error)))?;
        } else {
            let (path, file) = (self.file.path.clone(), self.file.file.clone());
            self.shared.ring.add_spare(Spare { path, file, len: self.file.capacity });
        }
        self.file = next;
        self.shared.set_current(self.file.capacity);
        self.shared.set_active(self.file.clone(), self.before);
        self.waiting_since = None;
        self.abandoned = false;
        self.offset = 0;
        self.opened = self.shared.options.clock.elapsed();
        self.shared.wake_cluster();
        self.shared.wake_prepare();
        Ok(())
    }
}

fn below_the_floor() -> StoreError {
    StoreError::NoSpace("the disk is below its free-space floor".into())
}

fn no_space(error: &io::Error) -> StoreError {
    StoreError::NoSpace(error.to_string())
}
