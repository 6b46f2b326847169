//! The mounts of a configuration as steps: what each option means, and what is shown where.

mod copy;
mod options;
mod step;

use std::ffi::CString;
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::mount::MountAttrFlags;

use super::check::{invalid, unsupported};
use super::config::{Config, Mount};
use crate::RuntimeError;
use crate::cgroup::Cgroup;
use crate::idmap::IdMaps;
use crate::init::{Step, Target, cgroup_steps, mounts};
use crate::sys::{self, MountChange};
use options::Options;
pub(super) use options::{NAMES, propagation};
use step::FileSystem;

/// The steps of every mount, and what is to be protected once all that is below it is there.
pub(super) fn steps(
    config: &Config,
    bundle: &Path,
    cgroup: &Cgroup,
) -> Result<(Vec<Step>, Vec<Step>), RuntimeError> {
    let (mut steps, mut late) = (Vec::new(), Vec::new());
    for mount in &config.mounts {
        let failed = |error: RuntimeError| match error {
            RuntimeError::InvalidSpec { reason } => {
                invalid(format!("the mount on {}: {reason}", mount.destination))
            }
            other => other,
        };
        let options = Options::parse(&mount.options).map_err(failed)?;
        let made = one(config, bundle, cgroup, mount, &options);
        steps.extend(made.map_err(failed)?);
        // devices are made in it yet
        if mount.destination == "/dev" && options.set.contains(MountAttrFlags::MOUNT_ATTR_RDONLY) {
            late.push(Step::Freeze(Target::new("/dev")?));
        }
    }
    Ok((steps, late))
}

fn one(
    config: &Config,
    bundle: &Path,
    cgroup: &Cgroup,
    mount: &Mount,
    options: &Options,
) -> Result<Vec<Step>, RuntimeError> {
    let kind = mount.kind.as_deref().unwrap_or_default();
    if options.bind || kind == "bind" {
        return bind(config, bundle, mount, options).map(|step| vec![step]);
    }
    if options.owners.is_some() || !mount.uid_mappings.is_empty() || !mount.gid_mappings.is_empty()
    {
        return Err(unsupported("an id map of a mount that is no bind mount"));
    }
    if matches!(kind, "cgroup" | "cgroup2") {
        let readonly = options.set.contains(MountAttrFlags::MOUNT_ATTR_RDONLY);
        let view = crate::spec::Mount {
            target: mount.destination.clone(),
            source: crate::spec::MountSource::Cgroups,
            readonly,
        };
        return cgroup_steps(&view, cgroup, false);
    }
    if kind.is_empty() {
        return Err(invalid("it has neither a type nor the option bind"));
    }
    let c_string = |text: &str| CString::new(text).map_err(|_| invalid("a NUL character"));
    if options.copy_up && kind != "tmpfs" {
        return Err(invalid("tmpcopyup is for tmpfs only"));
    }
    let mut data = Vec::new();
    for option in &options.data {
        let (key, value) = match option.split_once('=') {
            Some((key, value)) => (key, Some(c_string(value)?)),
            None => (option.as_str(), None),
        };
        data.push((c_string(key)?, value));
    }
    if let Some(source) = mount.source.as_ref().and_then(|source| source.to_str()) {
        data.push((c"source".to_owned(), Some(c_string(source)?)));
    }
    let mut attributes = options.set;
    if mount.destination == "/dev" {
        attributes -= MountAttrFlags::MOUNT_ATTR_RDONLY;
    }
    Ok(vec![Step::act(FileSystem {
        kind: c_string(kind)?,
        options: data,
        attributes,
        propagation: options.propagation.clone(),
        copy_up: options.copy_up,
        target: Target::new(&mount.destination)?,
    })])
}

