//! `ci`: what has to hold before a change lands, cheapest first. `ci --quick` stops before the clients and the fuzzers.

use std::process::Command;

use crate::run::{capture, run as step};
use crate::workspace::{Workspace, locked};
use crate::{Result, conformance, fuzz, no_more, take_flag, test, tidy};

/// Seconds for each fuzz target; minutes are for `soak --fuzz`.
const FUZZ_SECONDS: u32 = 15;

pub(crate) fn run(mut arguments: Vec<String>) -> Result<()> {
    let quick = take_flag(&mut arguments, "--quick");
    no_more(&arguments)?;
    let workspace = Workspace::load()?;
    component(&workspace, "fmt", "rustfmt")?;
    component(&workspace, "clippy", "clippy")?;
    toolchain(&workspace)?;
    step(&mut workspace.cargo(&["fmt", "--all", "--", "--check"]))?;
    tidy::check(&workspace)?;
    let mut clippy = workspace.cargo(&["clippy", "--workspace", "--all-targets"]);
    step(clippy.args(locked()).args(["--", "--deny", "warnings"]))?;
    if quick {
        test::rust(&workspace)?;
        println!("\nThe quick part passed. The whole: cargo xtask ci");
        return Ok(());
    }
    // The documentation is for those who work inside, so private items count.
    let mut doc =
        workspace.cargo(&["doc", "--workspace", "--no-deps", "--document-private-items", "--quiet"]);
    step(doc.args(locked()).env("RUSTDOCFLAGS", "--deny warnings --allow rustdoc::private_intra_doc_links"))?;
    test::all(&workspace)?;
    conformance::second_tier(&workspace)?;
    fuzz::all_the_same(&workspace, FUZZ_SECONDS)
}

/// Fails with the line that mends it where a part of the toolchain is missing.
fn component(workspace: &Workspace, subcommand: &str, name: &str) -> Result<()> {
    let tried = workspace.cargo(&[subcommand, "--version"]).output();
    if tried.is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    Err(format!("`cargo {subcommand}` is missing; this brings it: rustup component add {name}").into())
}

/// Says so where the lints judge by another compiler than CI's (`[workspace.metadata] toolchain` in Cargo.toml). No pin:
/// an older or newer one builds, and a pin would make rustup download.
fn toolchain(workspace: &Workspace) -> Result<()> {
    let expected = workspace.toolchain();
    let found = capture(Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("-V"))?;
    if found.split_whitespace().nth(1).is_none_or(|version| !version.starts_with(expected)) {
        println!("note: CI judges by Rust {expected}; this is {}: lints may differ", found.trim());
    }
    Ok(())
}
