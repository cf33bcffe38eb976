//! Bodies that are checked while they are read: by a hash, by the signatures of their chunks, by checksums behind them.
//!
//! # Constraints
//! Nothing is kept but a line of at most 1 KiB: the data is handed on as it comes, and is to be thrown away unless
//! [`PayloadReader::finish`] says that it was right.
//!
//! # Format
//! As in [`super::Chunks`], which reads bodies that are there as a whole.

use bytes::{Buf, Bytes};
use sha2::{Digest, Sha256};

use super::canonical::{SigningKey, hex, sha256_hex};
use super::chunked::Chunking;
use super::verify::unhex;

const LINE_BYTES_MAX: usize = 1024;
const TRAILERS_MAX: usize = 16;
const SIGNATURE: &str = ";chunk-signature=";
const TRAILER_SIGNATURE: &str = "x-amz-trailer-signature";

/// Why a body is not the one that was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// It is not made of chunks as it says, or it ends in the middle.
    #[error("The body does not consist of the chunks that it announces.")]
    Malformed,
    /// A hash, a signature or a checksum does not hold.
    #[error("The body is not the one whose hash, signature or checksum was sent.")]
    Mismatch,
}

/// The signature to which the first chunk's is tied.
#[derive(Debug, Clone)]
pub(super) struct Seal {
    key: SigningKey,
    date: String,
    scope: String,
    previous: [u8; 32],
}

impl Seal {
    pub(super) fn new(key: SigningKey, date: String, scope: String, first: [u8; 32]) -> Self {
        Self { key, date, scope, previous: first }
    }

    fn holds(&mut self, what: &str, signature: [u8; 32], of: &str) -> bool {
        let Self { key, date, scope, previous } = self;
        let text = format!("AWS4-HMAC-SHA256-{what}\n{date}\n{scope}\n{}\n{of}", hex(previous));
        *previous = signature;
        key.verify(&text, &signature)
    }
}

/// Reads a body in pieces of any size.
#[derive(Debug)]
pub struct PayloadReader {
    expected: Option<[u8; 32]>,
    hasher: Sha256,
    chunks: Option<Chunked>,
}

#[derive(Debug)]
struct Chunked {
    chunking: Chunking,
    seal: Seal,
    state: State,
    line: Vec<u8>,
    /// Of the chunk that is being read.
    hasher: Sha256,
    signature: [u8; 32],
    crc32: crc32fast::Hasher,
    sha256: Sha256,
    trailers: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The line before a chunk.
    Size,
    /// So many bytes of a chunk are left.
    Data(usize),
    /// The CRLF behind a chunk.
    DataEnd,
    Trailers,
    End,
}

impl PayloadReader {
    pub(super) fn unsigned() -> Self {
        Self { expected: None, hasher: Sha256::new(), chunks: None }
    }

    pub(super) fn hashed(expected: [u8; 32]) -> Self {
        Self { expected: Some(expected), ..Self::unsigned() }
    }

    pub(super) fn chunked(chunking: Chunking, seal: Seal) -> Self {
        let chunks = Chunked {
            chunking,
            seal,
            state: State::Size,
            line: Vec::new(),
            hasher: Sha256::new(),
            signature: [0; 32],
            crc32: crc32fast::Hasher::new(),
            sha256: Sha256::new(),
            trailers: Vec::new(),
        };
        Self { chunks: Some(chunks), ..Self::unsigned() }
    }

    /// A reader of what nobody had to sign.
    pub fn anything() -> Self {
        Self::unsigned()
    }

    /// The data in the next piece of the body: out of its chunks, and not yet known to be right.
    ///
    /// # Errors
    /// [`PayloadError`] as soon as it is known that the body is wrong.
    pub fn push(&mut self, mut piece: Bytes) -> Result<Vec<Bytes>, PayloadError> {
        let Some(chunks) = &mut self.chunks else {
            if self.expected.is_some() {
                self.hasher.update(&piece);
            }
            return Ok(vec![piece]);
        };
        let mut data = Vec::new();
        while piece.has_remaining() {
            match chunks.state {
                State::Data(left) => {
                    let taken = piece.split_to(left.min(piece.len()));
                    chunks.take(&taken);
                    let left = left - taken.len();
                    chunks.state = if left == 0 { State::DataEnd } else { State::Data(left) };
                    data.push(taken);
                }
                State::End => return Err(PayloadError::Malformed),
                State::Size | State::DataEnd | State::Trailers => {
                    if let Some(line) = chunks.next_line(&mut piece)? {
                        chunks.read_line(&line)?;
                    }
                }
            }
        }
        Ok(data)
    }

    /// Ends the body.
    ///
    /// # Errors
    /// [`PayloadError`] if it was not the one that was signed; nothing of it is to be used then.
    pub fn finish(self) -> Result<(), PayloadError> {
        match (self.chunks, self.expected) {
            (Some(chunks), _) => chunks.finish(),
            (None, Some(expected)) if self.hasher.finalize()[..] != expected => Err(PayloadError::Mismatch),
            (None, _) => Ok(()),
        }
    }
}