/// A tree of the host, taken as it is now: nothing that the container does can put another in its place.
fn bind(
    config: &Config,
    bundle: &Path,
    mount: &Mount,
    options: &Options,
) -> Result<Step, RuntimeError> {
    if let Some(option) = options.data.first() {
        return Err(invalid(format!("{option:?} is no option of a bind mount")));
    }
    let source = mount
        .source
        .as_ref()
        .ok_or_else(|| invalid("it has no source"))?;
    let source = bundle.join(source);
    let what = source.display().to_string();
    let failed = || RuntimeError::step(format!("take {what} of the host to mount it"));
    let tree = tree(&source, options.recursive).map_err(failed())?;
    let owners = owners(config, mount, options)?;
    let change = MountChange {
        set: options.set,
        clear: options.clear,
        owners: owners.as_ref().map(AsFd::as_fd),
        ..MountChange::default()
    };
    sys::change_mount(tree.as_fd(), &change, false).map_err(failed())?;
    let below = MountChange {
        set: options.set_below,
        clear: options.clear_below,
        owners: change.owners.filter(|_| options.owners == Some(true)),
        ..MountChange::default()
    };
    if options.recursive && below.owners.is_some() {
        return Err(unsupported("ridmap"));
    }
    if !(below.set.is_empty() && below.clear.is_empty()) {
        sys::change_mount(tree.as_fd(), &below, true).map_err(failed())?;
    }
    propagate(tree.as_fd(), &options.propagation).map_err(failed())?;
    let target = Target::new(&mount.destination)?;
    Ok(Step::Attach { what, tree, target })
}

/// The root file system, taken in the same way.
pub(super) fn root(config: &Config, bundle: &Path) -> Result<OwnedFd, RuntimeError> {
    let path = config.rootfs(bundle);
    let facts =
        fs::metadata(&path).map_err(RuntimeError::file("find the root directory", &path))?;
    if !facts.is_dir() {
        return Err(invalid(format!("root.path {path:?} is no directory")));
    }
    let failed = || RuntimeError::step(format!("take the root directory {}", path.display()));
    let tree = tree(&path, true).map_err(failed())?;
    let asked = config
        .linux
        .rootfs_propagation
        .as_deref()
        .unwrap_or("rslave");
    let change = propagation(asked)
        .ok_or_else(|| invalid(format!("linux.rootfsPropagation {asked:?} is unknown")))?;
    propagate(tree.as_fd(), &[change]).map_err(failed())?;
    Ok(tree)
}

/// Changes how mounts come and go, below a mount too where that is asked for.
fn propagate(tree: std::os::fd::BorrowedFd<'_>, changes: &[(u64, bool)]) -> rustix::io::Result<()> {
    // as runc leaves mounts that nothing is said of
    let usual = [(libc::MS_SLAVE, true)];
    let changes = if changes.is_empty() {
        &usual[..]
    } else {
        changes
    };
    changes.iter().try_for_each(|(propagation, recursive)| {
        let change = MountChange {
            propagation: *propagation,
            ..MountChange::default()
        };
        sys::change_mount(tree, &change, *recursive)
    })
}

fn tree(path: &Path, recursive: bool) -> rustix::io::Result<OwnedFd> {
    use std::os::unix::ffi::OsStrExt;
    let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| rustix::io::Errno::INVAL)?;
    mounts::tree(&path, recursive)
}

/// The user namespace whose maps tell who owns the files of a mount.
fn owners(
    config: &Config,
    mount: &Mount,
    options: &Options,
) -> Result<Option<OwnedFd>, RuntimeError> {
    let own = IdMaps {
        users: mount.uid_mappings.clone(),
        groups: mount.gid_mappings.clone(),
    };
    let maps = match (own.users.is_empty(), own.groups.is_empty()) {
        (true, true) if options.owners.is_none() => return Ok(None),
        (true, true) => IdMaps {
            users: config.linux.uid_mappings.clone(),
            groups: config.linux.gid_mappings.clone(),
        },
        (false, false) => own,
        _ => return Err(invalid("it has a map of users or of groups, and not both")),
    };
    if maps.users.is_empty() {
        return Err(invalid(
            "idmap needs maps of ids, of the mount or of the container",
        ));
    }
    crate::init::user_namespace(maps).map(Some)
}
