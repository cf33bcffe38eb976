//! `Condition`: operators, keys and values.

use std::net::IpAddr;

use base64_simd::STANDARD;
use headwater_wire::date::parse_rfc3339;

use super::json::Json;
use super::pattern::{ArnPattern, Pattern, Syntax};
use super::{Result, refuse, shown};
use crate::facts::{Facts, Key};

/// Set operator: how a key with several values is held against a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantifier {
    ForAllValues,
    ForAnyValue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Equals,
    Less,
    LessOrEquals,
    Greater,
    GreaterOrEquals,
}

impl Order {
    fn holds<T: PartialOrd>(self, value: T, wanted: T) -> bool {
        match self {
            Self::Equals => value == wanted,
            Self::Less => value < wanted,
            Self::LessOrEquals => value <= wanted,
            Self::Greater => value > wanted,
            Self::GreaterOrEquals => value >= wanted,
        }
    }
}

/// Values to compare a value with; it is enough that one of the list holds.
#[derive(Debug, Clone, PartialEq)]
enum Test {
    Text {
        fold: bool,
        values: Vec<Pattern>,
    },
    Arn(Vec<ArnPattern>),
    Number(Order, Vec<f64>),
    /// Milliseconds since the epoch.
    Date(Order, Vec<i64>),
    Bool(Vec<bool>),
    Ip(Vec<Block>),
    /// Base64 of the same bytes.
    Binary(Vec<Vec<u8>>),
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    /// `Null`: whether the key is to be absent.
    Null(Vec<bool>),
    Test {
        quantifier: Option<Quantifier>,
        if_exists: bool,
        negated: bool,
        test: Test,
    },
}

/// One key under one operator.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Condition {
    key: Key,
    kind: Kind,
}

impl Condition {
    /// All conditions of a `Condition` element; `variables` says whether values may hold policy variables.
    pub(super) fn parse_all(value: Json, variables: bool) -> Result<Vec<Self>> {
        let mut all = Vec::new();
        for (operator, keys) in value.object("Condition")? {
            for (name, values) in keys.object(&format!("the condition {}", shown(&operator)))? {
                let Some(key) = Key::parse(&name) else {
                    return refuse(format!("{} is no condition key", shown(&name)));
                };
                let values = values.texts(&format!("the value of {}", shown(&name)), true)?;
                all.push(Self { key, kind: kind(&operator, values, variables)? });
            }
        }
        Ok(all)
    }

    /// `allows` says that the statement allows something: then "not ${x}" does not hold where there is no x.
    pub(super) fn holds(&self, facts: &Facts<'_>, allows: bool) -> bool {
        let values = facts.values(&self.key);
        let (quantifier, if_exists, negated, test) = match &self.kind {
            Kind::Null(absent) => return absent.contains(&values.is_none()),
            Kind::Test { quantifier, if_exists, negated, test } => (*quantifier, *if_exists, *negated, test),
        };
        let Some(values) = values else {
            return if_exists
                || match quantifier {
                    Some(Quantifier::ForAllValues) => true,
                    Some(Quantifier::ForAnyValue) => false,
                    None => negated,
                };
        };
        if allows && negated && !test.resolves(facts) {
            return false;
        }
        let mut each = values.iter().map(|value| test.holds(value, facts) != negated);
        if self.key.is_tag() {
            // Of tags that differ in case only, one more must never open what is closed without it.
            return if allows { each.all(|holds| holds) } else { each.any(|holds| holds) };
        }
        match quantifier {
            Some(Quantifier::ForAllValues) => each.all(|holds| holds),
            Some(Quantifier::ForAnyValue) => each.any(|holds| holds),
            None if negated => each.all(|holds| holds),
            None => each.any(|holds| holds),
        }
    }
}

