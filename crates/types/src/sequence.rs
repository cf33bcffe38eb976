//! Sequence numbers: 186 bits, 56 decimal digits.
//!
//! # Format (version 2), 47 hex nibbles, most significant first
//! ```text
//! 0       1-9               10               11-26         27-28  29-37            38-45        46
//! '2'     shard creation s  shard nibble     index, 63 bit  00    time issued, s   shard index  '2'
//! ```
//! The index field carries the engine's position plus one, so that no record equals its shard's starting
//! number. Versions 0 and 1, which AWS issued before 2014, are still read: what matters of them is the shard.
//!
//! # Algorithm
//! The number is held as 60 high bits and 128 low ones; decimal conversion works in limbs of 10^19.

use std::fmt;
use std::str::FromStr;

use crate::{Position, ShardId, Timestamp};

/// A version 2 sequence number. Orders by shard creation, then by the low nibble of the shard, then by index:
/// exactly as the decimal numbers do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SequenceNumber {
    shard_created_s: u64,
    shard: ShardId,
    index: u64,
    time_s: u64,
}

/// A text that is a sequence number of some version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnySequenceNumber {
    /// The version that Headwater and today's AWS issue.
    Current(SequenceNumber),
    /// An older version; no record of ours carries it.
    Old {
        /// The shard it names.
        shard: ShardId,
        /// When that shard was created, in seconds since the epoch.
        shard_created_s: u64,
    },
}

/// A text that is no sequence number of any version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a sequence number")]
pub struct InvalidSequenceNumber;

/// Creation times end here (kinesalite, after production): the year 2477.
const SECONDS_END: u64 = 16_025_175_000;
/// The index of an ending sequence number.
const INDEX_MAX: u64 = i64::MAX as u64;
const LIMB: u64 = 10_000_000_000_000_000_000;

impl SequenceNumber {
    /// The number of the record at `position` in a shard, issued at `time`.
    pub fn of_record(shard: ShardId, shard_created: Timestamp, position: Position, time: Timestamp) -> Self {
        Self::new(shard, shard_created, position.get() + 1, time)
    }

    /// The number with which a shard begins.
    pub fn starting(shard: ShardId, shard_created: Timestamp) -> Self {
        Self::new(shard, shard_created, 0, shard_created)
    }

    /// The number with which a shard that was closed at `time` ends.
    pub fn ending(shard: ShardId, shard_created: Timestamp, time: Timestamp) -> Self {
        Self::new(shard, shard_created, INDEX_MAX, time)
    }

    /// A number between the records before `next` and the one that stands or will stand there: reading at it or
    /// after it begins at `next` either way. `newest` is the arrival of the newest record before `next`, or later.
    ///
    /// It has the index of the record before and a later time, so it grows with `now` while nothing arrives.
    pub fn continuation(
        shard: ShardId,
        shard_created: Timestamp,
        next: Position,
        newest: Timestamp,
        now: Timestamp,
    ) -> Self {
        let after_newest = Timestamp::from_secs(newest.as_secs() + 1);
        Self::new(shard, shard_created, next.get(), now.max(after_newest))
    }

    fn new(shard: ShardId, shard_created: Timestamp, index: u64, time: Timestamp) -> Self {
        Self {
            shard_created_s: shard_created.as_secs().min(SECONDS_END - 1),
            shard,
            index,
            time_s: time.as_secs().min(SECONDS_END - 1),
        }
    }

    /// The shard it belongs to.
    pub fn shard(&self) -> ShardId {
        self.shard
    }

    /// When that shard was created, in seconds since the epoch.
    pub fn shard_created_s(&self) -> u64 {
        self.shard_created_s
    }

    /// When it was issued, in seconds since the epoch.
    pub fn time_s(&self) -> u64 {
        self.time_s
    }

    /// True of the number with which a shard ends, which no record carries.
    pub fn is_ending(&self) -> bool {
        self.index == INDEX_MAX
    }

    /// The position of the record that carries it (of the record before, for a continuation); `None` for the
    /// starting number, which no record has.
    pub fn position(&self) -> Option<Position> {
        self.index.checked_sub(1).map(|p| Position::new(p).unwrap_or(Position::MAX))
    }

    fn to_bits(self) -> (u64, u128) {
        let high = (2 << 56)
            | (self.shard_created_s << 20)
            | (u64::from(self.shard.index() & 0xf) << 16)
            | (self.index >> 48);
        let low = (u128::from(self.index & 0xffff_ffff_ffff) << 80)
            | (u128::from(self.time_s) << 36)
            | (u128::from(self.shard.index()) << 4)
            | 2;
        (high, low)
    }

