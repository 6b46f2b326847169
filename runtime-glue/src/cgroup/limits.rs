//! Setting limits, where the controller of each lives: all that are asked for, or none.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::controller::{Controller, Version};
use super::settings::{Dialect, Setting};
use super::{Cgroup, v1, v2};
use crate::RuntimeError;
use crate::limits::Limits;

impl Version {
    const fn dialect(self) -> &'static Dialect {
        match self {
            Self::One => &v1::DIALECT,
            Self::Two => &v2::DIALECT,
        }
    }
}

/// A file that was written, and what brings back what it held.
struct Written {
    file: PathBuf,
    before: Vec<String>,
}

impl Cgroup {
    /// Sets limits; what none is given for stays as it is. If the kernel refuses one, all are as they were.
    pub(crate) fn limit(&self, limits: &Limits) -> Result<(), RuntimeError> {
        let mut written = Vec::new();
        let set = Controller::LIMITING
            .into_iter()
            .try_for_each(|controller| self.limit_by(controller, limits, &mut written));
        if set.is_err() {
            // backwards, as some values bound each other: each was allowed beside those before it
            for Written { file, before } in written.iter().rev() {
                for line in before {
                    // what cannot be brought back is told of by the error that led here
                    let _ = fs::write(file, line);
                }
            }
        }
        set
    }

    pub(super) fn place_of(&self, controller: Controller) -> Option<(Version, PathBuf)> {
        self.directories()
            .find(|(hierarchy, _)| {
                let name = controller.name(hierarchy.version);
                hierarchy.controllers.iter().any(|it| it == name)
            })
            .map(|(hierarchy, directory)| (hierarchy.version, directory))
    }

    fn limit_by(
        &self,
        controller: Controller,
        limits: &Limits,
        written: &mut Vec<Written>,
    ) -> Result<(), RuntimeError> {
        let place = self.place_of(controller);
        let version = place.as_ref().map_or(Version::Two, |(version, _)| *version);
        let settings = version.dialect().settings(controller, limits);
        let missing = |setting: &Setting| match setting.asked {
            true => Err(RuntimeError::UnsupportedLimit {
                limit: setting.limit,
                controller: controller.name(version),
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
                Ok(done) => written.push(done),
                Err(error) if error.kind() == ErrorKind::NotFound => missing(&setting)?,
                Err(_) => refused.push(setting),
            }
        }
        refused.into_iter().try_for_each(|setting| {
            let file = directory.join(setting.files[0]);
            let done = setting.write(directory);
            written.push(done.map_err(RuntimeError::file("set the limit", file))?);
            Ok(())
        })
    }
}

impl Setting {
    fn write(&self, directory: &Path) -> io::Result<Written> {
        let mut outcome = Err(ErrorKind::NotFound.into());
        for file in self.files {
            outcome = self.write_to(directory.join(file));
            if !matches!(&outcome, Err(error) if error.kind() == ErrorKind::NotFound) {
                break;
            }
        }
        outcome
    }

    fn write_to(&self, file: PathBuf) -> io::Result<Written> {
        let held = fs::read_to_string(&file)?;
        fs::write(&file, &self.value)?;
        let before = match &self.device {
            Some((device, none)) => {
                let line = held.lines().find(|it| it.split(' ').next() == Some(device));
                let none = || format!("{device} {none}");
                vec![line.map_or_else(none, str::to_owned)]
            }
            // an empty set is one too
            None if held.trim().is_empty() => vec!["\n".to_owned()],
            // of several lines the kernel takes one at a time
            None => held.lines().map(str::to_owned).collect(),
        };
        Ok(Written { file, before })
    }
}
