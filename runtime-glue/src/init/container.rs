//! The plan for a container's first process.

use std::ffi::CString;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::thread::LinkNameSpaceType as Kind;

use super::bounds::{Bounds, Sysctl};
use super::devices::HostDevice;
use super::filesystems::View;
use super::mounts::OVERLAY_BASE;
use super::security::Privileges;
use super::{
    Command, Identity, MonitorEnds, Namespaces, Pinned, Plan, Step, Target, Terminals, streams,
};
use crate::RuntimeError;
use crate::cgroup::Cgroup;
use crate::spec::{MountSource, Namespace, Network, Rootfs, Spec};

/// A plan with what the monitor keeps of it.
pub(crate) struct Prepared {
    pub(crate) plan: Plan,
    pub(crate) ends: MonitorEnds,
    /// Where terminals for the container are made; none if it has no devpts.
    pub(crate) terminals: Option<Terminals>,
}

/// Plans the process that `spec` describes, in `cgroup`, which exists, with `devices` of the host; the root file system is mounted over the
/// directory `place`, which only the process sees.
pub(crate) fn prepare(
    spec: &Spec,
    cgroup: &Cgroup,
    devices: &[HostDevice],
    place: &Path,
) -> Result<Prepared, RuntimeError> {
    let mut steps = vec![Step::DieWithMonitor];
    steps.extend(
        cgroup
            .doors()?
            .into_iter()
            .map(|(path, door)| Step::JoinCgroup(path, door)),
    );
    let namespaces = &spec.namespaces;
    if namespaces.cgroup == Namespace::Own {
        steps.push(Step::HideCgroups);
    }
    if let Network::Namespace(path) = &spec.network {
        let pinned = File::open(path).map_err(RuntimeError::file("open", path))?;
        steps.push(Step::JoinNetwork(path.clone(), pinned.into()));
    }
    steps.push(Step::LeaveHostAlone);
    steps.push(overlay(&spec.rootfs, spec.devices.can_be_made(), place)?);

    let has_terminals = spec
        .mounts
        .iter()
        .any(|m| m.source == MountSource::Pseudoterminals);
    let terminals = has_terminals.then(Terminals::new).transpose()?;
    let view = View {
        cgroup,
        all_cgroups: namespaces.cgroup == Namespace::Host,
        terminals: terminals.as_ref(),
        device_files: spec.devices.can_be_made(),
    };
    for mount in &spec.mounts {
        steps.extend(view.steps(mount)?);
    }
    for device in devices {
        steps.push(device.step(spec.devices.all)?);
    }
    for (name, value) in &spec.sysctls {
        steps.push(Step::Sysctl(Sysctl::new(name, value)?));
    }
    let working_directory = || Target::new(&spec.process.cwd);
    steps.push(Step::Directory(working_directory()?));
    for path in &spec.masked_paths {
        steps.push(Step::Mask(Target::new(path)?));
    }
    for path in &spec.readonly_paths {
        steps.push(Step::Protect(Target::new(path)?));
    }
    if spec.rootfs.readonly {
        steps.push(Step::Freeze(Target::new("/")?));
    }
    if spec.process.tty && terminals.is_none() {
        let reason = "a terminal needs pseudoterminals among the mounts".to_owned();
        return Err(RuntimeError::InvalidSpec { reason });
    }
    let privileges = Privileges::of(spec)?;
    let own_terminal = terminals.as_ref().filter(|_| spec.process.tty);
    let (child_ends, ends) = streams(spec.open_stdin, own_terminal)?;
    steps.extend([Step::EnterRoot, Step::LeaveKeyring]);
    if namespaces.uts == Namespace::Own {
        steps.push(Step::Hostname(spec.hostname.clone()));
    }
    steps.extend([
        Step::TakeStreams(child_ends),
        Step::CloseRest { but: Vec::new() },
        Step::AwaitIdentity,
        Step::WorkingDirectory(working_directory()?),
        Step::OwnStreams {
            stdin: spec.open_stdin || spec.process.tty,
        },
        Step::Bound(Bounds::of(spec)?),
        Step::Become(privileges.identity()),
        Step::DieWithMonitor,
    ]);
    if spec.init {
        steps.push(Step::StandBehind(Privileges::of(spec)?));
    }
    steps.extend([
        Step::ResetSignals,
        Step::Confine(privileges),
        Step::Execute(Command::new(&spec.process)?),
    ]);
    let joined = [
        (&namespaces.pid, Kind::ProcessID),
        (&namespaces.ipc, Kind::InterProcessCommunication),
        (&namespaces.uts, Kind::HostNameAndNISDomainName),
        (&namespaces.cgroup, Kind::ControlGroup),
    ];
    let joined = joined.into_iter().filter_map(|(of, kind)| match of {
        Namespace::At(path) => Some(Pinned::open(path.clone(), kind)),
        Namespace::Own | Namespace::Host => None,
    });
    let joined = joined.collect::<Result<_, _>>()?;
    let own = [
        (&namespaces.pid, libc::CLONE_NEWPID),
        (&namespaces.ipc, libc::CLONE_NEWIPC),
        (&namespaces.uts, libc::CLONE_NEWUTS),
    ];
    let own = own.into_iter().filter(|(of, _)| **of == Namespace::Own);
    let namespaces = Namespaces {
        new: own.fold(libc::CLONE_NEWNS, |all, (_, one)| all | one),
        joined,
        ..Namespaces::default()
    };
    let cgroup = cgroup.directory()?;
    let plan = Plan {
        steps,
        identity: Identity::ROOT,
        namespaces,
        cgroup,
    };
    Ok(Prepared {
        plan,
        ends,
        terminals,
    })
}

fn overlay(rootfs: &Rootfs, device_files: bool, place: &Path) -> Result<Step, RuntimeError> {
    if rootfs.lower.is_empty() {
        let reason = "a root file system needs at least one lower directory".to_owned();
        return Err(RuntimeError::InvalidSpec { reason });
    }
    let lower = rootfs.lower.len() as i32;
    let numbers = (OVERLAY_BASE..)
        .take(rootfs.lower.len())
        .map(|n| n.to_string());
    let (upper, work) = (OVERLAY_BASE + lower, OVERLAY_BASE + lower + 1);
    let layers = numbers.collect::<Vec<_>>().join(":");
    let options = format!("lowerdir={layers},upperdir={upper},workdir={work}");
    let directories = rootfs.lower.iter().chain([&rootfs.upper, &rootfs.work]);
    Ok(Step::Overlay {
        directories: directories
            .map(|path| host_path(path))
            .collect::<Result<_, _>>()?,
        options: CString::new(options).map_err(RuntimeError::step("name the layers"))?,
        place: host_path(place)?,
        device_files,
    })
}

pub(super) fn host_path(path: &Path) -> Result<CString, RuntimeError> {
    let invalid = |why| RuntimeError::InvalidSpec {
        reason: format!("{path:?} {why}"),
    };
    if !path.is_absolute() {
        return Err(invalid("is no absolute path of the host"));
    }
    CString::new(path.as_os_str().as_bytes()).map_err(|_| invalid("contains a NUL character"))
}
