//! What clients can ask a monitor for.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use jiff::Timestamp;
use rustix::process::{WaitId, WaitIdOptions, waitid};

use super::exec::Exec;
use super::monitor::{Monitor, root_of};
use super::server::Asked;
use crate::spec::ExecSpec;
use crate::wire::{self, AttachOptions, Failure, Reply, Request};
use crate::{RuntimeError, init, record, sys, user};

impl Monitor {
    /// Does what a client asks for, and tells it.
    pub(super) fn answer(&mut self, asked: Asked) {
        let Asked {
            request,
            descriptors,
            socket,
        } = asked;
        let result = match request {
            Request::Start => self.start(),
            Request::Kill { signal } => self.kill(signal),
            Request::Stop => self.kill(self.spec.stop_signal),
            Request::Resize {
                process,
                rows,
                columns,
            } => self.resize(process, rows, columns),
            Request::Keep => {
                self.kept = descriptors;
                Ok(())
            }
            Request::Kept => {
                let kept: Vec<_> = self.kept.iter().map(AsFd::as_fd).collect();
                let _ = wire::send(&socket, &Reply::Done, &kept);
                return;
            }
            Request::Attach(options) => return self.attach(socket, options),
            Request::Exec(exec) => match self.exec(&exec, &socket) {
                Ok(()) => return,
                Err(failure) => Err(failure),
            },
        };
        let reply = result.map_or_else(Reply::Failed, |()| Reply::Done);
        // a client that is gone does not want to know
        let _ = wire::send(&socket, &reply, &[]);
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
            let _ = wire::send(&socket, &Reply::Failed(Failure::NotRunning), &[]);
        } else if wire::send(&socket, &Reply::Done, &[]).is_ok() {
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
            &[theirs.as_fd()],
        );
        self.execs.push(exec);
        Ok(())
    }
}
