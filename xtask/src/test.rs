//! `test`: the workspace's own tests in one cargo invocation, then boto3 and the AWS CLI against the built binary.
//! Needs Rust, a C compiler and Python 3 with `venv`; the clients that need more are `conformance --quick`.
//! Nothing is skipped: a missing tool fails with the line that mends it.

use crate::run::run as step;
use crate::workspace::{Workspace, locked};
use crate::{Result, conformance, no_more, take_flag};

pub(crate) fn run(mut arguments: Vec<String>) -> Result<()> {
    let quick = take_flag(&mut arguments, "--quick");
    no_more(&arguments)?;
    let workspace = Workspace::load()?;
    if !quick {
        return all(&workspace);
    }
    rust(&workspace)?;
    conformance::numbered_cases(&workspace)?;
    println!("\nThe quick part passed. The whole: cargo xtask test");
    Ok(())
}

pub(crate) fn all(workspace: &Workspace) -> Result<()> {
    rust(workspace)?;
    conformance::first_tier(workspace)
}

pub(crate) fn rust(workspace: &Workspace) -> Result<()> {
    step(workspace.cargo(&["test", "--workspace", "--no-fail-fast"]).args(locked()))
}
