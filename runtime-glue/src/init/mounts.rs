//! Making mounts by descriptor: a tree or file system is had first, and then put where it belongs.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags};
use rustix::io::{Errno, Result};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MountPropagationFlags, MoveMountFlags,
    OpenTreeFlags, UnmountFlags,
};
use rustix::thread::LinkNameSpaceType;

use super::target::{Target, is_directory};
use crate::sys;

/// The first of the descriptors that stand for an overlay's directories in its options.
///
/// Paths would have to fit into the one page that mount(2) takes, and could contain the separators.
pub(super) const OVERLAY_BASE: i32 = 200;

/// One option of a new file system.
pub(super) type MountOption = (&'static CStr, Option<CString>);

/// A new file system, mounted nowhere yet.
pub(super) fn file_system(
    kind: &CStr,
    options: &[MountOption],
    attributes: MountAttrFlags,
) -> Result<OwnedFd> {
    let context = rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in options {
        match value {
            Some(value) => rustix::mount::fsconfig_set_string(&context, *key, value.as_c_str())?,
            None => rustix::mount::fsconfig_set_flag(&context, *key)?,
        }
    }
    rustix::mount::fsconfig_create(&context)?;
    rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

/// A copy of what is mounted at a path of ours, and below it if `recursive`.
pub(crate) fn tree(path: &CStr, recursive: bool) -> Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let below = if recursive {
        OpenTreeFlags::AT_RECURSIVE
    } else {
        OpenTreeFlags::empty()
    };
    rustix::mount::open_tree(CWD, path, flags | below)
}

/// A copy of what is mounted at a path of another mount namespace, which is visited for that: a tree can be copied
/// only from within (kernel: fs/namespace.c, `may_copy_tree`).
///
/// **Contract:** this process shares neither its root nor its working directory, and loses both: they become the root of
/// its own mount namespace. Descriptors opened before are not affected.
pub(super) fn tree_of(namespace: BorrowedFd<'_>, path: &CStr) -> Result<OwnedFd> {
    let by_path = OFlags::PATH | OFlags::CLOEXEC;
    let read = OFlags::RDONLY | OFlags::CLOEXEC;
    let own = rustix::fs::open(c"/proc/thread-self/ns/mnt", read, Mode::empty())?;
    let join = |namespace: BorrowedFd<'_>| {
        rustix::thread::move_into_link_name_space(namespace, Some(LinkNameSpaceType::Mount))
    };
    join(namespace)?;
    let plainly = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let copied = rustix::fs::openat2(CWD, path, by_path, Mode::empty(), plainly).and_then(|at| {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_EMPTY_PATH;
        rustix::mount::open_tree(&at, c"", flags)
    });
    join(own.as_fd())?;
    copied
}

/// Mounts a tree that is mounted nowhere on an open file or directory.
pub(crate) fn attach(tree: BorrowedFd<'_>, at: BorrowedFd<'_>) -> Result<()> {
    let by_descriptor =
        MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    rustix::mount::move_mount(tree, c"", at, c"", by_descriptor)
}

/// Mounts a tree on `target`, which becomes what the tree's root is: a directory or a file.
pub(crate) fn attach_at(tree: BorrowedFd<'_>, root: BorrowedFd<'_>, target: &Target) -> Result<()> {
    let at = if is_directory(tree)? {
        target.directory(root)?
    } else {
        target.file(root)?
    };
    // the kernel would say EINVAL, which says nothing
    match (is_directory(tree)?, is_directory(at.as_fd())?) {
        (true, false) => Err(Errno::NOTDIR),
        (false, true) => Err(Errno::ISDIR),
        _ => attach(tree, at.as_fd()),
    }
}

/// Keeps what happens to mounts in here from ever reaching the host.
pub(super) fn leave_the_host_alone() -> Result<()> {
    let downstream = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
    rustix::mount::mount_change(c"/", downstream)
}

/// Mounts an overlay on `place` and answers with its root.
///
/// `directories` are opened in the order in which the options number them, from [`OVERLAY_BASE`] on, in this mount
/// namespace: the kernel takes none of another.
pub(super) fn overlay(
    directories: &[CString],
    options: &CStr,
    flags: MountFlags,
    place: &CStr,
) -> Result<OwnedFd> {
    let by_path = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    for (expected, directory) in (OVERLAY_BASE..).zip(directories) {
        let opened = rustix::fs::open(directory.as_c_str(), by_path, Mode::empty())?;
        let moved = rustix::io::fcntl_dupfd_cloexec(&opened, expected)?;
        if std::os::fd::AsRawFd::as_raw_fd(&moved) != expected {
            return Err(Errno::MFILE);
        }
        // stays open for the mount; all is closed before the program runs
        std::mem::forget(moved);
    }
    rustix::process::chdir(c"/proc/self/fd")?;
    rustix::mount::mount(c"overlay", place, c"overlay", flags, options)?;
    rustix::fs::open(place, by_path, Mode::empty())
}

/// Hides a path: a file behind /dev/null, a directory behind an empty one. What does not exist needs no hiding.
pub(super) fn mask(root: BorrowedFd<'_>, target: &Target) -> Result<()> {
    let at = match target.find(root) {
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
        found => found?,
    };
    let cover = if is_directory(at.as_fd())? {
        let empty = [(c"size", Some(c"0".to_owned()))];
        file_system(
            c"tmpfs",
            &empty,
            sealed() | MountAttrFlags::MOUNT_ATTR_RDONLY,
        )?
    } else {
        tree(c"/dev/null", false).and_then(|null| is_device(null.as_fd(), 1, 3).map(|()| null))?
    };
    attach(cover.as_fd(), at.as_fd())
}

/// Mounts a path on itself, so that it cannot be written to. What does not exist needs no protection.
pub(super) fn protect(root: BorrowedFd<'_>, target: &Target) -> Result<()> {
    let at = match target.find(root) {
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
        found => found?,
    };
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH
        | OpenTreeFlags::AT_RECURSIVE;
    let itself = rustix::mount::open_tree(&at, c"", flags)?;
    sys::set_mount_attributes(itself.as_fd(), MountAttrFlags::MOUNT_ATTR_RDONLY, true)?;
    attach(itself.as_fd(), at.as_fd())
}

/// Makes `root` the root of this mount namespace, in which nothing else is left (pivot_root(2), NOTES).
pub(super) fn enter(root: BorrowedFd<'_>) -> Result<()> {
    rustix::process::fchdir(root)?;
    rustix::process::pivot_root(c".", c".")?;
    rustix::mount::unmount(c".", UnmountFlags::DETACH)?;
    rustix::process::chdir(c"/")
}

/// Fails with ENODEV unless the file is that character device: mounting something else would be a way in.
pub(crate) fn is_device(fd: BorrowedFd<'_>, major: u32, minor: u32) -> Result<()> {
    let stat = rustix::fs::statat(fd, c"", AtFlags::EMPTY_PATH)?;
    let is_it = rustix::fs::FileType::from_raw_mode(stat.st_mode).is_char_device()
        && stat.st_rdev == rustix::fs::makedev(major, minor);
    if is_it { Ok(()) } else { Err(Errno::NODEV) }
}

/// What no mount needs that holds no programs.
pub(super) fn sealed() -> MountAttrFlags {
    MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC
}
