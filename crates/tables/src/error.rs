//! Errors, sorted by what the caller should do next.

use std::sync::Arc;

use headwater_machine::MachineError;
use headwater_store::StoreError;
use headwater_vault::KeyTrouble;

use crate::expression::ExpressionError;
use crate::schema::TableName;
use crate::value::Item;

/// Result of an operation.
pub type Result<T, E = TablesError> = std::result::Result<T, E>;

/// Why an operation was not done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TablesError {
    /// The request is wrong: the text says how, in the service's own words.
    #[error("{0}")]
    Invalid(String),
    /// There is no such table, or not yet, or no longer. Create it, or wait.
    #[error("there is no table {0}")]
    TableNotFound(TableName),
    /// There is a table of this name.
    #[error("there is a table {0} already")]
    TableExists(TableName),
    /// The table is being created, changed or deleted: wait.
    #[error("table {table} is being {doing}")]
    InUse {
        /// The table.
        table: TableName,
        /// `created`, `updated` or `deleted`.
        doing: &'static str,
    },
    /// The table has no such index; the text is the service's.
    #[error("{0}")]
    IndexNotFound(String),
    /// The condition does not hold for the item, which is given where that was asked for: read, decide again.
    #[error("the condition does not hold")]
    ConditionFailed(Option<Arc<Item>>),
    /// A transaction was not done; a reason for each of its actions, `None` where it was not its fault.
    #[error("the transaction was cancelled")]
    TransactionCanceled(Vec<Option<Cancellation>>),
    /// The token of a transaction was used for another one.
    #[error("the token was used with other parameters")]
    TokenMismatch,
    /// The provisioned capacity is used up: wait.
    #[error("the provisioned throughput of {0} is used up")]
    Throttled(TableName),
    /// A quota: free something first.
    #[error("{0}")]
    LimitExceeded(String),
    /// The store refused, or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Stored data cannot be read.
    #[error("stored tables cannot be read: {0}")]
    Damaged(String),
    /// Deciding a request failed inside the server. Nothing of it was done.
    #[error("the request could not be decided; the log of the server says why")]
    Undecided,
    /// The master key cannot be used, by which items are encrypted or are to be.
    #[error("the key of table {table} cannot be used: {trouble}")]
    Key {
        /// The table whose key it is.
        table: TableName,
        /// Why.
        trouble: KeyTrouble,
    },
    /// The table has lost changes to damage, or there may have been one of this name. Nothing of it is read or written
    /// until the damage is mended or the loss accepted.
    #[error(
        "Table {table} has lost changes to damage of the data directory, or may have: {cause}. Put the damaged file back from \
         a backup, or delete the table, or accept the loss with `headwater repair-tables`."
    )]
    Lost {
        /// The table that lost changes.
        table: TableName,
        /// To what.
        cause: String,
    },
    /// The server is stopping.
    #[error("the tables are closed")]
    Stopped,
}

/// Why one action kept a transaction from being done.
#[derive(Debug, Clone)]
pub enum Cancellation {
    /// Its condition does not hold for the item, which is given where that was asked for.
    ConditionFailed(Option<Arc<Item>>),
    /// It is wrong: how.
    Invalid(String),
    /// The provisioned capacity is used up.
    Throttled(TableName),
}

impl From<MachineError> for TablesError {
    fn from(error: MachineError) -> Self {
        match error {
            MachineError::Store(error) => Self::Store(error),
            MachineError::Damaged { cause, .. } => Self::Damaged(cause),
            MachineError::Format { .. } => Self::Damaged(error.to_string()),
            MachineError::Panicked { .. }
            | MachineError::Unread { .. }
            | MachineError::PayloadReleased { .. } => Self::Undecided,
            MachineError::NotOwner { .. } | MachineError::Stopped { .. } => Self::Stopped,
        }
    }
}

impl From<ExpressionError> for TablesError {
    fn from(error: ExpressionError) -> Self {
        Self::Invalid(error.0)
    }
}
