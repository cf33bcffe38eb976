//! Calendar dates of timestamps, in UTC.

use std::fmt;

use headwater_types::Timestamp;

/// A moment in the Gregorian calendar, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Civil {
    /// The year, from 1970.
    pub year: u64,
    /// The month, 1 to 12.
    pub month: u8,
    /// The day of the month, 1 to 31.
    pub day: u8,
    /// The hour, 0 to 23.
    pub hour: u8,
    /// The minute, 0 to 59.
    pub minute: u8,
    /// The second, 0 to 59.
    pub second: u8,
    /// The millisecond, 0 to 999.
    pub milli: u16,
}

const MS_PER_DAY: u64 = 86_400_000;

impl Civil {
    /// The date and time of `time`.
    pub fn from_timestamp(time: Timestamp) -> Self {
        let millis = time.as_millis();
        let (days, ms) = (millis / MS_PER_DAY, millis % MS_PER_DAY);
        // Days are counted from 0000-03-01, so that leap days end their years (H. Hinnant, "chrono-Compatible
        // Low-Level Date Algorithms").
        let days = days + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        Self {
            year: era * 400 + year_of_era + u64::from(month <= 2),
            month: month as u8,
            day: (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u8,
            hour: (ms / 3_600_000) as u8,
            minute: (ms / 60_000 % 60) as u8,
            second: (ms / 1000 % 60) as u8,
            milli: (ms % 1000) as u16,
        }
    }

    /// The timestamp of this date; none before 1970, after 9999, or where a field is out of its range.
    pub fn to_timestamp(self) -> Option<Timestamp> {
        let fields_ok = (1..=12).contains(&self.month)
            && (1..=31).contains(&self.day)
            && self.hour < 24
            && self.minute < 60
            && self.second < 60
            && self.milli < 1000
            && (1970..=9999).contains(&self.year);
        if !fields_ok {
            return None;
        }
        let (month, day) = (u64::from(self.month), u64::from(self.day));
        let year = self.year - u64::from(month <= 2);
        let (era, year_of_era) = (year / 400, year % 400);
        let shifted_month = if month > 2 { month - 3 } else { month + 9 };
        let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = era * 146_097 + day_of_era - 719_468;
        let seconds = u64::from(self.hour) * 3600 + u64::from(self.minute) * 60 + u64::from(self.second);
        let time = Timestamp::from_millis(days * MS_PER_DAY + seconds * 1000 + u64::from(self.milli));
        // The 31st of a shorter month would have become another date.
        (Self::from_timestamp(time) == self).then_some(time)
    }

    /// Date of the form `20150830T123600Z`; its fields may be out of their ranges.
    pub fn from_amz_date(text: &str) -> Option<Self> {
        let bytes: &[u8; 16] = text.as_bytes().try_into().ok()?;
        let number = |range: std::ops::Range<usize>| {
            bytes[range].iter().try_fold(0, |number: u16, digit| {
                digit.is_ascii_digit().then(|| number * 10 + u16::from(digit - b'0'))
            })
        };
        let small = |range| number(range).and_then(|number| u8::try_from(number).ok());
        if bytes[8] != b'T' || bytes[15] != b'Z' {
            return None;
        }
        Some(Self {
            year: number(0..4)?.into(),
            month: small(4..6)?,
            day: small(6..8)?,
            hour: small(9..11)?,
            minute: small(11..13)?,
            second: small(13..15)?,
            milli: 0,
        })
    }

    /// The same, or a date as HTTP writes it: `Sun, 30 Aug 2015 12:36:00 GMT`.
    pub fn from_http(text: &str) -> Option<Self> {
        const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
        let text = text.trim();
        if let Some(date) = Self::from_amz_date(text) {
            return Some(date);
        }
        let mut parts = text.split_once(", ")?.1.split(' ');
        let (day, month, year, time) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if parts.next() != Some("GMT") || parts.next().is_some() || month.len() != 3 {
            return None;
        }
        let month = MONTHS.find(month).filter(|at| at % 3 == 0)? / 3 + 1;
        let mut time = time.split(':').map(str::parse);
        let mut next = || time.next()?.ok();
        let (hour, minute, second) = (next()?, next()?, next()?);
        let year = year.parse().ok()?;
        Some(Self { year, month: month as u8, day: day.parse().ok()?, hour, minute, second, milli: 0 })
    }

    /// As SigV4 writes it: `20150830T123600Z`.
    pub fn amz_date(self) -> String {
        let Self { year, month, day, hour, minute, second, .. } = self;
        format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
    }
}

/// The time of an RFC 3339 text, with or without a fraction, in `Z` or with an offset; none before 1970.
pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    let digits = |text: &str| {
        (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse::<u64>().ok())?
    };
    let (date, rest) = (text.get(..10)?, text.get(10..)?);
    let (time, rest) = (rest.strip_prefix(['T', 't', ' '])?.get(..8)?, rest.get(9..)?);
    let (year, month, day) = (date.get(..4)?, date.get(4..)?.strip_prefix('-')?.get(..2)?, date.get(7..)?);
    let day = day.strip_prefix('-')?;
    let (hour, minute, second) =
        (time.get(..2)?, time.get(2..)?.strip_prefix(':')?.get(..2)?, time.get(5..)?.strip_prefix(':')?);
    let field = |text: &str| u8::try_from(digits(text)?).ok();
    let (milli, zone) = match rest.strip_prefix('.') {
        Some(rest) => {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let fraction = &rest[..end];
            let millis = digits(&format!("{:0<3}", &fraction[..fraction.len().min(3)]))?;
            (u16::try_from(millis).ok().filter(|_| !fraction.is_empty())?, &rest[end..])
        }
        None => (0, rest),
    };
    let civil = Civil {
        year: digits(year)?,
        month: field(month)?,
        day: field(day)?,
        hour: field(hour)?,
        minute: field(minute)?,
        second: field(second)?,
        milli,
    };
    let time = civil.to_timestamp()?;
    let (sign, offset) = match zone.chars().next() {
        None | Some('Z' | 'z') if zone.len() <= 1 => return Some(time),
        Some(sign @ ('+' | '-')) => (sign, &zone[1..]),
        _ => return None,
    };
    let (hours, minutes) = offset.split_once(':').or_else(|| offset.split_at_checked(2))?;
    let offset_ms = (u64::from(field(hours)?) * 60 + u64::from(field(minutes)?)) * 60_000;
    let millis = time.as_millis();
    // Clocks ahead of UTC show later times.
    let utc = if sign == '+' { millis.checked_sub(offset_ms)? } else { millis.checked_add(offset_ms)? };
    Some(Timestamp::from_millis(utc))
}

impl fmt::Display for Civil {
    /// RFC 3339 with milliseconds: `2015-08-30T12:36:00.000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day, hour, minute, second, milli } = self;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }
}
