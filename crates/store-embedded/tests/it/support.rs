//! Stores to test with.

use std::sync::Arc;
use std::time::Duration;

use headwater_host::SystemClock;
use headwater_host::disk::{Disk, SimDisk};
use headwater_store_embedded::{EmbeddedStore, OpenError, Options, Sizes};

/// Everything small, so that little data goes through all there is.
pub(crate) fn small(background: bool) -> Sizes {
    Sizes {
        journal_first_bytes: 4 << 10,
        journal_max_bytes: 16 << 10,
        ring_files: if background { 8 } else { 1 << 20 },
        commit_bytes: 16 << 10,
        queue_bytes: 1 << 20,
        cluster_bytes: 24 << 10,
        cluster_files: 3,
        merge_below_bytes: 64 << 10,
        merge_files: 3,
        run_bytes: 2 << 10,
        free_floor_bytes: 0,
        mark_after: Duration::from_secs(3600),
    }
}

pub(crate) fn options(disk: Arc<dyn Disk>, background: bool) -> Options {
    Options { sizes: small(background), background, ..Options::new(disk, "/data", SystemClock::new()) }
}

/// Opens a store whose background work is done only when asked for.
pub(crate) fn open(disk: &Arc<SimDisk>) -> Result<Arc<EmbeddedStore>, OpenError> {
    EmbeddedStore::open(options(disk.clone(), false))
}

/// Puts everything written so far into segments.
pub(crate) async fn settle(store: &EmbeddedStore) {
    store.rotate().await.unwrap();
    store.maintain().unwrap();
}

/// The same where the disk may be failing.
pub(crate) async fn settle_if_possible(store: &EmbeddedStore) {
    let _ = store.rotate().await;
    let _ = store.maintain();
}
