//! Constraints of members, and AWS's ValidationException that lists every violation.

use std::fmt::Display;
use std::ops::RangeInclusive;

use headwater_types::ConsumerArn;
use headwater_wire::shape::{Bool, Int, Text};

use crate::error::{ApiError, Result};

/// Violations listed, and counted, in one message: AWS says "10 validation errors detected" of eleven.
const LISTED_MAX: usize = 10;

/// How much of a value is shown.
const SHOWN_BYTES_MAX: usize = 1024;

/// Collects violations; [`Checks::done`] makes the exception.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    items: Vec<String>,
}

/// A pattern as AWS shows it, and what it means.
type Pattern = (&'static str, fn(&str) -> bool);

/// What a text must be.
#[derive(Clone, Copy)]
pub(crate) struct TextRule {
    pattern: Option<Pattern>,
    length: RangeBounds,
}

#[derive(Clone, Copy)]
struct RangeBounds {
    min: usize,
    max: usize,
}

/// Names of streams and ids of shards.
pub(crate) const NAME: TextRule = TextRule {
    pattern: Some(("[a-zA-Z0-9_.-]+", |text| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
    })),
    length: RangeBounds { min: 1, max: 128 },
};

/// Names of tables and indexes.
pub(crate) const TABLE_NAME: TextRule =
    TextRule { pattern: NAME.pattern, length: RangeBounds { min: 3, max: 255 } };

