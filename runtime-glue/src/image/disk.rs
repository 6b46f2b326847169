//! Names and paths of the store on disk, and their removal.

use std::fs::{self, DirEntry};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::ImageError;

/// A path that is gone with this.
#[derive(Debug)]
pub(super) struct Temporary(pub(super) PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // what stays is cleared away by the next open
        let _ = remove_tree(&self.0);
    }
}

/// The names in a directory.
pub(super) fn names(directory: &Path) -> Result<Vec<String>, ImageError> {
    let name = |entry: io::Result<DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    let listed = fs::read_dir(directory).and_then(|entries| entries.map(name).collect());
    listed.map_err(|source| ImageError::Read {
        path: directory.to_owned(),
        source,
    })
}

/// Removes a directory with all in it, or a file; nothing there is fine.
pub(super) fn remove_tree(path: &Path) -> Result<(), ImageError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == ErrorKind::NotADirectory => remove_file(path),
        removed => gone(path, removed),
    }
}

/// Removes a file; nothing there is fine.
pub(super) fn remove_file(path: &Path) -> Result<(), ImageError> {
    gone(path, fs::remove_file(path))
}

fn gone(path: &Path, removed: io::Result<()>) -> Result<(), ImageError> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(|source| ImageError::Remove {
            path: path.to_owned(),
            source,
        }),
    }
}
