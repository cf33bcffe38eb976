//! Bytes change behind the store's back: whoever reads is told, or reads what was written.

use std::path::PathBuf;
use std::sync::Arc;

use headwater_host::disk::{Disk, SimDisk};
use headwater_store::conformance::{ALL, Seen, batch, contents, id, put};
use headwater_store::{Expect, LogStore, Position, StoreError};

use crate::support::{open, settle};

/// Segments, a snapshot, and journals.
async fn build(seed: u64) -> (Arc<SimDisk>, Vec<Vec<Seen>>) {
    let disk = SimDisk::new(seed);
    let store = open(&disk).unwrap();
    let names = [id("a"), id("b")];
    store.create(&names).await.unwrap();
    for tag in 0..16u64 {
        let log = LogStore::open(&*store, &names[tag as usize % 2]).await.unwrap();
        log.append(put(tag, batch(tag, 2, 150)), Expect::Any).await.unwrap();
        if tag == 7 {
            settle(&store).await;
        }
        if tag == 11 {
            store.rotate().await.unwrap();
        }
    }
    let mut expected = Vec::new();
    for name in &names {
        let log = LogStore::open(&*store, name).await.unwrap();
        expected.push(contents(&*log, Position::START, ALL).await.unwrap());
    }
    drop(store);
    (disk, expected)
}

fn files(disk: &SimDisk) -> Vec<PathBuf> {
    let dirs = ["/data/journal", "/data/seg", "/data/meta", "/data"];
    let inside = |dir: &str| {
        let names = disk.list(dir.as_ref()).unwrap().into_iter();
        names.map(|name| PathBuf::from(dir).join(name)).collect::<Vec<_>>()
    };
    dirs.into_iter().flat_map(inside).collect()
}

/// The store does not open, or a read says that data is damaged, or everything is there.
async fn error_or_correct(disk: &Arc<SimDisk>, expected: &[Vec<Seen>], what: &str) -> bool {
    let store = match open(disk) {
        Ok(store) => store,
        Err(error) => {
            assert!(error.to_string().contains("/data"), "{error} names no file: {what}");
            return false;
        }
    };
    let mut all_there = true;
    for (name, expected) in ["a", "b"].into_iter().zip(expected) {
        let log = LogStore::open(&*store, &id(name)).await.unwrap();
        match contents(&*log, Position::START, ALL).await {
            Ok(found) => assert!(found == *expected, "other data than was written: {what}"),
            Err(StoreError::Corrupt(text)) => {
                assert!(text.contains("/data") && text.contains("offset"), "{text}: {what}");
                all_there = false;
            }
            Err(error) => panic!("{error:?}: {what}"),
        }
    }
    all_there
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flipped_bit_anywhere() {
    let (disk, expected) = build(1).await;
    let (mut told, mut fine) = (0, 0);
    for path in files(&disk) {
        let len = disk.contents(&path).unwrap().len();
        let mut at = 0;
        while at < len {
            // A copy each time: opening may mend an index or use a file again.
            let disk = disk.copy(1);
            let before = disk.contents(&path).unwrap();
            disk.edit(&path, |bytes| bytes[at] ^= 1 << (at % 8)).unwrap();
            let what = format!("byte {at} of {}", path.display());
            if error_or_correct(&disk, &expected, &what).await {
                fine += 1
            } else {
                told += 1
            }
            // Zeros far from data are all alike.
            let quiet = before[at..].iter().take(200).all(|byte| *byte == 0);
            at += if quiet { 400 } else { 13 };
        }
    }
    assert!(told > 50 && fine > 50, "{told} were told, {fine} did no harm");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn truncated_file() {
    let (disk, expected) = build(2).await;
    for path in files(&disk) {
        let len = disk.contents(&path).unwrap().len();
        for at in (0..len).step_by(1 + len / 25) {
            let disk = disk.copy(2);
            disk.edit(&path, |bytes| bytes.truncate(at)).unwrap();
            error_or_correct(&disk, &expected, &format!("{} cut at {at}", path.display())).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_file() {
    let (disk, expected) = build(3).await;
    for path in files(&disk) {
        let disk = disk.copy(3);
        disk.remove(&path).unwrap();
        error_or_correct(&disk, &expected, &format!("{} missing", path.display())).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn index_is_made_again_as_it_was() {
    let (disk, expected) = build(4).await;
    let indexes: Vec<_> =
        files(&disk).into_iter().filter(|path| path.extension().is_some_and(|end| end == "idx")).collect();
    assert!(!indexes.is_empty());
    for path in indexes {
        let before = disk.contents(&path).unwrap();
        disk.remove(&path).unwrap();
        assert!(error_or_correct(&disk, &expected, "an index is missing").await);
        assert_eq!(disk.contents(&path).unwrap(), before);
        // Header, entries and runs: what a reader would stumble over is mended at the start.
        for at in (0..before.len()).step_by(7) {
            disk.edit(&path, |bytes| bytes[at] ^= 1).unwrap();
            assert!(error_or_correct(&disk, &expected, "an index is damaged").await, "at {at}");
            assert_eq!(disk.contents(&path).unwrap(), before, "at {at}");
        }
    }
}