fn kind(operator: &str, values: Vec<String>, variables: bool) -> Result<Kind> {
    let (quantifier, rest) = match operator.split_once(':') {
        None => (None, operator),
        Some(("ForAllValues", rest)) => (Some(Quantifier::ForAllValues), rest),
        Some(("ForAnyValue", rest)) => (Some(Quantifier::ForAnyValue), rest),
        Some(_) => return refuse(format!("{} is no condition operator", shown(operator))),
    };
    let (name, if_exists) = rest.strip_suffix("IfExists").map_or((rest, false), |name| (name, true));
    if name == "Null" {
        if quantifier.is_some() || if_exists {
            return refuse("Null takes neither ForAllValues, ForAnyValue nor IfExists");
        }
        return Ok(Kind::Null(bools(&values)?));
    }
    let text = |wildcards, fold| -> Result<Test> {
        let parse = |value: &String| {
            let pattern = Pattern::parse(value, Syntax { wildcards, variables })?;
            Ok(if fold { pattern.folded() } else { pattern })
        };
        Ok(Test::Text { fold, values: values.iter().map(parse).collect::<Result<_>>()? })
    };
    let number = |order| -> Result<Test> {
        let parse = |value: &String| match value.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => refuse(format!("{} is no number", shown(value))),
        };
        Ok(Test::Number(order, values.iter().map(parse).collect::<Result<_>>()?))
    };
    let date = |order| -> Result<Test> {
        let parse = |value: &String| {
            let wrong = || refuse(format!("{} is no date such as 2026-12-31T23:59:59Z", shown(value)));
            date_ms(value).map_or_else(wrong, Ok)
        };
        Ok(Test::Date(order, values.iter().map(parse).collect::<Result<_>>()?))
    };
    let arn = || -> Result<Test> {
        let parse = |value: &String| ArnPattern::parse(value, variables);
        Ok(Test::Arn(values.iter().map(parse).collect::<Result<_>>()?))
    };
    let ip = || -> Result<Test> {
        let parse = |value: &String| {
            let wrong = || refuse(format!("{} is no address or range such as 10.0.0.0/8", shown(value)));
            Block::parse(value).map_or_else(wrong, Ok)
        };
        Ok(Test::Ip(values.iter().map(parse).collect::<Result<_>>()?))
    };
    let binary = || -> Result<Test> {
        let parse = |value: &String| {
            let wrong = || refuse(format!("{} is not base64", shown(value)));
            STANDARD.decode_to_vec(value.as_bytes()).map_or_else(|_| wrong(), Ok)
        };
        Ok(Test::Binary(values.iter().map(parse).collect::<Result<_>>()?))
    };
    let (negated, test) = match name {
        "StringEquals" => (false, text(false, false)?),
        "StringNotEquals" => (true, text(false, false)?),
        "StringEqualsIgnoreCase" => (false, text(false, true)?),
        "StringNotEqualsIgnoreCase" => (true, text(false, true)?),
        "StringLike" => (false, text(true, false)?),
        "StringNotLike" => (true, text(true, false)?),
        "NumericEquals" => (false, number(Order::Equals)?),
        "NumericNotEquals" => (true, number(Order::Equals)?),
        "NumericLessThan" => (false, number(Order::Less)?),
        "NumericLessThanEquals" => (false, number(Order::LessOrEquals)?),
        "NumericGreaterThan" => (false, number(Order::Greater)?),
        "NumericGreaterThanEquals" => (false, number(Order::GreaterOrEquals)?),
        "DateEquals" => (false, date(Order::Equals)?),
        "DateNotEquals" => (true, date(Order::Equals)?),
        "DateLessThan" => (false, date(Order::Less)?),
        "DateLessThanEquals" => (false, date(Order::LessOrEquals)?),
        "DateGreaterThan" => (false, date(Order::Greater)?),
        "DateGreaterThanEquals" => (false, date(Order::GreaterOrEquals)?),
        "Bool" => (false, Test::Bool(bools(&values)?)),
        "BinaryEquals" => (false, binary()?),
        "IpAddress" => (false, ip()?),
        "NotIpAddress" => (true, ip()?),
        "ArnEquals" | "ArnLike" => (false, arn()?),
        "ArnNotEquals" | "ArnNotLike" => (true, arn()?),
        _ => return refuse(format!("{} is no condition operator", shown(operator))),
    };
    Ok(Kind::Test { quantifier, if_exists, negated, test })
}

