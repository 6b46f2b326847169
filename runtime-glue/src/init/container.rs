//! The plan for a container's first process.

use std::ffi::CString;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::mount::MountAttrFlags;

use super::mounts::{self, OVERLAY_BASE, sealed};
use super::security::Privileges;
use super::{Command, Identity, MonitorEnds, Plan, Step, Target, Terminals, devices, streams};
use crate::cgroup::Cgroup;
use crate::spec::{Mount, MountSource, Network, Rootfs, Spec};
use crate::{RuntimeError, sys};

/// A plan with what the monitor keeps of it.
pub(crate) struct Prepared {
    pub(crate) plan: Plan,
    pub(crate) ends: MonitorEnds,
    /// Where terminals for the container are made; none if it has no devpts.
    pub(crate) terminals: Option<Terminals>,
}

/// Plans the process that `spec` describes, in `cgroup`, which exists; the root file system is mounted over the
/// directory `place`, which only the process sees.
pub(crate) fn prepare(
    spec: &Spec,
    cgroup: &Cgroup,
    place: &Path,
) -> Result<Prepared, RuntimeError> {
    let mut steps = vec![Step::DieWithMonitor];
    steps.extend(
        cgroup
            .doors()?
            .into_iter()
            .map(|(path, door)| Step::JoinCgroup(path, door)),
    );
    steps.push(Step::HideCgroups);
    if let Network::Namespace(path) = &spec.network {
        let pinned = File::open(path).map_err(RuntimeError::file("open", path))?;
        steps.push(Step::JoinNetwork(path.clone(), pinned.into()));
    }
    steps.push(Step::LeaveHostAlone);
    steps.push(overlay(&spec.rootfs, place)?);

    let has_terminals = spec
        .mounts
        .iter()
        .any(|m| m.source == MountSource::Pseudoterminals);
    let terminals = has_terminals.then(Terminals::new).transpose()?;
    for mount in &spec.mounts {
        steps.extend(mount_steps(mount, cgroup, terminals.as_ref())?);
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
    let own_terminal = terminals.as_ref().filter(|_| spec.process.tty);
    let (child_ends, ends) = streams(spec.open_stdin, own_terminal)?;
    steps.extend([
        Step::EnterRoot,
        Step::LeaveKeyring,
        Step::Hostname(spec.hostname.clone()),
        Step::TakeStreams(child_ends),
        Step::CloseRest { but: None },
        Step::AwaitIdentity,
        Step::WorkingDirectory(working_directory()?),
        Step::OwnStreams {
            stdin: spec.open_stdin || spec.process.tty,
        },
        Step::Restrict(Privileges::new(spec.capabilities, spec.no_new_privileges)?),
        Step::DieWithMonitor,
        Step::ResetSignals,
        Step::Execute(Command::new(&spec.process)?),
    ]);
    let namespaces =
        libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::CLONE_NEWUTS | libc::CLONE_NEWIPC;
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

fn overlay(rootfs: &Rootfs, place: &Path) -> Result<Step, RuntimeError> {
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
    })
}

fn mount_steps(
    mount: &Mount,
    cgroup: &Cgroup,
    terminals: Option<&Terminals>,
) -> Result<Vec<Step>, RuntimeError> {
    let readonly = if mount.readonly {
        MountAttrFlags::MOUNT_ATTR_RDONLY
    } else {
        MountAttrFlags::empty()
    };
    let target = Target::new(&mount.target)?;
    let plain = |kind, options, attributes, target| {
        let attributes = attributes | readonly;
        Ok(vec![Step::FileSystem {
            kind,
            options,
            attributes,
            target,
        }])
    };
    match &mount.source {
        MountSource::Processes => plain(c"proc", Vec::new(), sealed(), target),
        MountSource::Kernel => plain(c"sysfs", Vec::new(), sealed(), target),
        MountSource::MessageQueues => plain(c"mqueue", Vec::new(), sealed(), target),
        MountSource::Tmpfs { size, mode, exec } => {
            let text =
                |text: String| CString::new(text).map_err(RuntimeError::step("name an option"));
            let mut options = vec![(c"mode", Some(text(format!("{mode:o}"))?))];
            if let Some(size) = size {
                options.push((c"size", Some(text(size.to_string())?)));
            }
            let attributes = if *exec {
                sealed().difference(MountAttrFlags::MOUNT_ATTR_NOEXEC)
            } else {
                sealed()
            };
            plain(c"tmpfs", options, attributes, target)
        }
        MountSource::Devices => devices::steps(&mount.target),
        MountSource::Pseudoterminals => {
            let tree = terminals.map(Terminals::tree).transpose()?;
            Ok(tree
                .map(|tree| Step::Attach {
                    what: "devpts".to_owned(),
                    tree,
                    target,
                })
                .into_iter()
                .collect())
        }
        MountSource::Cgroups => cgroup_steps(mount, cgroup),
        MountSource::Bind(source) => {
            let attributes = MountAttrFlags::MOUNT_ATTR_NODEV | readonly;
            Ok(vec![bind(source, attributes, target)?])
        }
    }
}

/// The container's own groups, and nothing above them: one directory, or on version 1 a tmpfs with one for each
/// hierarchy.
fn cgroup_steps(mount: &Mount, cgroup: &Cgroup) -> Result<Vec<Step>, RuntimeError> {
    let readonly = MountAttrFlags::MOUNT_ATTR_RDONLY;
    let mut within = Vec::new();
    for (name, directory, aliases) in cgroup.views() {
        let attributes = if mount.readonly {
            sealed() | readonly
        } else {
            sealed()
        };
        let Some(name) = name else {
            return Ok(vec![bind(
                &directory,
                attributes,
                Target::new(&mount.target)?,
            )?]);
        };
        let target = Target::new(&format!("{}/{name}", mount.target))?;
        within.push(bind(&directory, attributes, target)?);
        for alias in aliases {
            let target = Target::new(&format!("{}/{alias}", mount.target))?;
            let destination = CString::new(name).map_err(RuntimeError::step("name a hierarchy"))?;
            within.push(Step::Link {
                target,
                destination,
            });
        }
    }
    let mut steps = vec![Step::FileSystem {
        kind: c"tmpfs",
        options: vec![(c"mode", Some(c"755".to_owned()))],
        attributes: sealed(),
        target: Target::new(&mount.target)?,
    }];
    steps.extend(within);
    if mount.readonly {
        steps.push(Step::Freeze(Target::new(&mount.target)?));
    }
    Ok(steps)
}

fn bind(source: &Path, attributes: MountAttrFlags, target: Target) -> Result<Step, RuntimeError> {
    let what = source.display().to_string();
    let failed = || RuntimeError::step(format!("take {what} of the host to mount it on {target}"));
    let tree = mounts::tree(&host_path(source)?, true).map_err(failed())?;
    sys::set_mount_attributes(tree.as_fd(), attributes, true).map_err(failed())?;
    Ok(Step::Attach { what, tree, target })
}

fn host_path(path: &Path) -> Result<CString, RuntimeError> {
    let invalid = |why| RuntimeError::InvalidSpec {
        reason: format!("{path:?} {why}"),
    };
    if !path.is_absolute() {
        return Err(invalid("is no absolute path of the host"));
    }
    CString::new(path.as_os_str().as_bytes()).map_err(|_| invalid("contains a NUL character"))
}