    /// Appends the 56 digits to `out`. The fast path: answers carry hundreds of them.
    pub fn write_to(&self, out: &mut [u8; 56]) {
        let (high, low) = self.to_bits();
        let mut limbs = [high, (low >> 64) as u64, low as u64];
        let (mut end, mut decimal) = (56usize, itoa::Buffer::new());
        for _ in 0..3 {
            let limb = divide(&mut limbs);
            let start = end.saturating_sub(19);
            out[start..end].fill(b'0');
            let text = decimal.format(limb).as_bytes();
            out[end - text.len()..end].copy_from_slice(text);
            end = start;
        }
    }
}

/// Divides the three limbs (most significant first) by 10^19 in place; returns the remainder.
fn divide(limbs: &mut [u64; 3]) -> u64 {
    let mut remainder = 0u64;
    for limb in limbs {
        let value = (u128::from(remainder) << 64) | u128::from(*limb);
        *limb = (value / u128::from(LIMB)) as u64;
        // The low halves suffice: what is left is less than a limb.
        remainder = (value as u64).wrapping_sub(limb.wrapping_mul(LIMB));
    }
    remainder
}

impl PartialOrd for SequenceNumber {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SequenceNumber {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.to_bits().cmp(&other.to_bits())
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 56];
        self.write_to(&mut digits);
        // Only ASCII digits were written.
        f.write_str(std::str::from_utf8(&digits).unwrap_or_default())
    }
}

impl FromStr for AnySequenceNumber {
    type Err = InvalidSequenceNumber;

    fn from_str(text: &str) -> Result<Self, InvalidSequenceNumber> {
        let (mut high, mut low) = parse_bits(text).ok_or(InvalidSequenceNumber)?;
        if high == 0 && low < 1 << 124 {
            low += 1 << 124;
        }
        if high < 2 {
            return old_version_0(high, low);
        }
        if high >> 56 != 2 {
            return Err(InvalidSequenceNumber);
        }
        let shard_created_s = (high >> 20) & 0xf_ffff_ffff;
        let shard = ShardId::new((low >> 4) as u32).ok_or(InvalidSequenceNumber)?;
        if shard_created_s >= SECONDS_END {
            return Err(InvalidSequenceNumber);
        }
        match low & 0xf {
            1 => Ok(Self::Old { shard, shard_created_s }),
            2 => {
                high &= 0xffff;
                let index = (high << 48) | (low >> 80) as u64;
                let zero = (low >> 72) as u8;
                let time_s = (low >> 36) as u64 & 0xf_ffff_ffff;
                if index > INDEX_MAX || zero != 0 || time_s >= SECONDS_END {
                    return Err(InvalidSequenceNumber);
                }
                Ok(Self::Current(SequenceNumber { shard_created_s, shard, index, time_s }))
            }
            _ => Err(InvalidSequenceNumber),
        }
    }
}

/// Version 0 is below 2^129: `1`, creation 9 nibbles, a byte, 16 random nibbles, the shard in 4.
fn old_version_0(high: u64, low: u128) -> Result<AnySequenceNumber, InvalidSequenceNumber> {
    // Only 32 nibbles beginning with 1 have this form; a bit above them is the first nibble doubled.
    if high != 0 || low >> 124 != 1 {
        return Err(InvalidSequenceNumber);
    }
    let shard = ShardId::new((low & 0xffff) as u32).ok_or(InvalidSequenceNumber)?;
    let shard_created_s = (low >> 88) as u64 & 0xf_ffff_ffff;
    if shard_created_s >= SECONDS_END {
        return Err(InvalidSequenceNumber);
    }
    Ok(AnySequenceNumber::Old { shard, shard_created_s })
}

/// Reads a decimal number below 2^192 as its high 64 and low 128 bits.
fn parse_bits(text: &str) -> Option<(u64, u128)> {
    if text.is_empty() || text.len() > 58 || (text.len() > 1 && text.starts_with('0')) {
        return None;
    }
    let mut limbs = [0u64; 3];
    for chunk in text.as_bytes().chunks(18) {
        let mut value = 0u64;
        for byte in chunk {
            if !byte.is_ascii_digit() {
                return None;
            }
            value = value * 10 + u64::from(byte - b'0');
        }
        let mut carry = value;
        for limb in limbs.iter_mut().rev() {
            let product = u128::from(*limb) * 10u128.pow(chunk.len() as u32) + u128::from(carry);
            *limb = product as u64;
            carry = (product >> 64) as u64;
        }
        if carry != 0 {
            return None;
        }
    }
    Some((limbs[0], (u128::from(limbs[1]) << 64) | u128::from(limbs[2])))
}
