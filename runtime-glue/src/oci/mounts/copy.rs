//! Copying what a tmpfs hides into it (`tmpcopyup`), by descriptors: no name is looked up twice.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};

const READ: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);

/// Copies the contents of a directory into another; what is mounted below it is not followed into.
pub(super) fn tree(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> io::Result<()> {
    let from = rustix::fs::openat(from, c".", READ | OFlags::DIRECTORY, Mode::empty())?;
    let facts = rustix::fs::fstat(&from)?;
    contents(&from, to, facts.st_dev)?;
    own(&facts, to)
}

fn contents(from: &OwnedFd, to: BorrowedFd<'_>, device: u64) -> io::Result<()> {
    for entry in Dir::read_from(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if !matches!(name.to_bytes(), b"." | b"..") {
            let facts = rustix::fs::statat(from, name, AtFlags::SYMLINK_NOFOLLOW)?;
            one(from.as_fd(), to, name, &facts, device)?;
        }
    }
    Ok(())
}

fn one(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    name: &std::ffi::CStr,
    facts: &Stat,
    device: u64,
) -> io::Result<()> {
    let mode = Mode::from_raw_mode(facts.st_mode & 0o7777);
    match FileType::from_raw_mode(facts.st_mode) {
        FileType::Directory => {
            rustix::fs::mkdirat(to, name, Mode::RWXU)?;
            let flags = READ | OFlags::DIRECTORY;
            let made = rustix::fs::openat(to, name, flags, Mode::empty())?;
            if facts.st_dev == device {
                let inner = rustix::fs::openat(from, name, flags, Mode::empty())?;
                contents(&inner, made.as_fd(), device)?;
            }
            own(facts, made.as_fd())
        }
        FileType::RegularFile => {
            let source = File::from(rustix::fs::openat(from, name, READ, Mode::empty())?);
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let copy = File::from(rustix::fs::openat(to, name, flags, Mode::RUSR)?);
            io::copy(&mut &source, &mut &copy)?;
            own(facts, copy.as_fd())
        }
        FileType::Symlink => {
            let target = rustix::fs::readlinkat(from, name, Vec::new())?;
            rustix::fs::symlinkat(target, to, name)?;
            let flags = AtFlags::SYMLINK_NOFOLLOW;
            let (user, group) = owner(facts);
            Ok(rustix::fs::chownat(
                to,
                name,
                Some(user),
                Some(group),
                flags,
            )?)
        }
        kind => {
            rustix::fs::mknodat(to, name, kind, mode, facts.st_rdev)?;
            let (user, group) = owner(facts);
            rustix::fs::chownat(to, name, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)?;
            Ok(rustix::fs::chmodat(to, name, mode, AtFlags::empty())?)
        }
    }
}

/// Gives a copy the owner and the mode of what it is one of.
fn own(facts: &Stat, copy: BorrowedFd<'_>) -> io::Result<()> {
    let (user, group) = owner(facts);
    if rustix::fs::fchown(copy, Some(user), Some(group)).is_err() {
        // the root of a new mount is no descriptor to change files by
        let copy = rustix::fs::openat(copy, c".", READ | OFlags::DIRECTORY, Mode::empty())?;
        rustix::fs::fchown(&copy, Some(user), Some(group))?;
        return Ok(rustix::fs::fchmod(
            &copy,
            Mode::from_raw_mode(facts.st_mode & 0o7777),
        )?);
    }
    Ok(rustix::fs::fchmod(
        copy,
        Mode::from_raw_mode(facts.st_mode & 0o7777),
    )?)
}

fn owner(facts: &Stat) -> (rustix::fs::Uid, rustix::fs::Gid) {
    let user = rustix::fs::Uid::from_raw(facts.st_uid);
    (user, rustix::fs::Gid::from_raw(facts.st_gid))
}
