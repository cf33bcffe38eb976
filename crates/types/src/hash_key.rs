//! The 128-bit ring on which partition keys are placed.

use std::fmt;

use md5::{Digest, Md5};

/// A point on the ring, 0 to 2^128 - 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HashKey(pub u128);

impl HashKey {
    /// The first point.
    pub const MIN: Self = Self(0);
    /// The last point.
    pub const MAX: Self = Self(u128::MAX);

    /// Hash key of a partition key: its MD5, read as a big-endian number.
    pub fn of_partition_key(key: &str) -> Self {
        Self::of_bytes(key.as_bytes())
    }

    /// The MD5 of any bytes, read as a big-endian number.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(u128::from_be_bytes(Md5::digest(bytes).into()))
    }

    /// Reads a decimal number without sign or leading zeros (`0|[1-9]\d*`); `None` above 2^128 - 1 too.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty()
            || !text.bytes().all(|b| b.is_ascii_digit())
            || (text.len() > 1 && text.starts_with('0'))
        {
            return None;
        }
        text.parse().ok().map(Self)
    }
}

impl fmt::Display for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An inclusive range of the ring, never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashRange {
    start: HashKey,
    end: HashKey,
}

impl HashRange {
    /// The whole ring.
    pub const FULL: Self = Self { start: HashKey::MIN, end: HashKey::MAX };

    /// The range from `start` to `end`, both inclusive; `None` if `end` comes first.
    pub fn new(start: HashKey, end: HashKey) -> Option<Self> {
        (start <= end).then_some(Self { start, end })
    }

    /// The `index`-th of `count` ranges that Kinesis makes of the ring: each `floor(2^128 / count)` long, the
    /// last one up to the ring's end. `index < count`.
    pub fn uniform(index: u32, count: u32) -> Self {
        if count <= 1 {
            return Self::FULL;
        }
        // floor(2^128 / n) without 129 bits: 2^128 - 1 = q * n + r, and one more makes r + 1 <= n.
        let n = u128::from(count);
        let step = u128::MAX / n + u128::from(u128::MAX % n == n - 1);
        let start = step * u128::from(index);
        let end = if index + 1 >= count { u128::MAX } else { start + (step - 1) };
        Self { start: HashKey(start), end: HashKey(end) }
    }

    /// The first point.
    pub fn start(&self) -> HashKey {
        self.start
    }

    /// The last point.
    pub fn end(&self) -> HashKey {
        self.end
    }

    /// True if the point lies inside.
    pub fn contains(&self, key: HashKey) -> bool {
        self.start <= key && key <= self.end
    }

    /// Number of its points, less one: the whole ring has one more than fits.
    pub fn width(&self) -> u128 {
        self.end.0 - self.start.0
    }

    /// The point that begins the upper half.
    pub fn middle(&self) -> HashKey {
        HashKey(self.start.0 + self.width().div_ceil(2))
    }

    /// True if Kinesis would split here: `start + 1 < at < end` (kinesalite, after production).
    pub fn has_room_at(&self, at: HashKey) -> bool {
        self.start.0.saturating_add(1) < at.0 && at < self.end
    }

    /// `[start, at - 1]` and `[at, end]`; `None` unless `start < at <= end`.
    pub fn split_at(&self, at: HashKey) -> Option<(Self, Self)> {
        (self.start < at && at <= self.end)
            .then(|| (Self { start: self.start, end: HashKey(at.0 - 1) }, Self { start: at, end: self.end }))
    }

    /// Both ranges as one, if `upper` begins right after this one ends.
    pub fn join(&self, upper: &Self) -> Option<Self> {
        (self.end < upper.start && self.end.0 + 1 == upper.start.0)
            .then_some(Self { start: self.start, end: upper.end })
    }
}
