//! A Python environment with exactly the pinned packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{capture, run};
use crate::workspace::Workspace;
use crate::{Result, kept};

/// The interpreter of an environment that has all of `requirements`.
pub(crate) fn environment(workspace: &Workspace, requirements: &[PathBuf]) -> Result<PathBuf> {
    let version = capture(Command::new("python3").arg("--version")).map_err(|failure| {
        format!("Python 3 is needed (on Debian: apt-get install python3 python3-venv); {failure}")
    })?;
    let pinned = requirements.iter().map(fs::read).collect::<std::io::Result<Vec<_>>>()?.concat();
    let home = kept::folder(&workspace.scratch("python")?, "venv", &[version.as_bytes(), &pinned], |home| {
        run(Command::new("python3").args(["-m", "venv"]).arg(home)).map_err(|failure| {
            format!("{failure}; on Debian this brings what is missing: apt-get install python3-venv")
        })?;
        let mut pip = Command::new(interpreter(home));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        for file in requirements {
            pip.arg("--requirement").arg(file);
        }
        run(&mut pip)
    })?;
    Ok(interpreter(&home))
}

fn interpreter(home: &Path) -> PathBuf {
    home.join("bin/python")
}
