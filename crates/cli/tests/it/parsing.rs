//! Text that people type.

use std::time::Duration;

use headwater_cli::text::time;
use headwater_cli::{KeyField, Since};
use headwater_client::StartAt;
use headwater_types::Timestamp;

#[test]
fn times() {
    let cases = [
        ("1970-01-01T00:00:00Z", Some(0)),
        ("2015-08-30T12:36:00Z", Some(1_440_938_160_000)),
        ("2015-08-30t12:36:00z", Some(1_440_938_160_000)),
        ("2015-08-30 12:36:00.5Z", Some(1_440_938_160_500)),
        ("2015-08-30T12:36:00.123456789Z", Some(1_440_938_160_123)),
        ("2015-08-30T14:36:00+02:00", Some(1_440_938_160_000)),
        ("2015-08-30T07:06:00-05:30", Some(1_440_938_160_000)),
        ("2015-08-30", Some(1_440_892_800_000)),
        ("2015-02-29", None),
        ("2015-08-30T12:36:00", None),
        ("2015-08-30T12:36Z", None),
        ("2015-08-30T12:36:00.Z", None),
        ("2015-08-30T12:36:00+2", None),
        ("2015-08-30T12:36:00+24:00", None),
        ("2015-08-30T12:36:00Zx", None),
        ("2015-08-30X12:36:00Z", None),
        ("15-08-30T12:36:00Z", None),
        ("２015-08-30", None),
        ("", None),
    ];
    for (text, millis) in cases {
        assert_eq!(time::rfc3339(text), millis.map(Timestamp::from_millis), "{text}");
    }
}

#[test]
fn durations() {
    let cases = [
        ("30s", Some(30)),
        ("10m", Some(600)),
        ("2h", Some(7200)),
        ("7d", Some(604_800)),
        ("0s", Some(0)),
        ("m", None),
        ("10", None),
        ("-1m", None),
        ("1.5h", None),
        ("99999999999999999999d", None),
        ("18446744073709551615d", None),
        ("5é", None),
        ("", None),
    ];
    for (text, seconds) in cases {
        assert_eq!(time::duration(text), seconds.map(Duration::from_secs), "{text}");
    }
}

#[test]
fn starts() {
    let now = Timestamp::from_secs(1000);
    let cases = [
        ("latest", Some(StartAt::Latest)),
        ("HORIZON", Some(StartAt::Horizon)),
        ("trim_horizon", Some(StartAt::Horizon)),
        ("10m", Some(StartAt::Time(Timestamp::from_secs(400)))),
        ("10m ago", Some(StartAt::Time(Timestamp::from_secs(400)))),
        ("9d", Some(StartAt::Time(Timestamp::EPOCH))),
        ("1970-01-01T00:00:07Z", Some(StartAt::Time(Timestamp::from_secs(7)))),
        ("yesterday", None),
    ];
    for (text, start) in cases {
        assert_eq!(Since::parse(text).ok().map(|since| since.start(now)), start, "{text}");
    }
}

#[test]
fn key_fields() {
    let record = br#"{"a":{"b":"text"},"n":7,"f":1.5,"t":true,"l":[{"x":"y"}],"e":"","null":null}"#;
    let cases = [
        ("a.b", Ok("text")),
        ("n", Ok("7")),
        ("f", Ok("1.5")),
        ("t", Ok("true")),
        ("l.0.x", Ok("y")),
        ("a", Err("its a is not a text or number")),
        ("l.1.x", Err("it has no l.1.x")),
        ("l.x", Err("it has no l.x")),
        ("n.x", Err("it has no n.x")),
        ("null", Err("it has no null")),
        ("e", Err("its e has 0 characters, and a partition key has 1 to 256")),
    ];
    for (path, expected) in cases {
        let key = KeyField::parse(path).unwrap().of(record);
        assert_eq!(key, expected.map(str::to_owned).map_err(str::to_owned), "{path}");
    }
    for path in ["", ".a", "a.", "a..b"] {
        assert!(KeyField::parse(path).is_err(), "{path}");
    }
}
