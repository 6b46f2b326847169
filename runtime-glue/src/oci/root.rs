//! The root directory of a container: shown, entered, and found again.

use std::fmt;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::{Errno, Result};
use rustix::mount::{MountAttrFlags, MoveMountFlags};

use crate::init::{Act, Context, mounts};
use crate::sys::{self, MountChange};

const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Mounts a tree over the root, where whoever was there before does not see it, and makes it the container's.
///
/// So nobody needs to be allowed to go where it is on the host, as in a user namespace nobody is.
pub(super) struct ShowRoot(pub(super) OwnedFd);

impl Act for ShowRoot {
    fn run(&mut self, context: &mut Context) -> Result<()> {
        let here = rustix::fs::open(c"/", DIRECTORY, Mode::empty())?;
        mounts::attach(self.0.as_fd(), here.as_fd())?;
        context.set_root(self.0.try_clone().map_err(|_| Errno::MFILE)?);
        Ok(())
    }
}

impl fmt::Display for ShowRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("mount the root directory")
    }
}

/// Makes the root read-only, and leaves how mounts come and go there.
pub(super) struct Freeze;

impl Act for Freeze {
    fn run(&mut self, context: &mut Context) -> Result<()> {
        let change = MountChange {
            set: MountAttrFlags::MOUNT_ATTR_RDONLY,
            ..MountChange::default()
        };
        sys::change_mount(context.root()?, &change, false)
    }
}

impl fmt::Display for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("make the root read-only")
    }
}

/// Enters it where the old root cannot be swapped away, as on a ramdisk (`--no-pivot`).
pub(super) struct EnterRoot;

impl Act for EnterRoot {
    fn run(&mut self, context: &mut Context) -> Result<()> {
        let root = context.root()?;
        rustix::process::fchdir(root)?;
        let from = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
        rustix::mount::move_mount(root, c"", CWD, c"/", from)?;
        rustix::process::chroot(c".")?;
        rustix::process::chdir(c"/")
    }
}

impl fmt::Display for EnterRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("move the root over the host's")
    }
}

/// Finds the root of a container that was joined.
pub(super) struct FindRoot;

impl Act for FindRoot {
    fn run(&mut self, context: &mut Context) -> Result<()> {
        context.set_root(rustix::fs::open(c"/", DIRECTORY, Mode::empty())?);
        Ok(())
    }
}

impl fmt::Display for FindRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("find the root of the container")
    }
}
