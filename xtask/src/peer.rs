//! The server we compare ourselves with: the fastest other one, pinned.

use std::path::PathBuf;

use crate::Result;
use crate::run::run;
use crate::workspace::Workspace;

const NAME: &str = "ferrokinesis";
const VERSION: &str = "=0.7.0";

/// Its binary, built on the first call.
pub(crate) fn ferrokinesis(workspace: &Workspace) -> Result<PathBuf> {
    let home = workspace.scratch("peers")?;
    let mut install = workspace.cargo(&["install", NAME, "--version", VERSION, "--locked", "--root"]);
    let build = home.join("target");
    run(install.arg(&home).env("CARGO_TARGET_DIR", &build))?;
    // Half a gigabyte that nothing needs once the binary is installed.
    if build.exists() {
        std::fs::remove_dir_all(build)?;
    }
    Ok(home.join("bin").join(NAME))
}
