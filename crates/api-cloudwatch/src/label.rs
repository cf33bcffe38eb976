//! Dynamic labels of GetMetricData: `${...}` stands for a property of the metric or for something told by its points.
//!
//! # Format
//! The names are those of the CloudWatch User Guide ("Use dynamic labels"), at most six in a label. How CloudWatch writes
//! times and differences of times is not documented; here they are `2023-11-14 22:13:20 UTC` and `1h 5m`. What a metric
//! has none of is `--`, as with AWS. Everything else in a label, unknown names included, stays as it is.

use std::fmt::Write as _;

use headwater_monitoring::Metric;
use headwater_types::{Realm, Timestamp};
use headwater_wire::date::shown_ahead;

/// Dynamic values in one label (user guide).
const VALUES_MAX: usize = 6;
/// Shown in place of a value that does not exist.
const NONE: &str = "--";

/// Offset of labels from UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct TimeZone {
    minutes: i32,
}

impl TimeZone {
    /// Reads `+0130`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let sign = match text.as_bytes().first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let digits = text.get(1..)?;
        if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (hours, minutes): (i32, i32) = (digits[..2].parse().ok()?, digits[2..].parse().ok()?);
        (hours < 24 && minutes < 60).then_some(Self { minutes: sign * (60 * hours + minutes) })
    }

    fn show(self, at: Timestamp) -> String {
        let pattern = if self.minutes == 0 { "%Y-%m-%d %H:%M:%S UTC" } else { "%Y-%m-%d %H:%M:%S " };
        let mut text = shown_ahead(at, self.minutes, pattern);
        let ahead = self.minutes.unsigned_abs();
        let _ = match self.minutes {
            0 => Ok(()),
            1.. => write!(text, "+{:02}{:02}", ahead / 60, ahead % 60),
            _ => write!(text, "-{:02}{:02}", ahead / 60, ahead % 60),
        };
        text
    }
}

/// Values that a label may speak of.
pub(super) struct Facts<'a> {
    pub(super) metric: &'a Metric,
    pub(super) statistic: &'static str,
    pub(super) period_s: u32,
    pub(super) realm: Realm,
    /// In the order of time.
    pub(super) points: &'a [(Timestamp, f64)],
    pub(super) now: Timestamp,
    pub(super) zone: TimeZone,
}

/// True if a label has more dynamic values than CloudWatch takes.
pub(super) fn is_excessive(label: &str) -> bool {
    label.matches("${").count() > VALUES_MAX
}

