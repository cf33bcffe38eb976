//! Folders that are made once and kept, outside the tree.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;

/// A folder in `parent` whose content depends on `inputs` and nothing else, made by `make` on the first call. `make`
/// is given the path of a folder that is not there yet.
pub(crate) fn folder(
    parent: &Path,
    kind: &str,
    inputs: &[&[u8]],
    make: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let home = parent.join(format!("{kind}-{:016x}", fnv1a(&inputs.concat())));
    let complete = home.join("complete");
    if complete.exists() {
        return Ok(home);
    }
    // What an interrupted run left is not to be trusted.
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    make(&home)?;
    fs::write(complete, "")?;
    Ok(home)
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
