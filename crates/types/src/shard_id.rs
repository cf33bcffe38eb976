//! The name of a shard: its index in the stream.

use std::fmt;

/// A shard's index, 0 to 2147483647, written `shardId-000000000000`. Never reused within a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct ShardId(u32);

impl ShardId {
    /// The highest index.
    pub const MAX: u32 = i32::MAX as u32;

    /// The shard with this index; `None` above [`ShardId::MAX`].
    pub const fn new(index: u32) -> Option<Self> {
        if index <= Self::MAX { Some(Self(index)) } else { None }
    }

    /// Reads a shard id as leniently as Kinesis does: what follows the first `-` (or all of it) is a number,
    /// so that `shard-0` and `5` work.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.split_once('-').map_or(text, |(_, after)| after);
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        digits.parse().ok().and_then(Self::new)
    }

    /// The index.
    pub const fn index(self) -> u32 {
        self.0
    }

    /// The id `by` further on, stopping at the highest.
    pub const fn plus(self, by: u32) -> Self {
        let sum = self.0.saturating_add(by);
        if sum > Self::MAX { Self(Self::MAX) } else { Self(sum) }
    }
}

impl ShardId {
    /// Calls `with` with the name: the fast path, because answers carry hundreds of them.
    pub fn with_name<T>(self, with: impl FnOnce(&str) -> T) -> T {
        let mut name = *b"shardId-000000000000";
        let mut decimal = itoa::Buffer::new();
        let digits = decimal.format(self.0).as_bytes();
        let start = name.len() - digits.len();
        name[start..].copy_from_slice(digits);
        // Only ASCII was written.
        with(std::str::from_utf8(&name).unwrap_or_default())
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_name(|name| f.pad(name))
    }
}
