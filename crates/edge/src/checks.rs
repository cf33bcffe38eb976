//! Constraints of members, and AWS's ValidationException that lists every violation.

use std::fmt::Display;
use std::ops::RangeInclusive;

use headwater_wire::shape::{Bool, Int, Text};

/// Violations listed, and counted, in one message: AWS says "10 validation errors detected" of eleven.
const LISTED_MAX: usize = 10;

/// Most bytes of a value that a message shows.
const SHOWN_BYTES_MAX: usize = 1024;

/// Collects violations; [`Checks::done`] makes the exception.
#[derive(Debug, Default)]
pub struct Checks {
    items: Vec<String>,
}

/// Constraints that a request violates, in AWS's words: the text of a ValidationException.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violations(pub String);

/// A pattern as AWS shows it, and what it means.
type Pattern = (&'static str, fn(&str) -> bool);

/// The constraints of a text member.
#[derive(Clone, Copy)]
pub struct TextRule {
    pattern: Option<Pattern>,
    length: RangeBounds,
}

#[derive(Clone, Copy)]
struct RangeBounds {
    min: usize,
    max: usize,
}

impl TextRule {
    /// A text that matches `pattern` (AWS's words for it, and the test), with a length in characters.
    pub const fn matching(
        pattern: &'static str,
        matches: fn(&str) -> bool,
        length: RangeInclusive<usize>,
    ) -> Self {
        Self { pattern: Some((pattern, matches)), ..any_text(length) }
    }
}

/// A text of any characters.
pub const fn any_text(length: RangeInclusive<usize>) -> TextRule {
    TextRule { pattern: None, length: RangeBounds { min: *length.start(), max: *length.end() } }
}

impl Checks {
    /// A violation by a value, `null` where there is none.
    pub fn fail(&mut self, value: Option<&dyn Display>, path: &str, rule: &dyn Display) {
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
    pub fn fail_unshown(&mut self, path: &str, rule: &dyn Display) {
        if self.items.len() < LISTED_MAX {
            self.items.push(format!("Value at '{path}' failed to satisfy constraint: {rule}"));
        }
    }

    /// A member that must be there.
    pub fn required<T>(&mut self, path: &str, value: &Option<T>) {
        if value.is_none() {
            self.fail(None, path, &"Member must not be null");
        }
    }

    /// A text member, if it is there.
    pub fn text(&mut self, path: &str, value: &Option<Text<'_>>, rule: TextRule) {
        if let Some(text) = value {
            self.text_value(path, text, rule);
        }
    }

    /// A text member that must be there.
    pub fn required_text(&mut self, path: &str, value: &Option<Text<'_>>, rule: TextRule) {
        self.required(path, value);
        self.text(path, value, rule);
    }

    /// A text that is there.
    pub fn text_value(&mut self, path: &str, text: &str, rule: TextRule) {
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
    pub fn int(&mut self, path: &str, value: Option<Int>, range: RangeInclusive<i32>) {
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
    pub fn one_of(&mut self, path: &str, value: &Option<Text<'_>>, allowed: &[&str]) {
        if let Some(text) = value
            && !allowed.contains(&text.as_str())
        {
            let rule = format_args!("Member must satisfy enum value set: [{}]", allowed.join(", "));
            self.fail(Some(text), path, &rule);
        }
    }

    /// The number of members of a list or map.
    pub fn size(&mut self, path: &str, size: usize, range: RangeInclusive<usize>) {
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

    /// Ends the checks.
    ///
    /// # Errors
    /// The text of the exception, if anything was violated.
    pub fn done(self) -> Result<(), Violations> {
        let count = self.items.len();
        if count == 0 {
            return Ok(());
        }
        let (plural, items) = (if count == 1 { "" } else { "s" }, self.items.join("; "));
        Err(Violations(format!("{count} validation error{plural} detected: {items}")))
    }
}

/// A boolean member's value, false where it is absent.
pub fn flag(value: Option<Bool>) -> bool {
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
            let text = checks.done().unwrap_err().0;
            assert!(text.starts_with(said), "{text}");
            assert_eq!(text.matches("failed to satisfy").count(), violations.min(10));
        }
        assert!(Checks::default().done().is_ok());
    }
}
