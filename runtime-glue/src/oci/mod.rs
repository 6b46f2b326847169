//! The runtime behind the command line that runc and crun have, for bundles of the OCI runtime specification.
//!
//! ```text
//! config.json -> Config -> Plan ---- create ----> init: waits at its door -- start --> the program
//!                            \-- the steps, the child, the control groups: those of netd's containers
//! ```
//!
//! It needs no daemon and leaves no process behind but the container's own; what it must know the next time is in
//! `ROOT/ID/state.json`. Who called it is the parent of the container's first process, or whoever takes in orphans.

mod args;
mod check;
mod config;
mod console;
mod control;
mod create;
mod devices;
mod door;
mod exec;
mod features;
mod foreground;
mod hooks;
mod log;
mod mounts;
mod plan;
mod priority;
mod process;
mod remove;
mod resources;
mod root;
mod sample;
mod show;
mod start;
mod state;
mod update;

use std::process::ExitCode;

use clap::Parser;
use rustix::process::DumpableBehavior;

use crate::{RuntimeError, sys};
use args::{Args, Command};
use state::Store;

/// Runs the command line of this process.
///
/// **Contract:** called first in a process with one thread.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let log = args
        .log
        .as_deref()
        .filter(|path| !path.as_os_str().is_empty());
    log::open(log, args.log_format);
    match run(&args) {
        Ok(code) => code,
        Err(error) => {
            log::error(&error.chain());
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<ExitCode, RuntimeError> {
    if args.systemd_cgroup {
        return Err(check::unsupported(
            "--systemd-cgroup (use the cgroupfs driver of your engine), it",
        ));
    }
    let store = Store::new(args.root.clone());
    let done = |()| ExitCode::SUCCESS;
    match &args.command {
        Command::Create(it) => guard(&it.given)
            .and_then(|()| create::create(&store, it))
            .map(done),
        Command::Start { id } => start::start(&store, id).map(done),
        Command::Run(it) => guard(&it.create.given).and_then(|()| foreground::run(&store, it)),
        Command::Exec(it) => guard(&it.given).and_then(|()| exec::exec(&store, it)),
        Command::State { id } => show::state(&store, id).map(done),
        Command::List { format, quiet } => show::list(&store, *format, *quiet).map(done),
        Command::Ps { id, format, args } => show::ps(&store, id, *format, args),
        Command::Kill { id, signal, all } => control::kill(&store, id, signal, *all).map(done),
        Command::Delete { id, force } => remove::delete(&store, id, *force).map(done),
        Command::Pause { id } => control::pause(&store, id).map(done),
        Command::Resume { id } => control::resume(&store, id).map(done),
        Command::Update(it) => update::update(&store, it).map(done),
        Command::Features => features::print_all().map(done),
        Command::Spec { bundle, rootless } => sample::write(bundle.as_deref(), *rootless).map(done),
    }
}

/// Before a process of ours goes where a container can see it.
fn guard(given: &args::Given) -> Result<(), RuntimeError> {
    const STEP: &str = "protect the runtime from its containers";
    // what runs in a container has this program as its own for a moment, and may try to write to it by /proc/self/exe
    // (CVE-2019-5736); the one it sees is on a mount that nobody can write to
    sys::run_from_readonly_view().map_err(RuntimeError::step(STEP))?;
    // nobody in a container may look into it on the way (ptrace(2))
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(RuntimeError::step(STEP))?;
    // hooks get nothing of what a caller left open
    let first = 3 + given.preserve_fds as i32;
    sys::close_on_exec_from(first).map_err(RuntimeError::step(STEP))
}