/// What DescribeStreamSummary gives as the id of a stream, and what AWS gives.
pub(crate) const STREAM_ID: TextRule = TextRule {
    pattern: Some(("[a-z0-9]{20}-[a-z0-9]{3}", |text| {
        let plain = |part: &str, len| {
            part.len() == len && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        plain(text, 24)
            || text.split_once('-').is_some_and(|(stream, rest)| plain(stream, 20) && plain(rest, 3))
    })),
    length: RangeBounds { min: 1, max: 24 },
};

/// ARNs of streams.
pub(crate) const STREAM_ARN: TextRule = TextRule {
    pattern: Some((r"arn:aws.*:kinesis:.*:\d{12}:stream/\S+", |text| resource_arn(text, &["stream/"]))),
    length: RangeBounds { min: 1, max: 2048 },
};

/// ARNs of consumers.
pub(crate) const CONSUMER_ARN: TextRule = TextRule {
    pattern: Some((
        r"arn:aws.*:kinesis:.*:\d{12}:.*stream/[a-zA-Z0-9_.-]+/consumer/[a-zA-Z0-9_.-]+:[0-9]+",
        |text| resource_arn(text, &["stream/"]) && ConsumerArn::parse(text).is_some(),
    )),
    length: RangeBounds { min: 1, max: 2048 },
};

/// ARNs of anything that has tags.
pub(crate) const RESOURCE_ARN: TextRule = TextRule {
    pattern: Some((r"arn:aws.*:kinesis:.*:\d{12}:.*(stream|channel|queue)/\S+", |text| {
        resource_arn(text, &["stream/", "channel/", "queue/"])
    })),
    length: RangeBounds { min: 1, max: 2048 },
};

/// Sequence numbers.
pub(crate) const SEQUENCE_NUMBER: TextRule = TextRule {
    pattern: Some((r"0|([1-9]\d{0,128})", |text| plain_number(text, 129))),
    length: RangeBounds { min: 0, max: usize::MAX },
};

/// Hash keys.
pub(crate) const HASH_KEY: TextRule = TextRule {
    pattern: Some((r"0|([1-9]\d{0,38})", |text| plain_number(text, 39))),
    length: RangeBounds { min: 0, max: usize::MAX },
};

/// A text of any characters.
pub(crate) const fn any_text(length: RangeInclusive<usize>) -> TextRule {
    TextRule { pattern: None, length: RangeBounds { min: *length.start(), max: *length.end() } }
}

fn plain_number(text: &str, digits_max: usize) -> bool {
    text == "0"
        || (!text.starts_with('0') && text.len() <= digits_max && !text.is_empty() && all_digits(text))
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

fn resource_arn(text: &str, kinds: &[&str]) -> bool {
    let mut parts = text.splitn(6, ':');
    let mut next = || parts.next().unwrap_or_default();
    let (arn, partition, service, _region, account, resource) =
        (next(), next(), next(), next(), next(), next());
    let named = |kind: &&str| {
        resource.find(*kind).is_some_and(|at| {
            let name = &resource[at + kind.len()..];
            name.chars().next().is_some_and(|first| !first.is_whitespace())
        })
    };
    arn == "arn"
        && partition.starts_with("aws")
        && service == "kinesis"
        && account.len() == 12
        && all_digits(account)
        && kinds.iter().any(named)
}

impl Checks {
    pub(crate) fn fail(&mut self, value: Option<&dyn Display>, path: &str, rule: &dyn Display) {
        if self.items.len() < LISTED_MAX {
            let value = value.map_or_else(
                || "null".to_owned(),
                |value| {
                    let mut shown = value.to_string();
                    shown.truncate(shown.floor_char_boundary(SHOWN_BYTES_MAX));
                    format!("'{shown}'")
                },
            );
            self.items.push(format!("Value {value} at '{path}' failed to satisfy constraint: {rule}"));
        }
    }

    /// A violation by a value that AWS does not print.
    pub(crate) fn fail_unshown(&mut self, path: &str, rule: &dyn Display) {
        if self.items.len() < LISTED_MAX {
            self.items.push(format!("Value at '{path}' failed to satisfy constraint: {rule}"));
        }
    }

    /// A member that must be there.
    pub(crate) fn required<T>(&mut self, path: &str, value: &Option<T>) {
        if value.is_none() {
            self.fail(None, path, &"Member must not be null");
        }
    }

    /// A text member, if it is there.
    pub(crate) fn text(&mut self, path: &str, value: &Option<Text<'_>>, rule: TextRule) {
        if let Some(text) = value {
            self.text_value(path, text, rule);
        }
    }

    /// A text member that must be there.
    pub(crate) fn required_text(&mut self, path: &str, value: &Option<Text<'_>>, rule: TextRule) {
        self.required(path, value);
        self.text(path, value, rule);
    }

    pub(crate) fn text_value(&mut self, path: &str, text: &str, rule: TextRule) {
        if let Some((shown, matches)) = rule.pattern
            && !matches(text)
        {
            self.fail(
                Some(&text),
                path,
                &format_args!("Member must satisfy regular expression pattern: {shown}"),
            );
        }
        let RangeBounds { min, max } = rule.length;
        // A text of `max` bytes has at most `max` characters: most need not be counted.
        let length =
            if text.len() <= max && text.len() >= 4 * min { min.max(1) } else { text.chars().count() };
        if length < min {
            let rule = format_args!("Member must have length greater than or equal to {min}");
            self.fail(Some(&text), path, &rule);
        }
        if length > max {
            self.fail(
                Some(&text),
                path,
                &format_args!("Member must have length less than or equal to {max}"),
            );
        }
    }

    /// An integer member, if it is there.
    pub(crate) fn int(&mut self, path: &str, value: Option<Int>, range: RangeInclusive<i32>) {
        let Some(Int(number)) = value else { return };
        if number < *range.start() {
            let rule = format_args!("Member must have value greater than or equal to {}", range.start());
            self.fail(Some(&number), path, &rule);
        }
        if number > *range.end() {
            self.fail(
                Some(&number),
                path,
                &format_args!("Member must have value less than or equal to {}", range.end()),
            );
        }
    }

    /// A text member that must be one of a few, if it is there.
    pub(crate) fn one_of(&mut self, path: &str, value: &Option<Text<'_>>, allowed: &[&str]) {
        if let Some(text) = value
            && !allowed.contains(&text.as_str())
        {
            let rule = format_args!("Member must satisfy enum value set: [{}]", allowed.join(", "));
            self.fail(Some(text), path, &rule);
        }
    }

    /// The number of members of a list or map.
    pub(crate) fn size(&mut self, path: &str, size: usize, range: RangeInclusive<usize>) {
        if size < *range.start() {
            self.fail_unshown(
                path,
                &format_args!("Member must have length greater than or equal to {}", range.start()),
            );
        }
        if size > *range.end() {
            self.fail_unshown(
                path,
                &format_args!("Member must have length less than or equal to {}", range.end()),
            );
        }
    }

    /// The exception, if anything was violated.
    pub(crate) fn done(self) -> Result<()> {
        let count = self.items.len();
        if count == 0 {
            return Ok(());
        }
        let plural = if count == 1 { "" } else { "s" };
        Err(ApiError::validation(format!(
            "{count} validation error{plural} detected: {}",
            self.items.join("; ")
        )))
    }
}

/// A boolean member's value, false where it is absent.
pub(crate) fn flag(value: Option<Bool>) -> bool {
    value.is_some_and(|Bool(set)| set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_ten_violations_are_listed_and_counted() {
        for (violations, said) in
            [(1, "1 validation error detected: "), (10, "10 validation errors"), (11, "10 v")]
        {
            let mut checks = Checks::default();
            for i in 0..violations {
                checks.required(&format!("records.{}.member.data", i + 1), &None::<()>);
            }
            let text = checks.done().unwrap_err().message.unwrap();
            assert!(text.starts_with(said), "{text}");
            assert_eq!(text.matches("failed to satisfy").count(), violations.min(10));
        }
        assert!(Checks::default().done().is_ok());
    }
}
