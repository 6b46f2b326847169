//! From a configuration to the plan of a container's first process, and of those that `exec` adds.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};

use rustix::thread::ThreadNameSpaceType;

use super::config::{Config, NamespaceKind, Process};
use super::console::{AwaitTerminal, NewSession};
use super::door::AwaitStart;
use super::hooks::{self, RunHooks};
use super::process::{self, Settings};
use super::root::{EnterRoot, ShowRoot};
use super::{devices, mounts};
use crate::RuntimeError;
use crate::cgroup::Cgroup;
use crate::idmap::IdMaps;
use crate::init::bounds::Sysctl;
use crate::init::{Identity, Namespaces, Pinned, Plan, Step, Target, User};

/// What a process of a container gets from who asked for it.
pub(super) struct Given {
    /// Where the other end of its terminal goes.
    pub(super) console: Option<OwnedFd>,
    /// How many descriptors from 3 on it keeps.
    pub(super) preserved: u32,
    /// Whether it keeps the keys of who asked.
    pub(super) old_keyring: bool,
    /// Whether its root is moved over the old one, where that cannot be swapped away.
    pub(super) no_pivot: bool,
}

impl Given {
    fn kept(&self) -> impl Iterator<Item = RawFd> + use<> {
        (3..).take(self.preserved as usize)
    }
}

/// Plans the first process; it says twice that it is ready if there are hooks to be run beside it.
pub(super) fn first(
    config: &Config,
    process: &Process,
    bundle: &Path,
    cgroup: &Cgroup,
    door: AwaitStart,
    given: Given,
    state: &str,
) -> Result<Plan, RuntimeError> {
    let linux = &config.linux;
    let (mounts, late) = mounts::steps(config, bundle, cgroup)?;
    let mut steps = doors(cgroup)?;
    for (kind, new) in [
        (NamespaceKind::Cgroup, Some(Step::HideCgroups)),
        (NamespaceKind::Mount, None),
    ] {
        match linux.namespaces.iter().find(|it| it.kind == kind) {
            Some(it) if it.path.is_some() => {
                let path = it.path.clone().unwrap_or_default();
                steps.push(Step::act(process::Join(Pinned::open(path, kind.link())?)));
            }
            found => steps.extend(new.filter(|_| found.is_some())),
        }
    }
    steps.push(Step::LeaveHostAlone);
    steps.push(Step::act(ShowRoot(mounts::root(config, bundle)?)));
    steps.extend(mounts);
    steps.extend(devices::steps(config)?);
    steps.push(Step::Directory(Target::new(&process.cwd)?));
    if process.terminal {
        let socket = given.console.as_ref().ok_or_else(|| {
            super::check::invalid(
                "process.terminal needs --console-socket, or `run` in the foreground",
            )
        })?;
        let socket = socket
            .try_clone()
            .map_err(RuntimeError::step("hold the console socket"))?;
        steps.push(Step::act(AwaitTerminal::new(
            socket,
            process.console_size,
            true,
        )));
    } else {
        steps.push(Step::act(NewSession));
    }
    if hooks::beside(config) {
        steps.push(Step::act(hooks::Rendezvous));
    }
    let within = &config.hooks.create_container;
    if !within.is_empty() {
        steps.push(Step::act(RunHooks::new("createContainer", within, state)));
    }
    for (name, value) in &linux.sysctl {
        steps.push(Step::Sysctl(Sysctl::new(name, value)?));
    }
    for path in &linux.masked_paths {
        steps.push(Step::Mask(Target::new(path)?));
    }
    for path in &linux.readonly_paths {
        steps.push(Step::Protect(Target::new(path)?));
    }
    steps.extend(late);
    if config.root.as_ref().is_some_and(|root| root.readonly) {
        steps.push(Step::act(super::root::Freeze));
    }
    if let Some(label) = process::label(process)? {
        steps.push(label);
    }
    steps.push(match given.no_pivot {
        true => Step::act(EnterRoot),
        false => Step::EnterRoot,
    });
    if !given.old_keyring {
        steps.push(Step::LeaveKeyring);
    }
    if let Some(name) = config.hostname.as_ref().filter(|name| !name.is_empty()) {
        steps.push(Step::Hostname(name.clone()));
    }
    if let Some(name) = config.domainname.as_ref().filter(|name| !name.is_empty()) {
        steps.push(Step::act(process::Domainname(name.clone())));
    }
    let mut kept: Vec<RawFd> = given.kept().collect();
    kept.push(door.descriptor());
    steps.push(Step::CloseRest { but: kept });
    steps.push(Step::WorkingDirectory(Target::new(&process.cwd)?));
    steps.push(Step::act(process::FindProgram(process.clone())));
    steps.extend([Step::AwaitIdentity, Step::act(door)]);
    let start = RunHooks::new("startContainer", &config.hooks.start_container, state);
    let start = Some(start).filter(|_| !config.hooks.start_container.is_empty());
    steps.extend(Settings::of(config, process)?.steps(start, process)?);
    Ok(Plan {
        steps,
        identity: Identity::ROOT,
        namespaces: namespaces(config)?,
        cgroup: cgroup.directory()?,
    })
}

