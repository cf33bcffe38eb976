//! `conformance`: other people's clients against the built binary. Arguments go on to pytest.

use std::process::Command;

use crate::run::run as step;
use crate::workspace::Workspace;
use crate::{Result, build, python};

pub(crate) fn run(arguments: Vec<String>) -> Result<()> {
    suite(&Workspace::load()?, &arguments)
}

/// All of it, or what the pytest arguments choose.
pub(crate) fn suite(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let suite = workspace.root.join("conformance/python");
    let server = build::checked_server(workspace)?;
    let python = python::environment(workspace, &suite.join("requirements.txt"))?;
    let mut pytest = Command::new(python);
    pytest.args(["-m", "pytest", "--basetemp"]).arg(workspace.scratch("conformance")?.join("run"));
    pytest.args(arguments).current_dir(&suite);
    pytest.env("HEADWATER_BIN", server).env("PYTHONDONTWRITEBYTECODE", "1");
    step(&mut pytest)
}