impl Test {
    /// False if a variable in it has no value.
    fn resolves(&self, facts: &Facts<'_>) -> bool {
        match self {
            Self::Text { values, .. } => values.iter().all(|pattern| pattern.resolves(facts)),
            Self::Arn(patterns) => patterns.iter().all(|pattern| pattern.resolves(facts)),
            Self::Number(..) | Self::Date(..) | Self::Bool(_) | Self::Ip(_) | Self::Binary(_) => true,
        }
    }

    fn holds(&self, value: &str, facts: &Facts<'_>) -> bool {
        match self {
            Self::Text { fold: false, values } => {
                values.iter().any(|pattern| pattern.matches(value, Some(facts), false))
            }
            Self::Text { fold: true, values } => {
                let value = value.to_lowercase();
                values.iter().any(|pattern| pattern.matches(&value, Some(facts), true))
            }
            Self::Arn(patterns) => patterns.iter().any(|pattern| pattern.matches(value, facts)),
            Self::Number(order, wanted) => value
                .parse::<f64>()
                .is_ok_and(|value| wanted.iter().any(|&wanted| order.holds(value, wanted))),
            Self::Date(order, wanted) => {
                date_ms(value).is_some_and(|value| wanted.iter().any(|&wanted| order.holds(value, wanted)))
            }
            Self::Bool(wanted) => wanted.iter().any(|wanted| value == if *wanted { "true" } else { "false" }),
            Self::Ip(blocks) => {
                value.parse().is_ok_and(|address| blocks.iter().any(|block| block.holds(address)))
            }
            Self::Binary(wanted) => {
                STANDARD.decode_to_vec(value.as_bytes()).is_ok_and(|value| wanted.contains(&value))
            }
        }
    }
}

fn bools(values: &[String]) -> Result<Vec<bool>> {
    let parse = |value: &String| match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => refuse(format!("{} is neither true nor false", shown(value))),
    };
    values.iter().map(parse).collect()
}

/// Milliseconds since the epoch of a date in ISO 8601 (a day, or a time with `Z` or an offset), or of epoch seconds.
fn date_ms(text: &str) -> Option<i64> {
    let text = text.trim();
    if !text.is_empty() && text.len() <= 12 && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse::<i64>().ok()?.checked_mul(1000);
    }
    i64::try_from(parse_rfc3339(text)?.as_millis()).ok()
}

/// Addresses with the same first bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block {
    address: IpAddr,
    bits: u8,
}

impl Block {
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) =
            text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().ok()?;
        let max = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(max), |bits| bits.parse().ok())?;
        (bits <= max).then_some(Self { address, bits })
    }

    fn holds(self, address: IpAddr) -> bool {
        let shift = |width: u32| u128::MAX.checked_shl(width - u32::from(self.bits)).unwrap_or(0);
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = shift(32);
                u128::from(own.to_bits()) & mask == u128::from(other.to_bits()) & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = shift(128);
                own.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let cases = [
            ("1970-01-01", Some(0)),
            ("1970-01-01T00:00:01Z", Some(1000)),
            ("1970-01-01T00:00:00.5Z", Some(500)),
            ("1970-01-01T01:00:00+01:00", Some(0)),
            ("1970-01-01T00:00Z", Some(0)),
            ("1969-12-31T23:00:00-01:00", Some(0)),
            ("1969-12-31T23:00:00Z", None),
            ("1700000000", Some(1_700_000_000_000)),
            ("2026-02-30", None),
            ("2026-1-1", None),
            ("2026-01-01T00:00:00", None),
            ("2026-01-01T00:00:00.Z", None),
            ("2026-01-01T", None),
            ("", None),
            ("ü", None),
        ];
        for (text, expected) in cases {
            assert_eq!(date_ms(text), expected, "{text}");
        }
    }

    #[test]
    fn blocks() {
        let cases = [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "::1", false),
            ("203.0.113.9", "203.0.113.9", true),
            ("203.0.113.9", "203.0.113.8", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "2001:db9::1", true),
        ];
        for (block, address, expected) in cases {
            assert_eq!(
                Block::parse(block).unwrap().holds(address.parse().unwrap()),
                expected,
                "{block} {address}"
            );
        }
        for wrong in ["10.0.0.0/33", "::/129", "10.0.0", "", "10.0.0.0/", "10.0.0.0/-1"] {
            assert_eq!(Block::parse(wrong), None, "{wrong}");
        }
    }
}
