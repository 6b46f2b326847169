//! `create`: from a bundle to a process that waits to be started.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use jiff::Timestamp;
use rustix::process::{Pid, Rlimit};

use super::args;
use super::config::{Config, Process};
use super::plan::{self, Given};
use super::state::{self, Container, Record, Status, Store};
use super::{check, console, door, hooks, process, remove, resources};
use crate::RuntimeError;
use crate::cgroup::Cgroup;
use crate::init::{Child, Identity};
use crate::record::ProcessId;

/// Makes a container; a failure leaves nothing behind.
pub(super) fn create(store: &Store, args: &args::Create) -> Result<(), RuntimeError> {
    let socket = args.given.console_socket.as_deref().map(console::connect);
    make(store, args, socket.transpose()?).map(drop)
}

/// The same, with where its terminal goes.
pub(super) fn make(
    store: &Store,
    args: &args::Create,
    console: Option<OwnedFd>,
) -> Result<Container, RuntimeError> {
    let bundle = state::bundle(&args.bundle)?;
    let (text, config) = Config::read(&bundle)?;
    let process = config.process.as_ref();
    let process = process
        .ok_or_else(|| check::invalid("process is missing"))?
        .clone();
    if console.is_some() && !process.terminal {
        return Err(check::invalid(
            "a console socket is for process.terminal only",
        ));
    }
    let record = Record {
        id: args.id.clone(),
        bundle,
        config: text,
        cgroup: cgroup_path(&config, &args.id)?,
        created: Timestamp::now(),
        init: None,
    };
    if store.leftover(&args.id)?.is_some() {
        let id = args.id.clone();
        return Err(RuntimeError::BundleExists { id });
    }
    if Cgroup::at(&record.cgroup)?.is_used() {
        let path = &record.cgroup;
        return Err(check::invalid(format!(
            "linux.cgroupsPath {path}: the control group has processes of somebody else"
        )));
    }
    let mut container = store.add(record, config)?;
    let made = build(&mut container, &process, args, console);
    if made.is_err() {
        // the first error tells more than one of cleaning up after it
        let _ = remove::clean(&container);
    }
    made.map(|()| container)
}

fn build(
    container: &mut Container,
    process: &Process,
    args: &args::Create,
    console: Option<OwnedFd>,
) -> Result<(), RuntimeError> {
    let config = &container.config;
    let cgroup = container.cgroup()?;
    cgroup.create(&crate::limits::Limits::default())?;
    resources::apply(&cgroup, &config.linux.resources)?;
    resources::allow_devices(&cgroup, &config.linux.resources.devices)?;
    let given = Given {
        console,
        preserved: args.given.preserve_fds,
        old_keyring: args.no_new_keyring,
        no_pivot: args.no_pivot,
    };
    let limits = process::limits(process)?;
    let door = door::open(&container.directory)?;
    let state = container.state(Status::Creating).to_string();
    let bundle = &container.record.bundle;
    let plan = plan::first(config, process, bundle, &cgroup, door, given, &state)?;
    let child = plan.spawn()?;
    let made = settle(container, &child, process, args, &limits);
    if made.is_err() {
        end(&child);
    }
    made
}

fn settle(
    container: &mut Container,
    child: &Child,
    process: &Process,
    args: &args::Create,
    limits: &[crate::rlimit::ProcessLimit],
) -> Result<(), RuntimeError> {
    container.record.init = ProcessId::of(child.pid.as_raw_nonzero().get() as u32);
    let all = &container.config.hooks;
    if hooks::beside(&container.config) {
        child.wait_ready()?;
        hooks::run("prestart", &all.prestart, container, Status::Creating)?;
        hooks::run(
            "createRuntime",
            &all.create_runtime,
            container,
            Status::Creating,
        )?;
        child.go_on()?;
    }
    child.wait_ready()?;
    bound(child.pid, process, limits)?;
    container.save()?;
    write_pid(args.given.pid_file.as_deref(), child.pid)?;
    child.let_be(identity(child, process)?)
}

/// Sets the limits of a process that waits: it could not raise them in a user namespace.
pub(super) fn bound(
    pid: Pid,
    process: &Process,
    limits: &[crate::rlimit::ProcessLimit],
) -> Result<(), RuntimeError> {
    if let Some(score) = process.oom_score_adj {
        let file = format!("/proc/{}/oom_score_adj", pid.as_raw_nonzero());
        fs::write(&file, score.to_string()).map_err(RuntimeError::file("write", file))?;
    }
    for limit in limits {
        let rlimit = Rlimit {
            current: limit.soft,
            maximum: limit.hard,
        };
        rustix::process::prlimit(Some(pid), limit.resource.kernel(), rlimit)
            .map_err(RuntimeError::step(format!("set the limit {limit}")))?;
    }
    Ok(())
}

/// Who a process runs as, with the home that the container's passwd file gives it.
pub(super) fn identity(child: &Child, process: &Process) -> Result<Identity, RuntimeError> {
    let root = crate::shim::root_of(child)?;
    let home = crate::user::home_of(root.as_fd(), process.user.uid)?;
    let user = &process.user;
    Identity::new(user.uid, user.gid, &user.additional_gids, &home)
}

/// Writes a number where a caller reads it: all of it or nothing.
pub(super) fn write_pid(file: Option<&Path>, pid: Pid) -> Result<(), RuntimeError> {
    let Some(file) = file else {
        return Ok(());
    };
    let mut draft = file.as_os_str().to_owned();
    draft.push(".new");
    let written = fs::write(&draft, pid.as_raw_nonzero().to_string());
    written
        .and_then(|()| fs::rename(&draft, file))
        .map_err(RuntimeError::file("write", file))
}

/// Ends a child that is not to be, and waits for it.
pub(super) fn end(child: &Child) {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    let _ = crate::sys::send_signal(child.pidfd.as_fd(), libc::SIGKILL);
    let _ = waitid(WaitId::PidFd(child.pidfd.as_fd()), WaitIdOptions::EXITED);
}

/// Where its processes are accounted, relative to the root of each hierarchy.
fn cgroup_path(config: &Config, id: &str) -> Result<String, RuntimeError> {
    let asked = config.linux.cgroups_path.as_deref().unwrap_or_default();
    if asked.contains(':') {
        return Err(check::unsupported(format!(
            "linux.cgroupsPath {asked:?}, a unit of systemd,"
        )));
    }
    let path: Vec<&str> = asked
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    let path = if path.is_empty() {
        id.to_owned()
    } else {
        path.join("/")
    };
    crate::cgroup::check(&path)?;
    Ok(path)
}
