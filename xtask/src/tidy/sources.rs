//! Checks of the files' text: lengths, leftovers, names of machines.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::workspace::Workspace;

/// A file longer than this has more than one subject.
const LINES_LIMIT: usize = 800;

/// Text that must not be committed. In pieces, so that this file passes.
const LEFTOVERS: [&str; 4] =
    [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("dbg", "!("), concat!("#[", "ignore")];

/// Words with which a doc comment does not begin: it names the thing, or says what it does, and is no riddle.
const RIDDLES: [&str; 8] = ["What", "Which", "How", "Where", "Who", "Whoever", "Whose", "Whether"];

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

/// Directories of somebody's machine.
const MACHINE_PATHS: [&str; 2] = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];

/// Pointers to a document that is not in the repository.
const POINTERS: [&str; 3] =
    [concat!("of the refer", "ence, "), concat!("refer", "ence section"), concat!("refer", "ence, section")];

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
    let mut is_documented = false;
    for (number, line) in (1..).zip(text.lines()) {
        if is_rust {
            let doc = doc_comment(line);
            let word = doc.unwrap_or_default().split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
            if !is_documented && RIDDLES.contains(&word) {
                found.push(format!(
                    "{shown}:{number}: a doc comment begins with a noun or a verb, not with {word}"
                ));
            }
            is_documented = doc.is_some();
            for leftover in LEFTOVERS.iter().filter(|leftover| line.contains(**leftover)) {
                found.push(format!("{shown}:{number}: {leftover}"));
            }
        }
        if CONFLICTS.iter().any(|marker| line.starts_with(marker)) {
            found.push(format!("{shown}:{number}: a conflict marker"));
        }
        for pointer in POINTERS.iter().filter(|pointer| line.contains(**pointer)) {
            found.push(format!("{shown}:{number}: points at a document that is not here ({pointer}...)"));
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

/// The text of a line of a doc comment.
fn doc_comment(line: &str) -> Option<&str> {
    let line = line.trim_start();
    line.strip_prefix("///").or_else(|| line.strip_prefix("//!")).map(str::trim_start)
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
        check("a.py", &format!("as AWS does ({} 3)", POINTERS[2]), 1);
        check("a.md", "The reference of operations", 0);
        check("a.rs", "/// What it is.\nfn a() {}\n//! Who it is for.", 2);
        check("a.rs", "/// Size of\n/// What it holds.\n/// Whatever comes.\n// What follows.", 0);
        check("a.rs", "/// Whatever comes.", 0);
        check("a.md", &format!("see {}notes", MACHINE_PATHS[0]), 1);
        check("a.md", &format!("target{}notes", MACHINE_PATHS[0]), 0);
        check("a.rs", &"\n".repeat(LINES_LIMIT + 1), 1);
    }
}
