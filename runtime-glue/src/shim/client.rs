//! A client that shares the streams of a process.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::log::Stream;
use crate::wire::{AttachOptions, frame};

/// How many bytes are kept for a client that is slow to take them, beside what the socket holds.
const PATIENCE: usize = 1 << 20;

/// One connection.
pub(super) struct Client {
    socket: UnixStream,
    options: AttachOptions,
    /// What it was not ready to take yet.
    backlog: Vec<u8>,
    /// Whether it may send more.
    sends: bool,
    /// Whether it still takes output.
    hears: bool,
}

/// What came of reading from a client.
pub(super) enum Sent {
    Bytes(usize),
    Nothing,
    /// It will send no more.
    End,
}

impl Client {
    /// Takes over a connection, which must not block.
    pub(super) fn new(socket: UnixStream, options: AttachOptions) -> Self {
        Self {
            socket,
            options,
            backlog: Vec::new(),
            sends: true,
            hears: true,
        }
    }

    /// Gives it output of the process, if it wants that; framed, if there is no terminal.
    pub(super) fn offer(&mut self, stream: Stream, bytes: &[u8], framed: bool) {
        let wanted = match stream {
            Stream::Stdout => self.options.stdout,
            Stream::Stderr => self.options.stderr,
        };
        if wanted && self.hears {
            if framed {
                self.backlog.extend_from_slice(&frame(stream, bytes.len()));
            }
            self.backlog.extend_from_slice(bytes);
            self.flush();
        }
    }

    /// Sends what it is ready to take.
    pub(super) fn flush(&mut self) {
        let mut sent = 0;
        while sent < self.backlog.len() {
            match self.socket.write(&self.backlog[sent..]) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    self.hears = false;
                    sent = self.backlog.len();
                }
            }
        }
        self.backlog.drain(..sent);
        if self.backlog.is_empty() {
            // a burst's memory is not kept for ever
            self.backlog.shrink_to(4096);
        }
    }

    /// Takes what it sent.
    pub(super) fn take(&mut self, buffer: &mut [u8]) -> Sent {
        if !self.sends {
            self.hears &= !hung_up(&self.socket);
            return Sent::Nothing;
        }
        match self.socket.read(buffer) {
            Ok(0) => {
                self.sends = false;
                Sent::End
            }
            Ok(count) => Sent::Bytes(count),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                Sent::Nothing
            }
            Err(_) => {
                self.sends = false;
                Sent::End
            }
        }
    }

    /// Whether what it sends is for the process.
    pub(super) fn speaks(&self) -> bool {
        self.options.stdin
    }

    /// Whether it has fallen so far behind that nothing more should be kept for it.
    pub(super) fn is_full(&self) -> bool {
        self.backlog.len() > PATIENCE
    }

    /// Whether it has all it was given, or wants no more of it.
    pub(super) fn is_flushed(&self) -> bool {
        self.backlog.is_empty()
    }

    /// Whether it is no longer there: what it sent before it went has been taken.
    pub(super) fn is_gone(&self) -> bool {
        !self.sends && !self.hears
    }

    /// What to wake up for; nothing while it has to wait itself, for its end would wake us again and again.
    pub(super) fn interest(&self, may_send: bool) -> Option<PollFd<'_>> {
        let mut events = PollFlags::empty();
        events.set(PollFlags::IN, self.sends && may_send);
        events.set(PollFlags::OUT, !self.backlog.is_empty());
        // without any event it is still told when the other side closes
        let wanted = !events.is_empty() || !self.sends;
        wanted.then(|| PollFd::new(&self.socket, events))
    }
}

/// Whether the other side has closed its end for good.
pub(super) fn hung_up(socket: &UnixStream) -> bool {
    let mut state = [PollFd::new(socket, PollFlags::empty())];
    let asked = poll(
        &mut state,
        Some(&Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        }),
    );
    asked.is_ok()
        && state[0]
            .revents()
            .intersects(PollFlags::HUP | PollFlags::ERR)
}
