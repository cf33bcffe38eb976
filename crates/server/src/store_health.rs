//! Health of the embedded store, for `/health`.

use std::sync::Arc;

use headwater_store_embedded::EmbeddedStore;

use crate::health::{Health, State};

/// Adds what the store can tell of itself.
pub(crate) fn watch(health: &mut Health, store: &Arc<EmbeddedStore>) {
    let log = store.clone();
    health.add("log", move || match log.poisoned() {
        Some(_) => State::Down("writes have stopped; see the log for the cause, and restart".into()),
        None if log.is_out_of_files() => State::Impaired("the process has no file descriptors left".into()),
        None => match log.background_failure() {
            Some(_) => State::Impaired("background work fails and is tried again; see the log".into()),
            None => State::Well,
        },
    });
    let disk = store.clone();
    health.add("disk", move || match disk.is_full() {
        true => State::Impaired("the disk is full: writes are refused until there is space".into()),
        false => State::Well,
    });
    let data = store.clone();
    health.add("stored data", move || match data.damaged_places() {
        0 => State::Well,
        1 => State::Impaired("damaged in one place; the log names file and offset".into()),
        places => State::Impaired(format!("damaged in {places} places; the log names file and offset")),
    });
}
