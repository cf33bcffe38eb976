//! The binaries the other commands start.

use std::path::PathBuf;

use crate::Result;
use crate::run::run;
use crate::workspace::{Workspace, locked};

/// The server as it is shipped.
pub(crate) fn release_server(workspace: &Workspace) -> Result<PathBuf> {
    run(workspace.cargo(&["build", "--release", "--package", "headwater-cli"]).args(locked()))?;
    Ok(workspace.target().join("release/headwater"))
}

/// The load generator.
pub(crate) fn generator(workspace: &Workspace) -> Result<PathBuf> {
    run(workspace.cargo(&["build", "--release", "--package", "headwater-bench"]).args(locked()))?;
    Ok(workspace.target().join("release/headwater-bench"))
}

/// The server with debug assertions and overflow checks, for the conformance suite.
///
/// No profile of its own: the whole suite takes under 90 s against the plain dev build, which `cargo test`
/// has built already; an optimised one would cost more to compile than it saves.
pub(crate) fn checked_server(workspace: &Workspace) -> Result<PathBuf> {
    run(workspace.cargo(&["build", "--package", "headwater-cli"]).args(locked()))?;
    Ok(workspace.target().join("debug/headwater"))
}
