//! One file a command.

pub(crate) mod create;
pub(crate) mod credentials;
pub(crate) mod delete;
pub(crate) mod describe;
pub(crate) mod keys;
pub(crate) mod put;
pub(crate) mod repair_tables;
pub(crate) mod streams;
pub(crate) mod tail;
pub(crate) mod tls;
pub(crate) mod top;

use std::io::Write;

use headwater_client::StreamMode;
use serde::Serialize;

use crate::failure::Failure;

/// Prints to standard output.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).expect("our own values are JSON");
    print(&(text + "\n"))
}

/// A remark on standard error.
fn remark(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn mode_for_people(mode: &StreamMode) -> String {
    match mode.stream_mode.as_str() {
        "" => "-".to_owned(),
        mode => mode.to_ascii_lowercase().replace('_', "-"),
    }
}
