//! The life of one container as its monitor lives it: created, started, ended, written down.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
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
use crate::spec::{ExecSpec, Spec};
use crate::wire::{self, AttachOptions, Failure, Reply, Request};
use crate::{RuntimeError, sys, user};

/// How long clients may take to fetch the last output after the end.
const FAREWELL: Duration = Duration::from_secs(5);

/// One container.
pub(super) struct Monitor {
    directory: PathBuf,
    spec: Spec,
    cgroup: Cgroup,
    server: Server,
    life: Life,
    first: Child,
    identity: Identity,
    terminals: Option<Terminals>,
    stdio: Stdio,
    execs: Vec<Exec>,
    /// Why the program could not be run, with the exit code that stands for it.
    failed: Option<(String, i32)>,
    ended: bool,
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
        let log = spec.log.as_deref().map(LogWriter::open).transpose();
        let log = log.map_err(RuntimeError::Log)?;

        let init::Prepared {
            plan,
            ends,
            terminals,
        } = init::prepare(&spec, &cgroup, directory)?;
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

        let stdio = Stdio::new(ends, spec.stdin_once, Keeping::Log(log));
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
            self.wait(None);
            self.progress();
            if let Some(status) = ended(&self.first.pidfd) {
                break status;
            }
        };
        self.ended = true;
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
        for (socket, request) in self.server.requests() {
            self.answer(socket, request);
        }
        self.stdio.progress();
        self.execs.retain_mut(Exec::progress);
    }

    fn answer(&mut self, socket: UnixStream, request: Request) {
        let result = match request {
            Request::Start => self.start(),
            Request::Kill { signal } => self.kill(signal),
            Request::Stop => self.kill(self.spec.stop_signal),
            Request::Resize {
                process,
                rows,
                columns,
            } => self.resize(process, rows, columns),
            Request::Attach(options) => return self.attach(socket, options),
            Request::Exec(exec) => match self.exec(&exec, &socket) {
                Ok(()) => return,
                Err(failure) => Err(failure),
            },
        };
        let reply = result.map_or_else(Reply::Failed, |()| Reply::Done);
        // a client that is gone does not want to know
        let _ = wire::send(&socket, &reply, None);
    }

    fn start(&mut self) -> Result<(), Failure> {
        if self.ended {
            return Err(Failure::NotRunning);
        }
        if self.life.started.is_some() {
            return Err(Failure::AlreadyStarted);
        }
        self.life.started = Some(Timestamp::now());
        record::write(&self.directory.join(record::LIFE), &self.life)?;
        self.first.go(self.identity).map_err(|error| {
            let code = if let RuntimeError::Command { code, .. } = error {
                code
            } else {
                128
            };
            self.failed = Some((error.chain(), code));
            Failure::from(error)
        })
    }

    fn kill(&self, signal: i32) -> Result<(), Failure> {
        if self.ended {
            return Err(Failure::NotRunning);
        }
        let sent = sys::send_signal(self.first.pidfd.as_fd(), signal);
        Ok(sent.map_err(RuntimeError::step(format!("send signal {signal}")))?)
    }

    fn resize(&self, process: Option<u32>, rows: u16, columns: u16) -> Result<(), Failure> {
        let stdio = match process {
            None => Some(&self.stdio),
            Some(pid) => self
                .execs
                .iter()
                .find(|exec| exec.pid() == pid)
                .map(Exec::stdio),
        };
        let resized = stdio.ok_or(Failure::NotRunning)?.resize(rows, columns);
        Ok(resized.map_err(RuntimeError::step("resize the terminal"))?)
    }

    fn attach(&mut self, socket: UnixStream, options: AttachOptions) {
        if self.ended {
            let _ = wire::send(&socket, &Reply::Failed(Failure::NotRunning), None);
        } else if wire::send(&socket, &Reply::Done, None).is_ok() {
            self.stdio.attach(socket, options);
        }
    }

    fn exec(&mut self, exec: &ExecSpec, control: &UnixStream) -> Result<(), Failure> {
        if self.ended || self.life.started.is_none() || self.failed.is_some() {
            return Err(Failure::NotRunning);
        }
        let own = |what: &str| RuntimeError::step(what.to_owned());
        let identity = user::resolve(root_of(&self.first)?.as_fd(), &exec.process)?;
        let first = self
            .first
            .pidfd
            .try_clone()
            .map_err(own("hold the container"))?;
        let terminals = self.terminals.as_ref();
        let prepared =
            init::prepare_exec(exec, &self.spec, &self.cgroup, first, terminals, identity);
        let (plan, ends) = prepared?;
        let (ours, theirs) = UnixStream::pair().map_err(own("open a stream"))?;
        ours.set_nonblocking(true).map_err(own("open a stream"))?;
        let control_copy = control.try_clone().map_err(own("hold a connection"))?;
        let child = plan.spawn()?;
        if let Err(error) = child.wait_running() {
            let _ = waitid(WaitId::PidFd(child.pidfd.as_fd()), WaitIdOptions::EXITED);
            return Err(error.into());
        }
        let exec = Exec::new(child, ends, ours, control_copy);
        // a process whose client is gone runs on, as one that nobody listens to
        let _ = wire::send(
            control,
            &Reply::Running { pid: exec.pid() },
            Some(theirs.as_fd()),
        );
        self.execs.push(exec);
        Ok(())
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
fn root_of(child: &Child) -> Result<OwnedFd, RuntimeError> {
    let path = format!("/proc/{}/root", child.pid.as_raw_nonzero());
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::open(&path, flags, Mode::empty());
    opened.map_err(|e| RuntimeError::file("open", path)(e.into()))
}
