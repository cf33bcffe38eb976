//! Manifests: nothing declared that nobody uses, versions in one place, the workspace's lints everywhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::workspace::{Package, Workspace};

pub(super) fn check(workspace: &Workspace, files: &[PathBuf]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut used = BTreeSet::new();
    for package in &workspace.packages {
        used.extend(package.dependencies.iter().map(|dependency| dependency.name.as_str()));
        found.extend(of_package(workspace, package, files)?);
    }
    let root: toml::Table = toml::from_str(&fs::read_to_string(workspace.root.join("Cargo.toml"))?)?;
    let declared = root.get("workspace").and_then(|workspace| workspace.get("dependencies"));
    for (name, value) in declared.and_then(toml::Value::as_table).into_iter().flatten() {
        let name = value.get("package").and_then(toml::Value::as_str).unwrap_or(name);
        if !used.contains(name) {
            found.push(format!("Cargo.toml: no crate uses the workspace dependency {name}"));
        }
    }
    Ok(found)
}

fn of_package(workspace: &Workspace, package: &Package, files: &[PathBuf]) -> Result<Vec<String>> {
    let shown =
        package.manifest_path.strip_prefix(&workspace.root).unwrap_or(&package.manifest_path).display();
    let manifest: toml::Table = toml::from_str(&fs::read_to_string(&package.manifest_path)?)?;
    let mut found = Vec::new();
    let lints = manifest.get("lints").and_then(|lints| lints.get("workspace"));
    if lints.and_then(toml::Value::as_bool) != Some(true) {
        found.push(format!("{shown}: [lints] workspace = true is missing"));
    }
    let directory = package.directory().strip_prefix(&workspace.root)?;
    let sources = sources_of(workspace, directory, files)?;
    for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for (name, value) in manifest.get(table).and_then(toml::Value::as_table).into_iter().flatten() {
            // A crate's tests may turn its own features on.
            if *name == package.name {
                continue;
            }
            if value.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
                found.push(format!("{shown}: {name} should take its version from the workspace"));
            }
            // Most libraries turn a hyphen into an underscore; a few (md-5) drop it.
            if !["_", ""].iter().any(|joint| mentions(&sources, &name.replace('-', joint))) {
                found.push(format!("{shown}: {name} is declared and not used"));
            }
        }
    }
    Ok(found)
}

fn sources_of(workspace: &Workspace, directory: &Path, files: &[PathBuf]) -> Result<String> {
    let mut all = String::new();
    for file in files.iter().filter(|file| file.starts_with(directory)) {
        if file.extension().is_some_and(|extension| extension == "rs") {
            all.push_str(&fs::read_to_string(workspace.root.join(file))?);
        }
    }
    Ok(all)
}

/// As a whole word.
fn mentions(sources: &str, name: &str) -> bool {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    sources
        .match_indices(name)
        .any(|(at, _)| !sources[..at].ends_with(is_word) && !sources[at + name.len()..].starts_with(is_word))
}

#[cfg(test)]
mod tests {
    use super::mentions;

    #[test]
    fn only_whole_words_count() {
        assert!(mentions("use http::Request;", "http"));
        assert!(!mentions("use http_body_util::Full;", "http"));
        assert!(mentions("#[derive(thiserror::Error)]", "thiserror"));
    }
}
