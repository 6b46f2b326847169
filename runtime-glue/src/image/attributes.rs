//! What a file has besides its content: owner, mode, time, extended attributes.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{
    AtFlags, Gid, Mode, Timespec, Timestamps, Uid, XattrFlags, chownat, fchmod, fchown, fsetxattr,
    utimensat,
};
use rustix::io::Errno;

/// Extended attributes that are kept. Those of overlayfs (`trusted.overlay.*`) would let a layer redirect reads
/// to what it does not hold.
const KEPT_XATTRS: [&str; 3] = ["user.", "security.capability", "system.posix_acl_"];

/// What an entry has besides its content.
pub(super) struct Attributes {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mode: u32,
    pub(super) modified: Timespec,
    pub(super) xattrs: Vec<(String, Vec<u8>)>,
}

impl Attributes {
    /// In this order: a change of owner takes set-id bits and capabilities away.
    pub(super) fn apply(&self, node: impl AsFd) -> io::Result<()> {
        let (owner, group) = self.owner();
        fchown(&node, Some(owner), Some(group))?;
        fchmod(&node, Mode::from_raw_mode(self.mode))?;
        for (name, value) in &self.xattrs {
            let kept = KEPT_XATTRS.iter().any(|kept| name.starts_with(kept))
                && !name.starts_with("user.overlay.");
            if !kept {
                continue;
            }
            match fsetxattr(&node, name.as_str(), value, XattrFlags::empty()) {
                // the file system of the store keeps none
                Err(Errno::OPNOTSUPP) => {}
                set => set?,
            }
        }
        Ok(())
    }

    pub(super) fn apply_to_link(&self, parent: &OwnedFd, name: &OsStr) -> Result<(), Errno> {
        let (owner, group) = self.owner();
        chownat(
            parent,
            name,
            Some(owner),
            Some(group),
            AtFlags::SYMLINK_NOFOLLOW,
        )?;
        utimensat(
            parent,
            name,
            &times(self.modified),
            AtFlags::SYMLINK_NOFOLLOW,
        )
    }

    fn owner(&self) -> (Uid, Gid) {
        (Uid::from_raw(self.uid), Gid::from_raw(self.gid))
    }
}

/// The times of what was modified then.
pub(super) const fn times(modified: Timespec) -> Timestamps {
    Timestamps {
        last_access: modified,
        last_modification: modified,
    }
}
