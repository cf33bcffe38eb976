//! Bodies made to hurt.

use headwater_types::Timestamp;
use headwater_wire::shape::{Blob, Bool, Int, List, Long, Map, Time};
use headwater_wire::{Codec, DecodeError};
use proptest::prelude::*;

use crate::{Everything, Inner};

fn full() -> Everything<'static> {
    let inner = || Inner { data: Some(Blob::new(&b"data"[..])), key: Some("key".into()) };
    Everything {
        text: Some("täxt".into()),
        int: Some(Int(300)),
        long: Some(Long(-70_000)),
        flag: Some(Bool(false)),
        blob: Some(Blob::new(vec![0; 300])),
        time: Some(Time(Timestamp::from_millis(1_763_692_957_123))),
        texts: Some(List(vec!["a".into(), "b".into()])),
        tags: Some(Map(vec![("k".into(), "v".into())])),
        inner: Some(inner()),
        inners: Some(List(vec![inner(), inner()])),
    }
}

fn decode_all(codec: Codec, body: &[u8]) -> Result<(), DecodeError> {
    let read: Everything<'_> = codec.decode(body)?;
    read.blob.unwrap_or_default().into_bytes()?;
    Ok(())
}

#[test]
fn cut_at_every_byte() {
    for codec in [Codec::Json, Codec::Cbor] {
        let body = codec.encode(&full());
        assert_eq!(decode_all(codec, &body), Ok(()));
        for cut in 0..body.len() {
            assert_eq!(
                decode_all(codec, &body[..cut]),
                Err(DecodeError::Malformed),
                "{codec:?} cut at {cut}"
            );
        }
    }
}

#[test]
fn every_byte_changed() {
    for codec in [Codec::Json, Codec::Cbor] {
        let mut body = codec.encode(&full());
        for at in 0..body.len() {
            let before = body[at];
            for byte in 0..=255 {
                body[at] = byte;
                let _ = decode_all(codec, &body);
            }
            body[at] = before;
        }
    }
}

#[test]
fn claimed_lengths_reserve_nothing() {
    // Each head claims an item of up to 2^64-1 bytes or items; honouring the claim would abort the test.
    for member in [&b"\x64Text"[..], b"\x64Blob", b"\x65Texts", b"\x64Tags", b"\x66Inners", b"\x63New"] {
        for major in [0x40u8, 0x60, 0x80, 0xa0] {
            for length in [u64::MAX, i64::MAX as u64, 1 << 40, 1 << 32] {
                let mut body = [b"\xa1", member].concat();
                body.push(major | 27);
                body.extend(length.to_be_bytes());
                body.extend(b"\x01\x01");
                assert_eq!(decode_all(Codec::Cbor, &body), Err(DecodeError::Malformed), "{body:02x?}");
            }
        }
    }
    let top = b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff\x64Text\x61a";
    assert_eq!(decode_all(Codec::Cbor, top), Err(DecodeError::Malformed));
}

#[test]
fn deep_nesting_ends() {
    let deep = |open: &[u8], close: &[u8]| [open.repeat(1_000_000), close.repeat(1_000_000)].concat();
    let json = [br#"{"New":"#, deep(b"[", b"]").as_slice(), b"}"].concat();
    // serde_json skips without recursion, so depth alone is harmless here.
    assert_eq!(decode_all(Codec::Json, &json), Ok(()));
    assert_eq!(
        decode_all(Codec::Json, &[br#"{"New":"#, b"[".repeat(1_000_000).as_slice()].concat()),
        Err(DecodeError::Malformed)
    );
    for (open, close) in
        [(&b"\x9f"[..], &b"\xff"[..]), (b"\x81", b""), (b"\xa1\x61a", b""), (b"\xbf\x61a", b"\xff")]
    {
        let body = [b"\xa1\x63New", deep(open, close).as_slice()].concat();
        assert_eq!(decode_all(Codec::Cbor, &body), Err(DecodeError::Malformed), "{open:02x?}");
    }
    let tags = [b"\xa1\x64Text", b"\xc6".repeat(1_000_000).as_slice(), b"\x61a"].concat();
    assert_eq!(decode_all(Codec::Cbor, &tags), Ok(()));
}

#[test]
fn many_duplicate_keys_are_quick() {
    let tags: Vec<String> = (0..100_000).map(|i| format!("\"k{}\":\"{i}\"", i % 7)).collect();
    let body = format!("{{\"Tags\":{{{}}}}}", tags.join(","));
    let read: Everything<'_> = Codec::Json.decode(body.as_bytes()).unwrap();
    assert_eq!(read.tags.unwrap().len(), 7);
}

proptest! {
    #[test]
    fn noise_never_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_all(Codec::Json, &body);
        let _ = decode_all(Codec::Cbor, &body);
        for prefix in [&b"\xbf\x64Text"[..], b"\xbf\x64Time", b"\xbf\x66Inners", b"\xbf\x64Tags", b"\xbf\x63New"] {
            let _ = decode_all(Codec::Cbor, &[prefix, &body].concat());
        }
    }

    #[test]
    fn base64_of_any_text_never_panics(text in "[A-Za-z0-9+/=é -]{0,20}") {
        let body = format!("{{\"Blob\":\"{text}\"}}");
        let read: Everything<'_> = Codec::Json.decode(body.as_bytes()).unwrap();
        let blob = read.blob.unwrap();
        let mut out = b"before".to_vec();
        match blob.append_to(&mut out) {
            Ok(()) => prop_assert_eq!(out.len(), 6 + blob.len()),
            Err(_) => prop_assert_eq!(&out[..], b"before"),
        }
    }
}
