//! Common parts of batches and transactions.

use headwater_tables::{Consumed, TableKey};

use super::error::{DynamoDbError, Result};
use super::names::Named;

/// Consumption of each table, in the order in which they come.
#[derive(Debug, Default)]
pub(super) struct Used(pub(super) Vec<(String, Consumed)>);

impl Used {
    /// Adds what was used of a table, as the request names it.
    pub(super) fn add(&mut self, table: &str, consumed: &Consumed) {
        match self.0.iter_mut().find(|(known, _)| known == table) {
            Some((_, sum)) => sum.add(consumed),
            None => self.0.push((table.to_owned(), consumed.clone())),
        }
    }
}

/// Refuses a table that is named by its name and by its ARN: one batch could then have an item twice.
pub(super) fn check_distinct(tables: &[Named]) -> Result<()> {
    let mut seen: std::collections::BTreeSet<&TableKey> = std::collections::BTreeSet::new();
    if tables.iter().all(|table| seen.insert(&table.key)) {
        return Ok(());
    }
    Err(DynamoDbError::parameter("A table is named twice, by its name and by its ARN"))
}

/// Error for a batch that has an item twice.
pub(super) fn duplicates() -> DynamoDbError {
    DynamoDbError::validation("Provided list of item keys contains duplicates")
}
