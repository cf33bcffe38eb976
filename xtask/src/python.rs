//! A Python environment with exactly the pinned packages, made once and outside the tree.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::run::{capture, run};
use crate::workspace::Workspace;

/// The interpreter of an environment that has all of `requirements`.
pub(crate) fn environment(workspace: &Workspace, requirements: &Path) -> Result<PathBuf> {
    let version = capture(Command::new("python3").arg("--version")).map_err(|failure| {
        format!("Python 3 is needed (on Debian: apt-get install python3 python3-venv); {failure}")
    })?;
    let pinned = fs::read(requirements)?;
    let name = format!("venv-{:016x}", fnv1a(&[version.as_bytes(), &pinned].concat()));
    let home = workspace.scratch("python")?.join(name);
    let complete = home.join("complete");
    let python = home.join("bin/python");
    if complete.exists() {
        return Ok(python);
    }
    // What an interrupted run left is not to be trusted.
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&home)).map_err(|failure| {
        format!("{failure}; on Debian this brings what is missing: apt-get install python3-venv")
    })?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    run(pip.arg(requirements))?;
    fs::write(complete, "")?;
    Ok(python)
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
