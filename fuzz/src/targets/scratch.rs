//! A file that is written again for each input, for decoders that want a path.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use headwater_host::create_secret_file;
use tempfile::TempDir;

thread_local! {
    static SCRATCH: RefCell<Option<(TempDir, PathBuf)>> = const { RefCell::new(None) };
}

/// Calls `with` with the path of a file, readable by its owner only, that holds these bytes.
pub(super) fn file<T>(bytes: &[u8], with: impl FnOnce(&Path) -> T) -> T {
    SCRATCH.with_borrow_mut(|scratch| {
        let (_, path) = scratch.get_or_insert_with(|| {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let path = directory.path().join("file");
            create_secret_file(&path, "").expect("a file");
            (directory, path)
        });
        fs::write(&path, bytes).expect("the file can be written");
        with(path)
    })
}
