//! The daemon's side of the bundled runtime: containers as directories, each with a monitor behind a socket.

mod control;
mod exec;
mod keep;
mod state;

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use rnet_model::ContainerId;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;

use crate::cgroup::{self, Cgroup};
use crate::record::{self, Life};
use crate::wire::{self, Reply, Request};
use crate::{RuntimeError, Spec, sys};
pub use exec::{ExecExit, ExecStream};
pub use state::ContainerState;

/// How long a monitor may take to write down the end of a container that was killed.
const PATIENCE: Duration = Duration::from_secs(10);

/// The containers under one directory.
///
/// **Contract:** every call blocks until it is done, and may be made from any thread; different containers do not wait
/// for each other. All state is in the directory and in the monitors: a new value for the same directory, in a new
/// process, knows what the last one knew.
#[derive(Clone, Debug)]
pub struct Runtime {
    root: PathBuf,
    shim: PathBuf,
    cgroup_parent: String,
}

/// A container that was created.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Created {
    /// Its monitor's process.
    pub shim_pid: u32,
    /// Its first process, which waits to be started.
    pub init_pid: u32,
}

impl Runtime {
    /// The containers under `root`, which is made when the first is created; `shim` is the monitor's program and
    /// `cgroup_parent` the control group theirs are in, relative to the root of each hierarchy.
    ///
    /// `root` is best on a tmpfs, for it describes processes: after a restart of the machine nothing of it is true.
    pub fn new(root: PathBuf, shim: PathBuf, cgroup_parent: String) -> Self {
        Self {
            root,
            shim,
            cgroup_parent,
        }
    }

