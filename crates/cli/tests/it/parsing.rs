//! Text that people type.

use headwater_cli::{KeyField, Since};
use headwater_client::StartAt;
use headwater_types::Timestamp;

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
