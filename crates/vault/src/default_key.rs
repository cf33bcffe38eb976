//! The default master key of a server that was given none.

use std::fmt;

use crate::keyring::Keyring;

/// Makes the default master key where there is none.
pub trait DefaultKey: fmt::Debug + Send + Sync {
    /// Stores a new key under [`DEFAULT_ALIAS`](crate::DEFAULT_ALIAS) and returns all master keys. The new one is durable
    /// before this returns; one that is there already stays. Blocks.
    ///
    /// # Errors
    /// It could not be stored, or the keys that are stored cannot be read.
    fn make(&self) -> std::io::Result<Keyring>;
}
