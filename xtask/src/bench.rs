//! `bench`: the table of docs/benchmarks.md, measured anew between its two markers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::capture;
use crate::workspace::Workspace;
use crate::{Result, build, no_more, peer, take_flag, take_value};

const BEGIN: &str = "<!-- measured: begin (cargo xtask bench writes what is between the markers) -->";
const END: &str = "<!-- measured: end -->";

pub(crate) fn run(mut arguments: Vec<String>) -> Result<()> {
    let quick = take_flag(&mut arguments, "--quick");
    let given = take_value(&mut arguments, "--peer")?;
    let only = take_value(&mut arguments, "--only")?;
    let rounds = take_value(&mut arguments, "--rounds")?;
    no_more(&arguments)?;
    let workspace = Workspace::load()?;
    let server = build::release_server(&workspace)?;
    let generator = build::generator(&workspace)?;
    let peer = match given {
        Some(path) => PathBuf::from(path),
        None => peer::ferrokinesis(&workspace)?,
    };
    let mut command = Command::new(generator);
    command.arg("table").arg("--server").arg(server).arg("--peer").arg(peer);
    command.arg("--work-dir").arg(workspace.scratch("bench")?);
    if quick {
        command.arg("--quick");
    }
    for (option, value) in [("--only", &only), ("--rounds", &rounds)] {
        if let Some(value) = value {
            command.arg(option).arg(value);
        }
    }
    let table = capture(&mut command)?;
    println!("\n{table}");
    if quick || only.is_some() || rounds.is_some() {
        println!("Not the whole table in all its rounds: not written down.");
        return Ok(());
    }
    let page = workspace.root.join("docs/benchmarks.md");
    keep(&page, &table)?;
    println!("written to {}", page.display());
    Ok(())
}

/// Replaces what is between the markers and leaves the prose alone.
fn keep(page: &Path, table: &str) -> Result<()> {
    let text = match page.exists() {
        true => fs::read_to_string(page)?,
        false => format!("# Benchmarks\n\n`cargo xtask bench` repeats this.\n\n{BEGIN}\n{END}\n"),
    };
    Ok(fs::write(page, replaced(&text, table)?)?)
}

fn replaced(text: &str, table: &str) -> Result<String> {
    let begin = text.find(BEGIN).ok_or("docs/benchmarks.md has lost its first marker")? + BEGIN.len();
    let end =
        text.find(END).filter(|end| *end >= begin).ok_or("docs/benchmarks.md has lost its last marker")?;
    Ok(format!("{}\n\n{}\n\n{}", &text[..begin], table.trim(), &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_around_the_table_is_kept() {
        let page = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let once = replaced(&page, "new").unwrap();
        assert_eq!(once, format!("before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"));
        assert_eq!(replaced(&once, "new").unwrap(), once);
        assert!(replaced("no markers", "new").is_err());
    }
}
