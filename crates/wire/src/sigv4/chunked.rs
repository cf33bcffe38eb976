//! Bodies in chunks, `Content-Encoding: aws-chunked`: what SDKs send when they sign before they know the whole body.
//!
//! # Format
//! Each chunk is its size in hexadecimal, `;chunk-signature=` and a signature where chunks are signed, CRLF, the data,
//! CRLF. The last one has size 0; trailers may follow it, a line each, and an empty line ends it all. Each signature
//! covers the one before it, so that chunks can be neither changed, nor left out, nor put in another order.

use std::ops::Range;

use sha2::{Digest, Sha256};

use super::canonical::{Scope, SigningKey, hex, sha256_hex};
use super::verify::unhex;

/// The longest line between the data of two chunks.
const LINE_BYTES_MAX: usize = 1024;
/// Trailers of one body.
const TRAILERS_MAX: usize = 16;
const SIGNATURE: &str = ";chunk-signature=";
const TRAILER_SIGNATURE: &str = "x-amz-trailer-signature";

/// Signatures that cover the chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chunking {
    /// A signature each.
    Signed,
    /// A signature each, and one for the trailers.
    SignedTrailer,
    /// Nothing; checksums may stand in the trailers.
    UnsignedTrailer,
}

impl Chunking {
    /// Kind of chunks that `x-amz-content-sha256` names, if it says that the body comes in chunks.
    pub fn of(content_sha256: &str) -> Option<Self> {
        match content_sha256 {
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Some(Self::Signed),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => Some(Self::SignedTrailer),
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Some(Self::UnsignedTrailer),
            _ => None,
        }
    }

    fn is_signed(self) -> bool {
        self != Self::UnsignedTrailer
    }
}

/// Positions of the chunks of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunks {
    chunking: Chunking,
    /// Data and signature of each, the empty one at the end among them.
    chunks: Vec<(Range<usize>, Option<[u8; 32]>)>,
    trailers: Vec<(String, String)>,
}

impl Chunks {
    /// Finds the chunks of a body; `None` if it is not made of chunks.
    pub fn parse(chunking: Chunking, body: &[u8]) -> Option<Self> {
        let mut found = Self { chunking, chunks: Vec::new(), trailers: Vec::new() };
        let mut at = 0;
        loop {
            let line = line(body, &mut at)?;
            let (size, signature) = match line.split_once(SIGNATURE) {
                Some((size, signature)) if chunking.is_signed() => (size, Some(unhex(signature)?)),
                None if !chunking.is_signed() => (line, None),
                _ => return None,
            };
            if size.is_empty() || size.len() > 8 || !size.bytes().all(|b| b.is_ascii_hexdigit()) {
                return None;
            }
            let size = usize::from_str_radix(size, 16).ok()?;
            let end = at.checked_add(size).filter(|&end| end <= body.len())?;
            found.chunks.push((at..end, signature));
            at = end;
            if size == 0 {
                break;
            }
            body.get(at..)?.starts_with(b"\r\n").then(|| at += 2)?;
        }
        loop {
            match line(body, &mut at)? {
                "" => break,
                line => {
                    let (name, value) = line.split_once(':')?;
                    found.trailers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
                }
            }
            if found.trailers.len() > TRAILERS_MAX {
                return None;
            }
            // Some signers leave out the empty line after the trailers.
            if at == body.len() {
                break;
            }
        }
        let has_trailers = !found.trailers.is_empty();
        (at == body.len() && (!has_trailers || chunking != Chunking::Signed)).then_some(found)
    }

    /// The data of all chunks.
    pub fn data(&self, body: &[u8]) -> Vec<u8> {
        let mut data = Vec::with_capacity(body.len());
        self.pieces(body).for_each(|piece| data.extend_from_slice(piece));
        data
    }

    /// The data of each chunk of the body from which this was parsed.
    fn pieces<'b>(&self, body: &'b [u8]) -> impl Iterator<Item = &'b [u8]> {
        self.chunks.iter().map(|(range, _)| body.get(range.clone()).unwrap_or_default())
    }

    /// True if every signature and every checksum that is known holds. `first` is the signature of the request.
    pub(super) fn verify(
        &self,
        key: &SigningKey,
        date: &str,
        scope: &Scope<'_>,
        first: &[u8; 32],
        body: &[u8],
    ) -> bool {
        let mut previous = *first;
        if self.chunking.is_signed() {
            let empty = sha256_hex(b"");
            for ((_, signature), piece) in self.chunks.iter().zip(self.pieces(body)) {
                let Some(signature) = signature else { return false };
                let text = format!(
                    "AWS4-HMAC-SHA256-PAYLOAD\n{date}\n{scope}\n{}\n{empty}\n{}",
                    hex(&previous),
                    sha256_hex(piece)
                );
                if !key.verify(&text, signature) {
                    return false;
                }
                previous = *signature;
            }
        }
        if self.chunking == Chunking::SignedTrailer {
            let signed = self.trailers.iter().find(|(name, _)| name == TRAILER_SIGNATURE);
            let Some(signature) = signed.and_then(|(_, value)| unhex(value)) else { return false };
            let lines = self.trailers.iter().filter(|(name, _)| name != TRAILER_SIGNATURE);
            let lines: String = lines.map(|(name, value)| format!("{name}:{value}\n")).collect();
            let text = format!(
                "AWS4-HMAC-SHA256-TRAILER\n{date}\n{scope}\n{}\n{}",
                hex(&previous),
                sha256_hex(lines.as_bytes())
            );
            if !key.verify(&text, &signature) {
                return false;
            }
        }
        self.trailers.iter().all(|(name, value)| self.checksum_holds(name, value, body))
    }

    /// False for a checksum that is known and wrong.
    fn checksum_holds(&self, name: &str, value: &str, body: &[u8]) -> bool {
        let encode = |bytes: &[u8]| base64_simd::STANDARD.encode_to_string(bytes);
        match name {
            "x-amz-checksum-crc32" => {
                let mut crc = crc32fast::Hasher::new();
                self.pieces(body).for_each(|piece| crc.update(piece));
                encode(&crc.finalize().to_be_bytes()) == value
            }
            "x-amz-checksum-sha256" => {
                let mut sha = Sha256::new();
                self.pieces(body).for_each(|piece| sha.update(piece));
                encode(&sha.finalize()) == value
            }
            _ => true,
        }
    }
}

/// The line that begins at `at`, without its CRLF.
fn line<'a>(body: &'a [u8], at: &mut usize) -> Option<&'a str> {
    let rest = body.get(*at..)?;
    let end = rest.windows(2).take(LINE_BYTES_MAX - 1).position(|pair| pair == b"\r\n")?;
    *at += end + 2;
    std::str::from_utf8(rest.get(..end)?).ok()
}
