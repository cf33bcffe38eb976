//! Times as people write and read them, in UTC.

use std::time::Duration;

use headwater_types::Timestamp;
use headwater_wire::date::Civil;

/// `2026-11-21 04:29:00`.
pub fn seconds(time: Timestamp) -> String {
    millis(time)[..19].to_owned()
}

/// `2026-11-21 04:29:00.123`.
pub fn millis(time: Timestamp) -> String {
    Civil::from_timestamp(time).to_string().replace('T', " ").replace('Z', "")
}

/// A duration such as `90s`, `10m`, `2h` or `7d`.
pub fn duration(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    let count = text.strip_suffix(unit)?;
    if !count.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(Duration::from_secs(count.parse::<u64>().ok()?.checked_mul(seconds)?))
}

/// A time by RFC 3339, `2026-11-21T04:29:00.123+01:00`; a blank may stand for the `T`, and a date alone is its
/// midnight in UTC.
pub fn rfc3339(text: &str) -> Option<Timestamp> {
    if !text.is_ascii() {
        return None;
    }
    if text.len() == 10 {
        return rfc3339(&format!("{text}T00:00:00Z"));
    }
    let (date, rest) = (text.get(..10)?, text.get(11..)?);
    if !matches!(text.as_bytes()[10], b'T' | b't' | b' ') {
        return None;
    }
    let zone_at = rest.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = rest.split_at(zone_at);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));

    let [year, month, day] = fields(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = fields(clock, ':', [2, 2, 2])?;
    let civil = Civil {
        year,
        month: month as u8,
        day: day as u8,
        hour: hour as u8,
        minute: minute as u8,
        second: second as u8,
        milli: milliseconds(fraction)?,
    };
    let local = civil.to_timestamp()?;
    let (sign, offset) = zone.split_at(1);
    if sign.eq_ignore_ascii_case("z") {
        return offset.is_empty().then_some(local);
    }
    let [hours, minutes] = fields(offset, ':', [2, 2])?;
    if hours > 23 || minutes > 59 {
        return None;
    }
    let offset = Duration::from_secs(hours * 3600 + minutes * 60);
    Some(if sign == "+" { local.minus(offset) } else { local.plus(offset) })
}

/// Numbers of exactly these many digits between separators.
fn fields<const N: usize>(text: &str, separator: char, digits: [usize; N]) -> Option<[u64; N]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; N];
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next()?;
        if part.len() != digits || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// The first three digits of a fraction of a second.
fn milliseconds(fraction: &str) -> Option<u16> {
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    format!("{fraction:0<3}")[..3].parse().ok()
}
