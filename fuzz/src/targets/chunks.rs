//! Bodies in chunks. The first byte says what covers them.

use headwater_wire::sigv4::{Chunking, Chunks};

pub(crate) fn run(bytes: &[u8]) {
    let Some((kind, body)) = bytes.split_first() else { return };
    let chunking = match kind % 3 {
        0 => Chunking::Signed,
        1 => Chunking::SignedTrailer,
        _ => Chunking::UnsignedTrailer,
    };
    let Some(chunks) = Chunks::parse(chunking, body) else { return };
    let data = chunks.data(body);
    assert!(data.len() < body.len(), "chunks have heads");
    // The same data in one chunk, written by the book, gives the same.
    let signature = match chunking {
        Chunking::UnsignedTrailer => String::new(),
        Chunking::Signed | Chunking::SignedTrailer => format!(";chunk-signature={}", "0".repeat(64)),
    };
    let mut one = Vec::new();
    if !data.is_empty() {
        one.extend_from_slice(format!("{:x}{signature}\r\n", data.len()).as_bytes());
        one.extend_from_slice(&data);
        one.extend_from_slice(b"\r\n");
    }
    one.extend_from_slice(format!("0{signature}\r\n\r\n").as_bytes());
    let again = Chunks::parse(chunking, &one).expect("a body in one chunk");
    assert!(again.data(&one) == data);
    assert_eq!(Chunks::parse(chunking, &one[..one.len() - 3]), None, "a body without its end");
}
