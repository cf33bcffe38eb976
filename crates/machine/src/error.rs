//! Errors, sorted by what the caller should do next.

use headwater_store::StoreError;

/// Result of an operation on a machine.
pub type Result<T, E = MachineError> = std::result::Result<T, E>;

/// Why a machine did not do what it was asked. A machine's own refusals are answers, not errors.
#[derive(Debug, Clone, thiserror::Error)]
pub enum MachineError {
    /// The store refused or failed. `Conflict`: another owner has written, and the state was read anew; decide again.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Stored bytes cannot be read. The text names the place. Repair, then open again.
    #[error("stored state of {machine} cannot be read: {cause}")]
    Damaged {
        /// Name of the machine.
        machine: &'static str,
        /// Place and cause.
        cause: String,
    },
    /// The stored state has a format that this version does not read. Use the version that the text asks for.
    #[error(
        "the stored state of {machine} has {what} {found}, which this version does not read (it writes {writes})"
    )]
    Format {
        /// Name of the machine.
        machine: &'static str,
        /// `format` of the machine's changes, or `layout` of the manifest.
        what: &'static str,
        /// The number that is stored.
        found: u32,
        /// The number that this version writes.
        writes: u32,
    },
    /// Deciding the command has panicked. It changed nothing.
    #[error("{machine} could not decide the command; the server's log says more")]
    Panicked {
        /// Name of the machine.
        machine: &'static str,
    },
    /// This server does not own the machine. Ask the owner, or try again soon where there is none.
    #[error("{machine} is owned by {}", owner.as_deref().unwrap_or("nobody yet"))]
    NotOwner {
        /// Name of the machine.
        machine: &'static str,
        /// The owner, if there is one.
        owner: Option<String>,
    },
    /// A snapshot would lose for good what cannot be read now. Make it readable first.
    #[error("no snapshot of {machine} can be made: it would lose what cannot be read now")]
    Unread {
        /// Name of the machine.
        machine: &'static str,
    },
    /// The payload that the command refers to was released before the command came. Append it again.
    #[error("the payload of a command to {machine} was released")]
    PayloadReleased {
        /// Name of the machine.
        machine: &'static str,
    },
    /// The machine is closed, or its process ends.
    #[error("{machine} is closed")]
    Stopped {
        /// Name of the machine.
        machine: &'static str,
    },
}
