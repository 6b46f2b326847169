//! The protocol of a monitor's socket, `shim.sock` in its container's directory.
//!
//! Only root may connect. A client sends one [`Request`], a JSON value on a line, and gets one [`Reply`] on a line.
//! After that the connection is
//! - `start`, `kill`, `resize`, `keep`, `kept`: closed;
//! - `attach`: a stream;
//! - `exec`: where a second reply, [`Reply::Exited`], tells the exit code in the end. Its first reply carries a
//!   descriptor (SCM_RIGHTS): the stream.
//!
//! `keep` comes with descriptors, which the monitor holds on to, and the reply to `kept` gives copies of them: that is
//! how open sockets outlive a daemon.
//!
//! A stream takes bytes for the standard input, which ends when the client shuts down its sending half, and gives
//! output: without a terminal in frames as the Docker Engine API has them, `[1 stdout | 2 stderr, 0, 0, 0, length
//! u32 BE]` and that many bytes; with a terminal the bytes as they are. It ends when the process has.

use std::io::{self, ErrorKind, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use rnet_model::ContainerId;
use rustix::fs::{Mode, OFlags};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{AccountKind, RuntimeError};
use crate::log::Stream;
use crate::record;
use crate::spec::ExecSpec;

/// The longest request, in bytes: more than the kernel lets arguments and environment of a program have would be
/// in vain.
pub(crate) const LONGEST: usize = 4 << 20;

/// What a client may ask for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(crate) enum Request {
    /// Run the program of the container.
    Start,
    /// Send a signal to its first process.
    Kill { signal: i32 },
    /// Send the signal of its specification that asks it to end.
    Stop,
    /// Run another program in it.
    Exec(Box<ExecSpec>),
    /// Share its standard streams.
    Attach(AttachOptions),
    /// Tell a process's terminal its size; the first process's without a number.
    Resize {
        process: Option<u32>,
        rows: u16,
        columns: u16,
    },
    /// Hold the descriptors that come along, instead of those held before.
    Keep,
    /// Give copies of the descriptors held.
    Kept,
}

/// Which of a container's streams to share.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttachOptions {
    /// Whether what is sent goes to the standard input.
    pub stdin: bool,
    /// Whether the standard output, or the terminal, is to be had.
    pub stdout: bool,
    /// Whether the standard error is to be had.
    pub stderr: bool,
}

/// What a monitor answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(crate) enum Reply {
    /// It was done.
    Done,
    /// The container exists; its first process waits to be started.
    Created { shim: u32, init: u32 },
    /// The program of an `exec` runs.
    Running { pid: u32 },
    /// It ended.
    Exited { code: i32 },
    /// It was not done.
    Failed(Failure),
}

/// Why something was not done.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(crate) enum Failure {
    NotRunning,
    AlreadyStarted,
    Command { message: String, code: i32 },
    UnknownUser { kind: AccountKind, name: String },
    InvalidSpec { reason: String },
    Other { message: String },
}

impl Failure {
    /// The error as the client sees it.
    pub(crate) fn into_error(self, operation: &'static str, id: ContainerId) -> RuntimeError {
        match self {
            Self::NotRunning => RuntimeError::NotRunning { id },
            Self::AlreadyStarted => RuntimeError::AlreadyStarted { id },
            Self::Command { message, code } => RuntimeError::Command { message, code },
            Self::InvalidSpec { reason } => RuntimeError::InvalidSpec { reason },
            Self::UnknownUser { kind, name } => RuntimeError::UnknownUser { kind, name },
            Self::Other { message } => RuntimeError::Refused {
                operation,
                id,
                message,
            },
        }
    }
}

impl From<RuntimeError> for Failure {
    fn from(error: RuntimeError) -> Self {
        match error {
            RuntimeError::NotRunning { .. } => Self::NotRunning,
            RuntimeError::Command { message, code } => Self::Command { message, code },
            RuntimeError::InvalidSpec { reason } => Self::InvalidSpec { reason },
            RuntimeError::UnknownUser { kind, name } => Self::UnknownUser { kind, name },
            other => Self::Other {
                message: other.chain(),
            },
        }
    }
}

