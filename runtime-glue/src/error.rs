//! What can go wrong in the runtime, each with the object it went wrong with.

use std::path::PathBuf;
use std::{fmt, io};

use rnet_model::ContainerId;
use serde::{Deserialize, Serialize};

/// What a name in a container's account files stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountKind {
    /// A user, in passwd(5).
    User,
    /// A group, in group(5).
    Group,
}

impl AccountKind {
    const fn file(self) -> &'static str {
        match self {
            Self::User => "passwd",
            Self::Group => "group",
        }
    }
}

impl fmt::Display for AccountKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Group => "group",
        })
    }
}

/// An operation of the runtime that failed.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// There is no such container.
    #[error("the runtime has no container {id}")]
    UnknownContainer {
        /// The container that was asked for.
        id: ContainerId,
    },
    /// There is such a container already.
    #[error("the runtime already has a container {id}: remove it first")]
    ContainerExists {
        /// The container that was to be created.
        id: ContainerId,
    },
    /// The container has no process to do this to.
    #[error("container {id} is not running")]
    NotRunning {
        /// The container.
        id: ContainerId,
    },
    /// The container was started before.
    #[error("container {id} was started already")]
    AlreadyStarted {
        /// The container.
        id: ContainerId,
    },
    /// The command cannot be run.
    #[error("{message}")]
    Command {
        /// Which command, and why, in the words of Docker.
        message: String,
        /// The exit code that stands for it: 127 for not found, 126 for found but not executable.
        code: i32,
    },
    /// The user or group is not one of the container's.
    #[error("unable to find {kind} {name}: no matching entries in {file} file", file = kind.file())]
    UnknownUser {
        /// Which of the two.
        kind: AccountKind,
        /// What was looked for.
        name: String,
    },
    /// The specification asks for something that cannot be.
    #[error("invalid container specification: {reason}")]
    InvalidSpec {
        /// What, and why not.
        reason: String,
    },
    /// A limit was asked for that this machine cannot enforce.
    #[error("cannot limit {limit}: this machine has no {controller} controller for control groups")]
    UnsupportedLimit {
        /// What was to be limited.
        limit: &'static str,
        /// The controller that does it.
        controller: &'static str,
    },
    /// A device of the host that a container is to have is none.
    #[error("error gathering device information while adding custom device {path:?}")]
    Device {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The monitor of a container said no.
    #[error("cannot {operation} container {id}: {message}")]
    Refused {
        /// What it was asked for.
        operation: &'static str,
        /// The container.
        id: ContainerId,
        /// Its answer.
        message: String,
    },
    /// The monitor of a container could not be asked.
    #[error("cannot {operation} container {id}: its monitor does not answer")]
    Unreachable {
        /// What it was to be asked for.
        operation: &'static str,
        /// The container.
        id: ContainerId,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The monitor's program does not run.
    #[error("cannot run the container monitor {path}", path = path.display())]
    RunShim {
        /// The program.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// An operation on a file failed.
    #[error("cannot {operation} {path}", path = path.display())]
    File {
        /// What was to be done.
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The container's log cannot be kept.
    #[error("cannot keep the container's log")]
    Log(#[source] crate::log::LogError),
    /// A stored record is not what this version writes.
    #[error("cannot understand {path}", path = path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// A step of preparing or running a container's process failed.
    #[error("cannot {step}")]
    Step {
        /// The step, as in `mount proc on /proc`.
        step: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// There is no container of that name in an OCI runtime's directory; clients look for these words of runc.
    #[error("container {id:?} does not exist")]
    NoBundle {
        /// The name.
        id: String,
    },
    /// There is one already; in the words of runc.
    #[error("container with id {id:?} already exists: container with given ID already exists")]
    BundleExists {
        /// The name.
        id: String,
    },
    /// A container is not where in its life it would have to be.
    #[error("cannot {operation} container {id:?}: it is {status}")]
    WrongStatus {
        /// What was to be done.
        operation: &'static str,
        /// The container.
        id: String,
        /// Where it is, and what to do.
        status: String,
    },
    /// It has ended; clients look for these words of runc.
    #[error("container not running")]
    NotAlive,
    /// A hook of a container's configuration failed.
    #[error("{kind} hook {path}: {reason}", path = path.display())]
    Hook {
        /// When it is run.
        kind: &'static str,
        /// The program.
        path: PathBuf,
        /// Why, with what it complained about.
        reason: String,
    },
    /// Processes of a container did not die.
    #[error("the processes in control group {cgroup} do not end, though killed")]
    StillAlive {
        /// The group they are in.
        cgroup: String,
    },
    /// Processes of a container did not stop, or go on, when told to.
    #[error("the processes in control group {cgroup} can neither be held nor let go: try again")]
    StillMoving {
        /// The group they are in.
        cgroup: String,
    },
}

impl RuntimeError {
    /// For `map_err`: the operation on `path` that failed.
    pub(crate) fn file(
        operation: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File {
            operation,
            path,
            source,
        }
    }

    /// For `map_err`: the step that failed.
    pub(crate) fn step<E: Into<io::Error>>(step: impl Into<String>) -> impl FnOnce(E) -> Self {
        let step = step.into();
        move |source| Self::Step {
            step,
            source: source.into(),
        }
    }

    /// The error and its causes on one line.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}
