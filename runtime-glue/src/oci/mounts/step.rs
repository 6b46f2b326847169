//! The step that mounts a new file system, as its container sees one.

use std::ffi::CString;
use std::fmt;
use std::os::fd::AsFd;

use rustix::io::{Errno, Result};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags};

use super::copy;
use crate::init::{Act, Context, Target, mounts};
use crate::sys::{self, MountChange};

/// A file system to mount.
pub(super) struct FileSystem {
    pub(super) kind: CString,
    pub(super) options: Vec<(CString, Option<CString>)>,
    pub(super) attributes: MountAttrFlags,
    pub(super) propagation: Vec<(u64, bool)>,
    /// Whether it begins with what it hides.
    pub(super) copy_up: bool,
    pub(super) target: Target,
}

impl Act for FileSystem {
    fn run(&mut self, context: &mut Context) -> Result<()> {
        let context_of = rustix::mount::fsopen(self.kind.as_c_str(), FsOpenFlags::FSOPEN_CLOEXEC);
        let made = match context_of {
            // the kernel says ENODEV, which would be read as a lack of a device
            Err(Errno::NODEV) => {
                let kind = self.kind.to_string_lossy().into_owned();
                return Err(context.explain(format!("the kernel has no file system {kind}")));
            }
            made => made?,
        };
        for (key, value) in &self.options {
            let set = match value {
                Some(value) => {
                    rustix::mount::fsconfig_set_string(&made, key.as_c_str(), value.as_c_str())
                }
                None => rustix::mount::fsconfig_set_flag(&made, key.as_c_str()),
            };
            if let Err(errno) = set {
                let key = key.to_string_lossy();
                return Err(context.explain(format!("it does not take the option {key}: {errno}")));
            }
        }
        rustix::mount::fsconfig_create(&made)?;
        let close = FsMountFlags::FSMOUNT_CLOEXEC;
        let readonly = MountAttrFlags::MOUNT_ATTR_RDONLY;
        let first = match self.copy_up {
            true => self.attributes - readonly,
            false => self.attributes,
        };
        let tree = rustix::mount::fsmount(&made, close, first)?;
        if self.copy_up {
            if let Ok(hidden) = self.target.find(context.root()?) {
                copy::tree(hidden.as_fd(), tree.as_fd()).map_err(|error| context.explain(error))?;
            }
            let change = MountChange {
                set: self.attributes & readonly,
                ..MountChange::default()
            };
            sys::change_mount(tree.as_fd(), &change, false)?;
        }
        mounts::attach_at(tree.as_fd(), context.root()?, &self.target)?;
        self.propagation
            .iter()
            .try_for_each(|(propagation, recursive)| {
                let change = MountChange {
                    propagation: *propagation,
                    ..MountChange::default()
                };
                sys::change_mount(tree.as_fd(), &change, *recursive)
            })
    }
}

impl fmt::Display for FileSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "mount {} on {}",
            self.kind.to_string_lossy(),
            self.target
        )
    }
}
