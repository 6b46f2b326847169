//! Stopping all processes of a group where they are, and letting them go on (freezer-subsystem.rst, cgroup-v2.rst).

use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{fs, thread};

use super::controller::Controller;
use super::controller::Version;
use super::{Cgroup, PATIENCE};
use crate::RuntimeError;

/// How long to wait between two looks at a group that freezes.
const LOOK: std::time::Duration = std::time::Duration::from_millis(1);

impl Cgroup {
    /// Stops every process, and waits until they stand still.
    pub(crate) fn freeze(&self) -> Result<(), RuntimeError> {
        let frozen = self.set_frozen(true);
        if frozen.is_err() {
            // the first error tells more than one of letting go again
            let _ = self.thaw();
        }
        frozen
    }

    /// Lets every process go on; those that run do anyway.
    pub(crate) fn thaw(&self) -> Result<(), RuntimeError> {
        self.set_frozen(false)
    }

    fn set_frozen(&self, frozen: bool) -> Result<(), RuntimeError> {
        let (file, word) = match (self.freezer()?, frozen) {
            ((Version::One, directory), true) => (directory.join("freezer.state"), "FROZEN"),
            ((Version::One, directory), false) => (directory.join("freezer.state"), "THAWED"),
            ((Version::Two, directory), true) => (directory.join("cgroup.freeze"), "1"),
            ((Version::Two, directory), false) => (directory.join("cgroup.freeze"), "0"),
        };
        let deadline = Instant::now() + PATIENCE;
        loop {
            // version 1 may miss a process that forks meanwhile, and freezes it when asked again
            fs::write(&file, word).map_err(RuntimeError::file("freeze or thaw", &file))?;
            if stands(&file, frozen) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(RuntimeError::StillMoving {
                    cgroup: self.path.clone(),
                });
            }
            thread::sleep(LOOK);
        }
    }

    /// Version 2 freezes without a controller.
    fn freezer(&self) -> Result<(Version, PathBuf), RuntimeError> {
        self.place_of(Controller::Freezer)
            .or_else(|| {
                let mut all = self.directories();
                let (_, directory) = all.find(|(it, _)| it.version == Version::Two)?;
                Some((Version::Two, directory))
            })
            .ok_or(RuntimeError::UnsupportedLimit {
                limit: "pausing",
                controller: "freezer",
            })
    }
}

/// Whether a group is as it was told to be.
fn stands(file: &Path, frozen: bool) -> bool {
    if file.ends_with("freezer.state") {
        let word = if frozen { "FROZEN" } else { "THAWED" };
        return fs::read_to_string(file).is_ok_and(|state| state.trim() == word);
    }
    let line = if frozen { "frozen 1" } else { "frozen 0" };
    fs::read_to_string(file.with_file_name("cgroup.events"))
        .is_ok_and(|events| events.lines().any(|it| it == line))
}
