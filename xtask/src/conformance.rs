//! `conformance`: other people's clients against the built binary. The first argument chooses one of the suites;
//! what follows goes to its runner.

use std::path::Path;
use std::process::Command;

use crate::run::run as step;
use crate::workspace::Workspace;
use crate::{Result, build, node, python};

/// Of the Python suite: the numbered cases and each operation.
const QUICK_PYTHON: &str = "section8 or operations";
/// Of the JavaScript suite: each operation.
const QUICK_JS: &str = "test/operations.test.js";

pub(crate) fn run(mut arguments: Vec<String>) -> Result<()> {
    let workspace = Workspace::load()?;
    let server = build::checked_server(&workspace)?;
    match arguments.first().map(String::as_str) {
        None => both(&workspace, &server, &[], &[]),
        Some("js") => javascript(&workspace, &server, &arguments[1..]),
        Some("python") => pytest(&workspace, &server, &arguments.split_off(1)),
        // As ever: arguments of pytest.
        Some(_) => pytest(&workspace, &server, &arguments),
    }
}

/// All of both suites.
pub(crate) fn all(workspace: &Workspace) -> Result<()> {
    both(workspace, &build::checked_server(workspace)?, &[], &[])
}

/// The parts that are quick.
pub(crate) fn quick(workspace: &Workspace) -> Result<()> {
    let server = build::checked_server(workspace)?;
    both(workspace, &server, &["-k".into(), QUICK_PYTHON.into()], &[QUICK_JS.into()])
}

fn both(workspace: &Workspace, server: &Path, of_python: &[String], of_js: &[String]) -> Result<()> {
    pytest(workspace, server, of_python)?;
    javascript(workspace, server, of_js)
}

fn pytest(workspace: &Workspace, server: &Path, arguments: &[String]) -> Result<()> {
    let suite = workspace.root.join("conformance/python");
    let python = python::environment(workspace, &suite.join("requirements.txt"))?;
    let mut pytest = Command::new(python);
    pytest.args(["-m", "pytest", "--basetemp"]).arg(workspace.scratch("conformance")?.join("run"));
    pytest.args(arguments).current_dir(&suite);
    pytest.env("HEADWATER_BIN", server).env("PYTHONDONTWRITEBYTECODE", "1");
    step(&mut pytest)
}

fn javascript(workspace: &Workspace, server: &Path, arguments: &[String]) -> Result<()> {
    let suite = workspace.root.join("conformance/js");
    let home = node::packages(workspace, &suite)?;
    let mut node = Command::new("node");
    // A test that hangs is a failure that should say where.
    node.args(["--test", "--test-reporter", "spec", "--test-timeout", "60000"]);
    node.args(arguments).current_dir(&suite);
    node.env("HEADWATER_BIN", server).env("HEADWATER_NODE_HOME", home);
    step(&mut node)
}
