//! Changing mounts that are there (mount_setattr(2)).

use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::Result;
use rustix::mount::MountAttrFlags;

use super::checked;

/// What becomes of a mount (mount_setattr(2)).
#[derive(Clone, Copy, Debug)]
pub(crate) struct MountChange<'a> {
    /// Attributes it gets.
    pub(crate) set: MountAttrFlags,
    /// Attributes it loses, before it gets others.
    pub(crate) clear: MountAttrFlags,
    /// How mounts below it come and go elsewhere (MS_SHARED, MS_SLAVE, …); 0 leaves it as it is.
    pub(crate) propagation: u64,
    /// The user namespace whose maps say who owns its files.
    pub(crate) owners: Option<BorrowedFd<'a>>,
}

impl Default for MountChange<'_> {
    fn default() -> Self {
        Self {
            set: MountAttrFlags::empty(),
            clear: MountAttrFlags::empty(),
            propagation: 0,
            owners: None,
        }
    }
}

/// Sets attributes of a mount and, if `recursive`, of all below it; makes it private.
pub(crate) fn set_mount_attributes(
    mount: BorrowedFd<'_>,
    attributes: MountAttrFlags,
    recursive: bool,
) -> Result<()> {
    let change = MountChange {
        set: attributes,
        propagation: libc::MS_PRIVATE,
        ..MountChange::default()
    };
    change_mount(mount, &change, recursive)
}

/// Changes a mount and, if `recursive`, all below it: all or nothing of it.
#[expect(unsafe_code, reason = "mount_setattr has no wrapper in rustix")]
pub(crate) fn change_mount(
    mount: BorrowedFd<'_>,
    change: &MountChange<'_>,
    recursive: bool,
) -> Result<()> {
    let idmap = change.owners.map_or(0, |_| libc::MOUNT_ATTR_IDMAP);
    let attr = libc::mount_attr {
        attr_set: u64::from(change.set.bits()) | idmap,
        attr_clr: u64::from(change.clear.bits()),
        propagation: change.propagation,
        userns_fd: change.owners.map_or(0, |fd| fd.as_raw_fd() as u64),
    };
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    let (fd, path) = (mount.as_raw_fd(), c"".as_ptr());
    // SAFETY: `attr` and the empty path outlive the call.
    checked(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            fd,
            path,
            flags,
            &raw const attr,
            size_of_val(&attr),
        )
    })?;
    Ok(())
}
