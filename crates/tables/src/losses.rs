//! Tables of which damage has taken something.
//!
//! # Constraints
//! Of such a table no item is read or written, since a lease that goes back in time has two owners. It is listed,
//! described and can be deleted. While a table may be missing altogether, none can be made, and of a name that is not
//! there nobody is told that it is free.

use crate::schema::TableKey;
use crate::state::State;

/// Losses to damage, as far as they are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Losses {
    /// Tables that lost changes, and to what damage.
    pub tables: Vec<(TableKey, String)>,
    /// Tables that lost changes and of which not even the name is known.
    pub nameless: usize,
    /// Why there may be tables that are not known at all.
    pub unknown: Option<String>,
    /// Tables that have all their changes.
    pub whole: usize,
}

impl Losses {
    /// True if something is lost.
    pub fn are_there(&self) -> bool {
        !self.tables.is_empty() || self.nameless > 0 || self.unknown.is_some()
    }

    /// The place of a damage and what is wrong there, behind a colon.
    pub fn cause(&self) -> Option<&str> {
        let first = self.tables.first().map(|(_, cause)| cause.as_str());
        first.or(self.unknown.as_deref())
    }
}

impl State {
    /// A table has lost something.
    pub(crate) fn lose(&mut self, uid: u64, cause: &str) {
        self.lost.entry(uid).or_insert_with(|| cause.to_owned());
    }

    /// There may be tables that are not known.
    pub(crate) fn lose_unknown(&mut self, cause: &str) {
        self.lost_unknown.get_or_insert_with(|| cause.to_owned());
    }

    pub(crate) fn has_lost(&self, uid: u64) -> bool {
        self.lost.contains_key(&uid)
    }

    pub(crate) fn has_losses(&self) -> bool {
        !self.lost.is_empty() || self.lost_unknown.is_some()
    }

    /// Why a name that is not there may have been one.
    pub(crate) fn unknown_loss(&self) -> Option<&str> {
        let nameless = || self.lost.iter().find(|(uid, _)| self.table(**uid).is_none());
        self.lost_unknown.as_deref().or_else(|| nameless().map(|(_, cause)| cause.as_str()))
    }

    pub(crate) fn losses(&self) -> Losses {
        let named =
            |(uid, cause): (&u64, &String)| Some((self.table(*uid)?.meta.key(self.home()), cause.clone()));
        let tables: Vec<_> = self.lost.iter().filter_map(named).collect();
        Losses {
            nameless: self.lost.len() - tables.len(),
            unknown: self.lost_unknown.clone(),
            whole: self.tables().count() - tables.len(),
            tables,
        }
    }

    /// Takes what there is for all there is.
    pub(crate) fn forget_losses(&mut self) {
        self.lost.clear();
        self.lost_unknown = None;
    }
}
