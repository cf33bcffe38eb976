//! The state of the tables, for `/health`.

use std::sync::Arc;

use headwater_tables::TableService;

use crate::health::{Health, State};

/// Adds what the tables can tell of themselves.
pub(crate) fn watch(health: &mut Health, tables: &Arc<TableService>) {
    let tables = tables.clone();
    health.add("tables", move || state_of(&tables));
}

fn state_of(tables: &TableService) -> State {
    if tables.trouble().is_some() {
        return State::Down("no table can be used; the log says why".into());
    }
    let losses = tables.losses();
    if !losses.are_there() {
        return match tables.lacks_room() {
            true => State::Impaired("the disk has no room for more: what grows is refused".into()),
            false => State::Well,
        };
    }
    // Less what follows the place: the names of files.
    let place = losses.cause().and_then(|cause| cause.split(": ").next()).unwrap_or_default();
    let (lost, whole) = (losses.tables.len() + losses.nameless, losses.whole);
    let more = if losses.unknown.is_some() { ", others may be missing" } else { "" };
    State::Impaired(format!(
        "{place}: tables that lost changes to damage and are not served: {lost}{more}; served: {whole}; see the log"
    ))
}
