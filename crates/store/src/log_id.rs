//! The name of a log, unique for ever within one store.

use std::fmt;
use std::sync::Arc;

/// `[a-z0-9./_-]`, 1 to 200 bytes. An owner never reuses the name of a deleted log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId(Arc<str>);

/// Why a text is not the name of a log.
#[derive(Debug, Clone, thiserror::Error)]
#[error("'{0}' is not a log name: 1 to 200 of a-z 0-9 . / _ -")]
pub struct LogIdError(String);

impl LogId {
    /// The longest name in bytes.
    pub const LEN_MAX: usize = 200;

    /// Checks the name.
    pub fn new(name: &str) -> Result<Self, LogIdError> {
        let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'/' | b'_' | b'-');
        if (1..=Self::LEN_MAX).contains(&name.len()) && name.bytes().all(fits) {
            Ok(Self(name.into()))
        } else {
            Err(LogIdError(name.chars().take(Self::LEN_MAX).collect()))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
