//! AWS JSON: serde_json, with blobs as base64 and type errors told apart from syntax errors.

use std::io::{self, Write};
use std::mem::MaybeUninit;

use serde::de::{Deserialize, IgnoredAny};
use serde::ser::Serialize;
use serde_json::error::Category;
use serde_json::ser::{CompactFormatter, Formatter};

use crate::DecodeError;

pub(crate) fn decode<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T, DecodeError> {
    // Scalars and null on top are refused without a text; a list gets one from the shape.
    let top = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if !matches!(top, Some(b'{' | b'[')) {
        return Err(DecodeError::Malformed);
    }
    serde_json::from_slice(body).map_err(|error| explain(body, &error))
}

#[cold]
fn explain(body: &[u8], error: &serde_json::Error) -> DecodeError {
    // A type error met first does not excuse what follows: AWS parses the whole body before it looks at types.
    let well_formed = str::from_utf8(body).is_ok() && serde_json::from_slice::<IgnoredAny>(body).is_ok();
    if error.classify() != Category::Data || !well_formed {
        return DecodeError::Malformed;
    }
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    DecodeError::Type(text.strip_suffix(&position).unwrap_or(&text).to_owned())
}

pub(crate) fn encode<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    let mut serializer = serde_json::Serializer::with_formatter(out, AwsJson::default());
    value.serialize(&mut serializer).expect("AWS shapes have text keys and 64-bit numbers");
}

/// Compact JSON whose byte arrays are base64 strings.
#[derive(Default)]
struct AwsJson {
    /// The number with a fraction that was written last, and its text: records that arrived together have one time.
    last: Option<(f64, Vec<u8>)>,
}

/// Source bytes encoded at a time: a multiple of 3, so that padding comes at the end only.
const CHUNK: usize = 3 * 1024;

impl Formatter for AwsJson {
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let text = match &mut self.last {
            Some((last, text)) if last.to_bits() == value.to_bits() => text,
            last => {
                let mut text = Vec::new();
                CompactFormatter.write_f64(&mut text, value)?;
                &mut last.insert((value, text)).1
            }
        };
        writer.write_all(text)
    }

    fn write_byte_array<W: ?Sized + Write>(&mut self, writer: &mut W, value: &[u8]) -> io::Result<()> {
        let mut buffer = [const { MaybeUninit::uninit() }; CHUNK / 3 * 4];
        writer.write_all(b"\"")?;
        for chunk in value.chunks(CHUNK) {
            let text = base64_simd::STANDARD.encode(chunk, base64_simd::Out::from_uninit_slice(&mut buffer));
            writer.write_all(text)?;
        }
        writer.write_all(b"\"")
    }
}