/// The label with its dynamic values.
pub(super) fn rendered(label: &str, facts: &Facts<'_>) -> String {
    let mut text = String::with_capacity(label.len());
    let mut rest = label;
    while let Some((before, after)) = rest.split_once("${") {
        text.push_str(before);
        match after.split_once('}').and_then(|(name, after)| Some((facts.value(name)?, after))) {
            Some((value, after)) => {
                text.push_str(&value);
                rest = after;
            }
            None => {
                text.push_str("${");
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

impl Facts<'_> {
    /// The value of a name; `None` of one that is not known.
    fn value(&self, name: &str) -> Option<String> {
        if let Some(property) = name.strip_prefix("PROP('").and_then(|rest| rest.strip_suffix("')")) {
            return self.property(property);
        }
        let points = self.points;
        let by_value = |a: &&(Timestamp, f64), b: &&(Timestamp, f64)| a.1.total_cmp(&b.1);
        // Of equal values the first.
        let (min, max) = (points.iter().min_by(by_value), points.iter().rev().max_by(by_value));
        let (first, last) = (points.first(), points.last());
        let number = |value: Option<f64>| value.map(|value| value.to_string());
        let sum = || points.iter().map(|(_, value)| value).sum::<f64>();
        let range = |from: Option<&(Timestamp, f64)>, to: Option<&(Timestamp, f64)>| {
            from.zip(to).map(|(from, to)| to.1 - from.1)
        };
        let span = |from: Option<&(Timestamp, f64)>, to: Option<&(Timestamp, f64)>| {
            from.zip(to).map(|(from, to)| difference(from.0, to.0))
        };
        let at = |point: Option<&(Timestamp, f64)>| point.map(|(at, _)| self.zone.show(*at));
        let ago = |point: Option<&(Timestamp, f64)>| point.map(|(at, _)| difference(*at, self.now));
        let value = match name {
            "LABEL" => Some(self.metric.name().to_owned()),
            "DATAPOINT_COUNT" => Some(points.len().to_string()),
            "SUM" => number(first.map(|_| sum())),
            "AVG" => number(first.map(|_| sum() / points.len() as f64)),
            "MIN" => number(min.map(|point| point.1)),
            "MAX" => number(max.map(|point| point.1)),
            "FIRST" => number(first.map(|point| point.1)),
            "LAST" => number(last.map(|point| point.1)),
            "MIN_MAX_RANGE" => number(range(min, max)),
            "FIRST_LAST_RANGE" => number(range(first, last)),
            "MIN_MAX_TIME_RANGE" => span(min, max),
            "FIRST_LAST_TIME_RANGE" => span(first, last),
            "MIN_TIME" => at(min),
            "MAX_TIME" => at(max),
            "FIRST_TIME" => at(first),
            "LAST_TIME" => at(last),
            "MIN_TIME_RELATIVE" => ago(min),
            "MAX_TIME_RELATIVE" => ago(max),
            "FIRST_TIME_RELATIVE" => ago(first),
            "LAST_TIME_RELATIVE" => ago(last),
            _ => return None,
        };
        Some(value.unwrap_or_else(|| NONE.to_owned()))
    }

    fn property(&self, name: &str) -> Option<String> {
        Some(match name {
            "MetricName" => self.metric.name().to_owned(),
            "Namespace" => self.metric.namespace().to_owned(),
            "Stat" => self.statistic.to_owned(),
            "Period" => self.period_s.to_string(),
            "Region" => self.realm.region.to_string(),
            // Accounts have no other name here.
            "AccountId" | "AccountLabel" => self.realm.account.to_string(),
            _ => {
                let dimension = name.strip_prefix("Dim.")?;
                let found = self.metric.dimensions().find(|(name, _)| *name == dimension);
                found.map_or(NONE, |(_, value)| value).to_owned()
            }
        })
    }
}

/// The time between two moments, whichever comes first: days, hours, minutes, seconds, without those that are 0.
fn difference(one: Timestamp, other: Timestamp) -> String {
    let mut rest = one.as_secs().abs_diff(other.as_secs());
    let mut parts = Vec::new();
    for (unit, seconds) in [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)] {
        if rest >= seconds {
            parts.push(format!("{}{unit}", rest / seconds));
            rest %= seconds;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use headwater_types::{AccountId, Region};

    use super::*;

    const T: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn after(minutes: u64) -> Timestamp {
        Timestamp::from_secs(T.as_secs() + 60 * minutes)
    }

    fn shown(label: &str, points: &[(Timestamp, f64)], zone: &str) -> String {
        let metric = Metric::new("Mine", "Depth", [("Host", "web-1"), ("Zone", "a}b")]);
        let (account, region) = (AccountId::new("123456789012").unwrap(), Region::new("eu-west-1").unwrap());
        let realm = Realm { account, region };
        let zone = TimeZone::parse(zone).unwrap();
        let (statistic, period_s, now) = ("Average", 60, after(3960));
        rendered(label, &Facts { metric: &metric, statistic, period_s, realm, points, now, zone })
    }

    #[test]
    fn every_dynamic_value_is_told() {
        let points = [(T, 4.0), (after(1), 1.5), (after(2), 7.0), (after(66), 7.0), (after(67), 2.0)];
        for (label, expected) in [
            ("", ""),
            ("plain $ {} $x", "plain $ {} $x"),
            ("${LABEL} of ${PROP('MetricName')} in ${PROP('Namespace')}", "Depth of Depth in Mine"),
            ("${PROP('Stat')}/${PROP('Period')}", "Average/60"),
            (
                "${PROP('Region')} ${PROP('AccountId')} ${PROP('AccountLabel')}",
                "eu-west-1 123456789012 123456789012",
            ),
            ("${PROP('Dim.Host')}, ${PROP('Dim.Zone')}, ${PROP('Dim.host')}", "web-1, a}b, --"),
            ("${SUM} ${AVG} ${MIN} ${MAX} ${FIRST} ${LAST}", "21.5 4.3 1.5 7 4 2"),
            ("${FIRST_LAST_RANGE} ${MIN_MAX_RANGE} ${DATAPOINT_COUNT}", "-2 5.5 5"),
            ("${FIRST_LAST_TIME_RANGE} ${MIN_MAX_TIME_RANGE}", "1h 7m 1m"),
            ("${FIRST_TIME}|${LAST_TIME}", "2023-11-14 22:13:20 UTC|2023-11-14 23:20:20 UTC"),
            ("${MIN_TIME}|${MAX_TIME}", "2023-11-14 22:14:20 UTC|2023-11-14 22:15:20 UTC"),
            ("${FIRST_TIME_RELATIVE}|${LAST_TIME_RELATIVE}", "2d 18h|2d 16h 53m"),
            ("${MIN_TIME_RELATIVE}|${MAX_TIME_RELATIVE}", "2d 17h 59m|2d 17h 58m"),
            // Whatever is not known stays.
            (
                "${NOPE} ${PROP('Nope')} ${PROP(MetricName)} ${} ${MAX",
                "${NOPE} ${PROP('Nope')} ${PROP(MetricName)} ${} ${MAX",
            ),
            ("${${MAX}}", "${7}"),
        ] {
            assert_eq!(shown(label, &points, "+0000"), expected, "{label}");
        }
    }

    #[test]
    fn without_points_there_is_nothing_to_tell_of_them() {
        assert_eq!(
            shown("${MAX} ${AVG} ${LAST_TIME} ${FIRST_LAST_TIME_RANGE} ${DATAPOINT_COUNT}", &[], "+0000"),
            "-- -- -- -- 0"
        );
        assert_eq!(shown("${PROP('MetricName')}", &[], "+0000"), "Depth");
    }

    #[test]
    fn times_are_told_in_a_time_zone() {
        let points = [(T, 1.0)];
        assert_eq!(shown("${LAST_TIME}", &points, "+0130"), "2023-11-14 23:43:20 +0130");
        assert_eq!(shown("${LAST_TIME}", &points, "-2300"), "2023-11-13 23:13:20 -2300");
        for wrong in ["", "0130", "+130", "+01300", "+2400", "+0060", "+01:0", "+-130", "+1\u{e9}0"] {
            assert_eq!(TimeZone::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn six_dynamic_values_are_enough() {
        assert!(!is_excessive(&"${MAX}".repeat(6)));
        assert!(is_excessive(&"${MAX}".repeat(7)));
    }
}