    /// Creates a container up to the point where its program would run: its first process is in its namespaces, root
    /// file system and control group, and waits.
    ///
    /// A failure leaves nothing behind.
    pub fn create(&self, id: &ContainerId, spec: &Spec) -> Result<Created, RuntimeError> {
        let mut spec = spec.clone();
        spec.validate()?;
        // a path that is none would be in the way of removing it, too
        cgroup::check(spec.cgroup.get_or_insert_with(|| self.default_cgroup(id)))?;
        let directory = self.directory(id);
        let mut private = DirBuilder::new();
        private.mode(0o700);
        fs::create_dir_all(&self.root).map_err(RuntimeError::file("make", &self.root))?;
        match private.create(&directory) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Err(RuntimeError::ContainerExists { id: *id });
            }
            other => other.map_err(RuntimeError::file("make", &directory))?,
        }
        let created =
            record::write(&directory.join(record::SPEC), &spec).and_then(|()| self.run_shim(id));
        if created.is_err() {
            // the first error tells more than one of cleaning up after it
            let _ = self.remove(id);
        }
        created
    }

    /// Runs the program of a created container.
    ///
    /// A program that cannot be run is a [`RuntimeError::Command`], and the end of the container.
    pub fn start(&self, id: &ContainerId) -> Result<(), RuntimeError> {
        self.ask("start", id, &Request::Start, &[]).map(drop)
    }

    /// Sends a signal to the first process of a container.
    pub fn kill(&self, id: &ContainerId, signal: i32) -> Result<(), RuntimeError> {
        self.ask("signal", id, &Request::Kill { signal }, &[])
            .map(drop)
    }

    /// Sends the signal of its specification that asks a container to end.
    pub fn stop(&self, id: &ContainerId) -> Result<(), RuntimeError> {
        self.ask("stop", id, &Request::Stop, &[]).map(drop)
    }

    /// Tells a terminal its size: that of the first process, or of one of `exec` by its number.
    pub fn resize(
        &self,
        id: &ContainerId,
        process: Option<u32>,
        rows: u16,
        columns: u16,
    ) -> Result<(), RuntimeError> {
        self.ask(
            "resize",
            id,
            &Request::Resize {
                process,
                rows,
                columns,
            },
            &[],
        )
        .map(drop)
    }

    /// A descriptor that becomes readable when the monitor of a container has ended, after it recorded the exit; at
    /// once if there is none.
    ///
    /// It is a pidfd, or stands for one: readable is all it ever becomes.
    pub fn exit_fd(&self, id: &ContainerId) -> Result<OwnedFd, RuntimeError> {
        let life = self.life(id)?;
        if let Some(pidfd) = life.and_then(|life| life.shim.descriptor()) {
            return Ok(pidfd);
        }
        // nobody will ever write: reading would end at once
        let (reader, _) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
            .map_err(RuntimeError::step("make a pipe"))?;
        Ok(reader)
    }

    /// The containers there are, in whatever state.
    pub fn list(&self) -> Result<Vec<ContainerId>, RuntimeError> {
        let entries = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(RuntimeError::file("list", &self.root))?,
        };
        let mut ids = Vec::new();
        for entry in entries {
            let name = entry
                .map_err(RuntimeError::file("list", &self.root))?
                .file_name();
            ids.extend(
                name.to_str()
                    .and_then(|name| name.parse::<ContainerId>().ok()),
            );
        }
        ids.sort_unstable();
        Ok(ids)
    }

    /// Removes a container with all its processes, control groups and records; its layers and its log are the
    /// caller's. One that does not exist is a success.
    pub fn remove(&self, id: &ContainerId) -> Result<(), RuntimeError> {
        let directory = self.directory(id);
        let cgroup = self.cgroup(id)?;
        let killed = cgroup.kill();
        // without control groups it is the monitor's death that kills
        let life = record::read::<Life>(&directory.join(record::LIFE))
            .ok()
            .flatten();
        if let Some(monitor) = life.and_then(|life| life.shim.descriptor())
            && !ends_within(&monitor, PATIENCE)
        {
            let _ = rustix::process::pidfd_send_signal(&monitor, Signal::KILL);
            ends_within(&monitor, PATIENCE);
        }
        killed.and_then(|()| cgroup.remove())?;
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            other => other.map_err(RuntimeError::file("remove", directory)),
        }
    }

    fn run_shim(&self, id: &ContainerId) -> Result<Created, RuntimeError> {
        let directory = self.directory(id);
        let complaints = directory.join(record::COMPLAINTS);
        let stderr = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&complaints)
            .map_err(RuntimeError::file("make", complaints))?;
        let unrunnable = |source| RuntimeError::RunShim {
            path: self.shim.clone(),
            source,
        };
        // what runs in a container has this program as its own for a moment, and may try to write to it by
        // /proc/self/exe (CVE-2019-5736)
        let readonly = sys::readonly_view(&self.shim).map_err(|e| unrunnable(e.into()))?;
        let mut shim = Command::new(format!("/proc/self/fd/{}", readonly.as_raw_fd()))
            .arg0(&self.shim)
            .arg(&directory)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .map_err(unrunnable)?;
        let mut answer = String::new();
        let heard = shim
            .stdout
            .take()
            .map_or(Ok(0), |mut out| out.read_to_string(&mut answer));
        shim.wait().and(heard).map_err(unrunnable)?;
        match serde_json::from_str(answer.lines().next().unwrap_or_default()) {
            Ok(Reply::Created { shim, init }) => Ok(Created {
                shim_pid: shim,
                init_pid: init,
            }),
            Ok(Reply::Failed(failure)) => Err(failure.into_error("create", *id)),
            _ => Err(unrunnable(io::Error::other("it ended without a word"))),
        }
    }

    /// Asks the monitor for something and hands on the connection after an answer that is no failure.
    fn ask(
        &self,
        operation: &'static str,
        id: &ContainerId,
        request: &Request,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(Reply, UnixStream, Vec<OwnedFd>), RuntimeError> {
        let life = self.life(id)?;
        let asked = || {
            let socket = wire::connect(&self.directory(id))?;
            wire::send(&socket, request, descriptors)?;
            let (reply, descriptors) = wire::receive::<Reply>(&socket)?;
            Ok((reply, socket, descriptors))
        };
        match asked() {
            Ok((Reply::Failed(failure), ..)) => Err(failure.into_error(operation, *id)),
            Ok(answer) => Ok(answer),
            Err(source) => match life.and_then(|life| life.shim.descriptor()) {
                Some(_) => Err(RuntimeError::Unreachable {
                    operation,
                    id: *id,
                    source,
                }),
                None => Err(RuntimeError::NotRunning { id: *id }),
            },
        }
    }

    /// What is recorded of a container that exists; nothing of one that is being created.
    fn life(&self, id: &ContainerId) -> Result<Option<Life>, RuntimeError> {
        let directory = self.directory(id);
        if !directory.exists() {
            return Err(RuntimeError::UnknownContainer { id: *id });
        }
        record::read(&directory.join(record::LIFE))
    }

    fn cgroup(&self, id: &ContainerId) -> Result<Cgroup, RuntimeError> {
        // a specification that is not whole must not keep a container from being removed
        let spec = record::read::<Spec>(&self.directory(id).join(record::SPEC))
            .ok()
            .flatten();
        let path = spec.and_then(|spec| spec.cgroup);
        Cgroup::at(&path.unwrap_or_else(|| self.default_cgroup(id)))
    }

    fn default_cgroup(&self, id: &ContainerId) -> String {
        format!("{}/{id}", self.cgroup_parent.trim_matches('/'))
    }

    fn directory(&self, id: &ContainerId) -> PathBuf {
        self.root.join(id.to_string())
    }
}

/// Whether the process behind a pidfd ends within that time.
pub(crate) fn ends_within(pidfd: &OwnedFd, time: Duration) -> bool {
    let timeout = Timespec::try_from(time).ok();
    let mut ends = [PollFd::new(pidfd, PollFlags::IN)];
    rustix::io::retry_on_intr(|| poll(&mut ends, timeout.as_ref())).is_ok_and(|ready| ready > 0)
}
