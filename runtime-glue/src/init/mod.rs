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

pub(crate) mod bounds;
mod command;
mod container;
pub(crate) mod devices;
mod exec;
mod filesystems;
mod identity;
pub(crate) mod mounts;
mod namespaces;
mod reaper;
pub(crate) mod security;
mod stdio;
mod step;
mod target;

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::io::{Errno, Result};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::process::Pid;

use crate::{RuntimeError, sys};
pub(crate) use command::{Command, STEP as EXECUTE};
pub(crate) use container::{Prepared, prepare};
pub(crate) use devices::{found as devices_of, rules as device_rules};
pub(crate) use exec::prepare as prepare_exec;
pub(crate) use filesystems::cgroup_steps;
pub(crate) use identity::Identity;
pub(crate) use namespaces::{Namespaces, Pinned, User, user_namespace};
use stdio::streams;
pub(crate) use stdio::{MonitorEnds, Terminals};
pub(crate) use step::{Act, Step};
pub(crate) use target::Target;

/// The longest thing a child says, in bytes.
const LONGEST: usize = 4096;

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
}

/// What a child says of itself.
pub(crate) enum Told {
    /// It has come as far as it can, and waits.
    Ready,
    /// It could not go on.
    Failed(RuntimeError),
}

/// What a step works with besides its own parts.
pub(crate) struct Context {
    root: Option<OwnedFd>,
    identity: Identity,
    channel: OwnedFd,
    /// Why a step failed, where an error number does not say it.
    reason: Option<String>,
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
                let child = Child {
                    pid,
                    pidfd,
                    channel: ours,
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
                reason: None,
            };
            for step in &mut self.steps {
                if let Err(errno) = step.run(&mut context) {
                    let reason = context.reason.take().unwrap_or_default();
                    let _ = context.say(errno.raw_os_error(), &format!("{step}\0{reason}"));
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
            Some(Told::Ready) => Ok(()),
            Some(Told::Failed(error)) => Err(error),
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
        self.let_be(identity)?;
        self.wait_running()
    }

    /// Tells a ready child who it is, and leaves it to whoever lets it run its program.
    pub(crate) fn let_be(&self, identity: Identity) -> std::result::Result<(), RuntimeError> {
        let sent = rustix::net::send(&self.channel, &identity.to_wire(), SendFlags::NOSIGNAL);
        sent.map(drop).map_err(|_| self.vanished())
    }

    /// Waits until the child's program runs.
    ///
    /// A child that was killed on the way counts as running: its end is told as that of every process.
    pub(crate) fn wait_running(&self) -> std::result::Result<(), RuntimeError> {
        match self.hear()? {
            Some(Told::Failed(error)) => Err(error),
            Some(Told::Ready) | None => Ok(()),
        }
    }

    fn hear(&self) -> std::result::Result<Option<Told>, RuntimeError> {
        hear(self.channel.as_fd())
    }

    fn vanished(&self) -> RuntimeError {
        RuntimeError::Step {
            step: "prepare a process".to_owned(),
            source: std::io::Error::other("it was killed before its program ran"),
        }
    }
}

impl Context {
    /// The root directory of the container, before it is entered.
    pub(crate) fn root(&self) -> Result<BorrowedFd<'_>> {
        self.root.as_ref().map(AsFd::as_fd).ok_or(Errno::BADF)
    }

    /// Makes an open directory the root of the container.
    pub(crate) fn set_root(&mut self, root: OwnedFd) {
        self.root = Some(root);
    }

    /// Who it is.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// For a step that fails: the reason, in words.
    pub(crate) fn explain(&mut self, reason: impl ToString) -> Errno {
        self.reason = Some(reason.to_string());
        Errno::CANCELED
    }

    /// Speaks with another from now on, who has asked it to go on.
    pub(crate) fn speak_with(&mut self, other: OwnedFd) -> Result<()> {
        self.channel = other;
        self.say(0, "")
    }

    /// Says that it has come as far as it can, and waits to be let go on.
    pub(crate) fn rendezvous(&self) -> Result<()> {
        self.say(0, "")?;
        self.await_word()
    }

    /// Says that it is ready, which is error 0, or why not.
    fn say(&self, error: i32, text: &str) -> Result<()> {
        let mut message = error.to_ne_bytes().to_vec();
        message.extend(text.bytes().take(LONGEST - message.len()));
        rustix::net::send(&self.channel, &message, SendFlags::NOSIGNAL).map(drop)
    }

    /// Says that all is prepared, and takes the answer: who to be.
    fn await_identity(&mut self) -> Result<()> {
        self.say(0, "")?;
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

/// What a child says on a channel; none if it says nothing more.
pub(crate) fn hear(channel: BorrowedFd<'_>) -> std::result::Result<Option<Told>, RuntimeError> {
    let mut message = [0; LONGEST];
    let (_, length) = rustix::io::retry_on_intr(|| {
        rustix::net::recv(channel, &mut message[..], RecvFlags::empty())
    })
    .map_err(RuntimeError::step("hear from a new process"))?;
    let Some((number, text)) = message[..length].split_first_chunk() else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(text);
    let (step, reason) = text.split_once('\0').unwrap_or((&text, ""));
    let errno = match i32::from_ne_bytes(*number) {
        0 => return Ok(Some(Told::Ready)),
        number => Errno::from_raw_os_error(number),
    };
    let error = match step.strip_prefix(command::STEP) {
        Some(command) => command::failure(command, errno),
        None => RuntimeError::Step {
            step: step.to_owned(),
            source: match reason {
                "" => errno.into(),
                reason => std::io::Error::other(reason.to_owned()),
            },
        },
    };
    Ok(Some(Told::Failed(error)))
}
