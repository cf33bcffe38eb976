//! Numbers as DynamoDB has them: decimal, 38 significant digits, 1E-130 to 9.9…E+125.
//!
//! A number is whole digits and a power of ten, without zeros at the end of the digits, so that there is one form of
//! each: equal numbers are equal, hash the same and print the same. 38 digits fit an i128, and no text or sum makes
//! anything larger than that: what a text says is counted before it is computed. (A library's numbers have no bound,
//! so they would have to be checked before and after in the same way; tests compare with one.)
//!
//! A sum that takes more than 38 digits is refused and not rounded, and AWS calls that an overflow.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// Significant digits.
const DIGITS: u32 = 38;
/// The highest power of ten of a number's first digit.
const HIGHEST: i64 = 125;
/// The lowest power of ten of a number's first digit.
const LOWEST: i64 = -130;

/// A decimal number within DynamoDB's range, in its one normal form: equal numbers are equal values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Number {
    /// At most 38 digits, the last of them not 0; 0 for 0.
    digits: i128,
    /// Of ten; 0 for 0.
    power: i16,
}

/// Why a text, or a result, is no number that can be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// No number at all; AWS has the text behind this one, after a colon, unless it is empty.
    #[error("The parameter cannot be converted to a numeric value")]
    Malformed,
    /// Too far from zero, or a sum of more than 38 digits.
    #[error("Number overflow. Attempting to store a number with magnitude larger than supported range")]
    Overflow,
    /// Too close to zero.
    #[error("Number underflow. Attempting to store a number with magnitude smaller than supported range")]
    Underflow,
    /// More than 38 digits.
    #[error("Attempting to store more than 38 significant digits in a Number")]
    Digits,
}

impl Number {
    const ZERO: Self = Self { digits: 0, power: 0 };

    /// The normal form of `digits` times ten to the `power`.
    fn new(mut digits: i128, mut power: i64) -> Result<Self, NumberError> {
        if digits == 0 {
            return Ok(Self::ZERO);
        }
        while digits % 10 == 0 {
            (digits, power) = (digits / 10, power + 1);
        }
        let count = digits.unsigned_abs().ilog10() + 1;
        let top = power + i64::from(count) - 1;
        match top {
            _ if top > HIGHEST => Err(NumberError::Overflow),
            _ if top < LOWEST => Err(NumberError::Underflow),
            _ if count > DIGITS => Err(NumberError::Digits),
            _ => i16::try_from(power).map(|power| Self { digits, power }).map_err(|_| NumberError::Overflow),
        }
    }

    /// The shortest text that is read as this number again, for what people do not read.
    pub(crate) fn short(&self) -> String {
        format!("{}E{}", self.digits, self.power)
    }

    /// Length of [`Self::short`].
    pub(crate) fn short_bytes(&self) -> usize {
        let digits = |number: u128| number.checked_ilog10().map_or(1, |log| log as usize + 1);
        let signs = usize::from(self.digits < 0) + usize::from(self.power < 0);
        digits(self.digits.unsigned_abs()) + 1 + digits(u128::from(self.power.unsigned_abs())) + signs
    }

    /// Size in bytes: one for two digits (in pairs from the point on), one more, and one for a minus.
    pub fn size_bytes(&self) -> usize {
        if self.digits == 0 {
            return 1;
        }
        let pairs = self.top().div_euclid(2) - i64::from(self.power).div_euclid(2) + 1;
        1 + usize::try_from(pairs).unwrap_or(0) + usize::from(self.digits < 0)
    }

    /// The sum; refused if it has more than 38 digits or is out of range.
    pub fn checked_add(&self, other: &Self) -> Result<Self, NumberError> {
        if self.digits == 0 || other.digits == 0 {
            return Ok(if self.digits == 0 { other.clone() } else { self.clone() });
        }
        // What does not fit 39 digits when both have the lower power has more than 38 in the sum too: the last of the
        // digits stays, and of the first at most one goes.
        let power = self.power.min(other.power);
        let scaled = |number: &Self| {
            let zeros = u32::from(number.power.abs_diff(power));
            10i128.checked_pow(zeros).and_then(|factor| number.digits.checked_mul(factor))
        };
        let sum = scaled(self).zip(scaled(other)).and_then(|(one, two)| one.checked_add(two));
        match Self::new(sum.ok_or(NumberError::Overflow)?, i64::from(power)) {
            Err(NumberError::Digits) => Err(NumberError::Overflow),
            result => result,
        }
    }

