//! From a copy of the monitor to a process of a container: a plan made before, and a child that only carries it out.
//!
//! ```text
//! monitor                                    child
//!   plan = steps, with every text and descriptor they need
//!   clone ------------------------------------> for each step: run, or report (step, errno) and exit
//!   <------------------------------ READY ----- ...the sandbox is joined, the root file system entered
//!   ------------------------------ Identity --> who to run as, looked up in that file system
//!   <---------------------- (step, errno) ----- a step that failed
//!   <------------------------ end-of-file ----- the program runs: the channel closes on exec
//! ```

mod bounds;
mod command;
mod container;
mod devices;
mod exec;
mod filesystems;
mod identity;
mod mounts;
mod namespaces;
mod reaper;
mod security;
mod stdio;
mod step;
mod target;

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::io::{Errno, Result};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::process::Pid;

use crate::{RuntimeError, sys};
pub(crate) use command::Command;
pub(crate) use container::{Prepared, prepare};
pub(crate) use devices::{found as devices_of, rules as device_rules};
pub(crate) use exec::prepare as prepare_exec;
pub(crate) use identity::Identity;
#[allow(unused_imports, reason = "whoever plans a process in one comes next")]
pub(crate) use namespaces::{Namespaces, Pinned, User};
use stdio::streams;
pub(crate) use stdio::{MonitorEnds, Terminals};
pub(crate) use step::Step;
pub(crate) use target::Target;

/// What a child says that has come as far as it can without knowing who it is.
const READY: u32 = u32::MAX;

/// What a process does from clone to exec.
pub(crate) struct Plan {
    /// In this order.
    pub(crate) steps: Vec<Step>,
    /// Who it is, as far as is known before it runs.
    pub(crate) identity: Identity,
    /// The namespaces it is made in.
    pub(crate) namespaces: Namespaces,
    /// The version 2 control group it is made in.
    pub(crate) cgroup: Option<OwnedFd>,
}

/// A child that carries out a plan.
pub(crate) struct Child {
    pub(crate) pid: Pid,
    pub(crate) pidfd: OwnedFd,
    channel: OwnedFd,
    /// What each step is called, for its failure.
    steps: Vec<String>,
}

/// What a step works with besides its own parts.
pub(crate) struct Context {
    root: Option<OwnedFd>,
    identity: Identity,
    channel: OwnedFd,
}

impl Plan {
    /// Starts the child.
    ///
    /// **Contract:** this process has one thread.
    pub(crate) fn spawn(mut self) -> std::result::Result<Child, RuntimeError> {
        if let Some(User::New(_)) = self.namespaces.user {
            self.steps.insert(0, Step::AwaitMaps);
        }
        let close = SocketFlags::CLOEXEC;
        let pair = rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, close, None);
        let (ours, theirs) = pair.map_err(RuntimeError::step("open a channel to a new process"))?;
        let cgroup = self.cgroup.as_ref().map(AsFd::as_fd);
        match self.namespaces.make(cgroup)? {
            sys::Clone::Child => {
                // its end must be seen by a child that waits
                drop(ours);
                self.run(theirs)
            }
            sys::Clone::Parent { pid, pidfd } => {
                let steps = self.steps.iter().map(Step::to_string).collect();
                let child = Child {
                    pid,
                    pidfd,
                    channel: ours,
                    steps,
                };
                if let Some(User::New(_)) = self.namespaces.user {
                    // a child that hears nothing ends
                    self.namespaces.settle(pid)?;
                    child.go_on()?;
                }
                Ok(child)
            }
        }
    }

    fn run(mut self, channel: OwnedFd) -> ! {
        // a panic must not unwind into the monitor's code, of which this is a copy
        let _ = catch_unwind(AssertUnwindSafe(|| {
            let (root, identity) = (None, self.identity);
            let mut context = Context {
                root,
                identity,
                channel,
            };
            for (n, step) in (0..).zip(&mut self.steps) {
                if let Err(errno) = step.run(&mut context) {
                    let _ = context.say(n, errno.raw_os_error() as u32);
                    break;
                }
            }
        }));
        sys::exit(1)
    }
}

impl Child {
    /// Waits until the child has prepared all it can.
    pub(crate) fn wait_ready(&self) -> std::result::Result<(), RuntimeError> {
        match self.hear()? {
            Some((READY, _)) => Ok(()),
            Some((step, errno)) => Err(self.failure(step, errno)),
            None => Err(self.vanished()),
        }
    }

    /// Lets a child go on that waits for no more than that.
    pub(crate) fn go_on(&self) -> std::result::Result<(), RuntimeError> {
        let sent = rustix::net::send(&self.channel, &[1], SendFlags::NOSIGNAL);
        sent.map(drop).map_err(|_| self.vanished())
    }

