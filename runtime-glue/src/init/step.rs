//! The steps a plan is made of; the text of each is what a failure of it says.

use std::ffi::CString;
use std::fmt;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags};
use rustix::io::Result;
use rustix::mount::{MountAttrFlags, MountFlags};
use rustix::thread::{LinkNameSpaceType, ThreadNameSpaceType, UnshareFlags};

use super::bounds::{Bounds, Sysctl};
use super::command::{self, Command};
use super::devices::Node;
use super::mounts::{self, MountOption};
use super::namespaces;
use super::security::{Identification, Privileges};
use super::stdio::ChildEnds;
use super::{Context, Target};
use crate::sys;

/// One thing a child does between clone and exec, with all it needs for it: nothing is allocated, nothing looked up
/// on the host.
pub(crate) enum Step {
    /// Something that only one door needs.
    Act(Box<dyn Act>),
    /// Waits until it is known who is who in a user namespace of its own, and becomes its root.
    AwaitMaps,
    /// Kills the child when the monitor dies.
    DieWithMonitor,
    /// Joins a control group of version 1 through its `tasks` file.
    JoinCgroup(PathBuf, OwnedFd),
    /// Makes the control groups the child is in the roots of what it can see.
    HideCgroups,
    /// Joins a pinned network namespace.
    JoinNetwork(PathBuf, OwnedFd),
    /// Joins namespaces of a container's first process; not the pid namespace, which is joined by being cloned.
    JoinContainer(OwnedFd, ThreadNameSpaceType),
    /// Keeps mounts from reaching the host.
    LeaveHostAlone,
    /// Mounts the root file system over a directory.
    Overlay {
        directories: Vec<CString>,
        options: CString,
        place: CString,
        device_files: bool,
    },
    /// Mounts a new file system.
    FileSystem {
        kind: &'static std::ffi::CStr,
        options: Vec<MountOption>,
        attributes: MountAttrFlags,
        target: Target,
    },
    /// Mounts a tree that was had before.
    Attach {
        what: String,
        tree: OwnedFd,
        target: Target,
    },
    /// Mounts what another mount namespace has at a path.
    AttachElsewhere {
        namespace: OwnedFd,
        path: CString,
        target: Target,
    },
    /// Makes a symbolic link.
    Link {
        target: Target,
        destination: CString,
    },
    /// Makes a device file.
    Node(Node),
    /// Sets a variable of the kernel that a namespace has for itself.
    Sysctl(Sysctl),
    /// Makes a directory.
    Directory(Target),
    /// Hides a path.
    Mask(Target),
    /// Protects a path from being written to.
    Protect(Target),
    /// Makes the mount at a path read-only; what is mounted over it is not changed.
    Freeze(Target),
    /// Makes the root file system the root, and the host's tree unreachable.
    EnterRoot,
    /// Gives up the keys of the daemon.
    LeaveKeyring,
    /// Names the host.
    Hostname(String),
    /// Takes a session and the standard streams of its own.
    TakeStreams(ChildEnds),
    /// Lets whoever it is now open its own streams by name, as in `/dev/stdout`.
    OwnStreams {
        /// Whether the standard input is one to own, too: /dev/null is everyone's.
        stdin: bool,
    },
    /// Closes every descriptor but those that a later step or the program needs.
    CloseRest { but: Vec<RawFd> },
    /// Says that all is ready and waits to be told who to be.
    AwaitIdentity,
    /// Goes where the program is to start.
    WorkingDirectory(Target),
    /// Takes the limits of every process of the container.
    Bound(Bounds),
    /// Becomes who it is to be, who can have no capabilities but some.
    Become(Identification),
    /// Stays behind as the first process, and goes on in a child.
    StandBehind(Privileges),
    /// Keeps no privileges but these.
    Confine(Privileges),
    /// Takes every signal as the kernel does by default.
    ResetSignals,
    /// Runs the program.
    Execute(Command),
}

/// A step that is defined elsewhere; its text is what a failure of it says.
pub(crate) trait Act: fmt::Display {
    /// Does it.
    fn run(&mut self, context: &mut Context) -> Result<()>;
}

impl Step {
    /// A step that is defined elsewhere.
    pub(crate) fn act(act: impl Act + 'static) -> Self {
        Self::Act(Box::new(act))
    }

