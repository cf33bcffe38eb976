//! The port of the metadata: small versioned values, changed by compare-and-set only.

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Result, StoreError};

/// A key: `/`-separated path of printable ASCII, 1 to 512 bytes. Who makes keys keeps them in one enum.
pub type MetaKey = String;

/// A value's version. Grows with each change of any key of the store; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

/// A value together with the version that a change of it must name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    /// The value.
    pub value: T,
    /// Its version.
    pub version: Version,
}

/// State of a key that a writer expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// The key does not exist.
    Absent,
    /// The key has this version.
    Version(Version),
}

/// One change, as a watcher sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaChange {
    /// The key.
    pub key: MetaKey,
    /// Its new value, `None` if it was deleted.
    pub value: Option<Versioned<Bytes>>,
}

/// Changes as they happen. Ends (`None`) when the watcher was too slow or the store closes: list again.
pub type MetaWatch = tokio::sync::mpsc::Receiver<MetaChange>;

/// Versioned keys. Values are at most 16 MiB.
#[async_trait]
pub trait MetaStore: Send + Sync + std::fmt::Debug {
    /// The value, `None` if the key does not exist.
    ///
    /// # Errors
    /// `Invalid` for what is no key; `Read` or `Corrupt` where the engine has to fetch it and cannot.
    async fn get(&self, key: &str) -> Result<Option<Versioned<Bytes>>>;
    /// Sets the value if `expected` holds. Durable when it returns.
    ///
    /// # Errors
    /// `Conflict` if `expected` does not hold; `Invalid` for what is no key or too long a value; `Busy` and `NoSpace`, and
    /// nothing was done; `Poisoned`, and it is unknown whether it was.
    async fn put(&self, key: &str, value: Bytes, expected: Expected) -> Result<Version>;
    /// Removes the key if it has this version. Durable when it returns.
    ///
    /// # Errors
    /// `Conflict` if it has another version or does not exist; otherwise as for [`MetaStore::put`].
    async fn delete(&self, key: &str, expected: Version) -> Result<()>;
    /// All keys that begin with `prefix` with their values, in the order of the keys' bytes.
    ///
    /// # Errors
    /// As for [`MetaStore::get`].
    async fn list(&self, prefix: &str) -> Result<Vec<(MetaKey, Versioned<Bytes>)>>;
    /// Every change from now on of a key that begins with `prefix`, in order.
    ///
    /// # Errors
    /// As for [`MetaStore::get`].
    async fn watch(&self, prefix: &str) -> Result<MetaWatch>;
}

/// The longest key in bytes.
pub const META_KEY_LEN_MAX: usize = 512;
/// The longest value in bytes.
pub const META_VALUE_LEN_MAX: usize = 16 << 20;

/// For engines: refuses a key that is not 1 to 512 bytes of printable ASCII.
///
/// # Errors
/// `Invalid`, with the key.
pub fn check_meta_key(key: &str) -> Result<()> {
    if (1..=META_KEY_LEN_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(())
    } else {
        Err(StoreError::Invalid(format!("'{}' is not a metadata key", key.escape_debug())))
    }
}

/// For engines: refuses a value that is too long.
///
/// # Errors
/// `Invalid`, with its length.
pub fn check_meta_value(value: &Bytes) -> Result<()> {
    if value.len() <= META_VALUE_LEN_MAX {
        Ok(())
    } else {
        Err(StoreError::Invalid(format!("a metadata value of {} bytes is too long", value.len())))
    }
}