impl Chunked {
    fn is_signed(&self) -> bool {
        self.chunking != Chunking::UnsignedTrailer
    }

    fn take(&mut self, data: &[u8]) {
        if self.is_signed() {
            self.hasher.update(data);
        }
        self.crc32.update(data);
        self.sha256.update(data);
    }

    /// The line that ends in this piece, without its CRLF.
    fn next_line(&mut self, piece: &mut Bytes) -> Result<Option<String>, PayloadError> {
        let end = piece.iter().position(|byte| *byte == b'\n');
        let taken = piece.split_to(end.map_or(piece.len(), |end| end + 1));
        if self.line.len() + taken.len() > LINE_BYTES_MAX {
            return Err(PayloadError::Malformed);
        }
        self.line.extend_from_slice(&taken);
        if end.is_none() {
            return Ok(None);
        }
        let mut line = std::mem::take(&mut self.line);
        if !line.ends_with(b"\r\n") {
            return Err(PayloadError::Malformed);
        }
        line.truncate(line.len() - 2);
        String::from_utf8(line).map(Some).map_err(|_| PayloadError::Malformed)
    }

    fn read_line(&mut self, line: &str) -> Result<(), PayloadError> {
        match self.state {
            State::Size => self.begin_chunk(line),
            State::DataEnd => {
                if !line.is_empty() {
                    return Err(PayloadError::Malformed);
                }
                self.end_chunk()?;
                self.state = State::Size;
                Ok(())
            }
            State::Trailers if line.is_empty() => {
                self.state = State::End;
                Ok(())
            }
            State::Trailers => {
                let (name, value) = line.split_once(':').ok_or(PayloadError::Malformed)?;
                self.trailers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
                if self.trailers.len() > TRAILERS_MAX { Err(PayloadError::Malformed) } else { Ok(()) }
            }
            State::Data(_) | State::End => Err(PayloadError::Malformed),
        }
    }

    fn begin_chunk(&mut self, line: &str) -> Result<(), PayloadError> {
        let size = match line.split_once(SIGNATURE) {
            Some((size, signature)) if self.is_signed() => {
                self.signature = unhex(signature).ok_or(PayloadError::Malformed)?;
                size
            }
            None if !self.is_signed() => line,
            _ => return Err(PayloadError::Malformed),
        };
        if size.is_empty() || size.len() > 8 || !size.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(PayloadError::Malformed);
        }
        let size = usize::from_str_radix(size, 16).map_err(|_| PayloadError::Malformed)?;
        if size > 0 {
            self.state = State::Data(size);
            return Ok(());
        }
        self.end_chunk()?;
        self.state = State::Trailers;
        Ok(())
    }

    fn end_chunk(&mut self) -> Result<(), PayloadError> {
        if !self.is_signed() {
            return Ok(());
        }
        let hash = hex(&std::mem::take(&mut self.hasher).finalize());
        let of = format!("{}\n{hash}", sha256_hex(b""));
        if self.seal.holds("PAYLOAD", self.signature, &of) { Ok(()) } else { Err(PayloadError::Mismatch) }
    }

    fn finish(mut self) -> Result<(), PayloadError> {
        // Some signers leave out the empty line after the trailers.
        if !(matches!(self.state, State::End | State::Trailers) && self.line.is_empty()) {
            return Err(PayloadError::Malformed);
        }
        if !self.trailers.is_empty() && self.chunking == Chunking::Signed {
            return Err(PayloadError::Malformed);
        }
        if self.chunking == Chunking::SignedTrailer {
            let signed = self.trailers.iter().find(|(name, _)| name == TRAILER_SIGNATURE);
            let signature = signed.and_then(|(_, value)| unhex(value)).ok_or(PayloadError::Mismatch)?;
            let lines = self.trailers.iter().filter(|(name, _)| name != TRAILER_SIGNATURE);
            let lines: String = lines.map(|(name, value)| format!("{name}:{value}\n")).collect();
            let hash = sha256_hex(lines.as_bytes());
            if !self.seal.holds("TRAILER", signature, &hash) {
                return Err(PayloadError::Mismatch);
            }
        }
        let encode = |bytes: &[u8]| base64_simd::STANDARD.encode_to_string(bytes);
        let (crc32, sha256) = (self.crc32.finalize().to_be_bytes(), self.sha256.finalize());
        let holds = self.trailers.iter().all(|(name, value)| match name.as_str() {
            "x-amz-checksum-crc32" => encode(&crc32) == *value,
            "x-amz-checksum-sha256" => encode(&sha256) == *value,
            _ => true,
        });
        if holds { Ok(()) } else { Err(PayloadError::Mismatch) }
    }
}
