//! Stretches of a snapshot of all tables: counts, tokens, then table by table.

use std::ops::Bound::{Excluded, Unbounded};

use crate::change::Change;
use crate::order::Place;
use crate::state::State;

/// Tokens of a stretch.
const TOKENS_MAX: usize = 1000;

/// Place at which a snapshot goes on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cursor {
    /// After this token.
    Tokens(Option<(String, String)>),
    /// After the table of this uid.
    Tables(Option<u64>),
    /// After this item of the table.
    Items(u64, Place),
}

impl State {
    /// About `limit_bytes`, of one table at the most, and where to go on. A table's record comes before its first item.
    pub(crate) fn stretch(&self, from: Option<&Cursor>, limit_bytes: usize) -> (Vec<Change>, Option<Cursor>) {
        let after = match from {
            None => {
                let counts = self.counts.clone().unwrap_or_default();
                return (vec![counts.change()], Some(Cursor::Tokens(None)));
            }
            Some(Cursor::Tokens(after)) => {
                let (tokens, last) = self.token_changes(after.as_ref(), TOKENS_MAX);
                if let Some(last) = last {
                    return (tokens, Some(Cursor::Tokens(Some(last))));
                }
                if !tokens.is_empty() {
                    return (tokens, Some(Cursor::Tables(None)));
                }
                None
            }
            Some(Cursor::Tables(after)) => *after,
            Some(Cursor::Items(uid, place)) => match self.table(*uid) {
                Some(_) => return self.table_stretch(*uid, Some(place), limit_bytes),
                None => Some(*uid),
            },
        };
        match self.table_after(after) {
            Some(uid) => self.table_stretch(uid, None, limit_bytes),
            None => (Vec::new(), None),
        }
    }

    fn table_stretch(
        &self,
        uid: u64,
        after: Option<&Place>,
        limit_bytes: usize,
    ) -> (Vec<Change>, Option<Cursor>) {
        let Some(table) = self.table(uid) else { return (Vec::new(), Some(Cursor::Tables(Some(uid)))) };
        let mut changes = Vec::new();
        if after.is_none() {
            changes.push(Change::Table(Box::new(table.meta.clone())));
        }
        let mut bytes = 0;
        let start = after.map_or(Unbounded, Excluded);
        for (place, item) in table.items.range::<Place, _>((start, Unbounded)) {
            changes.push(Change::Put(uid, item.clone()));
            bytes += crate::value::size_bytes(item);
            if bytes >= limit_bytes {
                return (changes, Some(Cursor::Items(uid, place.clone())));
            }
        }
        (changes, self.table_after(Some(uid)).map(|_| Cursor::Tables(Some(uid))))
    }
}
