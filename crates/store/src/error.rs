//! Errors of a store, sorted by what the caller should do next.

/// Result of a store operation.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Why a store did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The log is sealed: nothing is ever appended to it again. Look for its successors.
    #[error("the log is sealed")]
    Closed,
    /// The log does not exist, or no longer. Look the owner up again.
    #[error("there is no log {0}")]
    NoSuchLog(String),
    /// Somebody else changed the key or the tail first. Read again, decide again.
    #[error("the version or tail is not the expected one")]
    Conflict,
    /// The store takes no more work right now. Try again soon; nothing was done.
    #[error("the store is busy")]
    Busy,
    /// The disk is full or below its floor: writes are refused, reads go on. Free space.
    #[error("no space left for writes: {0}")]
    NoSpace(String),
    /// The process has no file descriptors left: nothing was done. It passes when some are closed.
    #[error("no file descriptors left: {0}")]
    NoFiles(String),
    /// Stored bytes fail their checksum. Never served; the text names the file and the offset.
    #[error("stored data is corrupt: {0}")]
    Corrupt(String),
    /// Reading failed. Trying again may help.
    #[error("cannot read: {0}")]
    Read(String),
    /// A write or its fsync failed. What the disk holds is unknown, so this store accepts no more writes
    /// until it is opened anew. The outcome of the write that got this error is unknown.
    #[error("writes have stopped: {0}")]
    Poisoned(String),
    /// The caller asked for something no engine can do (a batch beyond its limits, for instance).
    #[error("invalid request to the store: {0}")]
    Invalid(String),
}
