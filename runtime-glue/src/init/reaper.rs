//! A first process that is nobody's program: it passes on signals, and waits for whoever is left an orphan (`--init`).
//!
//! It is the copy of the monitor that became the container's first process, and gives its place up to a child. It is not
//! dumpable, and has the user and the capabilities of the program; it makes the few system calls below and no others.

use std::os::fd::BorrowedFd;

use rustix::io::Result;
use rustix::process::{Pid, WaitOptions};

use super::security::Privileges;
use crate::sys;

/// Goes on in a child, and stays behind as its parent until it ends: with its exit code, or 128 and the signal's number.
pub(super) fn stand_behind(privileges: &Privileges) -> Result<()> {
    sys::block_signals();
    match sys::clone(0, None)? {
        sys::Clone::Child => lead_terminal(),
        sys::Clone::Parent { pid, .. } => {
            let code = sys::close_all_but(&[])
                .and_then(|()| privileges.keep())
                .and_then(|()| rustix::thread::set_name(c"rnet-init"))
                .and_then(|()| watch(pid));
            sys::exit(code.unwrap_or(1))
        }
    }
}

/// Puts this process where the terminal's keys are heard, if it has one.
fn lead_terminal() -> Result<()> {
    rustix::process::setpgid(None, None)?;
    let stdin: BorrowedFd<'_> = rustix::stdio::stdin();
    if rustix::termios::isatty(stdin) {
        rustix::termios::tcsetpgrp(stdin, rustix::process::getpid())?;
    }
    Ok(())
}

fn watch(child: Pid) -> Result<i32> {
    loop {
        let signal = sys::await_signal()?;
        if signal != libc::SIGCHLD {
            // it may be on its way out already
            let _ = sys::kill(child, signal);
            continue;
        }
        while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            if pid == child {
                let killed = status.terminating_signal().map(|signal| 128 + signal);
                return Ok(killed.or(status.exit_status()).unwrap_or(1));
            }
        }
    }
}
