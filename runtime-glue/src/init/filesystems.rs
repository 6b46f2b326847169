//! The steps that mount what a container sees over its root file system.

use std::ffi::CString;
use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::mount::MountAttrFlags;

use super::container::host_path;
use super::mounts::{self, sealed};
use super::{Step, Target, Terminals, devices};
use crate::cgroup::Cgroup;
use crate::spec::{Mount, MountSource};
use crate::{RuntimeError, sys};

/// What mounts are made with.
pub(super) struct View<'a> {
    pub(super) cgroup: &'a Cgroup,
    /// Whether the groups above the container's are shown, where there is one hierarchy.
    pub(super) all_cgroups: bool,
    pub(super) terminals: Option<&'a Terminals>,
    /// Whether device files work on mounts that hold the container's files.
    pub(super) device_files: bool,
}

impl View<'_> {
    /// The steps that make one mount.
    pub(super) fn steps(&self, mount: &Mount) -> Result<Vec<Step>, RuntimeError> {
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
                plain(c"tmpfs", options, self.open(attributes), target)
            }
            MountSource::Devices => devices::steps(&mount.target, self.device_files),
            MountSource::Pseudoterminals => {
                let tree = self.terminals.map(Terminals::tree).transpose()?;
                Ok(tree
                    .map(|tree| Step::Attach {
                        what: "devpts".to_owned(),
                        tree,
                        target,
                    })
                    .into_iter()
                    .collect())
            }
            MountSource::Cgroups => cgroup_steps(mount, self.cgroup, self.all_cgroups),
            MountSource::Elsewhere { namespace, path } => {
                let opened =
                    File::open(namespace).map_err(RuntimeError::file("open", namespace))?;
                Ok(vec![Step::AttachElsewhere {
                    namespace: opened.into(),
                    path: host_path(path)?,
                    target,
                }])
            }
            MountSource::Bind(source) => {
                let attributes = self.open(MountAttrFlags::MOUNT_ATTR_NODEV) | readonly;
                Ok(vec![bind(source, attributes, target)?])
            }
        }
    }

    /// Attributes of a mount on which device files work, where they may.
    fn open(&self, attributes: MountAttrFlags) -> MountAttrFlags {
        if self.device_files {
            attributes.difference(MountAttrFlags::MOUNT_ATTR_NODEV)
        } else {
            attributes
        }
    }
}

/// The container's own groups, and unless `all` nothing above them: one directory, or on version 1 a tmpfs with one for
/// each hierarchy.
pub(crate) fn cgroup_steps(
    mount: &Mount,
    cgroup: &Cgroup,
    all: bool,
) -> Result<Vec<Step>, RuntimeError> {
    let readonly = MountAttrFlags::MOUNT_ATTR_RDONLY;
    let mut within = Vec::new();
    for (name, directory, aliases) in cgroup.views(all) {
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
