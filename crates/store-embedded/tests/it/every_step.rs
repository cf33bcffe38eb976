//! The power fails at every single step of the background work.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use headwater_host::disk::{Disk, Faults, SimDisk};
use headwater_store::conformance::{batch, id, put};
use headwater_store::{Expect, LogStore, Position};
use headwater_store_embedded::{EmbeddedStore, OpenError};

use crate::support::{options, settle, settle_if_possible};

/// A store that merges what these tests write.
fn open(disk: &Arc<SimDisk>) -> Result<Arc<EmbeddedStore>, OpenError> {
    let mut options = options(disk.clone(), false);
    options.sizes.merge_below_bytes = 1 << 20;
    EmbeddedStore::open(options)
}

/// Contents of a store, in a form that can be compared.
async fn dump(store: &EmbeddedStore) -> Vec<(String, u64, Vec<headwater_store::conformance::Seen>)> {
    let mut all = Vec::new();
    for name in LogStore::list(store, "").await.unwrap() {
        let log = LogStore::open(store, &name).await.unwrap();
        let seen =
            headwater_store::conformance::contents(&*log, Position::START, headwater_store::conformance::ALL);
        all.push((name.to_string(), log.bounds().start.get(), seen.await.unwrap()));
    }
    all
}

/// Segments to merge, journals to cluster, trimmed records and deleted logs to give back: all still to do.
async fn prepare(disk: &Arc<SimDisk>) -> Arc<EmbeddedStore> {
    let store = open(disk).unwrap();
    let names: Vec<_> = (0..4).map(|i| id(&format!("log/{i}"))).collect();
    store.create(&names).await.unwrap();
    let mut logs = Vec::new();
    for name in &names {
        logs.push(LogStore::open(&*store, name).await.unwrap());
    }
    for tag in 0..24u64 {
        for (i, log) in logs.iter().enumerate() {
            // Large where it is trimmed: what is alive of the segments is to be alike, so that they are merged.
            let len = if i == 3 && tag <= 12 { 12_000 } else { 200 };
            log.append(put(tag, batch(tag * 10 + i as u64, 3, len)), Expect::Any).await.unwrap();
        }
        if tag == 6 || tag == 12 {
            settle(&store).await;
        }
    }
    logs[0].trim(Position::new(30).unwrap()).await.unwrap();
    logs[3].trim(Position::new(40).unwrap()).await.unwrap();
    LogStore::delete(&*store, &names[1..2]).await.unwrap();
    store
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_clustering_merging_and_expiry() {
    let disk = SimDisk::new(0);
    let store = prepare(&disk).await;
    let expected = dump(&store).await;
    settle(&store).await;
    assert_eq!(dump(&store).await, expected);
    assert_eq!(store.stats().segments.load(Ordering::Relaxed), 1, "they are merged");
    let used = disk.used_bytes("/data/seg".as_ref());
    drop(store);
    let prepared = SimDisk::new(0);
    drop(prepare(&prepared).await);
    for step in 0.. {
        let disk = prepared.copy(step);
        let store = open(&disk).unwrap();
        disk.set_faults(Faults { halt_at: Some(step), ..Faults::default() });
        settle_if_possible(&store).await;
        let halted = disk.has_halted();
        drop(store);
        disk.crash();
        let store = open(&disk).unwrap_or_else(|error| panic!("{error}, step {step}"));
        assert!(dump(&store).await == expected, "step {step}");
        settle(&store).await;
        assert!(dump(&store).await == expected, "step {step}, afterwards");
        let now = disk.used_bytes("/data/seg".as_ref());
        assert!(now <= used + (4 << 10), "{now} bytes are used instead of {used}, step {step}");
        for dir in ["/data/journal", "/data/seg", "/data/meta"] {
            let names = disk.list(dir.as_ref()).unwrap();
            assert!(!names.iter().any(|name| name.ends_with(".tmp")), "{names:?}, step {step}");
        }
        drop(store);
        if !halted {
            assert!(step > 20, "there were {step} steps");
            break;
        }
    }
}
