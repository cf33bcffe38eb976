//! The suite, over the toy and groups of it.

use headwater_machine::conformance::check_all;
use headwater_store::memory::MemoryStore;

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
