//! Figures for people: medians, shares, and what became of a target.

use std::fmt::Display;

/// More of the processors than this kept busy by others, and the figures are not worth keeping.
const QUIET_LIMIT_CPUS: f64 = 0.15;

/// Target for one figure.
#[derive(Clone, Copy)]
pub(crate) enum Floor {
    AtLeast(f64),
    AtMost(f64),
    Under(f64),
}

impl Floor {
    /// The target in words and whether `value` reaches it; `unit` follows the number.
    pub(crate) fn verdict(self, value: f64, unit: &str) -> String {
        let (words, limit, reached) = match self {
            Floor::AtLeast(limit) => ("at least", limit, value >= limit),
            Floor::AtMost(limit) => ("at most", limit, value <= limit),
            Floor::Under(limit) => ("under", limit, value < limit),
        };
        let said = format!("{words} {limit}{unit}");
        if value.is_nan() { format!("{said}: not measured") } else { judged(said, reached) }
    }
}

pub(crate) fn judged(target: impl Display, reached: bool) -> String {
    format!("{target}: {}", if reached { "reached" } else { "**missed**" })
}

/// The upper one of an even number; NaN of none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A part of a whole in percent.
pub(crate) fn percent(part: f64, whole: f64) -> f64 {
    part * 100.0 / whole
}

/// The value as `show` shows it, or a dash for what was not measured.
pub(crate) fn or_dash(value: f64, show: impl FnOnce(f64) -> String) -> String {
    if value.is_finite() { show(value) } else { "–".to_owned() }
}

pub(crate) fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Warning for figures that were measured while others kept that much of the processors busy.
///
/// A durable server waits for the disk and pays for each wake-up, so it suffers more from a busy machine.
pub(crate) fn noise(other_cpus: f64) -> &'static str {
    match other_cpus > QUIET_LIMIT_CPUS {
        true => " **The machine was not quiet: measure again.**",
        false => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        for (value, expected) in [(7.0, "7"), (999.0, "999"), (1000.0, "1,000"), (1_234_567.0, "1,234,567")] {
            assert_eq!(thousands(value), expected);
        }
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert!(median(&[]).is_nan());
        assert_eq!(percent(1.0, 4.0), 25.0);
        assert_eq!(or_dash(1.0, |value| format!("{value} x")), "1 x");
        assert_eq!(or_dash(f64::NAN, |value| format!("{value} x")), "–");
    }

    #[test]
    fn a_target_is_reached_at_its_edge_but_under_means_below() {
        let check = |floor: Floor, value, expected: &str| assert_eq!(floor.verdict(value, " x"), expected);
        check(Floor::AtLeast(10.0), 10.0, "at least 10 x: reached");
        check(Floor::AtLeast(1.4), 1.39, "at least 1.4 x: **missed**");
        check(Floor::AtMost(1.3), 1.3, "at most 1.3 x: reached");
        check(Floor::AtMost(1.3), 1.31, "at most 1.3 x: **missed**");
        check(Floor::Under(2.0), 2.0, "under 2 x: **missed**");
        check(Floor::Under(2.0), 1.99, "under 2 x: reached");
        check(Floor::AtLeast(1.0), f64::NAN, "at least 1 x: not measured");
    }
}
