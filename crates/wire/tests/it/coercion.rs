//! Values that each member type takes, and AWS's text where it does not. JSON values are tried in both codecs.

use headwater_types::Timestamp;
use headwater_wire::{Codec, DecodeError};
use serde_json::Value;

use crate::Everything;

/// The JSON body, and the same as CBOR.
fn bodies(json: &str) -> [(Codec, Vec<u8>); 2] {
    let value: Value = serde_json::from_str(json).expect("the case is JSON");
    [(Codec::Json, json.into()), (Codec::Cbor, Codec::Cbor.encode(&value))]
}

fn text_of(codec: Codec, body: &[u8]) -> String {
    let everything = match codec.decode::<Everything<'_>>(body) {
        Ok(everything) => everything,
        Err(DecodeError::Type(text)) => return text,
        Err(DecodeError::Malformed) => return "malformed".to_owned(),
    };
    match everything.blob.unwrap_or_default().into_bytes() {
        Ok(_) => "taken".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn wrong_types_get_the_texts_of_aws() {
    const NUMBER: &str =
        "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to";
    const LIST: &str = "Start of list found where not expected";
    const MAP: &str = "Start of structure or map found where not expected.";
    let number = |to: &str| format!("{NUMBER} {to}");
    let class = |class: &str, to: &str| format!("class java.lang.{class} can not be converted to {to}");
    let cases: &[(&str, &str, String)] = &[
        ("Text", "true", class("Boolean", "an String")),
        ("Text", "23", number("an String")),
        ("Text", "-2147483648", number("an String")),
        ("Text", "34.56", number("an String")),
        ("Text", "[]", LIST.into()),
        ("Text", "{}", MAP.into()),
        ("Int", "\"23\"", class("String", "an Integer")),
        ("Int", "true", class("Boolean", "an Integer")),
        ("Int", "[]", LIST.into()),
        ("Int", "{}", MAP.into()),
        ("Long", "\"23\"", class("String", "an Long")),
        ("Long", "true", class("Boolean", "an Long")),
        ("Long", "[1]", LIST.into()),
        ("Long", "{\"a\":1}", MAP.into()),
        ("Flag", "\"23\"", "'23' can not be converted to an Boolean".into()),
        ("Flag", "\"maybe\"", "'MAYBE' can not be converted to an Boolean".into()),
        ("Flag", "23", number("an Boolean")),
        ("Flag", "-23", number("an Boolean")),
        ("Flag", "34.56", "taken".into()),
        ("Flag", "[]", LIST.into()),
        ("Flag", "{}", MAP.into()),
        ("Blob", "true", class("Boolean", "a Blob")),
        ("Blob", "23", number("a Blob")),
        ("Blob", "34.56", number("a Blob")),
        ("Blob", "[]", LIST.into()),
        ("Blob", "{}", MAP.into()),
        ("Time", "\"23\"", class("String", "milliseconds since epoch")),
        ("Time", "true", class("Boolean", "milliseconds since epoch")),
        ("Time", "[]", LIST.into()),
        ("Time", "{}", MAP.into()),
        ("Texts", "\"23\"", "Expected list or null".into()),
        ("Texts", "true", "Expected list or null".into()),
        ("Texts", "23", "Expected list or null".into()),
        ("Texts", "34.56", "Expected list or null".into()),
        ("Texts", "{}", MAP.into()),
        ("Texts", "[1]", number("an String")),
        ("Tags", "\"23\"", "Expected map or null".into()),
        ("Tags", "true", "Expected map or null".into()),
        ("Tags", "-1", "Expected map or null".into()),
        ("Tags", "[]", LIST.into()),
        ("Tags", "{\"k\":1}", number("an String")),
        ("Inner", "\"23\"", "Expected null".into()),
        ("Inner", "true", "Expected null".into()),
        ("Inner", "23", "Expected null".into()),
        ("Inner", "34.56", "Expected null".into()),
        ("Inner", "[]", LIST.into()),
        ("Inner", "[\"YQ==\",\"k\"]", LIST.into()),
        ("Inners", "[[]]", LIST.into()),
        ("Inners", "[{\"Key\":false}]", class("Boolean", "an String")),
    ];
    for (member, value, expected) in cases {
        for (codec, body) in bodies(&format!("{{\"{member}\": {value}}}")) {
            assert_eq!(text_of(codec, &body), *expected, "{member} = {value} in {codec:?}");
        }
    }
}

#[test]
fn base64_faults_get_the_texts_of_aws() {
    let refused = |text: &str, why: &str| format!("'{text}' can not be converted to a Blob: {why}");
    let length =
        |found: usize| format!("Base64 encoded length is expected a multiple of 4 bytes but found: {found}");
    const LAST: &str = "Invalid last non-pad Base64 character dectected";
    let cases = [
        ("23456", length(5)),
        ("a", length(1)),
        ("YWI", length(3)),
        ("YQ==\\u00e9", length(5)),
        ("=+/=", "Invalid Base64 character: '='".to_owned()),
        ("YQ=a", "Invalid Base64 character: '='".to_owned()),
        ("YQ==YQ==", "Invalid Base64 character: '='".to_owned()),
        ("YQ-_", "Invalid Base64 character: '-'".to_owned()),
        ("YQ \\u00e9", "Invalid Base64 character: ' '".to_owned()),
        ("+/+=", LAST.to_owned()),
        ("YR==", LAST.to_owned()),
        ("====", LAST.to_owned()),
        ("A===", LAST.to_owned()),
    ];
    for (text, why) in cases {
        let body = format!("{{\"Blob\":\"{text}\"}}");
        let shown = text.replace("\\u00e9", "é");
        assert_eq!(text_of(Codec::Json, body.as_bytes()), refused(&shown, &why), "{text}");
    }
}

#[test]
fn numbers_clamp_and_truncate() {
    let cases = [
        ("0", 0, 0),
        ("-0.9", 0, 0),
        ("3.99", 3, 3),
        ("2147483647", i32::MAX, 2_147_483_647),
        ("2147483648", i32::MAX, 2_147_483_648),
        ("9223372036854775807", i32::MAX, i64::MAX),
        ("18446744073709551615", i32::MAX, i64::MAX),
        ("1e300", i32::MAX, i64::MAX),
        ("-2147483649", i32::MIN, -2_147_483_649),
        ("-1e300", i32::MIN, i64::MIN),
    ];
    for (value, int, long) in cases {
        for (codec, body) in bodies(&format!("{{\"Int\":{value},\"Long\":{value}}}")) {
            let read: Everything<'_> = codec.decode(&body).unwrap();
            assert_eq!((read.int.unwrap().0, read.long.unwrap().0), (int, long), "{value} in {codec:?}");
        }
    }
}

#[test]
fn booleans_may_be_words() {
    let cases = [("true", true), ("\"true\"", true), ("\"Yes\"", true), ("\"1\"", true), ("\"NO\"", false)];
    for (value, expected) in cases {
        for (codec, body) in bodies(&format!("{{\"Flag\":{value}}}")) {
            let read: Everything<'_> = codec.decode(&body).unwrap();
            assert_eq!(read.flag.unwrap().0, expected, "{value} in {codec:?}");
        }
    }
}

#[test]
fn json_times_are_seconds() {
    let cases = [
        ("1763692957.123", 1_763_692_957_123),
        ("1.763692957123E9", 1_763_692_957_123),
        ("1763692957", 1_763_692_957_000),
        ("0", 0),
        ("-1", 0),
        ("-0.5", 0),
        ("1e300", u64::MAX),
        ("18446744073709551615", u64::MAX),
    ];
    for (value, millis) in cases {
        let body = format!("{{\"Time\":{value}}}");
        let read: Everything<'_> = Codec::Json.decode(body.as_bytes()).unwrap();
        assert_eq!(read.time.unwrap().0, Timestamp::from_millis(millis), "{value}");
    }
}

#[test]
fn cbor_times_are_tagged_milliseconds() {
    let cases: &[(&[u8], u64)] = &[
        (&[0xc1, 0x1b, 0, 0, 0x01, 0x9a, 0xa4, 0xae, 0xa8, 0xe3], 0x019a_a4ae_a8e3),
        (&[0x1a, 0, 0, 0x03, 0xe8], 1000),
        (&[0xc1, 0x20], 0),
        (&[0xc1, 0x3b, 255, 255, 255, 255, 255, 255, 255, 255], 0),
        (&[0xc1, 0x1b, 255, 255, 255, 255, 255, 255, 255, 255], u64::MAX),
        // Floats are seconds, at any width; not-a-number is the epoch.
        (&[0xc1, 0xfb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0], 1500),
        (&[0xc1, 0xf9, 0x3e, 0x00], 1500),
        (&[0xc1, 0xf9, 0x7e, 0x00], 0),
        (&[0xc1, 0xf9, 0x7c, 0x00], u64::MAX),
    ];
    for (value, millis) in cases {
        let body = [b"\xa1\x64Time", *value].concat();
        let read: Everything<'_> = Codec::Cbor.decode(&body).unwrap();
        assert_eq!(read.time.unwrap().0, Timestamp::from_millis(*millis), "{value:02x?}");
    }
}

#[test]
fn a_byte_string_is_no_text() {
    let body = b"\xa1\x64Text\x41a";
    assert_eq!(text_of(Codec::Cbor, body), "class java.nio.HeapByteBuffer can not be converted to an String");
}
