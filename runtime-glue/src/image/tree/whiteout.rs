//! Whiteouts: what a layer takes away from those below, in the form overlayfs has for it.
//!
//! Sources: OCI image specification, `layer.md`, "Whiteouts"; Documentation/filesystems/overlayfs.rst.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, XattrFlags, fsetxattr, mknodat, openat, statat, unlinkat,
};
use rustix::io::Errno;

use super::{Tree, failed, inside};
use crate::image::ImageError;

/// Of overlayfs: nothing of the layers below is seen in this directory.
const OPAQUE: &str = "trusted.overlay.opaque";

impl Tree {
    /// Takes away what the layers below have under the name; what this layer has there stays.
    pub(in crate::image) fn whiteout(&self, parent: &Path, name: &OsStr) -> Result<(), ImageError> {
        let (path, parent) = (parent.join(name), inside(parent)?);
        let made = || {
            let parent = self.open_directory(&parent)?;
            match statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(own) if FileType::from_raw_mode(own.st_mode) == FileType::Directory => {
                    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                    set_opaque(&openat(&parent, name, flags, Mode::empty())?)
                }
                Ok(_) => Ok(()),
                Err(Errno::NOENT) => {
                    let kind = FileType::CharacterDevice;
                    Ok(mknodat(&parent, name, kind, Mode::empty(), 0)?)
                }
                Err(error) => Err(error.into()),
            }
        };
        made().map_err(|error| failed(&path, error))
    }

    /// Takes away what the layers below have in the directory.
    pub(in crate::image) fn opaque(&self, path: &Path) -> Result<(), ImageError> {
        let inside = inside(path)?;
        let made = || set_opaque(&self.open_directory(&inside)?);
        made().map_err(|error| failed(path, error))
    }
}

/// Makes way for a directory where this layer has a whiteout; tells whether it had one.
pub(super) fn lift(parent: &OwnedFd, name: &OsStr) -> io::Result<bool> {
    let found = match statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(false),
        found => found?,
    };
    let is_whiteout =
        FileType::from_raw_mode(found.st_mode) == FileType::CharacterDevice && found.st_rdev == 0;
    if is_whiteout {
        unlinkat(parent, name, AtFlags::empty())?;
    }
    Ok(is_whiteout)
}

pub(super) fn set_opaque(directory: &OwnedFd) -> io::Result<()> {
    Ok(fsetxattr(directory, OPAQUE, b"y", XattrFlags::empty())?)
}
