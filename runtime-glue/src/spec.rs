//! What a container is to be: our own subset of the ideas of the OCI runtime specification (config.md).

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use crate::device::{Access, DeviceFile, DeviceKind, DeviceMistake, DeviceRule, Devices};
pub use crate::idmap::{IdMap, IdMaps};
pub use crate::limits::{Ceiling, CpuTime, Limits, Measure, Throttle};
use crate::log::LogSettings;
pub use crate::rlimit::{ProcessLimit, ProcessResource, UnknownResource};
pub use crate::seccomp::Seccomp;
use crate::{Capabilities, RuntimeError};

/// The kernel's limit (__NEW_UTS_LEN).
const LONGEST_HOSTNAME: usize = 64;

/// Everything the runtime must know to make one container.
///
/// **Contract:** what is not in here is not supported: reading a stored specification that has an unknown field
/// fails, so that no setting, of security above all, is ever dropped in silence.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The container's first process.
    pub process: Process,
    /// Whether the first process has a standard input that clients can attach to; else it reads end-of-file.
    pub open_stdin: bool,
    /// Whether the standard input ends with the input of the first client that attached to it.
    pub stdin_once: bool,
    /// Whether a process of ours is the first, which passes on signals and waits for orphans.
    pub init: bool,
    /// The host name in the container's own UTS namespace.
    pub hostname: String,
    /// The root file system.
    pub rootfs: Rootfs,
    /// What is mounted over it, in order; [`crate::defaults::mounts`] is what every container expects.
    pub mounts: Vec<Mount>,
    /// The bounding, permitted and effective capabilities, of processes run by `exec` too.
    pub capabilities: Capabilities,
    /// Whether no process may gain privileges by executing a file (prctl(2), PR_SET_NO_NEW_PRIVS).
    pub no_new_privileges: bool,
    /// Which system calls they may make.
    pub seccomp: Seccomp,
    /// The devices it sees and may use beside those that every program expects.
    pub devices: Devices,
    /// Absolute paths hidden from the container; those that do not exist are passed over.
    pub masked_paths: Vec<String>,
    /// Absolute paths that cannot be written to; those that do not exist are passed over.
    pub readonly_paths: Vec<String>,
    /// The network namespace the container lives in.
    pub network: Network,
    /// Whose other namespaces it lives in.
    pub namespaces: Namespaces,
    /// Where its processes are accounted, relative to the root of each hierarchy; none lets the runtime choose
    /// `PARENT/ID`.
    pub cgroup: Option<String>,
    /// What it may use up.
    pub limits: Limits,
    /// What each of its processes may use up (setrlimit(2)).
    pub rlimits: Vec<ProcessLimit>,
    /// How soon the kernel ends its processes for want of memory (proc_pid_oom_score_adj(5)); none for as the daemon's.
    pub oom_score_adj: Option<i32>,
    /// Variables of the kernel that its namespaces have for themselves, such as `kernel.msgmax`.
    pub sysctls: BTreeMap<String, String>,
    /// The signal that asks the first process to end.
    pub stop_signal: i32,
    /// How its output is recorded; none records nothing.
    pub log: Option<LogSettings>,
}

impl Spec {
    /// Refuses what can be seen to be impossible without looking at the machine.
    pub(crate) fn validate(&self) -> Result<(), RuntimeError> {
        self.limits.validate()?;
        if self.hostname.len() > LONGEST_HOSTNAME {
            let reason = format!(
                "the host name {:?} has more than {LONGEST_HOSTNAME} bytes",
                self.hostname
            );
            return Err(RuntimeError::InvalidSpec { reason });
        }
        Ok(())
    }
}

/// A process to run in a container: its first one, or one added by `exec`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// The command and its arguments; a command without a slash is looked up in the `PATH` of `env`.
    pub args: Vec<String>,
    /// `NAME=value` each; `HOME` is added from the container's passwd file where it is missing.
    pub env: Vec<String>,
    /// The absolute directory it starts in; the first process's is made if it does not exist.
    pub cwd: String,
    /// Who runs it: empty for root, or `user[:group]`, names or numbers, as the container's passwd and group
    /// files have them.
    pub user: String,
    /// Groups to add to those of the user, names or numbers.
    pub additional_groups: Vec<String>,
    /// Whether its standard streams are one pseudoterminal, its controlling one.
    pub tty: bool,
}

/// A root file system made of layers (kernel: Documentation/filesystems/overlayfs.rst).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rootfs {
    /// The image's layers, the uppermost first; never written to.
    pub lower: Vec<PathBuf>,
    /// The directory that takes what the container writes.
    pub upper: PathBuf,
    /// An empty directory on the file system of `upper`, for the kernel's own use.
    pub work: PathBuf,
    /// Whether the container sees all of it read-only.
    pub readonly: bool,
}

/// One mount over the root file system.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// The absolute path in the container; it is made if it does not exist.
    pub target: String,
    /// What appears there.
    pub source: MountSource,
    /// Whether it cannot be written to there.
    pub readonly: bool,
}

/// What a mount shows. Device files never work on any of them except below [`MountSource::Devices`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum MountSource {
    /// The processes of the container's pid namespace (procfs).
    Processes,
    /// The kernel's objects, as the container's network namespace sees them (sysfs).
    Kernel,
    /// A small tmpfs with the six device files every program expects, and the usual links.
    Devices,
    /// An instance of devpts of the container's own.
    Pseudoterminals,
    /// The POSIX message queues of the container's IPC namespace.
    MessageQueues,
    /// The container's own cgroup in every hierarchy of the host.
    Cgroups,
    /// A fresh tmpfs.
    Tmpfs {
        /// Its size in bytes; none for the kernel's default, half the memory.
        size: Option<u64>,
        /// The mode of its root directory.
        mode: u32,
        /// Whether programs on it can be executed.
        exec: bool,
    },
    /// A file or directory of the host, with what is mounted below it.
    Bind(PathBuf),
    /// What is mounted at an absolute path of another mount namespace, such as another container's.
    Elsewhere {
        /// The namespace's file, as in `/proc/PID/ns/mnt`.
        namespace: PathBuf,
        /// Where it is there; no part of it is a symbolic link.
        path: PathBuf,
    },
}

/// Whose namespaces a container lives in.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Namespaces {
    /// Which processes it sees; where that is not its own, its end is that of its control group.
    pub pid: Namespace,
    /// Whose message queues, semaphores and shared memory it has.
    pub ipc: Namespace,
    /// Whose host name it has.
    pub uts: Namespace,
    /// Where the control groups begin that it sees.
    pub cgroup: Namespace,
}

/// Whose a namespace is.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Namespace {
    /// The container's own, new one.
    #[default]
    Own,
    /// That of the host.
    Host,
    /// The one found at this path, another container's for instance.
    At(PathBuf),
}

/// The network namespace of a container.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Network {
    /// The daemon's own.
    Host,
    /// A namespace made before and pinned at this path.
    Namespace(PathBuf),
}

/// A process to add to a running container.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecSpec {
    /// What to run.
    pub process: Process,
    /// Whether it has a standard input; else it reads end-of-file.
    pub open_stdin: bool,
    /// Whether it has every capability there is, whatever the container's are.
    #[serde(default)]
    pub privileged: bool,
}
