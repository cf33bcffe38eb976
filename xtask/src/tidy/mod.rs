//! `tidy`: rules that neither the compiler nor clippy checks. One file a kind of rule; each returns what it
//! found, and all is shown at once.

mod dependencies;
mod layers;
mod licences;
mod links;
mod sources;

use crate::workspace::Workspace;
use crate::{Result, no_more};

pub(crate) use licences::advisories;

pub(crate) fn run(arguments: Vec<String>) -> Result<()> {
    no_more(&arguments)?;
    check(&Workspace::load()?)
}

pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    println!("\n$ cargo xtask tidy");
    let files = workspace.files()?;
    let mut found = layers::check(workspace)?;
    found.extend(dependencies::check(workspace, &files)?);
    found.extend(sources::check(workspace, &files)?);
    found.extend(links::check(workspace, &files)?);
    found.extend(licences::check(workspace)?);
    for complaint in &found {
        println!("  {complaint}");
    }
    match found.len() {
        0 => {
            println!("  {} crates, {} files: tidy", workspace.packages.len(), files.len());
            Ok(())
        }
        many => Err(format!("{many} thing(s) to tidy up").into()),
    }
}
