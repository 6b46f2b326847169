//! `run`, and staying with a process until it ends: its signals, its terminal, its exit code.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::ExitCode;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketFlags, SocketType,
};
use rustix::process::{WaitId, WaitIdOptions, waitid};
use rustix::termios::{OptionalActions, Termios};

use super::state::Store;
use super::{args, console, create, log, remove, start};
use crate::{RuntimeError, sys};

/// Makes a container, runs its program and, unless detached, stays until it ends.
pub(super) fn run(store: &Store, args: &args::Run) -> Result<ExitCode, RuntimeError> {
    let given = &args.create.given;
    let socket = given
        .console_socket
        .as_deref()
        .map(console::connect)
        .transpose()?;
    let wanted = socket.is_none() && !args.detach && wants_terminal(&args.create)?;
    let (console, ours) = terminal(socket, wanted)?;
    if !args.detach {
        hold_signals();
    }
    let container = create::make(store, &args.create, console)?;
    let ran = || {
        let init = container.record.init.and_then(|init| init.descriptor());
        let init = init.ok_or(RuntimeError::NotAlive)?;
        start::open(&container)?;
        if args.detach {
            return Ok(ExitCode::SUCCESS);
        }
        stay(init.as_fd(), ours.map(receive).transpose()?)
    };
    let code = ran();
    let goes = code.is_err() || !(args.detach || args.keep);
    if goes && let Err(error) = remove::delete(store, &args.create.id, true) {
        log::warn(&error.chain());
    }
    code
}

/// Where a terminal goes: to a socket, or if `wanted` to us, by the second of the pair.
pub(super) fn terminal(
    socket: Option<OwnedFd>,
    wanted: bool,
) -> Result<(Option<OwnedFd>, Option<OwnedFd>), RuntimeError> {
    if !wanted {
        return Ok((socket, None));
    }
    let close = SocketFlags::CLOEXEC;
    let pair = rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, close, None);
    let (theirs, ours) = pair.map_err(RuntimeError::step("make a socket for a terminal"))?;
    Ok((Some(theirs), Some(ours)))
}

/// Keeps signals for [`stay`].
pub(super) fn hold_signals() {
    sys::block_signals();
}

/// The terminal that was sent.
pub(super) fn receive(socket: OwnedFd) -> Result<OwnedFd, RuntimeError> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut name = [0; 64];
    let mut buffers = [std::io::IoSliceMut::new(&mut name)];
    let flags = RecvFlags::CMSG_CLOEXEC;
    rustix::net::recvmsg(&socket, &mut buffers, &mut ancillary, flags)
        .map_err(RuntimeError::step("receive a terminal"))?;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(mut descriptors) = message
            && let Some(terminal) = descriptors.next()
        {
            return Ok(terminal);
        }
    }
    Err(RuntimeError::step("receive a terminal")(Errno::NODATA))
}

/// Stays with a child until it ends: passes on signals, and what is typed and shown. Its exit code, or 128 and the
/// number of the signal that killed it.
pub(super) fn stay(
    child: BorrowedFd<'_>,
    terminal: Option<OwnedFd>,
) -> Result<ExitCode, RuntimeError> {
    let failed = || RuntimeError::step("stay with a container");
    let signals = sys::signal_descriptor().map_err(failed())?;
    let raw = terminal.as_ref().and_then(|_| Raw::enter());
    if let Some(terminal) = &terminal {
        resize(terminal);
    }
    let mut typing = terminal.is_some();
    loop {
        let mut events = vec![
            PollFd::new(&child, PollFlags::IN),
            PollFd::new(&signals, PollFlags::IN),
        ];
        if let Some(terminal) = &terminal {
            events.push(PollFd::new(terminal, PollFlags::IN));
        }
        let stdin = rustix::stdio::stdin();
        if typing {
            events.push(PollFd::from_borrowed_fd(stdin, PollFlags::IN));
        }
        match poll(&mut events, None) {
            Err(Errno::INTR) => continue,
            polled => polled.map_err(failed())?,
        };
        let is = |n: usize| {
            events
                .get(n)
                .is_some_and(|it: &PollFd<'_>| !it.revents().is_empty())
        };
        let (ended, signalled, shown, typed) = (is(0), is(1), is(2), is(3));
        if signalled && let Ok(signal) = sys::next_signal(signals.as_fd()) {
            match (signal, &terminal) {
                (libc::SIGCHLD, _) => {}
                (libc::SIGWINCH, Some(terminal)) => resize(terminal),
                (signal, _) => drop(sys::send_signal(child, signal)),
            }
        }
        if let Some(terminal) = &terminal {
            if shown {
                relay(terminal.as_fd(), rustix::stdio::stdout());
            }
            if typed {
                typing = relay(stdin, terminal.as_fd());
            }
        }
        if ended {
            break;
        }
    }
    if let Some(terminal) = &terminal {
        // what was said last is there yet; when all is read there is an error
        while relay(terminal.as_fd(), rustix::stdio::stdout()) {}
    }
    drop(raw);
    let status = waitid(WaitId::PidFd(child), WaitIdOptions::EXITED).map_err(failed())?;
    let code = status.and_then(|status| {
        let killed = status.terminating_signal().map(|signal| 128 + signal);
        killed.or(status.exit_status())
    });
    Ok(ExitCode::from(code.unwrap_or(1) as u8))
}

/// Our own terminal, which passes on keys as they are until this is dropped.
struct Raw(Termios);

impl Raw {
    fn enter() -> Option<Self> {
        let before = rustix::termios::tcgetattr(rustix::stdio::stdin()).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        rustix::termios::tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &raw).ok()?;
        Some(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let stdin = rustix::stdio::stdin();
        let _ = rustix::termios::tcsetattr(stdin, OptionalActions::Now, &self.0);
    }
}

/// Gives a terminal the size of ours, if we have one.
fn resize(terminal: &OwnedFd) {
    if let Ok(size) = rustix::termios::tcgetwinsize(rustix::stdio::stdin()) {
        let _ = rustix::termios::tcsetwinsize(terminal, size);
    }
}

/// Moves what there is; false if there will be no more.
fn relay(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> bool {
    let mut buffer = [0; 4096];
    let count = match rustix::io::read(from, &mut buffer) {
        Ok(0) => return false,
        Ok(count) => count,
        Err(errno) => return matches!(errno, Errno::INTR),
    };
    let mut rest = &buffer[..count];
    while !rest.is_empty() {
        match rustix::io::write(to, rest) {
            Ok(count) => rest = &rest[count..],
            Err(Errno::INTR) => {}
            Err(_) => return false,
        }
    }
    true
}

fn wants_terminal(args: &args::Create) -> Result<bool, RuntimeError> {
    let bundle = super::state::bundle(&args.bundle)?;
    let (_, config) = super::config::Config::read(&bundle)?;
    Ok(config.process.is_some_and(|process| process.terminal))
}
