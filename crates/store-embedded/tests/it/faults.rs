//! Disks that fail, fill up, or are in use.

use std::sync::Arc;

use headwater_host::SystemClock;
use headwater_host::disk::{Disk, Faults, SimDisk, SystemDisk};
use headwater_store::conformance::{ALL, batch, contents, id, put};
use headwater_store::{Expect, LogStore, Position, ShardLog, StoreError};
use headwater_store_embedded::{EmbeddedStore, OpenError, Options};

use crate::support::{open, options, settle};

async fn log(store: &EmbeddedStore) -> Arc<dyn ShardLog> {
    store.create(&[id("log")]).await.unwrap();
    LogStore::open(store, &id("log")).await.unwrap()
}

async fn append(log: &dyn ShardLog, tag: u64) -> Result<(), StoreError> {
    log.append(put(tag, batch(tag, 2, 300)), Expect::Any).await.map(drop)
}

/// After this fault on the journal, whether or not it passes, nothing is acknowledged, what was acknowledged is readable, and a new start
/// finds it.
async fn stops_writes(faults: Faults, passes: bool, crash: bool) {
    let disk = SimDisk::new(7);
    let store = open(&disk).unwrap();
    let log = log(&store).await;
    for tag in 0..10 {
        append(&*log, tag).await.unwrap();
    }
    let before = contents(&*log, Position::START, ALL).await.unwrap();
    disk.set_faults(faults);
    for tag in 10..13 {
        let error = append(&*log, tag).await.unwrap_err();
        assert!(matches!(error, StoreError::Poisoned(_)), "{error:?}");
        if passes {
            disk.set_faults(Faults::default());
        }
    }
    assert!(store.poisoned().is_some_and(|why| why.contains("/data/journal/")));
    assert!(matches!(log.trim(Position::new(3).unwrap()).await, Err(StoreError::Poisoned(_))));
    assert!(matches!(log.seal().await, Err(StoreError::Poisoned(_))));
    assert!(matches!(store.create(&[id("x")]).await, Err(StoreError::Poisoned(_))));
    assert_eq!(contents(&*log, Position::START, ALL).await.unwrap(), before);
    drop((log, store));
    if crash {
        disk.crash();
    } else {
        disk.set_faults(Faults::default());
    }
    let store = open(&disk).unwrap();
    let log = LogStore::open(&*store, &id("log")).await.unwrap();
    let after = contents(&*log, Position::START, ALL).await.unwrap();
    assert_eq!(after[..before.len()], before);
    append(&*log, 20).await.unwrap();
    // And nothing that was served after the start goes away again.
    let served = contents(&*log, Position::START, ALL).await.unwrap();
    drop((log, store));
    disk.crash();
    let store = open(&disk).unwrap();
    let log = LogStore::open(&*store, &id("log")).await.unwrap();
    assert_eq!(contents(&*log, Position::START, ALL).await.unwrap(), served);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_sync_stops_writes() {
    for (passes, crash) in [(false, false), (false, true), (true, false), (true, true)] {
        let faults = Faults { fail_syncs_of: Some("/journal/".into()), ..Faults::default() };
        stops_writes(faults, passes, crash).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_write_stops_writes() {
    for (passes, crash) in [(false, false), (false, true), (true, false), (true, true)] {
        let faults = Faults { fail_writes_of: Some("/journal/".into()), ..Faults::default() };
        stops_writes(faults, passes, crash).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failure_behind_the_journal_loses_nothing() {
    for name in ["/seg/", "/meta/"] {
        let disk = SimDisk::new(8);
        let store = open(&disk).unwrap();
        let log = log(&store).await;
        for tag in 0..30 {
            append(&*log, tag).await.unwrap();
        }
        let before = contents(&*log, Position::START, ALL).await.unwrap();
        disk.set_faults(Faults { fail_writes_of: Some(name.into()), ..Faults::default() });
        store.rotate().await.unwrap();
        for _ in 0..3 {
            assert!(store.maintain().is_err(), "{name}");
            assert_eq!(contents(&*log, Position::START, ALL).await.unwrap(), before);
        }
        append(&*log, 30).await.unwrap();
        disk.set_faults(Faults::default());
        settle(&store).await;
        let after = contents(&*log, Position::START, ALL).await.unwrap();
        assert_eq!(after[..before.len()], before);
        drop((log, store));
        disk.crash();
        let store = open(&disk).unwrap();
        let log = LogStore::open(&*store, &id("log")).await.unwrap();
        assert_eq!(contents(&*log, Position::START, ALL).await.unwrap(), after, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_disk_refuses_writes_and_serves_reads() {
    let disk = SimDisk::new(9);
    let store = open(&disk).unwrap();
    let log = log(&store).await;
    disk.set_faults(Faults { capacity_bytes: Some(200_000), ..Faults::default() });
    let mut tag = 0;
    let error = loop {
        match append(&*log, tag).await {
            Ok(()) => tag += 1,
            Err(error) => break error,
        }
        if tag % 20 == 0 {
            let _ = store.rotate().await;
            let _ = store.maintain();
        }
        assert!(tag < 10_000, "the disk is full");
    };
    assert!(matches!(error, StoreError::NoSpace(_)), "{error:?}");
    let seen = contents(&*log, Position::START, ALL).await.unwrap();
    assert_eq!(seen.len() as u64, 2 * tag);
    assert!(matches!(append(&*log, tag).await, Err(StoreError::NoSpace(_))));
    // The disk gets larger: it goes on without a restart.
    disk.set_faults(Faults { capacity_bytes: Some(2_000_000), ..Faults::default() });
    settle(&store).await;
    append(&*log, tag).await.unwrap();
    let seen = contents(&*log, Position::START, ALL).await.unwrap();
    drop((log, store));
    disk.crash();
    let store = open(&disk).unwrap();
    let log = LogStore::open(&*store, &id("log")).await.unwrap();
    assert_eq!(contents(&*log, Position::START, ALL).await.unwrap(), seen);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_disk_still_forgets() {
    let disk = SimDisk::new(10);
    let mut options = options(disk.clone(), false);
    options.sizes.free_floor_bytes = 1 << 20;
    let store = EmbeddedStore::open(options).unwrap();
    let log = log(&store).await;
    for tag in 0..400 {
        append(&*log, tag).await.unwrap();
        if tag % 100 == 99 {
            settle(&store).await;
        }
    }
    let used = || disk.used_bytes("/data".as_ref());
    // Spare journals go first.
    disk.set_faults(Faults { capacity_bytes: Some(used()), ..Faults::default() });
    store.maintain().unwrap();
    let used = used();
    disk.set_faults(Faults { capacity_bytes: Some(used + 10_000), ..Faults::default() });
    store.maintain().unwrap();
    assert!(matches!(append(&*log, 1).await, Err(StoreError::NoSpace(_))));
    log.trim(Position::new(790).unwrap()).await.unwrap();
    store.maintain().unwrap();
    assert!(disk.used_bytes("/data".as_ref()) < used - 100_000, "space is given back");
    append(&*log, 1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_errors_are_told() {
    let disk = SimDisk::new(11);
    let store = open(&disk).unwrap();
    let log = log(&store).await;
    append(&*log, 1).await.unwrap();
    disk.set_faults(Faults { fail_reads_of: Some("/journal/".into()), ..Faults::default() });
    assert!(matches!(log.read(Position::START, ALL).await, Err(StoreError::Read(_))));
    disk.set_faults(Faults::default());
    assert_eq!(contents(&*log, Position::START, ALL).await.unwrap().len(), 2);
}

#[test]
fn directory_has_one_user() {
    let dir = tempfile::tempdir().unwrap();
    let open = || EmbeddedStore::open(Options::new(SystemDisk::new(), dir.path(), SystemClock::new()));
    let store = open().unwrap();
    let error = open().unwrap_err().to_string();
    assert!(error.contains(&format!("in use by the process {}", std::process::id())), "{error}");
    drop(store);
    open().unwrap();
}

#[test]
fn other_formats_are_refused() {
    let disk = SimDisk::new(12);
    drop(open(&disk).unwrap());
    disk.edit("/data/FORMAT".as_ref(), |bytes| *bytes = b"headwater store, format 3\n".to_vec()).unwrap();
    let error = open(&disk).unwrap_err();
    assert!(matches!(&error, OpenError::Format(text) if text.contains("format 3")), "{error}");
    disk.remove("/data/FORMAT".as_ref()).unwrap();
    let error = open(&disk).unwrap_err().to_string();
    assert!(error.contains("/data/FORMAT is missing"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_store_refuses_work() {
    let disk = SimDisk::new(13);
    let store = open(&disk).unwrap();
    let log = log(&store).await;
    store.close();
    assert!(matches!(append(&*log, 1).await, Err(StoreError::Poisoned(_))));
    assert!(contents(&*log, Position::START, ALL).await.unwrap().is_empty());
}
