//! Between `create` and `start`: the first process listens for who lets it run its program.
//!
//! ```text
//! init    listens in DIR/start.sock, and waits
//! state   connects, and goes away again: somebody listens, so it is created
//! start   connects, says START ------> READY; the socket closes: nobody else can start it
//!         <------------------ (step, errno), or end-of-file: the program runs
//! ```
//!
//! So whether a container is created or running is nowhere written down, and cannot be wrong after a crash.

use std::fmt;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, Result};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, accept_with,
    bind, connect, listen, recv, send, socket_with,
};

use crate::RuntimeError;
use crate::init::{Act, Context, Told, hear};

const START: [u8; 1] = [1];
const NAME: &str = "start.sock";

/// Waits until somebody starts the container.
pub(super) struct AwaitStart(Option<OwnedFd>);

/// A socket in `directory`, to wait at.
pub(super) fn open(directory: &Path) -> std::result::Result<AwaitStart, RuntimeError> {
    let made = through_descriptor(directory, |socket, address| {
        bind(socket, address)?;
        listen(socket, 8)
    });
    let path = directory.join(NAME);
    let listener = made.map_err(|errno| RuntimeError::file("listen on", path)(errno.into()))?;
    Ok(AwaitStart(Some(listener)))
}

/// A connection to who waits at the socket in `directory`; fails if nobody does.
pub(super) fn knock(directory: &Path) -> Result<OwnedFd> {
    through_descriptor(directory, |socket, address| connect(socket, address))
}

/// Lets the program run of who waits in `directory`; false if somebody else did so before.
pub(super) fn start(directory: &Path) -> std::result::Result<bool, RuntimeError> {
    let Ok(door) = knock(directory) else {
        return Ok(false);
    };
    if send(&door, &START, SendFlags::NOSIGNAL).is_err() {
        return Ok(false);
    }
    // a connection that was not taken before the socket closed is reset
    match hear(door.as_fd()) {
        Ok(Some(Told::Ready)) => {}
        Ok(Some(Told::Failed(error))) => return Err(error),
        Ok(None) | Err(_) => return Ok(false),
    }
    match hear(door.as_fd())? {
        Some(Told::Failed(error)) => Err(error),
        Some(Told::Ready) | None => Ok(true),
    }
}

impl AwaitStart {
    pub(super) fn descriptor(&self) -> RawFd {
        self.0.as_ref().map_or(-1, AsRawFd::as_raw_fd)
    }
}

impl Act for AwaitStart {
    fn run(&mut self, context: &mut Context) -> Result<()> {
        let listener = self.0.take().ok_or(Errno::BADF)?;
        loop {
            let door = match accept_with(&listener, SocketFlags::CLOEXEC) {
                Err(Errno::INTR | Errno::CONNABORTED) => continue,
                accepted => accepted?,
            };
            let mut word = [0; 1];
            if matches!(recv(&door, &mut word[..], RecvFlags::empty()), Ok((_, 1))) && word == START
            {
                drop(listener);
                return context.speak_with(door);
            }
        }
    }
}

impl fmt::Display for AwaitStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wait to be started")
    }
}

/// A new socket, for the address in `directory`, however long the name of that is.
fn through_descriptor(
    directory: &Path,
    act: impl FnOnce(&OwnedFd, &SocketAddrUnix) -> Result<()>,
) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::open(directory, flags, Mode::empty())?;
    let path = format!("/proc/self/fd/{}/{NAME}", opened.as_raw_fd());
    let kind = SocketType::SEQPACKET;
    let socket = socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)?;
    act(&socket, &SocketAddrUnix::new(path.as_str())?)?;
    Ok(socket)
}
