//! The standard streams of a process, both ends: three pipes, or one pseudoterminal of the container's own.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::Result;
use rustix::mount::MountAttrFlags;
use rustix::pipe::PipeFlags;
use rustix::process::Uid;
use rustix::pty::OpenptFlags;

use super::mounts;
use crate::RuntimeError;
use crate::log::Stream;

/// The ends a process has.
pub(crate) struct ChildEnds {
    stdin: OwnedFd,
    stdout: OwnedFd,
    stderr: OwnedFd,
    tty: bool,
}

/// The ends the monitor has; all of them are non-blocking.
pub(crate) struct MonitorEnds {
    /// Where the process's input goes; none if it has none.
    pub(crate) input: Option<OwnedFd>,
    /// Where its output comes from.
    pub(crate) outputs: Vec<(Stream, OwnedFd)>,
    /// Whether both are one terminal.
    pub(crate) tty: bool,
}

/// The instance of devpts of one container: terminals are made in it from outside, before or after it is mounted.
pub(crate) struct Terminals(OwnedFd);

impl Terminals {
    /// A new instance, mounted nowhere, in which terminals belong to group 5, Debian's `tty`.
    pub(crate) fn new() -> std::result::Result<Self, RuntimeError> {
        let options = [
            (c"ptmxmode", Some(c"0666".to_owned())),
            (c"mode", Some(c"0620".to_owned())),
            (c"gid", Some(c"5".to_owned())),
        ];
        let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
        let made = mounts::file_system(c"devpts", &options, attributes);
        Ok(Self(
            made.map_err(RuntimeError::step("make pseudoterminals"))?,
        ))
    }

    /// Its file system, to be mounted.
    pub(crate) fn tree(&self) -> std::result::Result<OwnedFd, RuntimeError> {
        self.0
            .try_clone()
            .map_err(RuntimeError::step("hold pseudoterminals"))
    }

    fn open(&self) -> Result<(OwnedFd, OwnedFd)> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let monitor = rustix::fs::openat(&self.0, c"ptmx", flags, Mode::empty())?;
        rustix::pty::unlockpt(&monitor)?;
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let process = rustix::pty::ioctl_tiocgptpeer(&monitor, flags)?;
        Ok((monitor, process))
    }
}

/// Streams for a new process: a terminal if `terminals` are given, else pipes, with /dev/null for an input that is
/// not open.
pub(crate) fn streams(
    open_stdin: bool,
    terminals: Option<&Terminals>,
) -> std::result::Result<(ChildEnds, MonitorEnds), RuntimeError> {
    let made = match terminals {
        Some(terminals) => terminal(terminals),
        None => pipes(open_stdin),
    };
    made.map_err(RuntimeError::step("make the standard streams"))
}

impl ChildEnds {
    /// Makes them the streams of this process, in a session of its own.
    pub(super) fn take(&self) -> Result<()> {
        rustix::process::setsid()?;
        if self.tty {
            rustix::process::ioctl_tiocsctty(&self.stdin)?;
        }
        rustix::stdio::dup2_stdin(&self.stdin)?;
        rustix::stdio::dup2_stdout(&self.stdout)?;
        rustix::stdio::dup2_stderr(&self.stderr)
    }
}

/// Gives the streams of this process to `uid`.
pub(super) fn own(stdin: bool, uid: Uid) -> Result<()> {
    let give = |stream: BorrowedFd<'_>| rustix::fs::fchown(stream, Some(uid), None);
    if stdin {
        give(rustix::stdio::stdin())?;
    }
    give(rustix::stdio::stdout())?;
    give(rustix::stdio::stderr())
}

fn terminal(terminals: &Terminals) -> Result<(ChildEnds, MonitorEnds)> {
    let (monitor, process) = terminals.open()?;
    let copy = |fd: &OwnedFd| rustix::io::fcntl_dupfd_cloexec(fd, 3);
    let child = ChildEnds {
        stdin: copy(&process)?,
        stdout: copy(&process)?,
        stderr: process,
        tty: true,
    };
    let (input, output) = (Some(copy(&monitor)?), monitor);
    Ok((
        child,
        MonitorEnds {
            input,
            outputs: vec![(Stream::Stdout, output)],
            tty: true,
        },
    ))
}

fn pipes(open_stdin: bool) -> Result<(ChildEnds, MonitorEnds)> {
    let (stdin, input) = if open_stdin {
        let (theirs, ours) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        (theirs, Some(ours))
    } else {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        (rustix::fs::open(c"/dev/null", flags, Mode::empty())?, None)
    };
    let (out, stdout) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    let (err, stderr) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    // only our ends: the process's own are descriptions apart, and programs expect them to block
    for ours in input.iter().chain([&out, &err]) {
        let flags = rustix::fs::fcntl_getfl(ours.as_fd())?;
        rustix::fs::fcntl_setfl(ours.as_fd(), flags | OFlags::NONBLOCK)?;
    }
    let outputs = vec![(Stream::Stdout, out), (Stream::Stderr, err)];
    Ok((
        ChildEnds {
            stdin,
            stdout,
            stderr,
            tty: false,
        },
        MonitorEnds {
            input,
            outputs,
            tty: false,
        },
    ))
}
