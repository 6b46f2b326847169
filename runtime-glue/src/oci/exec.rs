//! `exec`: another program in a container.

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::process::ExitCode;

use rustix::thread::ThreadNameSpaceType;

use super::args;
use super::check::{self, invalid};
use super::config::Process;
use super::plan::{self, Given};
use super::state::{Container, Status, Store};
use super::{console, create, foreground, process};
use crate::RuntimeError;

/// Runs the program; unless detached, until it ends.
pub(super) fn exec(store: &Store, args: &args::Exec) -> Result<ExitCode, RuntimeError> {
    let container = store.find(&args.id)?;
    match container.status()? {
        Status::Running | Status::Created => {}
        Status::Paused if args.ignore_paused => {}
        status => {
            return Err(RuntimeError::WrongStatus {
                operation: "exec in",
                id: args.id.clone(),
                status: format!("{status:?}").to_lowercase(),
            });
        }
    }
    let asked = asked(&container, args)?;
    check::process(&asked)?;
    let socket = args
        .given
        .console_socket
        .as_deref()
        .map(console::connect)
        .transpose()?;
    let terminal = asked.terminal && socket.is_none() && !args.detach;
    let (console, ours) = foreground::terminal(socket, terminal)?;
    if !args.detach {
        foreground::hold_signals();
    }
    let init = container.record.init.and_then(|init| init.descriptor());
    let init = init.ok_or(RuntimeError::NotAlive)?;
    let limits = process::limits(&asked)?;
    let given = Given {
        console,
        preserved: args.given.preserve_fds,
        old_keyring: false,
        no_pivot: false,
    };
    let namespaces = namespaces(container.pid(Status::Running));
    let cgroup = container.cgroup()?;
    let planned = plan::another(&container.config, &asked, &cgroup, init, namespaces, given);
    let child = planned?.spawn()?;
    let ran = child
        .wait_ready()
        .and_then(|()| create::bound(child.pid, &asked, &limits))
        .and_then(|()| child.go(create::identity(&child, &asked)?))
        .and_then(|()| create::write_pid(args.given.pid_file.as_deref(), child.pid));
    if let Err(error) = ran {
        create::end(&child);
        return Err(error);
    }
    if args.detach {
        return Ok(ExitCode::SUCCESS);
    }
    let ours = ours.map(foreground::receive).transpose()?;
    foreground::stay(child.pidfd.as_fd(), ours)
}

/// The process as the command line has it: one of a file, or the container's own with another command.
fn asked(container: &Container, args: &args::Exec) -> Result<Process, RuntimeError> {
    if let Some(path) = &args.process {
        let text = fs::read_to_string(path).map_err(RuntimeError::file("read", path))?;
        return serde_json::from_str(&text).map_err(|source| RuntimeError::Parse {
            path: path.clone(),
            source,
        });
    }
    let own = container.config.process.clone();
    let mut process = own.ok_or_else(|| invalid("the container has no process to be like"))?;
    process.args.clone_from(&args.args);
    process.terminal = args.tty;
    process.console_size = None;
    process.env.extend(args.env.iter().cloned());
    if let Some(cwd) = &args.cwd {
        process.cwd.clone_from(cwd);
    }
    if let Some(user) = &args.user {
        let (uid, gid) = user.split_once(':').unwrap_or((user, "0"));
        let number = |text: &str| {
            text.parse()
                .map_err(|_| invalid(format!("--user {user:?}: use numbers, UID[:GID]")))
        };
        (process.user.uid, process.user.gid) = (number(uid)?, number(gid)?);
        process.user.additional_gids.clear();
    }
    process.user.additional_gids.extend(&args.additional_gids);
    if !args.cap.is_empty() {
        let sets = process.capabilities.get_or_insert_default();
        for set in [&mut sets.bounding, &mut sets.effective, &mut sets.permitted] {
            set.extend(args.cap.iter().cloned());
        }
    }
    if let Some(no_new) = args.no_new_privs {
        process.no_new_privileges = no_new;
    }
    if args.apparmor.is_some() {
        process.apparmor_profile.clone_from(&args.apparmor);
    }
    if args.process_label.is_some() {
        process.selinux_label.clone_from(&args.process_label);
    }
    Ok(process)
}

/// Those of a process that are not ours.
fn namespaces(pid: u32) -> ThreadNameSpaceType {
    use ThreadNameSpaceType as Type;
    let kinds = [
        ("user", Type::USER),
        ("mnt", Type::MOUNT),
        ("net", Type::NETWORK),
        ("uts", Type::HOST_NAME_AND_NIS_DOMAIN_NAME),
        ("ipc", Type::INTER_PROCESS_COMMUNICATION),
        ("cgroup", Type::CONTROL_GROUP),
        ("time", Type::TIME),
    ];
    let number = |pid: &str, name: &str| {
        let facts = fs::metadata(format!("/proc/{pid}/ns/{name}")).ok();
        facts.map(|it| (it.dev(), it.ino()))
    };
    let pid = pid.to_string();
    let others = kinds
        .into_iter()
        .filter(|(name, _)| number(&pid, name) != number("self", name));
    others.fold(Type::empty(), |all, (_, kind)| all | kind)
}