/// The header of a frame.
pub(crate) fn frame(stream: Stream, length: usize) -> [u8; 8] {
    let number = match stream {
        Stream::Stdout => 1,
        Stream::Stderr => 2,
    };
    let [a, b, c, d] = (length as u32).to_be_bytes();
    [number, 0, 0, 0, a, b, c, d]
}

/// Listens in a container's directory, however long its path is: a socket's may have 107 bytes (unix(7)).
pub(crate) fn listen(directory: &Path) -> io::Result<UnixListener> {
    through_descriptor(directory, |socket| UnixListener::bind(socket))
}

/// Connects to the monitor of a container's directory.
pub(crate) fn connect(directory: &Path) -> io::Result<UnixStream> {
    through_descriptor(directory, |socket| UnixStream::connect(socket))
}

/// The most descriptors that travel with one line.
pub(crate) const DESCRIPTORS: usize = 4;

/// Sends a value on a line, and [`DESCRIPTORS`] or fewer with it.
pub(crate) fn send<T: Serialize>(
    mut socket: &UnixStream,
    value: &T,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    if descriptors.is_empty() {
        return socket.write_all(&line);
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(ErrorKind::InvalidInput.into());
    }
    let parts = [io::IoSlice::new(&line)];
    let sent = rustix::net::sendmsg(socket.as_fd(), &parts, &mut ancillary, SendFlags::NOSIGNAL)?;
    socket.write_all(&line[sent..])
}

/// Receives a line with the descriptors that come along; never takes a byte beyond the line.
pub(crate) fn receive<T: DeserializeOwned>(socket: &UnixStream) -> io::Result<(T, Vec<OwnedFd>)> {
    let (mut line, mut descriptors) = (Vec::new(), Vec::new());
    while line.last() != Some(&b'\n') {
        let mut byte = [0];
        if read(socket, &mut byte, &mut descriptors)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        line.push(byte[0]);
    }
    Ok((serde_json::from_slice(&line)?, descriptors))
}

/// Reads what there is, and adds the descriptors that came along.
pub(crate) fn read(
    socket: &UnixStream,
    buffer: &mut [u8],
    descriptors: &mut Vec<OwnedFd>,
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [io::IoSliceMut::new(buffer)];
    let flags = RecvFlags::CMSG_CLOEXEC;
    let got = rustix::io::retry_on_intr(|| {
        rustix::net::recvmsg(socket.as_fd(), &mut parts, &mut ancillary, flags)
    })?;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(came) = message {
            descriptors.extend(came);
        }
    }
    Ok(got.bytes)
}

fn through_descriptor<T>(
    directory: &Path,
    with: impl FnOnce(&str) -> io::Result<T>,
) -> io::Result<T> {
    use std::os::fd::AsRawFd;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::open(directory, flags, Mode::empty())?;
    with(&format!(
        "/proc/self/fd/{}/{}",
        opened.as_raw_fd(),
        record::SOCKET
    ))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_line_and_a_descriptor_travel_together_and_nothing_more_is_taken() {
        let (one, two) = UnixStream::pair().unwrap();
        let (end, mut other_end) = UnixStream::pair().unwrap();
        send(&one, &Reply::Running { pid: 7 }, &[end.as_fd()]).unwrap();
        send(&one, &Reply::Exited { code: 3 }, &[]).unwrap();
        let (reply, mut descriptors) = receive::<Reply>(&two).unwrap();
        assert!(matches!(reply, Reply::Running { pid: 7 }));
        UnixStream::from(descriptors.pop().unwrap())
            .write_all(b"x")
            .unwrap();
        other_end.read_exact(&mut [0]).unwrap();
        let (reply, descriptors) = receive::<Reply>(&two).unwrap();
        assert!(matches!(reply, Reply::Exited { code: 3 }) && descriptors.is_empty());
        drop(one);
        let end = receive::<Reply>(&two).unwrap_err();
        assert_eq!(end.kind(), ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_socket_may_lie_deeper_than_its_path_could_say() {
        let directory = tempfile::tempdir().unwrap();
        let deep = directory.path().join("d".repeat(100)).join("e".repeat(100));
        std::fs::create_dir_all(&deep).unwrap();
        let listener = listen(&deep).unwrap();
        connect(&deep).unwrap();
        listener.accept().unwrap();
    }
}
