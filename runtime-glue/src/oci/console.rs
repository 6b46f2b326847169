//! The terminal of a process: made in the container's own devpts, its other end sent to who asked for it.

use std::fmt;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, Result};
use rustix::mount::OpenTreeFlags;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

use super::config::ConsoleSize;
use crate::RuntimeError;
use crate::init::{Act, Context, Target, mounts};

/// Connects to who takes terminals.
pub(super) fn connect(path: &Path) -> std::result::Result<OwnedFd, RuntimeError> {
    let connected = UnixStream::connect(path);
    connected
        .map(OwnedFd::from)
        .map_err(RuntimeError::file("connect to the console socket", path))
}

/// Makes a terminal the streams of this process, in a session of its own.
pub(super) struct AwaitTerminal {
    socket: Option<OwnedFd>,
    size: Option<ConsoleSize>,
    /// Whether it is shown as /dev/console, too.
    console: bool,
}

impl AwaitTerminal {
    pub(super) fn new(socket: OwnedFd, size: Option<ConsoleSize>, console: bool) -> Self {
        Self {
            socket: Some(socket),
            size,
            console,
        }
    }
}

impl Act for AwaitTerminal {
    fn run(&mut self, context: &mut Context) -> Result<()> {
        let socket = self.socket.take().ok_or(Errno::BADF)?;
        let root = context.root()?;
        let maker = Target::new("/dev/pts/ptmx").map_err(|_| Errno::INVAL)?;
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let ours = maker.open(root, flags, Mode::empty())?;
        rustix::pty::unlockpt(&ours)?;
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let theirs = rustix::pty::ioctl_tiocgptpeer(&ours, flags)?;
        if let Some(size) = self.size {
            let size = Winsize {
                ws_row: size.height,
                ws_col: size.width,
                ws_xpixel: 0,
                ws_ypixel: 0,
            };
            rustix::termios::tcsetwinsize(&ours, size)?;
        }
        if self.console {
            let flags = OpenTreeFlags::OPEN_TREE_CLONE
                | OpenTreeFlags::OPEN_TREE_CLOEXEC
                | OpenTreeFlags::AT_EMPTY_PATH;
            let shown = rustix::mount::open_tree(&theirs, c"", flags)?;
            let at = Target::new("/dev/console").map_err(|_| Errno::INVAL)?;
            mounts::attach_at(shown.as_fd(), root, &at)?;
        }
        send(&socket, ours.as_fd())?;
        new_session()?;
        rustix::process::ioctl_tiocsctty(&theirs)?;
        rustix::stdio::dup2_stdin(&theirs)?;
        rustix::stdio::dup2_stdout(&theirs)?;
        rustix::stdio::dup2_stderr(&theirs)
    }
}

impl fmt::Display for AwaitTerminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("make a terminal and send it to the console socket")
    }
}

/// Takes a session of its own; who has one keeps it.
pub(super) struct NewSession;

impl Act for NewSession {
    fn run(&mut self, _: &mut Context) -> Result<()> {
        new_session()
    }
}

impl fmt::Display for NewSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("make a session")
    }
}

fn new_session() -> Result<()> {
    match rustix::process::setsid() {
        // it leads a group already
        Ok(_) | Err(Errno::PERM) => Ok(()),
        Err(errno) => Err(errno),
    }
}

fn send(socket: &OwnedFd, terminal: BorrowedFd<'_>) -> Result<()> {
    let descriptors = [terminal];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(Errno::INVAL);
    }
    // runc and its peers send its name along
    let name = [IoSlice::new(b"/dev/ptmx")];
    rustix::net::sendmsg(socket, &name, &mut ancillary, SendFlags::NOSIGNAL).map(drop)
}
