//! `conformance`: other people's clients against the built binary. The first argument chooses one of the suites or one
//! of the clients in `conformance/clients`; what follows goes to its runner.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::run::run as step;
use crate::workspace::Workspace;
use crate::{Result, build, no_more, node, python};

/// Folder of the clients' scenarios, one folder each.
const CLIENTS: &str = "conformance/clients";
/// The clients whose scenarios `cargo xtask conformance --quick` runs, without those marked slow.
const QUICK_CLIENTS: [&str; 7] =
    ["aiobotocore", "aws-kinesis-agg", "boto3", "kcl", "kpl", "sdk-go", "sdk-java"];
/// Of the Python suite: the numbered cases and each operation.
const QUICK_PYTHON: &str = "cases or operations";
/// Of the Python suite: what needs no program beside Python, and the rest.
const PYTHON_ONLY: [&str; 2] = ["-m", "not tools"];
const WITH_TOOLS: [&str; 2] = ["-m", "tools"];

pub(crate) fn run(mut arguments: Vec<String>) -> Result<()> {
    let workspace = Workspace::load()?;
    let server = build::checked_server(&workspace)?;
    let known = clients(&workspace)?;
    match arguments.first().map(String::as_str) {
        None => {
            // A failure here does not keep the clients from being run.
            let suites = pytest(&workspace, &server, &[]).and(javascript(&workspace, &server, &[]));
            each_client(&workspace, &known, &[]).and(suites)
        }
        Some("--quick") => {
            no_more(&arguments[1..])?;
            second_tier(&workspace)
        }
        Some("js") => javascript(&workspace, &server, &arguments[1..]),
        Some("python") => pytest(&workspace, &server, &arguments.split_off(1)),
        Some("clients") => each_client(&workspace, &known, &arguments[1..]),
        Some(name) if known.iter().any(|client| client == name) => {
            client(&workspace, &build::release_server(&workspace)?, name, &arguments[1..])
        }
        Some(name) if !(name.starts_with('-') || name.starts_with("test_")) => {
            let known = known.join(", ");
            Err(format!("there is no client {name}; there are js, python, clients (all of them), {known}")
                .into())
        }
        // As ever: arguments of pytest.
        Some(_) => pytest(&workspace, &server, &arguments),
    }
}

/// The suite that needs nothing but Python: boto3, the AWS CLI, CBOR, HTTP/2, raw sockets.
pub(crate) fn first_tier(workspace: &Workspace) -> Result<()> {
    pytest(workspace, &build::checked_server(workspace)?, &PYTHON_ONLY.map(String::from))
}

/// The numbered cases and the operations of the first tier.
pub(crate) fn numbered_cases(workspace: &Workspace) -> Result<()> {
    pytest(workspace, &build::checked_server(workspace)?, &["-k".into(), QUICK_PYTHON.into()])
}

/// Everything quick that needs more than Python: Node.js, a JDK with Maven, Go, curl, openssl.
pub(crate) fn second_tier(workspace: &Workspace) -> Result<()> {
    let server = build::checked_server(workspace)?;
    pytest(workspace, &server, &WITH_TOOLS.map(String::from))?;
    javascript(workspace, &server, &[])?;
    for name in QUICK_CLIENTS {
        client(workspace, &server, name, &["-m".into(), "not slow".into()])?;
    }
    Ok(())
}

/// The clients there are: a folder of scenarios each.
fn clients(workspace: &Workspace) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(workspace.root.join(CLIENTS))? {
        let (entry, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        if entry.is_dir() && !["rig", "__pycache__"].iter().any(|other| name == *other) {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Every client; a failure does not keep the others from being run.
fn each_client(workspace: &Workspace, names: &[String], arguments: &[String]) -> Result<()> {
    let server = build::release_server(workspace)?;
    let mut failures = Vec::new();
    for name in names {
        failures.extend(
            client(workspace, &server, name, arguments).err().map(|error| format!("{name}: {error}")),
        );
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}

/// One client's scenarios, with the Python packages of all scenarios and those of its own.
fn client(workspace: &Workspace, server: &Path, name: &str, arguments: &[String]) -> Result<()> {
    let home = workspace.root.join(CLIENTS);
    let shared = workspace.root.join("conformance/python/requirements.txt");
    let own = home.join(name).join("requirements.txt");
    let requirements: Vec<_> = [shared, own].into_iter().filter(|path| path.exists()).collect();
    let python = python::environment(workspace, &requirements)?;
    let mut pytest = Command::new(python);
    let scratch = workspace.scratch("clients")?;
    pytest.args(["-m", "pytest", "--basetemp"]).arg(scratch.join(format!("run-{name}")));
    pytest.arg(name).args(arguments).current_dir(&home);
    pytest.env("HEADWATER_BIN", server).env("HEADWATER_CLIENTS_CACHE", scratch);
    step(pytest.env("PYTHONDONTWRITEBYTECODE", "1"))
}

fn pytest(workspace: &Workspace, server: &Path, arguments: &[String]) -> Result<()> {
    let suite = workspace.root.join("conformance/python");
    let python = python::environment(workspace, &[suite.join("requirements.txt")])?;
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
