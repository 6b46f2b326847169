//! The monitor of one container: a small process with one thread, the parent of all it runs in it.
//!
//! ```text
//! netd -- spawns --> rnet-shim DIR -- forks --> itself again, in its own session; netd may die from here on
//!                                                 | creates the container, says so, listens
//!                                                 | start, exec, attach, ...: see `wire`
//!                                                 | the first process ends: DIR/exit.json
//!                                                 v goes
//! ```
//!
//! One poll waits for everything; after it everything is asked for progress, and nothing of that blocks. It need be
//! no subreaper: orphans of the container go to the first process of its pid namespace.

mod client;
mod exec;
mod monitor;
mod requests;
mod server;
mod stdio;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, setrlimit};

use crate::wire::{Failure, Reply};
use crate::{RuntimeError, sys};
use monitor::Monitor;
pub(crate) use monitor::root_of;

/// Creates the container of `directory` as its `spec.json` says, and stays with it until it ends.
///
/// Returns at once with the first of the two processes it becomes. The other tells on the standard output, in one
/// line, what became of the creation, and closes it; its standard error is for complaints.
///
/// **Contract:** called first in a process with one thread, which uses no descriptors but the first three.
pub fn main(directory: &Path) -> ExitCode {
    match detach() {
        Ok(true) => {}
        Ok(false) => return ExitCode::SUCCESS,
        Err(error) => return failed(error),
    }
    limit_files();
    let monitor = match Monitor::create(directory) {
        Ok(monitor) => monitor,
        Err(error) => return failed(error),
    };
    if let Err(error) = say(&monitor.created()).and_then(|()| close_stdout()) {
        complain("tell that a container was created", &error);
        return ExitCode::FAILURE;
    }
    monitor.run();
    ExitCode::SUCCESS
}

/// Gives containers the limits of open files that programs are used to, not the daemon's: some walk through all they may
/// have, and some use no descriptor above 1023 (systemd's NEWS, version 240).
fn limit_files() {
    let allowed = getrlimit(Resource::Nofile);
    let within = |wanted: u64| Some(allowed.maximum.map_or(wanted, |most| most.min(wanted)));
    let usual = Rlimit {
        current: within(1024),
        maximum: within(524_288),
    };
    // lowering a limit is always allowed
    let _ = setrlimit(Resource::Nofile, usual);
}

/// Splits off the process that stays; true in it.
fn detach() -> Result<bool, RuntimeError> {
    let failed = || RuntimeError::step("separate a monitor from the daemon");
    sys::close_all_but(&[]).map_err(failed())?;
    // nobody in a container may look into a process of ours that is on its way there
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(failed())?;
    // it was run by a descriptor, whose number it would be called by else
    rustix::thread::set_name(c"rnet-shim").map_err(failed())?;
    rustix::process::chdir(c"/").map_err(failed())?;
    sys::daemonize().map_err(failed())
}

fn failed(error: RuntimeError) -> ExitCode {
    let _ = say(&Reply::Failed(Failure::from(error)));
    ExitCode::FAILURE
}

fn say(reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    io::stdout().write_all(&line)?;
    io::stdout().flush()
}

fn close_stdout() -> io::Result<()> {
    let null = std::fs::OpenOptions::new().write(true).open("/dev/null")?;
    Ok(rustix::stdio::dup2_stdout(null)?)
}

/// Notes what went wrong where nobody waits for an answer; that this fails must not matter either.
fn complain(what: &str, error: &dyn std::error::Error) {
    let cause = error
        .source()
        .map(|cause| format!(": {cause}"))
        .unwrap_or_default();
    let _ = writeln!(
        io::stderr(),
        "{} cannot {what}: {error}{cause}",
        jiff::Timestamp::now()
    );
}
