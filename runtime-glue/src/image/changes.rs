//! What a container has changed of its image's files, read off the directory that takes what it writes.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, openat, openat2, statat,
};
use rustix::io::Errno;

use super::copy::merged;

/// How deep directories may lie in directories.
const DEEPEST: usize = 256;

/// How something differs from the image.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// It is another one, or something in it is.
    Changed,
    /// The image does not have it.
    Added,
    /// Only the image has it.
    Deleted,
}

/// What is in `upper` over the layers, the uppermost first, by absolute path; without what is at the paths `mounts`, which were made to
/// mount on.
pub fn changes(
    lower: &[PathBuf],
    upper: &Path,
    mounts: &[&Path],
) -> io::Result<BTreeMap<PathBuf, Change>> {
    let mut found = BTreeMap::new();
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
    let upper = match openat(CWD, upper, flags, Mode::empty()) {
        // it never ran
        Err(Errno::NOENT) => return Ok(found),
        upper => upper?,
    };
    let walk = Walk {
        image: merged(lower)?,
        mounts,
    };
    walk.directory(&upper, Path::new("/"), 0, &mut found)?;
    Ok(found)
}

struct Walk<'a> {
    image: OwnedFd,
    mounts: &'a [&'a Path],
}

impl Walk<'_> {
    fn directory(
        &self,
        directory: &OwnedFd,
        path: &Path,
        depth: usize,
        found: &mut BTreeMap<PathBuf, Change>,
    ) -> io::Result<()> {
        if depth == DEEPEST {
            return Err(io::Error::other(
                "its directories are too deep to be told of",
            ));
        }
        for entry in Dir::read_from(directory)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            let path = path.join(name);
            if self.mounts.contains(&path.as_path()) {
                continue;
            }
            match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
                // it went away meanwhile
                Err(Errno::NOENT) => {}
                stat => self.node(directory, name, path, &stat?, depth, found)?,
            }
        }
        Ok(())
    }

    fn node(
        &self,
        parent: &OwnedFd,
        name: &OsStr,
        path: PathBuf,
        stat: &Stat,
        depth: usize,
        found: &mut BTreeMap<PathBuf, Change>,
    ) -> io::Result<()> {
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind == FileType::CharacterDevice && stat.st_rdev == 0 {
            found.insert(path, Change::Deleted);
            return Ok(());
        }
        let below = self.in_image(&path)?;
        let change = match below {
            Some(_) => Change::Changed,
            None => Change::Added,
        };
        if kind != FileType::Directory {
            found.insert(path, change);
            return Ok(());
        }
        let before = found.len();
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = openat(parent, name, flags, Mode::empty())?;
        self.directory(&directory, &path, depth + 1, found)?;
        let same = below.is_some_and(|below| {
            (below.st_mode, below.st_uid, below.st_gid) == (stat.st_mode, stat.st_uid, stat.st_gid)
        });
        let for_mounts = self.mounts.iter().any(|mount| mount.starts_with(&path));
        // overlayfs copies a directory when something is made in it, be it to mount on
        let untouched = same || (below.is_none() && for_mounts);
        if found.len() > before || !untouched {
            found.insert(path, change);
        }
        Ok(())
    }

    fn in_image(&self, path: &Path) -> io::Result<Option<Stat>> {
        let inside = path.strip_prefix("/").unwrap_or(path);
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let within = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        match openat2(&self.image, inside, flags, Mode::empty(), within) {
            // a link of the image that became a directory leads nowhere here
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
            opened => Ok(Some(rustix::fs::fstat(opened?)?)),
        }
    }
}
