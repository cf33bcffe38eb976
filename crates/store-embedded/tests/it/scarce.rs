//! Behaviour of a store when the system refuses it something: room in the middle of a write, files, a sector, a thread.

use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use headwater_host::SystemClock;
use headwater_host::disk::{Disk, DiskFile, DiskLock, Faults, FileId, LockError, SimDisk, Space};
use headwater_store::conformance::{ALL, batch, contents, id, put};
use headwater_store::{Expect, Expected, LogStore, MetaStore, Position, ReadLimit, ShardLog, StoreError};
use headwater_store_embedded::{EmbeddedStore, OpenError, Options, Repair};

use crate::scrub::pass;
use crate::support::{open, options, settle, small};

/// Longer than any machine takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// Operations that are refused at the moment.
#[derive(Debug, Default)]
struct Refused {
    /// Writes into journals get out whole and are then answered ENOSPC, as a write that got out in part would be;
    /// headers alone still fit.
    journal_writes: AtomicBool,
    /// No file can be created: EMFILE.
    creates: AtomicBool,
    /// Files with this in their path cannot be read: EIO. Empty for none.
    reads: Mutex<String>,
    /// Files that are open, and how many were at most.
    open: AtomicUsize,
    open_most: AtomicUsize,
    /// So many may be open: EMFILE. None for as many as one likes.
    open_max: AtomicUsize,
}

/// A simulated disk that refuses some things.
#[derive(Debug)]
struct Scarce {
    disk: Arc<SimDisk>,
    refused: Arc<Refused>,
}

#[derive(Debug)]
struct ScarceFile {
    file: Arc<dyn DiskFile>,
    refused: Arc<Refused>,
    path: String,
    journal: bool,
}

impl Scarce {
    fn wrap(&self, path: &Path, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        let path = path.to_string_lossy().into_owned();
        let journal = path.contains("/journal/");
        let open = self.refused.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.refused.open_most.fetch_max(open, Ordering::Relaxed);
        Arc::new(ScarceFile { file, refused: self.refused.clone(), path, journal })
    }
}

impl Scarce {
    fn descriptor(&self) -> io::Result<()> {
        let most = self.refused.open_max.load(Ordering::Relaxed);
        if most > 0 && self.refused.open.load(Ordering::Relaxed) >= most {
            return Err(io::Error::from_raw_os_error(24));
        }
        Ok(())
    }
}

impl Drop for ScarceFile {
    fn drop(&mut self) {
        self.refused.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Disk for Scarce {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        if self.refused.creates.load(Ordering::Relaxed) {
            return Err(io::Error::from_raw_os_error(24));
        }
        self.descriptor()?;
        Ok(self.wrap(path, self.disk.create(path)?))
    }
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.descriptor()?;
        Ok(self.wrap(path, self.disk.open(path)?))
    }
    fn open_direct(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.descriptor()?;
        Ok(self.wrap(path, self.disk.open_direct(path)?))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir_all(path)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.sync_dir(path)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.disk.list(path)
    }
    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>, LockError> {
        self.disk.lock(path)
    }
    fn file_id(&self, path: &Path) -> io::Result<FileId> {
        self.disk.file_id(path)
    }
    fn space(&self, path: &Path) -> io::Result<Space> {
        self.disk.space(path)
    }
}

