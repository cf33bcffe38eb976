//! Small files that people write or that are written for them: configuration, keys, certificates.
#![allow(clippy::disallowed_methods, reason = "this is where files are opened")]

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The largest text file that is read, in bytes.
const BYTES_MAX: u64 = 1 << 20;

const EVERYBODY_WRITES: u32 = 0o002;

/// Permitted readers of a file that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Its owner alone: mode 0600.
    Owner,
    /// Everybody: mode 0644.
    Everybody,
}

/// The whole of a text file of at most 1 MiB.
pub fn read_text_file(path: &Path) -> io::Result<String> {
    read_whole(File::open(path)?)
}

/// The same of a file that not everybody may change. `PermissionDenied` with the mend if everybody may.
pub fn read_trusted_file(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    if file.metadata()?.permissions().mode() & EVERYBODY_WRITES != 0 {
        let why = format!("everybody can change it; run: chmod o-w {}", path.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    read_whole(file)
}

fn read_whole(file: File) -> io::Result<String> {
    let mut text = String::new();
    file.take(BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is larger than 1 MiB"));
    }
    Ok(text)
}

/// Writes a file so that whoever reads it finds the old or the new text, also after a crash.
pub fn write_text_file(path: &Path, text: &str, readers: Readers) -> io::Result<()> {
    let (next, directory) = write_beside(path, text, readers)?;
    if let Err(error) = fs::rename(&next, path) {
        // It may not even exist.
        let _ = fs::remove_file(&next);
        return Err(error);
    }
    File::open(directory)?.sync_all()
}

/// Writes the text into a file beside `path`, durably, and returns that file and their directory.
pub(crate) fn write_beside(path: &Path, text: &str, readers: Readers) -> io::Result<(PathBuf, PathBuf)> {
    let mode = match readers {
        Readers::Owner => 0o600,
        Readers::Everybody => 0o644,
    };
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let next = directory.join(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
    // One that a process of the same number left when it was cut short.
    if let Err(error) = fs::remove_file(&next)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&next)?;
    // Whatever the mask of the process is.
    let written = file
        .set_permissions(Permissions::from_mode(mode))
        .and_then(|()| file.write_all(text.as_bytes()))
        .and_then(|()| file.sync_all());
    if let Err(error) = written {
        let _ = fs::remove_file(&next);
        return Err(error);
    }
    Ok((next, directory.to_owned()))
}

/// Creates a directory and its parents, if they are not there.
pub fn create_directory(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// The same for its owner alone: mode 0700, of all that are made; every one of them durable.
pub fn create_private_directory(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !parent.is_dir() {
        create_private_directory(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        created => created?,
    }
    // Of one that is there already too: a crash may have come before this.
    File::open(parent)?.sync_all()
}

/// True if the path exists, as a file or a directory.
pub fn exists(path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_directory_is_made_with_its_parents_which_are_private_too() {
        let dir = tempfile::tempdir().unwrap();
        let (outer, inner) = (dir.path().join("outer"), dir.path().join("outer/middle/inner"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let before = mode(dir.path());
        for _ in 0..2 {
            create_private_directory(&inner).unwrap();
            for path in [&*outer, inner.parent().unwrap(), &inner] {
                assert_eq!(mode(path), 0o700, "{}", path.display());
            }
        }
        assert_eq!(mode(dir.path()), before, "what was there stays as it was");
        fs::write(dir.path().join("file"), "").unwrap();
        assert!(create_private_directory(&dir.path().join("file")).is_err());
        assert!(create_private_directory(&dir.path().join("file/under")).is_err());
    }
}
