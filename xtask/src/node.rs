//! Node.js packages, exactly those of a lock file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{capture, run};
use crate::workspace::Workspace;
use crate::{Result, kept};

/// The oldest Node.js that the pinned packages run on.
const NODE_MAJOR_MIN: u32 = 20;
/// Everything that decides what `npm ci` installs.
const INPUTS: [&str; 3] = ["package.json", "package-lock.json", ".npmrc"];

/// A folder whose `node_modules` has all that the lock file of `suite` names.
pub(crate) fn packages(workspace: &Workspace, suite: &Path) -> Result<PathBuf> {
    let version = version("node")?;
    check_version(&version)?;
    self::version("npm")?;
    let [package, lock, settings] = INPUTS.map(|name| fs::read(suite.join(name)));
    let inputs: [&[u8]; 4] = [version.as_bytes(), &package?, &lock?, &settings?];
    kept::folder(&workspace.scratch("node")?, "packages", &inputs, |home| {
        fs::create_dir_all(home)?;
        for name in INPUTS {
            fs::copy(suite.join(name), home.join(name))?;
        }
        let mut npm = Command::new("npm");
        run(npm.args(["ci", "--ignore-scripts", "--loglevel", "error"]).current_dir(home))
    })
}

fn version(program: &str) -> Result<String> {
    capture(Command::new(program).arg("--version"))
        .map_err(|failure| format!("{}; {failure}", needed()).into())
}

fn needed() -> String {
    format!(
        "Node.js {NODE_MAJOR_MIN} or newer and npm are needed (on Debian 13: apt-get install nodejs npm; where that \
         is older: npm install --global n && n lts)"
    )
}

fn check_version(version: &str) -> Result<()> {
    let major = version.trim().trim_start_matches('v').split('.').next();
    if major.and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major >= NODE_MAJOR_MIN) {
        return Ok(());
    }
    Err(format!("{}; this is {}", needed(), version.trim()).into())
}

#[cfg(test)]
mod tests {
    use super::check_version;

    #[test]
    fn versions_that_are_too_old_are_told_what_is_needed() {
        for fine in ["v20.0.0\n", "v20.20.2", "v106.1.0"] {
            assert!(check_version(fine).is_ok(), "{fine}");
        }
        for old in ["v18.19.0\n", "v0.12.0", "", "nonsense"] {
            assert!(check_version(old).unwrap_err().to_string().contains("apt-get install"), "{old}");
        }
    }
}
