//! Small files that people write: configuration.
#![allow(clippy::disallowed_methods, reason = "this is where files are opened")]

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The largest text file that is read, in bytes.
const BYTES_MAX: u64 = 1 << 20;

/// The whole of a text file of at most 1 MiB.
pub fn read_text_file(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is larger than 1 MiB"));
    }
    Ok(text)
}
