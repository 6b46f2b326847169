//! Programs run in containers that run already: what was asked for, and how each went.
//!
//! ```text
//! Created --start--> Running --exit--> Exited --some minutes--> (none)
//!     +--------------- refused -----------^
//! ```
//!
//! They live as long as the daemon at most: an `exec` is somebody's errand, not part of the state.

use std::collections::HashMap;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bollard_stubs::models::ExecConfig;
use jiff::{SignedDuration, Timestamp};
use rnet_model::ContainerId;
use rnet_runtime_glue::spec::{ExecSpec, Process};
use rnet_runtime_glue::{ExecStream, RuntimeError};
use tokio::io::Interest;
use tokio::sync::Notify;

use super::container::environment;
use super::streams::console_size;
use super::{Daemon, random_bytes};
use crate::container::Container;
use crate::error::{Error, Result};
use crate::fd::watched;

/// How long the exit code of a program can be asked for.
const KEPT: SignedDuration = SignedDuration::from_mins(5);

/// A program to be run in a container.
#[derive(Clone, Debug)]
pub struct Exec {
    /// Its identity: 64 hex digits.
    pub id: String,
    /// The container it runs in.
    pub container: ContainerId,
    /// What was asked for.
    pub config: ExecConfig,
    /// How far it is.
    pub progress: Progress,
}

/// How far an exec is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// It was not started.
    Created,
    /// Its program runs, or is about to.
    Running {
        /// The program's process id on the host; 0 until it exists.
        pid: u32,
    },
    /// Its program ended, or could not be started.
    Exited {
        /// The exit code.
        code: i64,
        /// When.
        finished: Timestamp,
    },
}

/// The execs there are, by id.
#[derive(Default)]
pub(super) struct Execs {
    all: Mutex<HashMap<String, Exec>>,
    changed: Notify,
}

impl Execs {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Exec>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, id: &str, progress: Progress) {
        if let Some(exec) = self.lock().get_mut(id) {
            exec.progress = progress;
        }
        self.changed.notify_waiters();
    }
}

impl Daemon {
    /// Prepares a program to be run in a container that runs; tells its id.
    pub fn exec_create(&self, reference: &str, config: ExecConfig) -> Result<String> {
        let container = self.find_container(reference)?;
        if !container.run.is_running() {
            return Err(not_running(&container));
        }
        if container.run.is_paused() {
            return Err(Error::Conflict(format!(
                "Container {reference} is paused, unpause the container before exec"
            )));
        }
        if config.cmd.as_ref().is_none_or(Vec::is_empty) {
            return Err(Error::invalid("No exec command specified"));
        }
        let id = ContainerId::from_bytes(random_bytes()).to_string();
        let exec = Exec {
            id: id.clone(),
            container: container.id,
            config,
            progress: Progress::Created,
        };
        self.tell_of_exec("exec_create", &exec, &container);
        let present: Vec<ContainerId> =
            self.read(|state| state.containers().map(|container| container.id).collect());
        let now = Timestamp::now();
        let mut execs = self.execs.lock();
        execs.retain(|_, exec| match exec.progress {
            Progress::Exited { finished, .. } => now.duration_since(finished) < KEPT,
            Progress::Created | Progress::Running { .. } => present.contains(&exec.container),
        });
        execs.insert(id.clone(), exec);
        Ok(id)
    }

    /// Refuses an exec that cannot be started: it was before, or its container does not run.
    pub fn exec_check(&self, id: &str) -> Result<Exec> {
        let exec = self.exec_inspect(id)?;
        refuse_again(&exec)?;
        let container = self.find_container(&exec.container.to_string())?;
        container
            .run
            .is_running()
            .then_some(exec)
            .ok_or_else(|| not_running(&container))
    }

    /// Runs the program and gives its standard streams; its end is noted whoever listens.
    pub fn exec_start(self: &Arc<Self>, id: &str) -> Result<UnixStream> {
        let exec = self.take_up(id)?;
        let started = self.run_exec(&exec).and_then(|started| {
            let ended = started.exit.as_fd().try_clone_to_owned();
            let ended =
                ended.map_err(|error| Error::Failed(format!("cannot watch an exec: {error}")))?;
            Ok((started, ended))
        });
        let exited = |code| Progress::Exited {
            code,
            finished: Timestamp::now(),
        };
        let (started, ended) = started.inspect_err(|error| {
            self.execs.set(id, exited(start_code(error)));
        })?;
        self.execs.set(id, Progress::Running { pid: started.pid });
        let container = self.find_container(&exec.container.to_string())?;
        self.tell_of_exec("exec_start", &exec, &container);
        let size = console_size(exec.config.console_size.as_deref());
        if let Some((rows, columns)) = size.filter(|_| exec.config.tty.unwrap_or(false)) {
            // a program that ended already needs no size
            let _ = self
                .runtime
                .resize(&exec.container, Some(started.pid), rows, columns);
        }
        let (daemon, id) = (Arc::clone(self), id.to_owned());
        self.tasks.spawn(async move {
            if let Ok(ended) = watched(ended, Interest::READABLE) {
                // whatever comes of waiting, asking tells
                let _ = ended.readable().await;
            }
            let code = tokio::task::spawn_blocking(move || started.exit.wait()).await;
            // a monitor that is gone has ended all there was in its container
            let code = code.ok().and_then(Result::ok).map_or(137, i64::from);
            daemon.execs.set(&id, exited(code));
            let facts = [("execID", id), ("exitCode", code.to_string())];
            daemon.tell_of_container("exec_die", &container, facts);
        });
        Ok(started.stream)
    }