impl DiskFile for ScarceFile {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let refused = self.refused.reads.lock().unwrap();
        if !refused.is_empty() && self.path.contains(&*refused) {
            return Err(io::Error::from_raw_os_error(5));
        }
        drop(refused);
        self.file.read_at(bytes, offset)
    }
    fn read_cached_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_cached_at(bytes, offset)
    }
    fn write_all_at(&self, slices: &mut [IoSlice<'_>], offset: u64) -> io::Result<()> {
        let len: usize = slices.iter().map(|slice| slice.len()).sum();
        self.file.write_all_at(slices, offset)?;
        let refused = self.journal && len > 64 && self.refused.journal_writes.load(Ordering::Relaxed);
        if refused { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
    fn allocate(&self, len: u64) -> io::Result<()> {
        self.file.allocate(len)
    }
    fn punch_hole(&self, offset: u64, len: u64) -> io::Result<()> {
        self.file.punch_hole(offset, len)
    }
    fn forget_cached(&self) -> io::Result<()> {
        self.file.forget_cached()
    }
    fn allocated_bytes(&self) -> io::Result<u64> {
        self.file.allocated_bytes()
    }
}

fn scarce(disk: &Arc<SimDisk>, background: bool) -> (Arc<Refused>, Options) {
    let refused = Arc::new(Refused::default());
    let scarce: Arc<dyn Disk> = Arc::new(Scarce { disk: disk.clone(), refused: refused.clone() });
    let sizes = small(background);
    (refused, Options { sizes, background, ..Options::new(scarce, "/data", SystemClock::new()) })
}

async fn log(store: &EmbeddedStore) -> Arc<dyn ShardLog> {
    store.create(&[id("log")]).await.unwrap();
    LogStore::open(store, &id("log")).await.unwrap()
}

async fn append(log: &dyn ShardLog, tag: u64) -> Result<(), StoreError> {
    log.append(put(tag, batch(tag, 2, 100)), Expect::Any).await.map(drop)
}

async fn positions(log: &dyn ShardLog) -> Vec<u64> {
    contents(log, Position::START, ALL).await.unwrap().iter().map(|record| record.0).collect()
}

/// The journal that a full disk cut short must not be clustered before the next one says where it ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_full_disk_refused_stays_refused_after_a_crash() {
    let disk = SimDisk::new(1);
    let (refused, options) = scarce(&disk, false);
    let store = EmbeddedStore::open(options).unwrap();
    let handle = log(&store).await;
    for tag in 0..2 {
        append(&*handle, tag).await.unwrap();
    }
    refused.journal_writes.store(true, Ordering::Relaxed);
    for tag in 2..4 {
        assert!(matches!(append(&*handle, tag).await, Err(StoreError::NoSpace(_))));
    }
    let meta = MetaStore::put(&*store, "key", "value".into(), Expected::Absent).await;
    assert!(matches!(meta, Err(StoreError::NoSpace(_))), "{meta:?}");
    disk.set_faults(Faults { fail_writes_of: Some("/meta/".into()), ..Faults::default() });
    let _ = store.maintain();
    drop((handle, store));
    disk.set_faults(Faults::default());

    let store = open(&disk).unwrap();
    let handle = LogStore::open(&*store, &id("log")).await.unwrap();
    assert_eq!(positions(&*handle).await, [0, 1, 2, 3]);
    assert_eq!(MetaStore::get(&*store, "key").await.unwrap(), None);
    append(&*handle, 4).await.unwrap();
    settle(&store).await;
    assert_eq!(positions(&*handle).await, [0, 1, 2, 3, 4, 5]);
    drop((handle, store));
    let store = open(&disk).unwrap();
    let handle = LogStore::open(&*store, &id("log")).await.unwrap();
    assert_eq!(positions(&*handle).await, [0, 1, 2, 3, 4, 5]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_with_a_spare_journal_can_be_opened() {
    let disk = SimDisk::new(3);
    let store = open(&disk).unwrap();
    let handle = log(&store).await;
    for tag in 0..300 {
        append(&*handle, tag).await.unwrap();
        if tag % 50 == 49 {
            settle(&store).await;
        }
    }
    drop((handle, store));
    let used = disk.used_bytes("/data".as_ref());
    disk.set_faults(Faults { capacity_bytes: Some(used + 100), ..Faults::default() });
    let store = open(&disk).unwrap();
    let handle = LogStore::open(&*store, &id("log")).await.unwrap();
    assert_eq!(positions(&*handle).await.len(), 600);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_thread_that_dies_leaves_nobody_waiting() {
    let mut options = options(SimDisk::new(4), true);
    let commits = AtomicUsize::new(0);
    options.on_sync = Some(Arc::new(move |_| {
        if commits.fetch_add(1, Ordering::Relaxed) == 2 {
            panic!("the hook fails, as the test wants it to");
        }
    }));
    let store = EmbeddedStore::open(options).unwrap();
    let handle = log(&store).await;
    let mut refused = 0;
    for tag in 0..5 {
        let answer = tokio::time::timeout(PATIENCE, append(&*handle, tag)).await;
        refused += usize::from(answer.expect("an answer").is_err());
    }
    assert!(refused >= 3, "{refused}");
    assert!(store.poisoned().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moment_without_file_descriptors_passes() {
    let (refused, options) = scarce(&SimDisk::new(5), false);
    let store = EmbeddedStore::open(options).unwrap();
    let handle = log(&store).await;
    refused.creates.store(true, Ordering::Relaxed);
    let mut tag = 0;
    let error = loop {
        match append(&*handle, tag).await {
            Ok(()) => tag += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::NoFiles(_)), "{error:?}");
    assert!(store.is_out_of_files());
    refused.creates.store(false, Ordering::Relaxed);
    append(&*handle, tag).await.unwrap();
    assert!(!store.is_out_of_files());
}

/// Journals that cannot be read cannot be clustered, so their room is never given back: writes are then refused, and
/// nothing spins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreadable_journal_refuses_writes_in_the_end_and_does_not_spin() {
    let (refused, mut options) = scarce(&SimDisk::new(9), true);
    options.sizes.ring_files = 4;
    let store = EmbeddedStore::open(options).unwrap();
    let handle = log(&store).await;
    *refused.reads.lock().unwrap() = "/journal/".into();
    let mut answered = 0;
    let error = loop {
        let answer = tokio::time::timeout(PATIENCE, append(&*handle, answered)).await;
        match answer.expect("an answer") {
            Ok(()) => answered += 1,
            Err(error) => break error,
        }
        assert!(answered < 10_000, "the ring is never full");
    };
    assert!(matches!(error, StoreError::Busy), "{error:?}");
    let failures = store.stats().background_failures.load(Ordering::Relaxed);
    assert!(failures < 100, "{failures} rounds of failed work");
}

/// Many segments, few files: handles are opened when they are needed, and the oldest are closed for them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn few_files_are_open_however_many_segments_there_are() {
    let disk = SimDisk::new(10);
    let (refused, mut options) = scarce(&disk, false);
    options.handles = 8;
    options.sizes.merge_files = 1 << 20;
    let store = EmbeddedStore::open(options.clone()).unwrap();
    let handle = log(&store).await;
    for tag in 0..100 {
        append(&*handle, tag).await.unwrap();
        settle(&store).await;
    }
    assert_eq!(store.stats().segments.load(Ordering::Relaxed), 100);
    let all: Vec<u64> = (0..200).collect();
    assert_eq!(positions(&*handle).await, all);
    let most = refused.open_most.load(Ordering::Relaxed);
    assert!(most < 30, "{most} files were open at once");
    drop((handle, store));
    assert_eq!(refused.open.load(Ordering::Relaxed), 0);

    // The same where the process may not open more.
    refused.open_max.store(30, Ordering::Relaxed);
    let store = EmbeddedStore::open(options).unwrap();
    let handle = LogStore::open(&*store, &id("log")).await.unwrap();
    assert_eq!(positions(&*handle).await, all);
    append(&*handle, 100).await.unwrap();
    settle(&store).await;
    assert_eq!(positions(&*handle).await.len(), 202);
}

/// Somebody else has all descriptors: what needs one is refused by name, and goes on when there are some again. Those
/// of segments are given up first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_without_file_descriptors_say_so_and_go_on_afterwards() {
    let disk = SimDisk::new(11);
    let (refused, mut options) = scarce(&disk, false);
    options.sizes.merge_files = 1 << 20;
    let store = EmbeddedStore::open(options).unwrap();
    let handle = log(&store).await;
    for tag in 0..6 {
        append(&*handle, tag).await.unwrap();
        settle(&store).await;
    }
    let all = positions(&*handle).await;
    let open = refused.open.load(Ordering::Relaxed);
    // One that is kept open makes place for another.
    refused.open_max.store(open, Ordering::Relaxed);
    assert_eq!(positions(&*handle).await, all);
    refused.open_max.store(1, Ordering::Relaxed);
    drop(store.maintain());
    let limit = ReadLimit { records: 100, bytes: 1 << 20 };
    let mut refusals = 0;
    for position in &all {
        match handle.read(Position::new(*position).unwrap(), limit).await {
            Ok(_) => {}
            Err(StoreError::NoFiles(what)) => {
                assert!(what.contains("/data/seg/"), "{what}");
                refusals += 1;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    let _ = store.rotate().await;
    refused.open_max.store(0, Ordering::Relaxed);
    assert_eq!(positions(&*handle).await, all, "after {refusals} refusals");
    append(&*handle, 7).await.unwrap();
    settle(&store).await;
    assert!(!store.is_out_of_files());
    assert_eq!(store.stats().corrupt_frames.load(Ordering::Relaxed), 0);
}

/// A file that cannot be opened for want of descriptors is not a damaged one: a repair keeps it, or does not begin.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repair_without_file_descriptors_sets_nothing_healthy_aside() {
    let disk = SimDisk::new(12);
    let (refused, mut options) = scarce(&disk, false);
    (options.handles, options.sizes.merge_files) = (8, 1 << 20);
    let store = EmbeddedStore::open(options.clone()).unwrap();
    let handle = log(&store).await;
    for tag in 0..60 {
        append(&*handle, tag).await.unwrap();
        settle(&store).await;
    }
    drop((handle, store));
    for name in disk.list(Path::new("/data/journal")).unwrap() {
        disk.remove(&Path::new("/data/journal").join(name)).unwrap();
    }
    let report = |options: &Options| Repair::plan(options.clone()).map(|repair| repair.report().clone());
    let all = report(&options).unwrap();
    assert_eq!(all.records, 120);
    let mut planned = 0;
    for most in (1..=30).rev() {
        refused.open_max.store(most, Ordering::Relaxed);
        match report(&options) {
            Ok(found) => {
                assert_eq!(found, all, "{most} files");
                planned += 1;
            }
            Err(OpenError::Io { error, .. }) => assert_eq!(error.raw_os_error(), Some(24), "{most} files"),
            Err(error) => panic!("{error} with {most} files"),
        }
    }
    assert!(planned > 20, "{planned}: segments are looked at one after the other");
}

/// A place that cannot be read is damage, and what lies behind it is looked at all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_scrubber_goes_on_behind_what_cannot_be_read() {
    let disk = SimDisk::new(13);
    let (refused, mut options) = scarce(&disk, false);
    options.sizes.merge_files = 1 << 20;
    let store = EmbeddedStore::open(options).unwrap();
    let handle = log(&store).await;
    for tag in 0..3 {
        append(&*handle, tag).await.unwrap();
        settle(&store).await;
    }
    append(&*handle, 3).await.unwrap();
    store.rotate().await.unwrap();
    append(&*handle, 4).await.unwrap();
    let whole = pass(&store, 0);
    for part in [".snap", ".idx", ".seg", "/journal/"] {
        *refused.reads.lock().unwrap() = part.into();
        assert!(pass(&store, 0) < whole, "{part} is not read");
        assert!(store.damaged_places() > 0, "{part}");
        let segments = disk.list(Path::new("/data/seg")).unwrap();
        let last = segments.iter().rfind(|name| name.ends_with(".seg")).unwrap();
        let last = Path::new("/data/seg").join(last);
        let flip = || disk.edit(&last, |bytes| *bytes.iter_mut().nth_back(9).unwrap() ^= 4).unwrap();
        let before = store.damaged_places();
        flip();
        pass(&store, 0);
        if part != ".seg" {
            assert!(store.damaged_places() > before, "{part}: a later segment is looked at");
        }
        flip();
        refused.reads.lock().unwrap().clear();
        assert_eq!(pass(&store, 0), whole, "{part}");
        assert_eq!(store.damaged_places(), 0, "{part}: it can be read again");
    }
    // Descriptors that are missing say nothing about a file.
    refused.open_max.store(1, Ordering::Relaxed);
    let mut scrub = store.scrub(0);
    let error = loop {
        match scrub.step() {
            Ok(Some(_)) => {}
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    assert_eq!(error.and_then(|error| error.raw_os_error()), Some(24));
    assert_eq!(store.damaged_places(), 0);
    refused.open_max.store(0, Ordering::Relaxed);
    while scrub.step().unwrap().is_some() {}
    assert_eq!(store.damaged_places(), 0);
}
