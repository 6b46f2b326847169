//! The control groups of a lab: below one of its own in every hierarchy of this machine.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Where hierarchies are mounted.
const ROOT: &str = "/sys/fs/cgroup";

/// How long the kernel may take to take the last processes out of a group.
const PATIENCE: Duration = Duration::from_secs(10);

/// A group's directory in every hierarchy that has it: one directory if all are in one (v2), else one for each (v1).
pub(crate) fn directories(group: &str) -> Vec<PathBuf> {
    let hierarchies = fs::read_dir(ROOT)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let candidates = hierarchies
        .chain([PathBuf::from(ROOT)])
        .map(|path| path.join(group));
    candidates.filter(|path| path.is_dir()).collect()
}

/// The groups below a group's directory, the innermost first.
pub(crate) fn below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let groups = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    groups
        .map(|entry| entry.path())
        .flat_map(|path| below(&path).into_iter().chain([path]))
        .collect()
}

/// Removes a group whose processes are all ending, and those below it.
pub(super) fn remove(group: &str) -> Result<()> {
    for directory in directories(group) {
        for path in below(&directory).into_iter().chain([directory]) {
            let deadline = Instant::now() + PATIENCE;
            while let Err(error) = fs::remove_dir(&path) {
                if error.kind() != ErrorKind::ResourceBusy || Instant::now() > deadline {
                    return Err(error).with_context(|| format!("cannot remove {}", path.display()));
                }
                sleep(Duration::from_millis(5));
            }
        }
    }
    Ok(())
}
