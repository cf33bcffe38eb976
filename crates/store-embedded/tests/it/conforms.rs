//! The suite of the port, and the model, with what the engine does behind the port in between.

use std::sync::Arc;

use headwater_host::SystemClock;
use headwater_host::disk::{SimDisk, SystemDisk};
use headwater_store::conformance::{agrees_with_the_naive_engine, check_all};
use headwater_store_embedded::{EmbeddedStore, Options, Sizes};

use crate::support::{open, options, settle};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_simulated_disk() {
    check_all(async || open(&SimDisk::new(1)).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_everything_in_the_background() {
    check_all(async || EmbeddedStore::open(options(SimDisk::new(2), true)).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_real_disk() {
    let dir = tempfile::tempdir().unwrap();
    let made = std::cell::Cell::new(0);
    check_all(async || {
        made.set(made.get() + 1);
        let dir = dir.path().join(format!("{}", made.get()));
        let options =
            Options { sizes: Sizes::default(), ..Options::new(SystemDisk::new(), dir, SystemClock::new()) };
        EmbeddedStore::open(options).unwrap()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn model_with_clustering_between() {
    for seed in 0..20 {
        let store = open(&SimDisk::new(seed)).unwrap();
        agrees_with_the_naive_engine(&*store, seed, 600, async || settle(&store).await).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn model_when_nothing_is_cached() {
    let disk = SimDisk::new(3);
    let store: Arc<EmbeddedStore> = open(&disk).unwrap();
    disk.set_faults(headwater_host::disk::Faults { nothing_cached: true, ..Default::default() });
    agrees_with_the_naive_engine(&*store, 3, 600, async || settle(&store).await).await;
}
