//! Times and durations as texts: calendar and clock are jiff's.
//!
//! Times are in UTC unless their text says otherwise. A time later than the year 9999 is shown as the last that there is.

use std::fmt::Display;
use std::time::Duration;

use headwater_types::Timestamp;
use jiff::civil;
use jiff::fmt::{rfc2822, strtime};
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, SpanRelativeTo};

/// SigV4's form of a time.
const AMZ_DATE: &str = "%Y%m%dT%H%M%SZ";

/// Shows a time by RFC 3339, with milliseconds: `2015-08-30T12:36:00.000Z`.
pub fn rfc3339(time: Timestamp) -> impl Display {
    shown(time, "%Y-%m-%dT%H:%M:%S.%3fZ")
}

/// Shows a time as SigV4 writes it: `20150830T123600Z`.
pub fn amz_date(time: Timestamp) -> String {
    shown(time, AMZ_DATE).to_string()
}

/// Shows a time by a pattern of `strftime`.
pub fn shown(time: Timestamp, pattern: &'static str) -> impl Display {
    instant(time).strftime(pattern)
}

/// Shows the time of places so many minutes ahead of UTC, by a pattern of `strftime`.
pub fn shown_ahead(time: Timestamp, minutes: i32, pattern: &'static str) -> String {
    let offset = Offset::from_seconds(minutes.saturating_mul(60)).unwrap_or(Offset::UTC);
    offset.to_datetime(instant(time)).strftime(pattern).to_string()
}

/// Year, month and day of a time.
pub fn day(time: Timestamp) -> (i32, u8, u8) {
    let date = Offset::UTC.to_datetime(instant(time)).date();
    (date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
}

/// Reads a time of the form `20150830T123600Z`.
pub fn parse_amz_date(text: &str) -> Option<Timestamp> {
    // Numbers of fewer digits would do for the pattern.
    let time = strtime::parse(AMZ_DATE, text).ok().filter(|_| text.len() == 16)?;
    of_datetime(time.to_datetime().ok()?)
}

/// Reads the same, or a time as HTTP writes it: `Sun, 30 Aug 2015 12:36:00 GMT`.
pub fn parse_http_date(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    parse_amz_date(text).or_else(|| {
        let time = rfc2822::parse(text).ok().filter(|_| text.ends_with(" GMT"))?;
        of_instant(time.timestamp())
    })
}

/// Reads a time by RFC 3339, such as `2026-11-21T04:29:00.123+01:00`; seconds may be left out, a blank may stand for the
/// `T`, and a date alone is its midnight. None before 1970.
pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    match text.parse::<jiff::Timestamp>() {
        Ok(time) => of_instant(time),
        Err(_) => of_datetime(text.parse::<civil::Date>().ok().filter(|_| text.len() == 10)?.into()),
    }
}

/// Reads the same, and a time without a zone as one of UTC.
pub fn parse_iso8601(text: &str) -> Option<Timestamp> {
    parse_rfc3339(text).or_else(|| of_datetime(text.parse::<civil::DateTime>().ok()?))
}

/// Reads a duration such as `90s`, `10m`, `1h 30m` or `7d`; a day has 24 hours.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let span: Span = text.parse().ok()?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    duration.try_into().ok()
}

fn instant(time: Timestamp) -> jiff::Timestamp {
    let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX)
}

fn of_instant(time: jiff::Timestamp) -> Option<Timestamp> {
    u64::try_from(time.as_millisecond()).ok().map(Timestamp::from_millis)
}

fn of_datetime(time: civil::DateTime) -> Option<Timestamp> {
    of_instant(TimeZone::UTC.to_timestamp(time).ok()?)
}
