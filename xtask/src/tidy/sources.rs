//! What stands in the files: lengths, leftovers, names of machines.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::workspace::Workspace;

/// A file longer than this has more than one subject.
const LINES_LIMIT: usize = 800;

/// What must not be committed. In pieces, so that this file passes.
const LEFTOVERS: [&str; 4] =
    [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("dbg", "!("), concat!("#[", "ignore")];

/// Registries are reached through their clients' settings, which differ from place to place.
const REGISTRIES: [&str; 7] = [
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("npmjs", ".org"),
    concat!("proxy.golang", ".org"),
    concat!("deb.debian", ".org"),
];

/// Where somebody's machine keeps things.
const MACHINE_PATHS: [&str; 2] = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];

/// Lines that git leaves where a merge was not finished.
const CONFLICTS: [&str; 3] = [concat!("<<<<", "<<< "), concat!("||||", "||| "), concat!(">>>>", ">>> ")];

pub(super) fn check(workspace: &Workspace, files: &[PathBuf]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for file in files {
        // Binary fixtures have no lines.
        let Ok(text) = fs::read_to_string(workspace.root.join(file)) else { continue };
        found.extend(of_text(file, &text));
    }
    for package in &workspace.packages {
        let roots = ["src/lib.rs", "src/main.rs"].map(|root| package.directory().join(root));
        for root in roots.iter().filter(|root| root.exists()) {
            if !fs::read_to_string(root)?.trim_start().starts_with("//!") {
                let shown = root.strip_prefix(&workspace.root)?.display();
                found.push(format!("{shown}: a crate root opens with what the crate is (//!)"));
            }
        }
    }
    Ok(found)
}

fn of_text(file: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let shown = file.display();
    let is_rust = file.extension().is_some_and(|extension| extension == "rs");
    let lines = text.lines().count();
    if is_rust && lines > LINES_LIMIT {
        found.push(format!("{shown}: {lines} lines, more than {LINES_LIMIT}"));
    }
    for (number, line) in (1..).zip(text.lines()) {
        if is_rust {
            for leftover in LEFTOVERS.iter().filter(|leftover| line.contains(**leftover)) {
                found.push(format!("{shown}:{number}: {leftover}"));
            }
        }
        if CONFLICTS.iter().any(|marker| line.starts_with(marker)) {
            found.push(format!("{shown}:{number}: a conflict marker"));
        }
        for host in REGISTRIES.iter().filter(|host| line.contains(**host)) {
            found.push(format!("{shown}:{number}: names the registry host {host}"));
        }
        for path in MACHINE_PATHS.iter().filter(|path| names_path(line, path)) {
            found.push(format!("{shown}:{number}: names a path of one machine ({path}...)"));
        }
    }
    found
}

/// At the beginning of a path, not inside of one.
fn names_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        !line[..at].ends_with(|before: char| before.is_alphanumeric() || "._-}/*~".contains(before))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, text: &str, expected: usize) {
        assert_eq!(of_text(Path::new(name), text).len(), expected, "{text}");
    }

    #[test]
    fn leftovers_and_names() {
        check("a.rs", "fn main() {}", 0);
        check("a.rs", LEFTOVERS[0], 1);
        check("a.rs", LEFTOVERS[3], 1);
        check("a.md", LEFTOVERS[0], 0);
        check("a.md", &format!("{}HEAD", CONFLICTS[0]), 1);
        check("a.md", &format!("text {}HEAD", CONFLICTS[0]), 0);
        check("a.toml", REGISTRIES[2], 1);
        check("a.md", &format!("see {}notes", MACHINE_PATHS[0]), 1);
        check("a.md", &format!("target{}notes", MACHINE_PATHS[0]), 0);
        check("a.rs", &"\n".repeat(LINES_LIMIT + 1), 1);
    }
}
