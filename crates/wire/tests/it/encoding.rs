//! Encoding of answers on the wire.

use headwater_types::Timestamp;
use headwater_wire::Codec;
use headwater_wire::shape::{Blob, Bool, Int, List, Time};
use serde::Serialize;

use crate::{Everything, Inner};

fn check<T: Serialize>(value: &T, json: &str, cbor: &[u8]) {
    assert_eq!(String::from_utf8(Codec::Json.encode(value)).unwrap(), json);
    assert_eq!(Codec::Cbor.encode(value), cbor, "{json}");
}

#[test]
fn present_members_in_declaration_order() {
    let value = Everything {
        flag: Some(Bool(true)),
        int: Some(Int(-1)),
        text: Some("a\"b".into()),
        inners: Some(List(vec![Inner { data: Some(Blob::new(&b"ab"[..])), key: None }, Inner::default()])),
        ..Everything::default()
    };
    check(
        &value,
        r#"{"Text":"a\"b","Int":-1,"Flag":true,"Inners":[{"Data":"YWI="},{}]}"#,
        b"\xbf\x64Text\x63a\"b\x63Int\x20\x64Flag\xf5\x66Inners\x9f\xbf\x64Data\x42ab\xff\xbf\xff\xff\xff",
    );
    check(&Everything::default(), "{}", b"\xbf\xff");
}

#[test]
fn a_number_is_not_taken_for_the_one_before() {
    let times = [1_500, 1_500, 2_500, 1_500, 0].map(Timestamp::from_millis).map(Time);
    assert_eq!(String::from_utf8(Codec::Json.encode(&times[..])).unwrap(), "[1.5,1.5,2.5,1.5,0]");
    let numbers = [0.0, -0.0, 0.1, 0.1, f64::MAX];
    let text = String::from_utf8(Codec::Json.encode(&numbers[..])).unwrap();
    assert_eq!(text, serde_json::to_string(&numbers).unwrap());
}

#[test]
fn times() {
    let cases = [
        (1_763_692_957_123, "1763692957.123"),
        (1_763_692_957_120, "1763692957.12"),
        (1_763_692_957_000, "1763692957"),
        (0, "0"),
        (1, "0.001"),
        (253_402_300_799_999, "253402300799.999"),
    ];
    for (millis, text) in cases {
        let time = Time(Timestamp::from_millis(millis));
        assert_eq!(Codec::Json.encode(&time), text.as_bytes());
        let cbor = Codec::Cbor.encode(&time);
        assert_eq!(cbor[0], 0xc1, "tag 1");
        assert_eq!(cbor[1..], Codec::Cbor.encode(&millis)[..]);
    }
    // A vector that AWS sent: tag 1, eight bytes.
    let body = Codec::Cbor.encode(&Time(Timestamp::from_millis(1_763_692_957_123)));
    assert_eq!(body, [0xc1, 0x1b, 0, 0, 0x01, 0x9a, 0xa4, 0x4a, 0xcd, 0xc3]);
}

#[test]
fn long_blobs_are_one_base64_string() {
    for length in [0, 1, 2, 3, 3071, 3072, 3073, 6144, 10_000] {
        let bytes: Vec<u8> = (0..length).map(|i| (i * 7) as u8).collect();
        let body = Codec::Json.encode(&Blob::new(bytes.as_slice()));
        let expected = format!("\"{}\"", base64_simd::STANDARD.encode_to_string(&bytes));
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }
}

#[test]
fn derived_outputs_work_too() {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Output<'a> {
        failed_record_count: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        encryption_type: Option<&'a str>,
        records: &'a [Blob<'a>],
    }
    let output = Output { failed_record_count: 0, encryption_type: None, records: &[Blob::default()] };
    check(
        &output,
        r#"{"FailedRecordCount":0,"Records":[""]}"#,
        b"\xbf\x71FailedRecordCount\x00\x67Records\x9f\x40\xff\xff",
    );
}

#[test]
fn base64_read_from_json_can_be_sent_as_cbor() {
    let inner: Inner<'_> = Codec::Json.decode(br#"{"Data":"YWI="}"#).unwrap();
    check(&inner, r#"{"Data":"YWI="}"#, b"\xbf\x64Data\x42ab\xff");
}

#[test]
fn errors() {
    let cases = [
        (
            "ResourceNotFoundException",
            Some("gone"),
            r#"{"__type":"ResourceNotFoundException","message":"gone"}"#,
        ),
        ("SerializationException", Some("bad"), r#"{"__type":"SerializationException","Message":"bad"}"#),
        ("UnknownOperationException", None, r#"{"__type":"UnknownOperationException"}"#),
    ];
    for (kind, message, json) in cases {
        assert_eq!(Codec::Json.encode_error(kind, message), json.as_bytes());
    }
    assert_eq!(Codec::Cbor.encode_error("Short", Some("m")), b"\xbf\x66__type\x65Short\x67message\x61m\xff");
}

#[test]
fn appending_keeps_what_was_there() {
    let mut out = b"HTTP".to_vec();
    Codec::Json.encode_into(&Inner::default(), &mut out);
    assert_eq!(out, b"HTTP{}");
}

#[test]
fn content_types() {
    let cases = [
        ("application/x-amz-json-1.1", Some(Codec::Json)),
        ("application/x-amz-json-1.1; charset=utf-8", Some(Codec::Json)),
        ("Application/X-Amz-Cbor-1.1;", Some(Codec::Cbor)),
        ("application/json", None),
        ("", None),
    ];
    for (value, codec) in cases {
        assert_eq!(Codec::from_content_type(value), codec, "{value}");
    }
}
