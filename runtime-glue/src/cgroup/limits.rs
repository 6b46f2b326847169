//! Setting limits, and reading what was used, where the controller of each lives.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use super::hierarchy::Version;
use super::{Cgroup, v1, v2};
use crate::RuntimeError;
use crate::spec::Limits;

/// What the processes of a container use; none where no controller counts it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// Bytes of memory, caches included.
    pub memory: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u64>,
}

/// What a container's processes can be limited in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Controller {
    Memory,
    Cpu,
    Pids,
}

impl Controller {
    pub(super) const ALL: [Self; 3] = [Self::Memory, Self::Cpu, Self::Pids];

    const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::Pids => "pids",
        }
    }
}

/// One value of one file of a group.
pub(super) struct Setting {
    pub(super) file: &'static str,
    pub(super) value: String,
    /// What it limits, for the user.
    pub(super) limit: &'static str,
}

impl Cgroup {
    /// What the group uses now.
    pub(crate) fn usage(&self) -> Usage {
        let number = |controller: Controller, v1: &str, v2: &str| {
            let (version, directory) = self.place_of(controller)?;
            let file = if version == Version::One { v1 } else { v2 };
            fs::read_to_string(directory.join(file))
                .ok()?
                .trim()
                .parse()
                .ok()
        };
        Usage {
            memory: number(Controller::Memory, v1::MEMORY_USAGE, v2::MEMORY_USAGE),
            pids: number(Controller::Pids, "pids.current", "pids.current"),
        }
    }

    /// Whether the kernel killed one of its processes for want of memory.
    pub(crate) fn ran_out_of_memory(&self) -> bool {
        let count = || {
            let (version, directory) = self.place_of(Controller::Memory)?;
            let file = if version == Version::One {
                v1::OOM_EVENTS
            } else {
                v2::OOM_EVENTS
            };
            let events = fs::read_to_string(directory.join(file)).ok()?;
            let line = events
                .lines()
                .find_map(|line| line.strip_prefix("oom_kill "))?;
            line.trim().parse::<u64>().ok()
        };
        count().is_some_and(|kills| kills > 0)
    }

    fn place_of(&self, controller: Controller) -> Option<(Version, PathBuf)> {
        self.directories()
            .find(|(hierarchy, _)| hierarchy.controllers.iter().any(|c| c == controller.name()))
            .map(|(hierarchy, directory)| (hierarchy.version, directory))
    }

    /// Sets what a controller is told by the limits.
    pub(super) fn limit(
        &self,
        controller: Controller,
        limits: &Limits,
    ) -> Result<(), RuntimeError> {
        let place = self.place_of(controller);
        let settings = match place {
            Some((Version::One, _)) => v1::settings(controller, limits),
            Some((Version::Two, _)) | None => v2::settings(controller, limits),
        };
        for setting in settings {
            let missing = RuntimeError::UnsupportedLimit {
                limit: setting.limit,
                controller: controller.name(),
            };
            let Some((_, directory)) = &place else {
                return Err(missing);
            };
            let file = directory.join(setting.file);
            match fs::write(&file, &setting.value) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Err(missing),
                other => other.map_err(RuntimeError::file("set the limit", file))?,
            }
        }
        Ok(())
    }
}
