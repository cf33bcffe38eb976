//! `test`: the workspace's own tests in one cargo invocation, then other people's clients against the
//! built binary. Nothing is skipped: what is missing fails with the line that mends it.

use std::process::Command;

use crate::run::run as step;
use crate::workspace::{Workspace, locked};
use crate::{Result, build, no_more, python, take_flag};

pub(crate) fn run(mut arguments: Vec<String>) -> Result<()> {
    let quick = take_flag(&mut arguments, "--quick");
    no_more(&arguments)?;
    let workspace = Workspace::load()?;
    if !quick {
        return all(&workspace);
    }
    rust(&workspace)?;
    conformance(&workspace, &["test_section8_*.py", "test_operations_*.py"])?;
    println!("\nThe quick part passed. What else there is: cargo xtask test");
    Ok(())
}

pub(crate) fn all(workspace: &Workspace) -> Result<()> {
    rust(workspace)?;
    conformance(workspace, &[])
}

fn rust(workspace: &Workspace) -> Result<()> {
    step(workspace.cargo(&["test", "--workspace"]).args(locked()))
}

/// The Python suite, or those of its files that match a pattern.
fn conformance(workspace: &Workspace, patterns: &[&str]) -> Result<()> {
    let suite = workspace.root.join("conformance/python");
    let server = build::checked_server(workspace)?;
    let python = python::environment(workspace, &suite.join("requirements.txt"))?;
    let mut pytest = Command::new(python);
    pytest.args(["-m", "pytest", "--basetemp"]).arg(workspace.scratch("conformance")?.join("run"));
    let mut chosen = Vec::new();
    for entry in std::fs::read_dir(&suite)? {
        let name = entry?.file_name().display().to_string();
        if patterns.iter().any(|pattern| matches(&name, pattern)) {
            chosen.push(name);
        }
    }
    chosen.sort();
    pytest.args(chosen).current_dir(&suite);
    pytest.env("HEADWATER_BIN", server).env("PYTHONDONTWRITEBYTECODE", "1");
    step(&mut pytest)
}

/// One `*`, as in a shell.
fn matches(name: &str, pattern: &str) -> bool {
    let (start, end) = pattern.split_once('*').unwrap_or((pattern, ""));
    name.starts_with(start) && name.ends_with(end)
}
