//! `ci`: what has to hold before a change lands, cheapest first.

use crate::run::run as step;
use crate::workspace::{Workspace, locked};
use crate::{Result, fuzz, no_more, test, tidy};

pub(crate) fn run(arguments: Vec<String>) -> Result<()> {
    no_more(&arguments)?;
    let workspace = Workspace::load()?;
    component(&workspace, "fmt", "rustfmt")?;
    component(&workspace, "clippy", "clippy")?;
    step(&mut workspace.cargo(&["fmt", "--all", "--", "--check"]))?;
    tidy::check(&workspace)?;
    let mut clippy = workspace.cargo(&["clippy", "--workspace", "--all-targets"]);
    step(clippy.args(locked()).args(["--", "--deny", "warnings"]))?;
    // Our own documentation is for whoever works inside, so private items count.
    let mut doc =
        workspace.cargo(&["doc", "--workspace", "--no-deps", "--document-private-items", "--quiet"]);
    step(doc.args(locked()).env("RUSTDOCFLAGS", "--deny warnings --allow rustdoc::private_intra_doc_links"))?;
    test::all(&workspace)?;
    fuzz::all(&workspace, 60)
}

/// Fails with the line that mends it where a part of the toolchain is missing.
fn component(workspace: &Workspace, subcommand: &str, name: &str) -> Result<()> {
    let tried = workspace.cargo(&[subcommand, "--version"]).output();
    if tried.is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    Err(format!("`cargo {subcommand}` is missing; this brings it: rustup component add {name}").into())
}
