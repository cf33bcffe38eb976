//! Frames of event streams, as our client reads them.
//!
//! An input is read as it is, and once more with its two checksums made right: nothing but them would be tested
//! otherwise.

use headwater_wire::event_stream::{FRAME_LEN_MAX, Frame, exception};

pub(crate) fn run(bytes: &[u8]) {
    check(bytes);
    check(&mended(bytes));
    // What is text can be carried: it comes back as it went.
    if let Ok(text) = std::str::from_utf8(bytes) {
        let (kind, message) = text.split_once('\n').unwrap_or((text, ""));
        if kind.len() <= usize::from(u16::MAX) {
            let written = exception(kind, message);
            let (frame, len) = Frame::parse(&written).expect("a frame").expect("all of it");
            assert_eq!((len, frame.header(":exception-type")), (written.len(), Some(kind)));
            check(&written);
        }
    }
}

fn check(bytes: &[u8]) {
    let Ok(Some((frame, len))) = Frame::parse(bytes) else { return };
    assert!((16..=FRAME_LEN_MAX).contains(&len) && len <= bytes.len());
    assert!(frame.payload.len() <= len - 16);
    let _ = frame.header(":event-type");
    // A frame ends where it says: what follows is of no matter, and without its end there is none.
    assert_eq!(Frame::parse(&bytes[..len]), Ok(Some((frame, len))));
    assert_eq!(Frame::parse(&bytes[..len - 1]), Ok(None));
}

/// The same with checksums where the lengths say.
fn mended(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let Some(total) = bytes.first_chunk().map(|len| u32::from_be_bytes(*len) as usize) else { return bytes };
    if bytes.len() >= 12 {
        let crc = crc32fast::hash(&bytes[..8]);
        bytes[8..12].copy_from_slice(&crc.to_be_bytes());
    }
    if let Some(at) = total.checked_sub(4).filter(|&at| at >= 12 && total <= bytes.len()) {
        let crc = crc32fast::hash(&bytes[..at]);
        bytes[at..total].copy_from_slice(&crc.to_be_bytes());
    }
    bytes
}
