//! Setting limits, where the controller of each lives.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::hierarchy::Version;
use super::{Cgroup, v1, v2};
use crate::RuntimeError;
use crate::limits::Limits;

/// What a container's processes can be limited in, or counted by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Controller {
    Memory,
    Cpu,
    CpuAccounting,
    CpuSet,
    Pids,
    Io,
    Freezer,
}

impl Controller {
    /// Those that limits are set by.
    const LIMITING: [Self; 5] = [Self::Memory, Self::Cpu, Self::CpuSet, Self::Pids, Self::Io];

    const fn name(self, version: Version) -> &'static str {
        match (self, version) {
            (Self::Memory, _) => "memory",
            (Self::CpuAccounting, Version::One) => "cpuacct",
            (Self::Cpu | Self::CpuAccounting, _) => "cpu",
            (Self::CpuSet, _) => "cpuset",
            (Self::Pids, _) => "pids",
            (Self::Io, Version::One) => "blkio",
            (Self::Io, Version::Two) => "io",
            (Self::Freezer, _) => "freezer",
        }
    }
}

/// One value of one file of a group.
pub(super) struct Setting {
    /// The file; more than one where kernels name it differently.
    pub(super) files: &'static [&'static str],
    pub(super) value: String,
    /// What it limits, for the user.
    pub(super) limit: &'static str,
    /// Whether it was asked for, or is our addition where the kernel has it.
    pub(super) asked: bool,
}

impl Setting {
    /// One that was asked for.
    pub(super) const fn asked(
        limit: &'static str,
        files: &'static [&'static str],
        value: String,
    ) -> Self {
        Self {
            files,
            value,
            limit,
            asked: true,
        }
    }

    fn write(&self, directory: &Path) -> io::Result<()> {
        let mut outcome = Err(ErrorKind::NotFound.into());
        for file in self.files {
            outcome = fs::write(directory.join(file), &self.value);
            if !matches!(&outcome, Err(error) if error.kind() == ErrorKind::NotFound) {
                break;
            }
        }
        outcome
    }
}

impl Cgroup {
    /// Sets limits; what none is given for stays as it is.
    pub(crate) fn limit(&self, limits: &Limits) -> Result<(), RuntimeError> {
        Controller::LIMITING
            .into_iter()
            .try_for_each(|controller| self.limit_by(controller, limits))
    }

    pub(super) fn place_of(&self, controller: Controller) -> Option<(Version, PathBuf)> {
        self.directories()
            .find(|(hierarchy, _)| {
                let name = controller.name(hierarchy.version);
                hierarchy.controllers.iter().any(|it| it == name)
            })
            .map(|(hierarchy, directory)| (hierarchy.version, directory))
    }

    fn limit_by(&self, controller: Controller, limits: &Limits) -> Result<(), RuntimeError> {
        let place = self.place_of(controller);
        let settings = match place {
            Some((Version::One, _)) => v1::settings(controller, limits),
            Some((Version::Two, _)) | None => v2::settings(controller, limits),
        };
        let name = controller.name(place.as_ref().map_or(Version::Two, |(version, _)| *version));
        let missing = |setting: &Setting| match setting.asked {
            true => Err(RuntimeError::UnsupportedLimit {
                limit: setting.limit,
                controller: name,
            }),
            false => Ok(()),
        };
        let Some((_, directory)) = &place else {
            return settings.iter().try_for_each(missing);
        };
        // some values bound each other, and the right order depends on what they were: whatever is refused is tried
        // again once the others are set
        let mut refused = Vec::new();
        for setting in settings {
            match setting.write(directory) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => missing(&setting)?,
                Err(_) => refused.push(setting),
            }
        }
        refused.into_iter().try_for_each(|setting| {
            let file = directory.join(setting.files[0]);
            setting
                .write(directory)
                .map_err(RuntimeError::file("set the limit", file))
        })
    }
}
