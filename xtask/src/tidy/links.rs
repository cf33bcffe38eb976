//! Links of the Markdown files to other files.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::workspace::Workspace;

pub(super) fn check(workspace: &Workspace, files: &[PathBuf]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "md")) {
        let text = fs::read_to_string(workspace.root.join(file))?;
        let directory = workspace.root.join(file.parent().unwrap_or(Path::new("")));
        for target in targets(&text) {
            if !directory.join(target).exists() {
                found.push(format!("{}: the link to {target} leads nowhere", file.display()));
            }
        }
    }
    Ok(found)
}

/// The files a text links to, fragments cut off; code and the web left out.
fn targets(text: &str) -> Vec<&str> {
    let mut in_code = false;
    let mut targets = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for (at, opening) in line.match_indices("](") {
            let rest = &line[at + opening.len()..];
            let target = rest.split([')', '#', ' ']).next().unwrap_or("");
            if !target.is_empty() && !target.contains(':') {
                targets.push(target);
            }
        }
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::targets;

    #[test]
    fn links_to_files_only() {
        let text = "[a](b.md#part) [c](https://example.com) [d](#here)\n```\n[e](f)\n```\n![g](h/i.png)";
        assert_eq!(targets(text), ["b.md", "h/i.png"]);
    }
}
