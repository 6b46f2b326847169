//! A process that was added to the container, with the client that asked for it.

use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags};

use super::client::hung_up;
use super::monitor::ended;
use super::stdio::{Keeping, Stdio};
use crate::init::{Child, MonitorEnds};
use crate::wire::{self, AttachOptions, Reply};

/// One process beside the first.
pub(super) struct Exec {
    child: Child,
    stdio: Stdio,
    /// Where its exit code is to be told; none if nobody waits for it.
    control: Option<UnixStream>,
    ended: bool,
}

impl Exec {
    /// A running process whose streams are shared over `stream`.
    pub(super) fn new(
        child: Child,
        ends: MonitorEnds,
        stream: UnixStream,
        control: UnixStream,
    ) -> Self {
        let mut stdio = Stdio::new(ends, true, Keeping::Wait);
        stdio.attach(
            stream,
            AttachOptions {
                stdin: true,
                stdout: true,
                stderr: true,
            },
        );
        Self {
            child,
            stdio,
            control: Some(control),
            ended: false,
        }
    }

    /// Its number, as the host counts.
    pub(super) fn pid(&self) -> u32 {
        self.child.pid.as_raw_nonzero().get() as u32
    }

    /// Its streams.
    pub(super) fn stdio(&self) -> &Stdio {
        &self.stdio
    }

    /// Adds what to wake up for.
    pub(super) fn interests<'a>(&'a self, to: &mut Vec<PollFd<'a>>) {
        self.stdio.interests(to);
        if !self.ended {
            to.push(PollFd::new(&self.child.pidfd, PollFlags::IN));
        }
        to.extend(
            self.control
                .iter()
                .map(|c| PollFd::new(c, PollFlags::empty())),
        );
    }

    /// Moves what can be moved; false once there is nothing left to do.
    pub(super) fn progress(&mut self) -> bool {
        self.stdio.progress();
        if !self.ended
            && let Some(status) = ended(&self.child.pidfd)
        {
            self.ended = true;
            self.stdio.drain();
            if let Some(control) = self.control.take() {
                // a client that is gone does not want to know
                let _ = wire::send(&control, &Reply::Exited { code: status.code }, &[]);
            }
        }
        self.control = self.control.take().filter(|control| !hung_up(control));
        !(self.ended && self.stdio.is_flushed())
    }
}
