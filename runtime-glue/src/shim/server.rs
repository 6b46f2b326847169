//! Connections that have not said yet what they want.

use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use rustix::event::{PollFd, PollFlags};

use crate::RuntimeError;
use crate::wire::{self, DESCRIPTORS, Failure, LONGEST, Reply, Request};

/// The socket of a monitor, with the connections that are still speaking.
pub(super) struct Server {
    listener: UnixListener,
    talks: Vec<Talk>,
}

struct Talk {
    socket: UnixStream,
    line: Vec<u8>,
    descriptors: Vec<OwnedFd>,
}

/// A request that is complete.
pub(super) struct Asked {
    pub(super) request: Request,
    /// What came along.
    pub(super) descriptors: Vec<OwnedFd>,
    /// Where to answer; it does not block.
    pub(super) socket: UnixStream,
}

enum Heard {
    Part,
    Request(Request),
    Nonsense(String),
    Nothing,
}

impl Server {
    /// Listens in `directory`.
    pub(super) fn new(directory: &Path) -> Result<Self, RuntimeError> {
        let path = directory.join(crate::record::SOCKET);
        let listener = wire::listen(directory).map_err(RuntimeError::file("listen on", &path))?;
        listener
            .set_nonblocking(true)
            .map_err(RuntimeError::file("listen on", &path))?;
        Ok(Self {
            listener,
            talks: Vec::new(),
        })
    }

    /// Adds what to wake up for.
    pub(super) fn interests<'a>(&'a self, to: &mut Vec<PollFd<'a>>) {
        to.push(PollFd::new(&self.listener, PollFlags::IN));
        to.extend(
            self.talks
                .iter()
                .map(|talk| PollFd::new(&talk.socket, PollFlags::IN)),
        );
    }

    /// The requests that are complete.
    pub(super) fn requests(&mut self) -> Vec<Asked> {
        while let Ok((socket, _)) = self.listener.accept() {
            if is_ours(&socket) && socket.set_nonblocking(true).is_ok() {
                self.talks.push(Talk {
                    socket,
                    line: Vec::new(),
                    descriptors: Vec::new(),
                });
            }
        }
        let mut requests = Vec::new();
        for mut talk in std::mem::take(&mut self.talks) {
            match talk.hear() {
                Heard::Part => self.talks.push(talk),
                Heard::Request(request) => requests.push(Asked {
                    request,
                    descriptors: talk.descriptors,
                    socket: talk.socket,
                }),
                Heard::Nonsense(message) => {
                    let failed = Reply::Failed(Failure::Other { message });
                    let _ = wire::send(&talk.socket, &failed, &[]);
                }
                Heard::Nothing => {}
            }
        }
        requests
    }
}

impl Talk {
    fn hear(&mut self) -> Heard {
        let mut buffer = [0; 4096];
        loop {
            match wire::read(&self.socket, &mut buffer, &mut self.descriptors) {
                Ok(0) => return Heard::Nothing,
                Ok(count) => self.line.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Heard::Part,
                Err(_) => return Heard::Nothing,
            }
            if self.line.ends_with(b"\n") {
                return match serde_json::from_slice(&self.line) {
                    Ok(request) => Heard::Request(request),
                    Err(error) => Heard::Nonsense(format!("not understood: {error}")),
                };
            }
            if self.line.len() > LONGEST || self.descriptors.len() > DESCRIPTORS {
                return Heard::Nonsense(format!(
                    "a request is longer than {LONGEST} bytes or brings more than {DESCRIPTORS} descriptors"
                ));
            }
        }
    }
}

/// Whether whoever connected is the user we are: root.
fn is_ours(socket: &UnixStream) -> bool {
    rustix::net::sockopt::socket_peercred(socket.as_fd())
        .is_ok_and(|peer| peer.uid == rustix::process::geteuid())
}
