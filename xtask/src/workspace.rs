//! Paths of the workspace, and what the manifests say: one `cargo metadata`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::Result;
use crate::run::{capture, cargo};

#[derive(Deserialize)]
pub(crate) struct Workspace {
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
    target_directory: PathBuf,
    pub(crate) packages: Vec<Package>,
    metadata: Metadata,
}

/// `[workspace.metadata]`.
#[derive(Deserialize)]
struct Metadata {
    /// Version of Rust that CI judges by.
    toolchain: String,
}

#[derive(Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Option<String>,
    /// Set for the crates of this workspace.
    pub(crate) path: Option<PathBuf>,
}

impl Dependency {
    pub(crate) fn is_for_tests(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

impl Package {
    /// The name the design uses: without the project's prefix.
    pub(crate) fn short_name(&self) -> &str {
        short(&self.name)
    }

    pub(crate) fn directory(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(Path::new("."))
    }
}

pub(crate) fn short(name: &str) -> &str {
    name.strip_prefix("headwater-").unwrap_or(name)
}

impl Workspace {
    pub(crate) fn load() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
        let mut command = cargo();
        command.args(["metadata", "--format-version", "1", "--no-deps", "--manifest-path"]).arg(manifest);
        Ok(serde_json::from_str(&capture(&mut command)?)?)
    }

    /// `cargo <arguments>` in the root.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = cargo();
        command.current_dir(&self.root).args(arguments);
        command
    }

    /// Version of Rust that CI judges by, such as `1.95`.
    pub(crate) fn toolchain(&self) -> &str {
        &self.metadata.toolchain
    }

    pub(crate) fn target(&self) -> &Path {
        &self.target_directory
    }

    /// A folder of ours, beside what cargo builds and never in the tree.
    pub(crate) fn scratch(&self, name: &str) -> Result<PathBuf> {
        let path = self.target_directory.join("xtask").join(name);
        std::fs::create_dir_all(&path)?;
        Ok(path)
    }

    /// Every file that is, or would be, under version control, relative to the root.
    pub(crate) fn files(&self) -> Result<Vec<PathBuf>> {
        let mut command = Command::new("git");
        command.current_dir(&self.root);
        command.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let listed = capture(&mut command)?;
        let files = listed.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from);
        Ok(files.filter(|file| self.root.join(file).is_file()).collect())
    }
}

/// In CI the lock file is the truth; a developer's change of a manifest may move it.
pub(crate) fn locked() -> &'static [&'static str] {
    if std::env::var_os("CI").is_some() { &["--locked"] } else { &[] }
}
