//! The suite, over the toy and groups of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use headwater_host::SystemClock;
use headwater_host::disk::SimDisk;
use headwater_machine::conformance::check_all;
use headwater_store::memory::MemoryStore;
use headwater_store_embedded::{EmbeddedStore, Options};

use crate::toy::{GroupSubject, RegistersSubject};

#[tokio::test]
async fn registers_conform() {
    check_all(&RegistersSubject { contains_damage: false }, async || MemoryStore::new()).await;
}

#[tokio::test]
async fn registers_that_contain_damage_conform() {
    check_all(&RegistersSubject { contains_damage: true }, async || MemoryStore::new()).await;
}

#[tokio::test]
async fn a_group_conforms() {
    check_all(&GroupSubject, async || MemoryStore::new()).await;
}

/// A store on a disk of its own.
async fn on_disk() -> Arc<EmbeddedStore> {
    static DISKS: AtomicU64 = AtomicU64::new(0);
    let disk = SimDisk::new(DISKS.fetch_add(1, Ordering::Relaxed));
    let mut options = Options::new(disk, "/machine", SystemClock::new());
    options.background = false;
    options.sizes.journal_first_bytes = 1 << 20;
    EmbeddedStore::open(options).unwrap()
}

#[tokio::test]
async fn registers_conform_over_the_embedded_store() {
    check_all(&RegistersSubject { contains_damage: false }, on_disk).await;
}

#[tokio::test]
async fn a_group_conforms_over_the_embedded_store() {
    check_all(&GroupSubject, on_disk).await;
}