    /// Tells the terminal of an exec its size.
    pub fn exec_resize(&self, id: &str, rows: u16, columns: u16) -> Result<()> {
        let exec = self.exec_inspect(id)?;
        match exec.progress {
            Progress::Running { pid } if pid != 0 => {
                Ok(self
                    .runtime
                    .resize(&exec.container, Some(pid), rows, columns)?)
            }
            _ => Err(Error::Conflict(format!("exec {id} is not running"))),
        }
    }

    /// Waits until the exit code of an exec that was started is known.
    pub async fn exec_ended(&self, id: &str) {
        loop {
            let mut changed = pin!(self.execs.changed.notified());
            changed.as_mut().enable();
            match self.exec_inspect(id) {
                Ok(exec) if matches!(exec.progress, Progress::Running { .. }) => changed.await,
                _ => return,
            }
        }
    }

    fn tell_of_exec(&self, action: &str, exec: &Exec, container: &Container) {
        let words = exec.config.cmd.as_deref().unwrap_or_default().join(" ");
        let action = format!("{action}: {words}");
        self.tell_of_container(action, container, [("execID", exec.id.clone())]);
    }

    /// What is known of an exec.
    pub fn exec_inspect(&self, id: &str) -> Result<Exec> {
        let found = self.execs.lock().get(id).cloned();
        found.ok_or_else(|| Error::NoSuchExec(id.to_owned()))
    }

    /// The execs of a container whose programs have not ended.
    pub fn execs_of(&self, container: ContainerId) -> Vec<String> {
        let execs = self.execs.lock();
        let own = execs.values().filter(|exec| exec.container == container);
        let live = own.filter(|exec| !matches!(exec.progress, Progress::Exited { .. }));
        live.map(|exec| exec.id.clone()).collect()
    }

    /// Makes sure that an exec is started once.
    fn take_up(&self, id: &str) -> Result<Exec> {
        let mut execs = self.execs.lock();
        let exec = execs
            .get_mut(id)
            .ok_or_else(|| Error::NoSuchExec(id.to_owned()))?;
        refuse_again(exec)?;
        exec.progress = Progress::Running { pid: 0 };
        Ok(exec.clone())
    }

    fn run_exec(&self, exec: &Exec) -> Result<ExecStream> {
        let container = self.find_container(&exec.container.to_string())?;
        let spec = ExecSpec {
            process: process(&container, &exec.config),
            open_stdin: exec.config.attach_stdin.unwrap_or(false),
            privileged: exec.config.privileged.unwrap_or(false),
        };
        self.runtime
            .exec(&container.id, &spec)
            .map_err(|error| match error {
                RuntimeError::NotRunning { .. } => not_running(&container),
                error => error.into(),
            })
    }
}

fn refuse_again(exec: &Exec) -> Result<()> {
    let id = &exec.id;
    match exec.progress {
        Progress::Created => Ok(()),
        Progress::Running { .. } => Err(Error::Conflict(format!(
            "exec command {id} is already running"
        ))),
        Progress::Exited { .. } => Err(Error::Conflict(format!(
            "exec command {id} has already run"
        ))),
    }
}

/// The exit code of a program that could not be started: 127 where there is none, 126 for anything else.
fn start_code(error: &Error) -> i64 {
    match error {
        Error::Runtime(RuntimeError::Command { code, .. }) => i64::from(*code),
        _ => 126,
    }
}

fn process(container: &Container, config: &ExecConfig) -> Process {
    let tty = config.tty.unwrap_or(false);
    let chosen = |own: &Option<String>, containers: &Option<String>| {
        let own = own.clone().filter(|text| !text.is_empty());
        own.or_else(|| containers.clone()).unwrap_or_default()
    };
    let cwd = chosen(&config.working_dir, &container.config.working_dir);
    Process {
        args: config.cmd.clone().unwrap_or_default(),
        env: with(
            environment(container, tty),
            config.env.as_deref().unwrap_or_default(),
        ),
        cwd: if cwd.is_empty() { "/".to_owned() } else { cwd },
        user: chosen(&config.user, &container.config.user),
        additional_groups: container.host_config.group_add.clone().unwrap_or_default(),
        tty,
    }
}

/// An environment with variables set anew; a bare name is one to leave out.
fn with(mut environment: Vec<String>, variables: &[String]) -> Vec<String> {
    for variable in variables {
        let name = variable.split('=').next().unwrap_or_default();
        environment.retain(|own| own.split('=').next() != Some(name));
        environment.extend(variable.contains('=').then(|| variable.clone()));
    }
    environment
}

fn not_running(container: &Container) -> Error {
    Error::Conflict(format!("container {} is not running", container.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_set_anew_or_left_out() {
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        let environment = with(words(&["A=1", "B=2", "C=3"]), &words(&["B=x=y", "C", "D="]));
        assert_eq!(environment, words(&["A=1", "B=x=y", "D="]));
    }
}
