//! The control group of one container, in every hierarchy of the host: version 1, version 2, or both at once.
//!
//! A limit is set where its controller lives; joining, killing and removing concern all hierarchies.

mod controller;
mod devices;
mod freezer;
mod further;
mod hierarchy;
mod limits;
mod settings;
mod usage;
mod v1;
mod v2;

use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, thread};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal};

use crate::RuntimeError;
use crate::limits::Limits;
use controller::Version;
pub(crate) use further::{Further, Verdict};
use hierarchy::Hierarchy;
pub use usage::{CpuUsage, DiskUsage, MemoryUsage, Usage};

/// How long killed processes may take to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often something is tried that another container's coming or going can disturb.
const ATTEMPTS: usize = 20;

/// One path, in all hierarchies.
///
/// **Contract:** the parent of the path comes with its first child and goes with its last; others may create and
/// remove its children at the same time.
#[derive(Debug)]
pub(crate) struct Cgroup {
    path: String,
    hierarchies: Vec<Hierarchy>,
}

impl Cgroup {
    /// The group at `path`, relative to the root of each hierarchy; nothing is created.
    pub(crate) fn at(path: &str) -> Result<Self, RuntimeError> {
        check(path)?;
        Ok(Self {
            path: path.to_owned(),
            hierarchies: hierarchy::mounted()?,
        })
    }

    /// Creates the group everywhere and sets its limits.
    pub(crate) fn create(&self, limits: &Limits) -> Result<(), RuntimeError> {
        for hierarchy in &self.hierarchies {
            let directory = hierarchy.mount.join(&self.path);
            // another container's end may take the parent away between its making and the group's
            patiently(is_gone, || hierarchy.create(&self.path))
                .map_err(RuntimeError::file("create the control group", directory))?;
        }
        self.limit(limits)
    }

    /// Files to write `0` to, each of which takes the writing thread into one hierarchy of version 1.
    ///
    /// Moving a single thread spares the kernel's lock over all of fork, which `cgroup.procs` takes.
    pub(crate) fn doors(&self) -> Result<Vec<(PathBuf, OwnedFd)>, RuntimeError> {
        let v1 = self
            .directories()
            .filter(|(hierarchy, _)| hierarchy.version == Version::One);
        v1.map(|(_, directory)| {
            let path = directory.join("tasks");
            let file = fs::OpenOptions::new().write(true).open(&path);
            Ok((
                path.clone(),
                file.map_err(RuntimeError::file("open", path))?.into(),
            ))
        })
        .collect()
    }

    /// The directory of version 2, which clone3(2) takes a child into.
    pub(crate) fn directory(&self) -> Result<Option<OwnedFd>, RuntimeError> {
        let Some((_, directory)) = self.directories().find(|(h, _)| h.version == Version::Two)
        else {
            return Ok(None);
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::open(&directory, flags, Mode::empty());
        Ok(Some(opened.map_err(|e| {
            RuntimeError::file("open", directory)(e.into())
        })?))
    }

    /// What a container is shown below /sys/fs/cgroup: for each hierarchy its name there, none if it is all there
    /// is, the group's directory, and other names for it. With `all`, what is all there is begins at its root.
    pub(crate) fn views(
        &self,
        all: bool,
    ) -> impl Iterator<Item = (Option<&str>, PathBuf, &[String])> {
        let unified = matches!(&self.hierarchies[..], [only] if only.version == Version::Two);
        self.directories().map(move |(hierarchy, directory)| {
            let directory = match all && unified {
                true => hierarchy.mount.clone(),
                false => directory,
            };
            let name = hierarchy.mount.file_name().and_then(|name| name.to_str());
            (name.filter(|_| !unified), directory, hierarchy.aliases())
        })
    }

    /// Kills every process in the group and waits for their end.
    pub(crate) fn kill(&self) -> Result<(), RuntimeError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let processes = self.processes();
            if processes.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(RuntimeError::StillAlive {
                    cgroup: self.path.clone(),
                });
            }
            for (_, directory) in self
                .directories()
                .filter(|(h, _)| h.version == Version::Two)
            {
                // all at once, where the kernel can (5.14); what it leaves is killed one by one
                let _ = fs::write(directory.join(v2::KILL), "1");
            }
            for pid in processes {
                // it may be gone already, which is as well
                let _ = rustix::process::kill_process(pid, Signal::KILL);
            }
            // who is frozen cannot end
            let _ = self.thaw();
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Removes the group from all hierarchies, and its parents if they are left empty; what is absent is a success.
    pub(crate) fn remove(&self) -> Result<(), RuntimeError> {
        let result = self.remove_alone();
        for (hierarchy, directory) in self.directories() {
            for parent in directory
                .ancestors()
                .skip(1)
                .take_while(|p| *p != hierarchy.mount)
            {
                if fs::remove_dir(parent).is_err() {
                    break;
                }
            }
        }
        result
    }

    /// Removes the group from all hierarchies, and leaves its parents, which are somebody's.
    pub(crate) fn remove_alone(&self) -> Result<(), RuntimeError> {
        let mut result = Ok(());
        for (_, directory) in self.directories() {
            // a process that has ended still counts for a moment
            let removed = patiently(is_busy, || remove_tree(&directory));
            result = result
                .and(removed.map_err(RuntimeError::file("remove the control group", &directory)));
        }
        result
    }

    fn directories(&self) -> impl Iterator<Item = (&Hierarchy, PathBuf)> {
        self.hierarchies
            .iter()
            .map(|hierarchy| (hierarchy, hierarchy.mount.join(&self.path)))
    }

    /// Every process in it.
    pub(crate) fn processes(&self) -> Vec<Pid> {
        let read = |directory: PathBuf| fs::read_to_string(directory.join("cgroup.procs")).ok();
        let mut pids: Vec<i32> = self
            .directories()
            .filter_map(|(_, directory)| read(directory))
            .flat_map(|text| {
                text.lines()
                    .filter_map(|pid| pid.parse().ok())
                    .collect::<Vec<_>>()
            })
            .collect();
        pids.sort_unstable();
        pids.dedup();
        pids.into_iter().filter_map(Pid::from_raw).collect()
    }
}

/// Refuses what cannot be the path of a group.
pub(crate) fn check(path: &str) -> Result<(), RuntimeError> {
    let clean = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if !clean {
        let reason =
            format!("{path:?} is no path of a control group: use names with / between them");
        return Err(RuntimeError::InvalidSpec { reason });
    }
    Ok(())
}

/// A directory is not there, or is on its way out (kernel/cgroup/cgroup.c, `cgroup_kn_lock_live`: ENODEV).
fn is_gone(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(libc::ENODEV)
}

fn is_busy(error: &io::Error) -> bool {
    error.kind() == ErrorKind::ResourceBusy
}

fn patiently(
    passing: fn(&io::Error) -> bool,
    mut attempt: impl FnMut() -> io::Result<()>,
) -> io::Result<()> {
    for wait in 0..ATTEMPTS as u64 {
        match attempt() {
            Err(error) if passing(&error) => thread::sleep(Duration::from_millis(wait)),
            other => return other,
        }
    }
    attempt()
}

fn remove_tree(directory: &Path) -> io::Result<()> {
    let children = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for child in children {
        let child = child?;
        if child.file_type()?.is_dir() {
            remove_tree(&child.path())?;
        }
    }
    match fs::remove_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
