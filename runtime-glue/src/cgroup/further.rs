//! Limits that have one file and no need of a dialect: set as they are given, or an error.

use std::borrow::Cow;
use std::fs;
use std::io::ErrorKind;

use super::Cgroup;
use super::controller::Version;
use crate::RuntimeError;

/// One value of one file, by the controller that has it.
#[derive(Clone, Debug)]
pub(crate) struct Further {
    /// What is limited, for the user.
    pub(crate) limit: &'static str,
    /// The controller, as version 1 calls it.
    pub(crate) controller: &'static str,
    /// Its file in version 1, and in version 2.
    pub(crate) one: Option<&'static str>,
    pub(crate) two: Option<&'static str>,
    pub(crate) value: String,
}

/// Whether devices may be used: of the verdicts that fit the last one stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verdict {
    pub(crate) allow: bool,
    pub(crate) rule: crate::device::DeviceRule,
}

impl Cgroup {
    /// Sets one such limit.
    pub(crate) fn set(&self, it: &Further) -> Result<(), RuntimeError> {
        let unsupported = RuntimeError::UnsupportedLimit {
            limit: it.limit,
            controller: it.controller,
        };
        let two = if it.controller == "blkio" {
            "io"
        } else {
            it.controller
        };
        let found = self.directories().find_map(|(hierarchy, directory)| {
            let (name, file) = match hierarchy.version {
                Version::One => (it.controller, it.one),
                Version::Two => (two, it.two),
            };
            let has = hierarchy
                .controllers
                .iter()
                .any(|controller| controller == name);
            file.filter(|_| has).map(|file| directory.join(file))
        });
        let Some(file) = found else {
            return Err(unsupported);
        };
        match fs::write(&file, &it.value) {
            Err(error) if error.kind() == ErrorKind::NotFound => Err(unsupported),
            written => written.map_err(RuntimeError::file("set the limit", file)),
        }
    }

    /// Limits pages of a size such as `2MB`.
    pub(crate) fn limit_hugepages(&self, size: &str, bytes: u64) -> Result<(), RuntimeError> {
        let two = self.directories().find(|(hierarchy, _)| {
            let mut controllers = hierarchy.controllers.iter();
            controllers.any(|controller| controller == "hugetlb")
        });
        let unsupported = RuntimeError::UnsupportedLimit {
            limit: "huge pages",
            controller: "hugetlb",
        };
        let Some((hierarchy, directory)) = two else {
            return Err(unsupported);
        };
        if size.is_empty() || !size.chars().all(|c| c.is_ascii_alphanumeric()) {
            let reason = format!("{size:?} is no size of huge pages: use one such as 2MB");
            return Err(RuntimeError::InvalidSpec { reason });
        }
        let file: Cow<'_, str> = match hierarchy.version {
            Version::One => format!("hugetlb.{size}.limit_in_bytes").into(),
            Version::Two => format!("hugetlb.{size}.max").into(),
        };
        let file = directory.join(&*file);
        match fs::write(&file, bytes.to_string()) {
            Err(error) if error.kind() == ErrorKind::NotFound => Err(unsupported),
            written => written.map_err(RuntimeError::file("set the limit", file)),
        }
    }

    /// Writes to a file of version 2 (config-linux.md, Unified).
    pub(crate) fn set_unified(&self, name: &str, value: &str) -> Result<(), RuntimeError> {
        if name.contains('/') || !name.contains('.') {
            let reason = format!("{name:?} is no file of a control group");
            return Err(RuntimeError::InvalidSpec { reason });
        }
        let two = self
            .directories()
            .find(|(it, _)| it.version == Version::Two);
        let file = two.map(|(_, directory)| directory.join(name));
        match file.filter(|file| file.exists()) {
            None => Err(RuntimeError::InvalidSpec {
                reason: format!(
                    "linux.resources.unified {name:?}: this machine's version 2 control groups have no such file"
                ),
            }),
            Some(file) => {
                fs::write(&file, value).map_err(RuntimeError::file("set the limit", file))
            }
        }
    }

    /// Whether there is a process in the group.
    pub(crate) fn is_used(&self) -> bool {
        !self.processes().is_empty()
    }

    /// Whether its processes are held still.
    pub(crate) fn is_frozen(&self) -> bool {
        let frozen = |name: &str, word: &str| {
            let mut all = self.directories();
            all.any(|(_, it)| fs::read_to_string(it.join(name)).is_ok_and(|at| at.trim() == word))
        };
        frozen("freezer.state", "FROZEN") || frozen("cgroup.freeze", "1")
    }
}
