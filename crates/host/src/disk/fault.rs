//! Faults that a [`SimDisk`](super::SimDisk) injects.

/// Faults to inject. Counts begin when the faults are set.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// The power fails in the middle of this changing operation (counted from 0): a write of it reaches the
    /// cache in part, and every later operation fails until the power is back.
    pub halt_at: Option<u64>,
    /// Syncs of files whose path contains this text fail; what was not synced before may be lost. By path and not by
    /// number, because whoever works in the background syncs files of its own at any time.
    pub fail_syncs_of: Option<String>,
    /// Reads of files whose path contains this text fail.
    pub fail_reads_of: Option<String>,
    /// Writes to files whose path contains this text fail.
    pub fail_writes_of: Option<String>,
    /// Bytes that all files together may hold; `None` is without limit.
    pub capacity_bytes: Option<u64>,
    /// Cached reads answer `WouldBlock`.
    pub nothing_cached: bool,
}
