//! `test`: the workspace's own tests in one cargo invocation, then other people's clients against the
//! built binary. Nothing is skipped: what is missing fails with the line that mends it.

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
    conformance::quick(&workspace)?;
    println!("\nThe quick part passed. What else there is: cargo xtask test");
    Ok(())
}

pub(crate) fn all(workspace: &Workspace) -> Result<()> {
    rust(workspace)?;
    conformance::all(workspace)
}

fn rust(workspace: &Workspace) -> Result<()> {
    step(workspace.cargo(&["test", "--workspace", "--no-fail-fast"]).args(locked()))
}
