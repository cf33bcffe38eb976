//! Files to which lines are added.
#![allow(clippy::disallowed_methods, reason = "this is where files are opened")]

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A file to which lines are added: a new one is readable by its owner only. Others may add lines as well, or cut it.
#[derive(Debug)]
pub struct AppendFile(File);

impl AppendFile {
    /// Opens the file, creating it if needed.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(OpenOptions::new().append(true).create(true).mode(0o600).open(path)?))
    }

    /// Adds a line in one write.
    pub fn add(&self, line: &str) -> io::Result<()> {
        (&self.0).write_all(format!("{line}\n").as_bytes())
    }
}
