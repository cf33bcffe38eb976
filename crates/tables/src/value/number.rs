//! Numbers as DynamoDB has them: decimal, 38 significant digits, 1E-130 to 9.9…E+125.

use std::fmt;
use std::str::FromStr;

use bigdecimal::BigDecimal;

/// A decimal number within DynamoDB's range, in its one normal form: equal numbers are equal values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(BigDecimal);

/// Why a text, or a result, is no number that can be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// No number at all.
    #[error("The parameter cannot be converted to a numeric value")]
    Malformed,
    /// Too far from zero.
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
    /// What it weighs, in bytes: a byte for two digits and one more.
    pub fn size_bytes(&self) -> usize {
        let digits = self.0.digits() as usize;
        digits.div_ceil(2) + 1
    }
}

impl FromStr for Number {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        BigDecimal::from_str(text).map(|number| Self(number.normalized())).map_err(|_| NumberError::Malformed)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_plain_string())
    }
}