    /// The difference; refused if it has more than 38 digits or is out of range.
    pub fn checked_sub(&self, other: &Self) -> Result<Self, NumberError> {
        self.checked_add(&Self { digits: -other.digits, power: other.power })
    }

    fn count(&self) -> u32 {
        self.digits.unsigned_abs().checked_ilog10().unwrap_or(0) + 1
    }

    /// The power of ten of the first digit.
    fn top(&self) -> i64 {
        i64::from(self.power) + i64::from(self.count()) - 1
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self::new(i128::from(value), 0).unwrap_or(Self::ZERO)
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let magnitude = |one: &Self, two: &Self| {
            let padded = |number: &Self| {
                number.digits.unsigned_abs() * 10u128.pow(DIGITS.saturating_sub(number.count()))
            };
            one.top().cmp(&two.top()).then_with(|| padded(one).cmp(&padded(two)))
        };
        self.digits.signum().cmp(&other.digits.signum()).then_with(|| match self.digits.signum() {
            1 => magnitude(self, other),
            -1 => magnitude(other, self),
            _ => Ordering::Equal,
        })
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl FromStr for Number {
    type Err = NumberError;

    /// Digits with a point anywhere among them, a sign before and a power behind: `-1.5`, `.5`, `1E+3`.
    fn from_str(text: &str) -> Result<Self, NumberError> {
        let (negative, unsigned) = sign(text);
        let (mantissa, power) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, power)) => (mantissa, parse_power(power)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = || whole.bytes().chain(fraction.bytes());
        if all().next().is_none() || !all().all(|byte| byte.is_ascii_digit()) {
            return Err(NumberError::Malformed);
        }
        let count = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
        let leading = all().take_while(|byte| *byte == b'0').count();
        let trailing = all().rev().take_while(|byte| *byte == b'0').count();
        let significant = (whole.len() + fraction.len()).saturating_sub(leading + trailing);
        if all().all(|byte| byte == b'0') {
            return Ok(Self::ZERO);
        }
        let top = count(whole.len()) - count(leading) - 1;
        match top.saturating_add(power) {
            top if top > HIGHEST => return Err(NumberError::Overflow),
            top if top < LOWEST => return Err(NumberError::Underflow),
            _ if significant > DIGITS as usize => return Err(NumberError::Digits),
            _ => {}
        }
        let digits = all().skip(leading).take(significant);
        let digits = digits.fold(0i128, |digits, byte| digits * 10 + i128::from(byte - b'0'));
        let last = count(trailing).saturating_sub(count(fraction.len())).saturating_add(power);
        Self::new(if negative { -digits } else { digits }, last)
    }
}

fn sign(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

/// A power of ten, however large it is written.
fn parse_power(text: &str) -> Result<i64, NumberError> {
    let (negative, digits) = sign(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NumberError::Malformed);
    }
    let add = |power: i64, byte: u8| power.saturating_mul(10).saturating_add(i64::from(byte - b'0'));
    // Far from the limits of i64, so that sums with lengths of texts stay within them.
    let power = digits.bytes().fold(0, add).min(1 << 60);
    Ok(if negative { -power } else { power })
}

impl fmt::Display for Number {
    /// Without a power, as AWS prints them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.digits.unsigned_abs().to_string();
        let sign = if self.digits < 0 { "-" } else { "" };
        let behind = usize::from(self.power.unsigned_abs());
        if self.power >= 0 {
            return write!(f, "{sign}{digits}{}", "0".repeat(behind));
        }
        match digits.len().checked_sub(behind) {
            Some(whole) if whole > 0 => write!(f, "{sign}{}.{}", &digits[..whole], &digits[whole..]),
            _ => write!(f, "{sign}0.{}{digits}", "0".repeat(behind - digits.len())),
        }
    }
}
