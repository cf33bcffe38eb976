//! Child processes: said before they run, judged by their exit code.

use std::ffi::OsStr;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use crate::Result;

/// The cargo that runs us.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs to the end with its output shown; anything but exit code 0 is a failure.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    println!("\n$ {shown}");
    let started = Instant::now();
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("`{}` does not start: {error}", command.get_program().display()))?;
    if !status.success() {
        return Err(format!("`{shown}` ended with {status}").into());
    }
    println!("  ({:.0?})", started.elapsed());
    Ok(())
}

/// Runs to the end quietly and returns what it printed to standard output; its errors are shown.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let Output { status, stdout, .. } = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("`{}` does not start: {error}", command.get_program().display()))?;
    if !status.success() {
        return Err(format!("`{shown}` ended with {status}").into());
    }
    Ok(String::from_utf8(stdout)?)
}

fn shown(command: &Command) -> String {
    let set = command
        .get_envs()
        .filter_map(|(name, value)| value.map(|value| format!("{}={}", name.display(), quoted(value))));
    let program = std::path::Path::new(command.get_program());
    let program = program.file_name().unwrap_or(command.get_program());
    set.chain([quoted(program)]).chain(command.get_args().map(quoted)).collect::<Vec<_>>().join(" ")
}

fn quoted(part: &OsStr) -> String {
    let text = part.display().to_string();
    if text.contains(' ') { format!("'{text}'") } else { text }
}