/// Plans a process beside the one behind `first`, a pidfd, in `namespaces` of it.
pub(super) fn another(
    config: &Config,
    process: &Process,
    cgroup: &Cgroup,
    first: OwnedFd,
    namespaces: ThreadNameSpaceType,
    given: Given,
) -> Result<Plan, RuntimeError> {
    let mut steps = doors(cgroup)?;
    let label = process::label(process)?;
    let mut kept: Vec<RawFd> = given.kept().collect();
    let pid_namespace = Pinned {
        path: PathBuf::from("of the container"),
        namespace: first
            .try_clone()
            .map_err(RuntimeError::step("hold the container"))?,
        kind: NamespaceKind::Pid.link(),
    };
    steps.extend(label);
    let inside: Vec<RawFd> = [first.as_raw_fd()]
        .into_iter()
        .chain(given.console.as_ref().map(AsRawFd::as_raw_fd))
        .chain(kept.iter().copied())
        .collect();
    // nothing of the host may be open in a process that the container can see
    steps.push(Step::CloseRest { but: inside });
    steps.push(Step::JoinContainer(first, namespaces));
    match given.console {
        Some(socket) if process.terminal => {
            steps.push(Step::act(super::root::FindRoot));
            steps.push(Step::act(AwaitTerminal::new(
                socket,
                process.console_size,
                false,
            )));
        }
        _ if process.terminal => {
            return Err(super::check::invalid(
                "a terminal needs --console-socket, or a command in the foreground",
            ));
        }
        _ => steps.push(Step::act(NewSession)),
    }
    steps.push(Step::CloseRest {
        but: std::mem::take(&mut kept),
    });
    if !given.old_keyring {
        steps.push(Step::LeaveKeyring);
    }
    steps.push(Step::WorkingDirectory(Target::new(&process.cwd)?));
    steps.push(Step::AwaitIdentity);
    steps.extend(Settings::of(config, process)?.steps(None, process)?);
    Ok(Plan {
        steps,
        identity: Identity::ROOT,
        namespaces: Namespaces {
            joined: vec![pid_namespace],
            ..Namespaces::default()
        },
        cgroup: cgroup.directory()?,
    })
}

fn doors(cgroup: &Cgroup) -> Result<Vec<Step>, RuntimeError> {
    let doors = cgroup.doors()?.into_iter();
    Ok(doors
        .map(|(path, door)| Step::JoinCgroup(path, door))
        .collect())
}

fn namespaces(config: &Config) -> Result<Namespaces, RuntimeError> {
    use NamespaceKind as Kind;
    let linux = &config.linux;
    let mut all = Namespaces::default();
    for it in &linux.namespaces {
        match (it.kind, it.path.clone()) {
            // by a step: the root of the one is where the process is then, the other needs no way back
            (Kind::Cgroup, _) | (Kind::Mount, Some(_)) => {}
            (Kind::User, None) => {
                all.user = Some(User::New(IdMaps {
                    users: linux.uid_mappings.clone(),
                    groups: linux.gid_mappings.clone(),
                }));
            }
            (Kind::User, Some(path)) => {
                all.user = Some(User::Pinned(Pinned::open(path, Kind::User.link())?));
            }
            (kind, Some(path)) => all.joined.push(Pinned::open(path, kind.link())?),
            (kind, None) => all.new |= kind.flag(),
        }
    }
    if !linux.time_offsets.is_empty() {
        let line = |(clock, it): (&String, &super::config::ClockOffset)| {
            format!("{clock} {} {}\n", it.secs, it.nanosecs)
        };
        all.clocks = Some(linux.time_offsets.iter().map(line).collect());
    }
    Ok(all)
}
