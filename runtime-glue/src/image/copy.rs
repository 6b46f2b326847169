//! Copying a directory out of an image, as its layers show it together.

use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::{io, thread};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_string, fsmount,
    fsopen,
};

use super::{Image, ImageError, ImageStore, layer};

impl ImageStore {
    /// Copies what an image has in the directory `path` into the empty directory `into`; an image that has no such
    /// directory leaves it empty.
    pub fn copy_out(&self, image: &Image, path: &Path, into: &Path) -> Result<(), ImageError> {
        let failed = |source| ImageError::Read {
            path: path.to_owned(),
            source,
        };
        let Some(directory) = self.directory(image, path).map_err(failed)? else {
            return Ok(());
        };
        let (reader, writer) = io::pipe().map_err(failed)?;
        let packing = thread::spawn(move || {
            let mut archive = tar::Builder::new(writer);
            archive.follow_symlinks(false);
            archive.append_dir_all(".", format!("/proc/self/fd/{}/", directory.as_raw_fd()))?;
            archive.finish()
        });
        let unpacked = layer::unpack(reader, into, io::sink());
        let packed = packing
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("it could not be read to its end")));
        // whoever could not read is why the other had nothing to write
        packed.map_err(failed)?;
        unpacked.map(drop)
    }

    /// The directory of an image, found by the kernel within it, whatever links lead there.
    fn directory(&self, image: &Image, path: &Path) -> io::Result<Option<OwnedFd>> {
        let mut layers = self.layers(image);
        layers.reverse();
        let root = merged(&layers)?;
        let inside = path.strip_prefix("/").unwrap_or(path);
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        match openat2(&root, inside, flags, Mode::empty(), resolve) {
            Ok(directory) => Ok(Some(directory)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// The layers, the uppermost first, as one file system to read.
pub(super) fn merged(layers: &[PathBuf]) -> io::Result<OwnedFd> {
    match layers {
        // overlayfs wants two at least
        [only] => Ok(fs::File::open(only)?.into()),
        layers => stacked(layers.iter(), None),
    }
}

/// The layers, the uppermost first, as one file system that is mounted nowhere and goes with its descriptor; what is
/// written goes into the first directory of `written`, whose second overlayfs keeps for itself.
pub(super) fn stacked<'a>(
    layers: impl Iterator<Item = &'a PathBuf>,
    written: Option<(&Path, &Path)>,
) -> io::Result<OwnedFd> {
    let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    let open = |directory: &Path| {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::openat(CWD, directory, flags, Mode::empty())
    };
    let path = |opened: &OwnedFd| format!("/proc/self/fd/{}", opened.as_raw_fd());
    let opened: Vec<OwnedFd> = layers.map(|layer| open(layer)).collect::<Result<_, _>>()?;
    let below: Vec<String> = opened.iter().map(path).collect();
    fsconfig_set_string(&context, "lowerdir", below.join(":"))?;
    let mut flags = MountAttrFlags::MOUNT_ATTR_RDONLY;
    if let Some((upper, work)) = written {
        let (upper, work) = (open(upper)?, open(work)?);
        fsconfig_set_string(&context, "upperdir", path(&upper))?;
        fsconfig_set_string(&context, "workdir", path(&work))?;
        fsconfig_create(&context)?;
        flags = MountAttrFlags::empty();
    } else {
        fsconfig_create(&context)?;
    }
    Ok(fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, flags)?)
}
