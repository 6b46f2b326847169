//! The life of one container as its monitor lives it: created, started, ended, written down.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::process::{WaitId, WaitIdOptions, waitid};
use rustix::thread::ThreadNameSpaceType;

use super::complain;
use super::exec::Exec;
use super::server::Server;
use super::stdio::{Keeping, Stdio};
use crate::cgroup::Cgroup;
use crate::init::{self, Child, Identity, Terminals};
use crate::log::LogWriter;
use crate::record::{self, Exit, Life, ProcessId};
use crate::spec::{Namespace, Spec};
use crate::wire::Reply;
use crate::{RuntimeError, user};

/// How long clients may take to fetch the last output after the end.
const FAREWELL: Duration = Duration::from_secs(5);

/// One container.
pub(super) struct Monitor {
    pub(super) directory: PathBuf,
    pub(super) spec: Spec,
    pub(super) cgroup: Cgroup,
    server: Server,
    pub(super) life: Life,
    pub(super) first: Child,
    pub(super) identity: Identity,
    pub(super) terminals: Option<Terminals>,
    pub(super) stdio: Stdio,
    pub(super) execs: Vec<Exec>,
    /// What the daemon wants to find open when it comes back.
    pub(super) kept: Vec<OwnedFd>,
    /// Why the program could not be run, with the exit code that stands for it.
    pub(super) failed: Option<(String, i32)>,
    pub(super) ended: bool,
}

/// How a process ended.
pub(super) struct Status {
    pub(super) code: i32,
    signal: Option<i32>,
}

impl Monitor {
    /// Creates the container that `directory` describes, up to the point where its program would run.
    ///
    /// What a failure leaves behind is the client's to remove.
    pub(super) fn create(directory: &Path) -> Result<Self, RuntimeError> {
        let path = directory.join(record::SPEC);
        let spec: Spec = record::read(&path)?.ok_or_else(|| {
            RuntimeError::file("read", &path)(std::io::ErrorKind::NotFound.into())
        })?;
        let cgroup = Cgroup::at(spec.cgroup.as_deref().unwrap_or_default())?;
        cgroup.create(&spec.limits)?;
        let devices = init::devices_of(&spec.devices)?;
        if !spec.devices.all {
            cgroup.allow_devices(&init::device_rules(&spec.devices, &devices))?;
        }
        let log = spec.log.as_ref().map(LogWriter::open).transpose();
        let log = log.map_err(RuntimeError::Log)?;

        let init::Prepared {
            plan,
            ends,
            terminals,
        } = init::prepare(&spec, &cgroup, &devices, directory)?;
        let first = plan.spawn()?;
        first.wait_ready()?;
        let identity = user::resolve(root_of(&first)?.as_fd(), &spec.process)?;
        // from here on children are made in the container's pid namespace: the programs of `exec`
        let joined = rustix::thread::move_into_thread_name_spaces(
            first.pidfd.as_fd(),
            ThreadNameSpaceType::PROCESS_ID,
        );
        joined.map_err(RuntimeError::step(
            "prepare for more processes in the container",
        ))?;

        let stdio = Stdio::new(ends, spec.stdin_once, Keeping::Log(log.map(Box::new)));
        let server = Server::new(directory)?;
        let shim = ProcessId::of(std::process::id()).ok_or_else(|| {
            RuntimeError::file("read", "/proc/self/stat")(std::io::ErrorKind::NotFound.into())
        })?;
        let init = first.pid.as_raw_nonzero().get() as u32;
        let life = Life {
            shim,
            init,
            started: None,
        };
        record::write(&directory.join(record::LIFE), &life)?;
        Ok(Self {
            directory: directory.to_owned(),
            spec,
            cgroup,
            server,
            life,
            first,
            identity,
            terminals,
            stdio,
            execs: Vec::new(),
            kept: Vec::new(),
            failed: None,
            ended: false,
        })
    }

    /// What there is to tell about it.
    pub(super) fn created(&self) -> Reply {
        Reply::Created {
            shim: self.life.shim.pid,
            init: self.life.init,
        }
    }

    /// Stays with it until it has ended, and all is written down and handed over.
    pub(super) fn run(mut self) {
        let status = loop {
            self.wait(self.stdio.is_busy().then_some(Duration::ZERO));
            self.progress();
            if let Some(status) = ended(&self.first.pidfd) {
                break status;
            }
        };
        self.ended = true;
        if self.spec.namespaces.pid != Namespace::Own {
            // its end is no namespace's, which would be that of all others
            if let Err(error) = self.cgroup.kill() {
                complain("end what the first process left behind", &error);
            }
        }
        self.stdio.drain();
        let exit = self.exit(&status);
        if let Err(error) = record::write(&self.directory.join(record::EXIT), &exit) {
            complain("record the exit", &error);
        }
        let deadline = Instant::now() + FAREWELL;
        while !(self.stdio.is_flushed() && self.execs.is_empty()) {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                break;
            };
            self.wait(Some(left));
            self.progress();
        }
    }

    fn wait(&self, timeout: Option<Duration>) {
        let mut interests = Vec::new();
        if !self.ended {
            interests.push(PollFd::new(&self.first.pidfd, PollFlags::IN));
        }
        self.server.interests(&mut interests);
        self.stdio.interests(&mut interests);
        self.execs
            .iter()
            .for_each(|exec| exec.interests(&mut interests));
        let timeout = timeout.and_then(|duration| Timespec::try_from(duration).ok());
        // an interruption is a reason to look, too
        let _ = poll(&mut interests, timeout.as_ref());
    }

    fn progress(&mut self) {
        for asked in self.server.requests() {
            self.answer(asked);
        }
        self.stdio.progress();
        self.execs.retain_mut(Exec::progress);
    }

    fn exit(&self, status: &Status) -> Exit {
        let (error, code) = match &self.failed {
            Some((error, code)) => (Some(error.clone()), *code),
            None => (None, status.code),
        };
        Exit {
            code,
            signal: status.signal.filter(|_| self.failed.is_none()),
            oom: self.cgroup.ran_out_of_memory(),
            started: self.life.started.filter(|_| self.failed.is_none()),
            finished: Timestamp::now(),
            error,
        }
    }
}

/// How the process ended, if it has; it is reaped then.
pub(super) fn ended(pidfd: &OwnedFd) -> Option<Status> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    let status = waitid(WaitId::PidFd(pidfd.as_fd()), options)
        .ok()
        .flatten()?;
    let signal = status.terminating_signal();
    let code = signal.map_or_else(|| status.exit_status().unwrap_or(0), |signal| 128 + signal);
    Some(Status { code, signal })
}

/// The root directory of a process in the container.
pub(crate) fn root_of(child: &Child) -> Result<OwnedFd, RuntimeError> {
    let path = format!("/proc/{}/root", child.pid.as_raw_nonzero());
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::open(&path, flags, Mode::empty());
    opened.map_err(|e| RuntimeError::file("open", path)(e.into()))
}
