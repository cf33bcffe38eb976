//! Times and durations as texts.

use std::time::Duration;

use headwater_types::Timestamp;
use headwater_wire::date::{
    amz_date, day, parse_amz_date, parse_duration, parse_iso8601, parse_rfc3339, rfc3339, shown_ahead,
};
use proptest::prelude::*;

#[test]
fn known_times() {
    let cases = [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (951_868_799_999, "2000-02-29T23:59:59.999Z"),
        (1_440_938_160_000, "2015-08-30T12:36:00.000Z"),
        (1_763_692_957_123, "2025-11-21T02:42:37.123Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (253_370_764_799_999, "9998-12-31T23:59:59.999Z"),
    ];
    for (millis, text) in cases {
        let time = Timestamp::from_millis(millis);
        assert_eq!(rfc3339(time).to_string(), text);
        assert_eq!(parse_rfc3339(text), Some(time), "{text}");
    }
    let moment = Timestamp::from_millis(1_440_938_160_000);
    assert_eq!(amz_date(moment), "20150830T123600Z");
    assert_eq!(day(moment), (2015, 8, 30));
    assert_eq!(shown_ahead(moment, -330, "%H:%M"), "07:06");
    assert!(rfc3339(Timestamp::MAX).to_string().starts_with("9999-12-30T"), "the last that there is");
}

#[test]
fn texts_of_times() {
    let cases = [
        ("1970-01-01T00:00:00Z", Some(0)),
        ("2015-08-30T12:36:00Z", Some(1_440_938_160_000)),
        ("2015-08-30t12:36:00z", Some(1_440_938_160_000)),
        ("2015-08-30T12:36Z", Some(1_440_938_160_000)),
        ("2015-08-30 12:36:00.5Z", Some(1_440_938_160_500)),
        ("2015-08-30T12:36:00.123456789Z", Some(1_440_938_160_123)),
        ("2015-08-30T14:36:00+02:00", Some(1_440_938_160_000)),
        ("2015-08-30T07:06:00-05:30", Some(1_440_938_160_000)),
        ("2015-08-30", Some(1_440_892_800_000)),
        ("1969-12-31T23:59:59Z", None),
        ("2015-02-29", None),
        ("2015-08-30T12:36:00", None),
        ("2015-08-30T24:00:00Z", None),
        ("2015-08-30T12:60:00Z", None),
        ("2015-08-30T12:36:00.Z", None),
        ("2015-08-30T12:36:00Zx", None),
        ("2015-08-30X12:36:00Z", None),
        ("15-08-30T12:36:00Z", None),
        ("２015-08-30", None),
        ("", None),
    ];
    for (text, millis) in cases {
        assert_eq!(parse_rfc3339(text), millis.map(Timestamp::from_millis), "{text}");
    }
    assert_eq!(parse_iso8601("2015-08-30T12:36:00"), Some(Timestamp::from_millis(1_440_938_160_000)));
    for text in
        ["20150830T123600Z ", "2015830T123600Z", "20150230T123600Z", "20150830T243600Z", "20150830T123600"]
    {
        assert_eq!(parse_amz_date(text), None, "{text}");
    }
}

#[test]
fn durations() {
    let cases = [
        ("30s", Some(30)),
        ("10m", Some(600)),
        ("2h", Some(7200)),
        ("7d", Some(604_800)),
        ("1h 30m", Some(5400)),
        ("1.5h", Some(5400)),
        ("0s", Some(0)),
        ("m", None),
        ("10", None),
        ("-1m", None),
        ("1mo", None),
        ("99999999999999999999d", None),
        ("18446744073709551615d", None),
        ("5é", None),
        ("", None),
    ];
    for (text, seconds) in cases {
        assert_eq!(parse_duration(text), seconds.map(Duration::from_secs), "{text}");
    }
}

proptest! {
    #[test]
    fn round_trip(millis in 0..253_370_764_800_000u64) {
        let time = Timestamp::from_millis(millis);
        prop_assert_eq!(parse_rfc3339(&rfc3339(time).to_string()), Some(time));
        let seconds = Timestamp::from_secs(time.as_secs());
        prop_assert_eq!(parse_amz_date(&amz_date(time)), Some(seconds));
    }

    #[test]
    fn nothing_panics(text in "\\PC{0,40}") {
        let _ = (parse_rfc3339(&text), parse_iso8601(&text), parse_amz_date(&text), parse_duration(&text));
    }
}
