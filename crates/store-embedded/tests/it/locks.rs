//! One directory, one server, whatever becomes of the names in it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use headwater_host::ManualClock;
use headwater_host::disk::{Disk, SimDisk, SystemDisk};
use headwater_store::conformance::{batch, id, put};
use headwater_store::{Expect, LogStore, StoreError};
use headwater_store_embedded::{EmbeddedStore, OpenError, Options};
use headwater_types::Timestamp;

use crate::support::small;

fn clock() -> Arc<ManualClock> {
    ManualClock::new(Timestamp::from_secs(1_700_000_000))
}

fn open(disk: Arc<dyn Disk>, dir: &Path, clock: &Arc<ManualClock>) -> Result<Arc<EmbeddedStore>, OpenError> {
    let options = Options::new(disk, dir, clock.clone());
    EmbeddedStore::open(Options { sizes: small(false), background: false, ..options })
}

async fn append(store: &EmbeddedStore) -> Result<(), StoreError> {
    let log = LogStore::open(store, &id("log")).await?;
    log.append(put(1, batch(1, 1, 10)), Expect::Any).await.map(drop)
}

/// A running server stops writing once this was done to its directory, and says why.
async fn stops_writing(change: impl FnOnce(&Path), why: &str) {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("data");
    let clock = clock();
    let store = open(SystemDisk::new(), &dir, &clock).unwrap();
    store.create(&[id("log")]).await.unwrap();
    clock.advance(Duration::from_secs(1));
    append(&store).await.unwrap();
    change(&dir);
    clock.advance(Duration::from_secs(1));
    let error = append(&store).await.unwrap_err();
    assert!(matches!(&error, StoreError::Poisoned(text) if text.contains(why)), "{error:?}");
    assert!(store.poisoned().is_some_and(|text| text.contains(why)), "{:?}", store.poisoned());
    // What runs behind does not touch what may be another's.
    store.maintain().unwrap();
    store.close();
}

#[tokio::test]
async fn a_server_whose_lock_file_is_gone_keeps_others_out_and_stops_writing() {
    stops_writing(
        |dir| {
            SystemDisk::new().remove(&dir.join("LOCK")).unwrap();
            let second = open(SystemDisk::new(), dir, &clock());
            assert!(matches!(second, Err(OpenError::Locked { .. })), "{second:?}");
        },
        "LOCK was removed",
    )
    .await;
}

#[tokio::test]
async fn a_server_whose_format_was_replaced_stops_writing() {
    let replace = |dir: &Path| {
        let disk = SystemDisk::new();
        drop(disk.create(&dir.join("another")).unwrap());
        disk.rename(&dir.join("another"), &dir.join("FORMAT")).unwrap();
    };
    stops_writing(replace, "FORMAT was replaced").await;
}

#[tokio::test]
async fn a_server_whose_directory_was_moved_stops_writing() {
    let moved = |dir: &Path| SystemDisk::new().rename(dir, &dir.with_file_name("moved")).unwrap();
    stops_writing(moved, "data was removed or renamed").await;
    let replaced = |dir: &Path| {
        let disk = SystemDisk::new();
        disk.rename(dir, &dir.with_file_name("moved")).unwrap();
        // Where it is now nobody else may use it either.
        let second = open(disk.clone(), &dir.with_file_name("moved"), &clock());
        assert!(matches!(second, Err(OpenError::Locked { .. })), "{second:?}");
        drop(open(disk, dir, &clock()).unwrap());
    };
    stops_writing(replaced, "data was replaced").await;
}

/// Earlier versions lock the file only.
#[tokio::test]
async fn an_earlier_version_that_holds_the_lock_file_is_respected() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(SystemDisk::new(), dir.path(), &clock()).unwrap());
    let earlier = SystemDisk::new().lock(&dir.path().join("LOCK")).unwrap();
    let error = open(SystemDisk::new(), dir.path(), &clock()).unwrap_err();
    assert!(matches!(&error, OpenError::Locked { .. }), "{error}");
    drop(earlier);
    let store = open(SystemDisk::new(), dir.path(), &clock()).unwrap();
    assert!(SystemDisk::new().lock(&dir.path().join("LOCK")).is_err(), "and it meets ours");
    drop(store);
}

#[tokio::test]
async fn the_same_on_a_simulated_disk() {
    let disk = SimDisk::new(1);
    let clock = clock();
    let store = open(disk.clone(), "/data".as_ref(), &clock).unwrap();
    store.create(&[id("log")]).await.unwrap();
    disk.remove("/data/LOCK".as_ref()).unwrap();
    assert!(matches!(open(disk.clone(), "/data".as_ref(), &clock), Err(OpenError::Locked { .. })));
    clock.advance(Duration::from_secs(1));
    assert!(matches!(append(&store).await, Err(StoreError::Poisoned(_))));
    drop(store);
    let store = open(disk, "/data".as_ref(), &clock).unwrap();
    append(&store).await.unwrap();
}
