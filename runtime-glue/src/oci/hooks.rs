//! The programs that a configuration wants to be run along the way (config.md, POSIX-platform Hooks).

use std::fmt;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::config::{Config, Hook};
use super::state::{Container, Status};
use crate::RuntimeError;
use crate::init::{Act, Context};

/// How much of what a hook complains about is told, in bytes.
const COMPLAINT: u64 = 2048;

/// Whether some are run outside of the container while it is made.
pub(super) fn beside(config: &Config) -> bool {
    !(config.hooks.prestart.is_empty() && config.hooks.create_runtime.is_empty())
}

/// Runs them one after the other, each with the container's state on its standard input, up to the first failure.
pub(super) fn run(
    kind: &'static str,
    hooks: &[Hook],
    container: &Container,
    status: Status,
) -> Result<(), RuntimeError> {
    let state = container.state(status).to_string();
    let mut hooks = hooks.iter();
    hooks.try_for_each(|hook| one(hook, &state).map_err(|reason| failure(kind, hook, reason)))
}

/// Runs all of them, and tells what failed.
pub(super) fn run_all(
    kind: &'static str,
    hooks: &[Hook],
    container: &Container,
    status: Status,
) -> Vec<RuntimeError> {
    let state = container.state(status).to_string();
    let failed = |hook: &Hook| Some(failure(kind, hook, one(hook, &state).err()?));
    hooks.iter().filter_map(failed).collect()
}

/// Those that the container's own process runs.
pub(super) struct RunHooks {
    kind: &'static str,
    hooks: Vec<Hook>,
    state: String,
}

/// Lets who made this process run those that are run beside it.
pub(super) struct Rendezvous;

impl RunHooks {
    pub(super) fn new(kind: &'static str, hooks: &[Hook], state: &str) -> Self {
        Self {
            kind,
            hooks: hooks.to_vec(),
            state: state.to_owned(),
        }
    }
}

impl Act for RunHooks {
    fn run(&mut self, context: &mut Context) -> rustix::io::Result<()> {
        for hook in &self.hooks {
            if let Err(reason) = one(hook, &self.state) {
                let path = hook.path.display();
                return Err(context.explain(format!("{path}: {reason}")));
            }
        }
        Ok(())
    }
}

impl fmt::Display for RunHooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run the {} hooks", self.kind)
    }
}

impl Act for Rendezvous {
    fn run(&mut self, context: &mut Context) -> rustix::io::Result<()> {
        context.rendezvous()
    }
}

impl fmt::Display for Rendezvous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wait for the createRuntime hooks")
    }
}

fn failure(kind: &'static str, hook: &Hook, reason: String) -> RuntimeError {
    RuntimeError::Hook {
        kind,
        path: hook.path.clone(),
        reason,
    }
}

fn one(hook: &Hook, state: &str) -> Result<(), String> {
    let mut command = Command::new(&hook.path);
    let variables = hook.env.iter().filter_map(|it| it.split_once('='));
    command.env_clear().envs(variables);
    if let Some((name, args)) = hook.args.split_first() {
        command.arg0(name).args(args);
    }
    let (stdin, stderr) = (Stdio::piped(), Stdio::piped());
    let spawned = command
        .stdin(stdin)
        .stdout(Stdio::null())
        .stderr(stderr)
        .spawn();
    let mut child = spawned.map_err(|error| error.to_string())?;
    if let Some(mut stdin) = child.stdin.take() {
        // one that does not read it does not care
        let _ = stdin.write_all(state.as_bytes());
    }
    let limit = hook
        .timeout
        .map(|seconds| Duration::from_secs(seconds.unsigned_abs()));
    let in_time = limit.is_none_or(|limit| ends_within(&child, limit));
    if !in_time {
        let _ = child.kill();
    }
    let mut complaint = String::new();
    let status = child.wait().map_err(|error| error.to_string())?;
    if let Some(stderr) = child.stderr.take().filter(|_| in_time && !status.success()) {
        // whoever it left behind may hold it open: only what is there is read
        let _ = rustix::io::ioctl_fionbio(&stderr, true);
        let mut bytes = Vec::new();
        let _ = stderr.take(COMPLAINT).read_to_end(&mut bytes);
        complaint = String::from_utf8_lossy(&bytes).trim().to_owned();
    }
    match (in_time, status.success()) {
        (false, _) => Err(format!(
            "it took more than {} s",
            limit.unwrap_or_default().as_secs()
        )),
        (true, true) => Ok(()),
        (true, false) if complaint.is_empty() => Err(status.to_string()),
        (true, false) => Err(format!("{status}: {complaint}")),
    }
}

fn ends_within(child: &Child, limit: Duration) -> bool {
    let pid = Pid::from_raw(child.id() as i32);
    let Some(Ok(pidfd)) = pid.map(|pid| pidfd_open(pid, PidfdFlags::empty())) else {
        return true;
    };
    let deadline = Instant::now() + limit;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).ok();
        let mut ends = [PollFd::new(&pidfd, PollFlags::IN)];
        match poll(&mut ends, timeout.as_ref()) {
            Ok(0) => return false,
            Err(rustix::io::Errno::INTR) => {}
            _ => return true,
        }
    }
}
