//! Structures as a whole: absence, duplicates, order, borrowing, what is malformed.

use headwater_wire::shape::Text;
use headwater_wire::{Codec, DecodeError};

use crate::{Everything, Inner};

fn json(body: &str) -> Everything<'_> {
    Codec::Json.decode(body.as_bytes()).unwrap()
}

#[test]
fn null_and_unknown_members_are_absent() {
    let nothing = Everything::default();
    for body in ["{}", " {\n} ", r#"{"Text":null,"Blob":null,"Inner":null,"Texts":null,"Time":null}"#] {
        assert_eq!(json(body), nothing, "{body}");
    }
    assert_eq!(json(r#"{"text":1,"New":{"deep":[[{"Text":2}]]},"Other":1e99}"#), nothing);
    for body in
        [&b"\xa0"[..], b"\xbf\xff", b"\xa1\x64Text\xf6", b"\xbf\x63New\x9f\x01\xff\xff", b"\xd9\xd9\xf7\xa0"]
    {
        assert_eq!(Codec::Cbor.decode(body), Ok(Everything::default()), "{body:02x?}");
    }
}

#[test]
fn the_last_of_a_duplicate_counts() {
    let read = json(r#"{"Text":"a","Text":"b","Tags":{"k":"1","l":"2","k":"3"},"Int":1,"Int":null}"#);
    assert_eq!(read.text.unwrap().as_str(), "b");
    assert_eq!(read.tags.unwrap().0, [(Text::from("l"), "2".into()), ("k".into(), "3".into())]);
    assert_eq!(read.int, None);
}

#[test]
fn nulls_inside_lists_are_empty() {
    let read = json(r#"{"Inners":[null],"Texts":[null,"a"]}"#);
    assert_eq!(read.inners.unwrap().0, [Inner::default()]);
    assert_eq!(read.texts.unwrap().to_string(), "[, a]");
}

#[test]
fn names_and_texts_may_be_escaped() {
    let read = json(r#"{"\u0054ext":"a\n\ud83d\ude00","Blob":"Y\u0051=="}"#);
    assert_eq!(read.text.unwrap().as_str(), "a\n😀");
    assert_eq!(read.blob.unwrap().into_bytes().unwrap(), &b"a"[..]);
}

#[test]
fn bodies_lend_their_texts() {
    let body = r#"{"Text":"plain","Inner":{"Data":"YWJj","Key":"k"}}"#;
    let read = json(body);
    let lies_in_body = |text: &str| body.as_bytes().as_ptr_range().contains(&text.as_ptr());
    assert!(lies_in_body(&read.text.unwrap()));
    assert!(lies_in_body(&read.inner.unwrap().key.unwrap()));
}

#[test]
fn cbor_pieces_are_joined() {
    let body = b"\xbf\x7f\x62Te\x62xt\xff\x7f\x61a\x61b\xff\x64Blob\x5f\x41a\x42bc\xff\xff";
    let read: Everything<'_> = Codec::Cbor.decode(body).unwrap();
    assert_eq!(read.text.unwrap().as_str(), "ab");
    assert_eq!(read.blob.unwrap().into_bytes().unwrap(), &b"abc"[..]);
}

#[test]
fn what_is_malformed() {
    let cases = [
        "",
        " ",
        "{",
        "}",
        "{\"Text\":}",
        "{\"Text\":\"a\"",
        "{\"Text\":\"a\"}x",
        "{'Text':1}",
        "null",
        "1",
        "\"a\"",
        "true",
        "{\"Text\":\"\u{1}\"}",
        "{\"Int\":01}",
        "{\"New\":nul}",
        "{\"Text\" \"a\"}",
        "\u{feff}{}",
        // Malformed after a type error.
        "{\"Text\":1,",
        "{\"Text\":1}}",
        "{\"Text\":1,\"New\":tru}",
        "[",
    ];
    for body in cases {
        assert_eq!(
            Codec::Json.decode::<Everything<'_>>(body.as_bytes()),
            Err(DecodeError::Malformed),
            "{body}"
        );
    }
    let cases: &[&[u8]] = &[
        b"",
        b"\x01",
        b"\xf6",
        b"\x61a",
        b"\xa1",
        b"\xa1\x64Text",
        b"\xbf\x64Text\x61a",
        b"\xa0\xa0",
        b"\xff",
        b"\xa1\x64Text\x62\xff\xfe",
        b"\xa1\x64Text\xff",
        b"\xbf\x64Text\xff",
        b"\xa1\x64Text\xfc",
        b"\xc1",
        b"\xa1\x64Text\x01\x00",
        b"\xa2\x64Text\x01",
    ];
    for body in cases {
        assert_eq!(Codec::Cbor.decode::<Everything<'_>>(body), Err(DecodeError::Malformed), "{body:02x?}");
    }
}

#[test]
fn invalid_utf8_after_a_type_error_is_malformed() {
    let body = b"{\"Text\":1,\"New\":\"\xff\"}";
    assert_eq!(Codec::Json.decode::<Everything<'_>>(body), Err(DecodeError::Malformed));
}

#[test]
fn a_list_on_top_has_a_text() {
    let expected = Err(DecodeError::Type("Start of list found where not expected".to_owned()));
    assert_eq!(Codec::Json.decode::<Everything<'_>>(b"[]"), expected);
    assert_eq!(Codec::Json.decode::<Everything<'_>>(b"[{\"Text\":\"a\"}]"), expected);
    assert_eq!(Codec::Cbor.decode::<Everything<'_>>(b"\x80"), expected);
}