    pub(super) fn run(&mut self, context: &mut Context) -> Result<()> {
        match self {
            Self::Act(act) => act.run(context),
            Self::AwaitMaps => {
                context.await_word()?;
                namespaces::take_root()
            }
            Self::DieWithMonitor => context.die_with_monitor(),
            Self::JoinCgroup(_, tasks) => rustix::io::write(tasks, b"0").map(drop),
            Self::HideCgroups => sys::unshare(UnshareFlags::NEWCGROUP),
            Self::JoinNetwork(_, namespace) => rustix::thread::move_into_link_name_space(
                namespace.as_fd(),
                Some(LinkNameSpaceType::Network),
            ),
            Self::JoinContainer(pidfd, namespaces) => {
                rustix::thread::move_into_thread_name_spaces(pidfd.as_fd(), *namespaces)
            }
            Self::LeaveHostAlone => mounts::leave_the_host_alone(),
            Self::Overlay {
                directories,
                options,
                place,
                device_files,
            } => {
                let flags = match device_files {
                    true => MountFlags::empty(),
                    false => MountFlags::NODEV,
                };
                context.root = Some(mounts::overlay(directories, options, flags, place)?);
                Ok(())
            }
            Self::FileSystem {
                kind,
                options,
                attributes,
                target,
            } => {
                let tree = mounts::file_system(kind, options, *attributes)?;
                mounts::attach_at(tree.as_fd(), context.root()?, target)
            }
            Self::Attach { tree, target, .. } => {
                mounts::attach_at(tree.as_fd(), context.root()?, target)
            }
            Self::AttachElsewhere {
                namespace,
                path,
                target,
            } => {
                let tree = mounts::tree_of(namespace.as_fd(), path)?;
                mounts::attach_at(tree.as_fd(), context.root()?, target)
            }
            Self::Link {
                target,
                destination,
            } => target.link(context.root()?, destination),
            Self::Node(node) => node.make(context.root()?),
            Self::Sysctl(sysctl) => sysctl.set(context.root()?),
            Self::Directory(target) => target.directory(context.root()?).map(drop),
            Self::Mask(target) => mounts::mask(context.root()?, target),
            Self::Protect(target) => mounts::protect(context.root()?, target),
            Self::Freeze(target) => {
                let readonly = MountAttrFlags::MOUNT_ATTR_RDONLY;
                sys::set_mount_attributes(target.find(context.root()?)?.as_fd(), readonly, false)
            }
            Self::EnterRoot => mounts::enter(context.root()?),
            Self::LeaveKeyring => sys::leave_keyring(),
            Self::Hostname(name) => rustix::system::sethostname(name.as_bytes()),
            Self::TakeStreams(ends) => ends.take(),
            Self::OwnStreams { stdin } => super::stdio::own(*stdin, context.identity.uid()),
            Self::CloseRest { but } => context.close_the_rest(but),
            Self::AwaitIdentity => context.await_identity(),
            Self::WorkingDirectory(target) => go_to(target),
            Self::Bound(bounds) => bounds.take(),
            Self::Become(who) => who.take(&context.identity),
            Self::StandBehind(privileges) => super::reaper::stand_behind(privileges),
            Self::Confine(privileges) => privileges.take(),
            Self::ResetSignals => {
                sys::reset_signals();
                Ok(())
            }
            Self::Execute(command) => Err(command.execute(&context.identity)),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Act(act) => act.fmt(f),
            Self::AwaitMaps => write!(f, "become the root of the user namespace"),
            Self::DieWithMonitor => write!(f, "bind a process to its monitor's life"),
            Self::JoinCgroup(tasks, _) => {
                write!(f, "join the control group of {}", tasks.display())
            }
            Self::HideCgroups => write!(f, "make a cgroup namespace"),
            Self::JoinNetwork(path, _) => {
                write!(f, "join the network namespace {}", path.display())
            }
            Self::JoinContainer(..) => write!(f, "join the namespaces of the container"),
            Self::LeaveHostAlone => write!(f, "separate the mounts from the host's"),
            Self::Overlay { .. } => write!(f, "mount overlay on /"),
            Self::FileSystem { kind, target, .. } => {
                write!(f, "mount {} on {target}", kind.to_string_lossy())
            }
            Self::Attach { what, target, .. } => write!(f, "mount {what} on {target}"),
            Self::AttachElsewhere { path, target, .. } => {
                let path = path.to_string_lossy();
                write!(f, "mount another container's {path} on {target}")
            }
            Self::Link {
                target,
                destination,
            } => {
                write!(f, "link {target} to {}", destination.to_string_lossy())
            }
            Self::Node(node) => write!(f, "make the device {}", node.target),
            Self::Sysctl(sysctl) => write!(f, "set {sysctl}"),
            Self::Directory(target) => write!(f, "make the directory {target}"),
            Self::Mask(target) => write!(f, "mask {target}"),
            Self::Protect(target) | Self::Freeze(target) => write!(f, "mount {target} read-only"),
            Self::EnterRoot => write!(f, "enter the root file system"),
            Self::LeaveKeyring => write!(f, "leave the session keyring of the daemon"),
            Self::Hostname(name) => write!(f, "set the host name {name:?}"),
            Self::TakeStreams(_) => write!(f, "take the standard streams"),
            Self::OwnStreams { .. } => write!(f, "own the standard streams"),
            Self::CloseRest { .. } => write!(f, "close the descriptors of the monitor"),
            Self::AwaitIdentity => write!(f, "wait to be started"),
            Self::WorkingDirectory(target) => write!(f, "change to the working directory {target}"),
            Self::Bound(bounds) => write!(f, "set {bounds}"),
            Self::Become(_) => write!(f, "become the user"),
            Self::StandBehind(_) => write!(f, "leave the first process behind"),
            Self::Confine(_) => write!(f, "give up privileges"),
            Self::ResetSignals => write!(f, "reset signals"),
            Self::Execute(command) => write!(f, "{}{command}", command::STEP),
        }
    }
}

/// Changes directory without following the magic links of /proc, which could lead out (CVE-2024-21626).
fn go_to(target: &Target) -> Result<()> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open(c"/", flags, Mode::empty())?;
    rustix::process::fchdir(target.open(root.as_fd(), flags, Mode::empty())?)
}