    /// Lets a ready child run its program as `identity`.
    pub(crate) fn go(&self, identity: Identity) -> std::result::Result<(), RuntimeError> {
        rustix::net::send(&self.channel, &identity.to_wire(), SendFlags::NOSIGNAL)
            .map_err(|_| self.vanished())?;
        self.wait_running()
    }

    /// Waits until the child's program runs.
    ///
    /// A child that was killed on the way counts as running: its end is told as that of every process.
    pub(crate) fn wait_running(&self) -> std::result::Result<(), RuntimeError> {
        match self.hear()? {
            Some((step, errno)) => Err(self.failure(step, errno)),
            None => Ok(()),
        }
    }

    fn hear(&self) -> std::result::Result<Option<(u32, u32)>, RuntimeError> {
        let mut message = [0; 8];
        let (_, length) = rustix::io::retry_on_intr(|| {
            rustix::net::recv(&self.channel, &mut message[..], RecvFlags::empty())
        })
        .map_err(RuntimeError::step("hear from a new process"))?;
        let word = |at: usize| {
            u32::from_ne_bytes([
                message[at],
                message[at + 1],
                message[at + 2],
                message[at + 3],
            ])
        };
        Ok((length == message.len()).then(|| (word(0), word(4))))
    }

    fn failure(&self, step: u32, errno: u32) -> RuntimeError {
        let errno = Errno::from_raw_os_error(errno as i32);
        let step = self.steps.get(step as usize).cloned().unwrap_or_default();
        match step.strip_prefix(command::STEP) {
            Some(command) => command::failure(command, errno),
            None => RuntimeError::Step {
                step,
                source: errno.into(),
            },
        }
    }

    fn vanished(&self) -> RuntimeError {
        RuntimeError::Step {
            step: "prepare a process".to_owned(),
            source: std::io::Error::other("it was killed before its program ran"),
        }
    }
}

impl Context {
    fn root(&self) -> Result<BorrowedFd<'_>> {
        self.root.as_ref().map(AsFd::as_fd).ok_or(Errno::BADF)
    }

    fn say(&self, what: u32, detail: u32) -> Result<()> {
        let mut message = [0; 8];
        message[..4].copy_from_slice(&what.to_ne_bytes());
        message[4..].copy_from_slice(&detail.to_ne_bytes());
        rustix::net::send(&self.channel, &message, SendFlags::NOSIGNAL).map(drop)
    }

    /// Says that all is prepared, and takes the answer: who to be.
    fn await_identity(&mut self) -> Result<()> {
        self.say(READY, 0)?;
        let mut wire = [0; identity::WIRE_SIZE];
        let (_, length) = rustix::io::retry_on_intr(|| {
            rustix::net::recv(&self.channel, &mut wire[..], RecvFlags::empty())
        })?;
        if length != wire.len() {
            // the monitor is gone, and nobody wants us
            return Err(Errno::PIPE);
        }
        self.identity = Identity::from_wire(&wire);
        Ok(())
    }

    /// Waits to be let go on; fails if nobody will ever say so.
    fn await_word(&self) -> Result<()> {
        let mut word = [0; 1];
        let (_, length) = rustix::io::retry_on_intr(|| {
            rustix::net::recv(&self.channel, &mut word[..], RecvFlags::empty())
        })?;
        if length == 0 {
            Err(Errno::PIPE)
        } else {
            Ok(())
        }
    }

    /// Closes all that must not be there when the program is looked up, let alone when it runs: a descriptor of a
    /// directory of the host would be a way out (CVE-2024-21626).
    fn close_the_rest(&mut self, but: &[RawFd]) -> Result<()> {
        std::mem::forget(self.root.take());
        let mut keep = but.to_vec();
        keep.push(self.channel.as_raw_fd());
        sys::close_all_but(&keep)
    }

    /// Dies with the monitor from now on, or at once if it is gone already.
    ///
    /// The kernel forgets this when credentials change (prctl(2), PR_SET_PDEATHSIG), so it is said again after.
    fn die_with_monitor(&self) -> Result<()> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let kill = Some(rustix::process::Signal::KILL);
        rustix::process::set_parent_process_death_signal(kill)?;
        let mut channel = [PollFd::new(&self.channel, PollFlags::empty())];
        poll(
            &mut channel,
            Some(&Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            }),
        )?;
        if channel[0].revents().contains(PollFlags::HUP) {
            Err(Errno::PIPE)
        } else {
            Ok(())
        }
    }
}
