//! The standard streams of one process: its output to the log and to clients, their input to it.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::termios::Winsize;

use super::client::{Client, Sent};
use super::complain;
use crate::init::MonitorEnds;
use crate::log::{LogWriter, Stream};
use crate::wire::AttachOptions;

const BUFFER: usize = 32 * 1024;

/// More reads than a pipe's or terminal's buffer can fill (pipe(7): at most 1 MiB unless root says more).
const DRAIN: usize = 128;

/// What becomes of output that clients are too slow to take.
pub(super) enum Keeping {
    /// It is logged, or dropped without a log, and the slow client with it: the process is not held up.
    Log(Option<Box<LogWriter>>),
    /// It stays with the process, which waits, as on a pipe.
    Wait,
}

/// The monitor's side of a process's streams.
pub(super) struct Stdio {
    input: Option<Input>,
    outputs: Vec<(Stream, OwnedFd)>,
    tty: bool,
    keeping: Keeping,
    clients: Vec<Client>,
}

struct Input {
    descriptor: OwnedFd,
    pending: Vec<u8>,
    /// Whether it ends when a client's input does.
    once: bool,
    ended: bool,
}

impl Stdio {
    /// `once` says whether the process's input ends with a client's; a terminal's never does.
    pub(super) fn new(ends: MonitorEnds, once: bool, keeping: Keeping) -> Self {
        let once = once && !ends.tty;
        let input = |descriptor| Input {
            descriptor,
            pending: Vec::new(),
            once,
            ended: false,
        };
        Self {
            input: ends.input.map(input),
            outputs: ends.outputs,
            tty: ends.tty,
            keeping,
            clients: Vec::new(),
        }
    }

    /// Lets a client take part from now on.
    pub(super) fn attach(&mut self, socket: UnixStream, options: AttachOptions) {
        self.clients.push(Client::new(socket, options));
    }

    /// Tells the terminal its size; fails with ENOTTY if there is none.
    pub(super) fn resize(&self, rows: u16, columns: u16) -> rustix::io::Result<()> {
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let terminal = self
            .input
            .as_ref()
            .filter(|_| self.tty)
            .ok_or(Errno::NOTTY)?;
        rustix::termios::tcsetwinsize(&terminal.descriptor, size)
    }

    /// Adds what to wake up for.
    pub(super) fn interests<'a>(&'a self, to: &mut Vec<PollFd<'a>>) {
        let room = self
            .input
            .as_ref()
            .is_none_or(|input| input.pending.is_empty());
        let clients = self.clients.iter();
        to.extend(clients.filter_map(|client| client.interest(room || !client.speaks())));
        if let Some(input) = self.input.as_ref().filter(|_| !room) {
            to.push(PollFd::new(&input.descriptor, PollFlags::OUT));
        }
        if !self.is_held_up() {
            let outputs = self.outputs.iter();
            to.extend(outputs.map(|(_, descriptor)| PollFd::new(descriptor, PollFlags::IN)));
        }
    }

    /// Moves what can be moved now.
    pub(super) fn progress(&mut self) {
        self.clients.iter_mut().for_each(Client::flush);
        self.feed();
        if !self.is_held_up() {
            self.relay();
        }
        self.let_go();
        if let Keeping::Log(Some(log)) = &mut self.keeping
            && let Err(error) = log.progress()
        {
            complain("pack a log", &error);
        }
        if let Some(input) = &mut self.input {
            input.push();
            if input.ended && input.pending.is_empty() {
                self.input = None;
            }
        }
    }

    /// Takes what is left of the output of a process that has ended.
    pub(super) fn drain(&mut self) {
        self.input = None;
        for _ in 0..DRAIN {
            if !self.relay() {
                break;
            }
        }
        self.outputs.clear();
        if let Keeping::Log(Some(log)) = &mut self.keeping
            && let Err(error) = log.finish()
        {
            complain("end the log", &error);
        }
    }

    /// Whether there is something to do whatever happens.
    pub(super) fn is_busy(&self) -> bool {
        matches!(&self.keeping, Keeping::Log(Some(log)) if log.is_busy())
    }

    /// Whether every client has all there is for it.
    pub(super) fn is_flushed(&self) -> bool {
        self.clients.iter().all(Client::is_flushed)
    }

    fn is_held_up(&self) -> bool {
        matches!(self.keeping, Keeping::Wait) && self.clients.iter().any(Client::is_full)
    }

    /// Moves input from the clients to the process, as fast as the process takes it.
    fn feed(&mut self) {
        let mut buffer = [0; BUFFER];
        for client in &mut self.clients {
            let to = self.input.as_mut().filter(|_| client.speaks());
            if to.as_ref().is_some_and(|input| !input.pending.is_empty()) {
                continue;
            }
            match (client.take(&mut buffer), to) {
                (Sent::Bytes(count), Some(input)) => {
                    input.pending.extend_from_slice(&buffer[..count]);
                    input.push();
                }
                (Sent::End, Some(input)) => input.ended |= input.once,
                (Sent::Bytes(_) | Sent::End | Sent::Nothing, _) => {}
            }
        }
    }

    /// Moves a buffer full of each output to where it goes; false if there was none.
    fn relay(&mut self) -> bool {
        let mut buffer = [0; BUFFER];
        let mut moved = false;
        let mut outputs = std::mem::take(&mut self.outputs);
        outputs.retain(
            |(stream, descriptor)| match rustix::io::read(descriptor, &mut buffer) {
                Ok(0) => false,
                Ok(count) => {
                    self.deliver(*stream, &buffer[..count]);
                    moved = true;
                    true
                }
                Err(Errno::AGAIN | Errno::INTR) => true,
                // a terminal that no process has open any more reads as EIO
                Err(_) => false,
            },
        );
        self.outputs = outputs;
        moved
    }

    /// Lets go of clients that are no longer there, and of those the process would have to wait for; what they had to
    /// say ends with them.
    fn let_go(&mut self) {
        let held_up_by_none = matches!(self.keeping, Keeping::Log(_));
        let goes = |client: &Client| client.is_gone() || (held_up_by_none && client.is_full());
        let ended = self
            .clients
            .iter()
            .any(|client| goes(client) && client.speaks());
        self.clients.retain(|client| !goes(client));
        if let Some(input) = self.input.as_mut().filter(|_| ended) {
            input.ended |= input.once;
        }
    }

    fn deliver(&mut self, stream: Stream, bytes: &[u8]) {
        if let Keeping::Log(Some(log)) = &mut self.keeping
            && let Err(error) = log.write(stream, bytes)
        {
            complain("log", &error);
        }
        for client in &mut self.clients {
            client.offer(stream, bytes, !self.tty);
        }
    }
}

impl Input {
    /// Gives the process what it takes now; a process that reads no more takes everything, in vain.
    fn push(&mut self) {
        while !self.pending.is_empty() {
            match rustix::io::write(&self.descriptor, &self.pending) {
                Ok(count) => drop(self.pending.drain(..count)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(_) => {
                    self.pending.clear();
                    self.ended = true;
                }
            }
        }
    }
}
