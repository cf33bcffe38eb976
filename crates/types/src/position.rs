//! Position of a record in one log.

use std::fmt;

/// A place in one log. Positions grow with every record; an engine may leave gaps between batches, never
/// inside one: record `i` of a batch that was appended at `p` stands at `p + i`.
///
/// At most 2^63 - 2, so that `position + 1` fits the 63-bit index field of a sequence number.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Position(u64);

impl Position {
    /// Earliest position in every log: nothing is before it.
    pub const START: Self = Self(0);
    /// Past everything a log can hold.
    pub const MAX: Self = Self((1 << 63) - 2);

    /// The position with this number, or `None` past [`Position::MAX`].
    pub const fn new(value: u64) -> Option<Self> {
        if value <= Self::MAX.0 { Some(Self(value)) } else { None }
    }

    /// The number, as engines store it.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The position `count` records further on, stopping at [`Position::MAX`].
    pub const fn plus(self, count: u64) -> Self {
        let sum = self.0.saturating_add(count);
        if sum > Self::MAX.0 { Self::MAX } else { Self(sum) }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
