//! Frames against the reference's vectors, and bytes that are no frames.

use headwater_wire::event_stream::{Frame, FrameError, event, exception};
use serde_json::json;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_first_frame_is_as_the_reference_has_it() {
    let frame = event("initial-response", &json!({}), 2);
    assert_eq!(frame.len(), 114);
    assert_eq!(hex(&frame[..12]), "0000007200000060ab820d9e");
    assert_eq!(hex(&frame[110..]), "acae6b7d");
    assert_eq!(&frame[108..110], b"{}");
}

#[test]
fn an_empty_event_is_as_long_as_the_reference_says() {
    let number = "4".repeat(56);
    let text = format!(r#"{{"ContinuationSequenceNumber":"{number}","MillisBehindLatest":0,"Records":[]}}"#);
    let payload: serde_json::Value = serde_json::from_str(&text).unwrap();
    let frame = event("SubscribeToShardEvent", &payload, 200);
    assert_eq!(frame.len(), 242);
    assert_eq!(hex(&frame[4..8]), "00000065", "101 bytes of headers");
}

#[test]
fn what_is_written_is_read() {
    let first = event("SubscribeToShardEvent", &json!({"Records": []}), 0);
    let second = exception("ResourceInUseException", "somebody \"else\"");
    let both = [first.clone(), second].concat();
    let (frame, len) = Frame::parse(&both).unwrap().unwrap();
    assert_eq!(len, first.len());
    assert_eq!(frame.header(":event-type"), Some("SubscribeToShardEvent"));
    assert_eq!(frame.header(":content-type"), Some("application/x-amz-json-1.1"));
    assert_eq!(frame.header(":exception-type"), None);
    assert_eq!(frame.payload, br#"{"Records":[]}"#);
    let (frame, len) = Frame::parse(&both[len..]).unwrap().unwrap();
    assert_eq!(len, both.len() - first.len());
    assert_eq!(frame.header(":exception-type"), Some("ResourceInUseException"));
    assert_eq!(frame.payload, br#"{"message":"somebody \"else\""}"#);
}

#[test]
fn a_frame_that_has_not_all_come_is_waited_for() {
    let frame = exception("InternalFailureException", "x");
    for len in 0..frame.len() {
        assert_eq!(Frame::parse(&frame[..len]), Ok(None), "{len} bytes");
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let frame = event("SubscribeToShardEvent", &json!({"Records": []}), 0);
    for bit in 0..frame.len() * 8 {
        let mut damaged = frame.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Frame::parse(&damaged), Err(FrameError::Checksum), "bit {bit}");
    }
}

#[test]
fn lengths_that_cannot_be_are_refused() {
    for (total, headers) in [(0u32, 0u32), (15, 0), (16, 1), (u32::MAX, 0), (100, u32::MAX)] {
        let mut prelude = [total.to_be_bytes(), headers.to_be_bytes()].concat();
        let crc = crc32fast::hash(&prelude);
        prelude.extend_from_slice(&crc.to_be_bytes());
        assert_eq!(Frame::parse(&prelude), Err(FrameError::Length(total as usize)));
    }
}
