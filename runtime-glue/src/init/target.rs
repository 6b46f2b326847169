//! A path inside a root file system, resolved so that nothing in it can lead out.

use std::ffi::CString;
use std::fmt;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags};
use rustix::io::{Errno, Result};

use crate::RuntimeError;

/// How often a lookup is repeated that a rename or mount elsewhere disturbed (openat2(2), EAGAIN).
const ATTEMPTS: usize = 1000;

/// How many links to nothing are followed in making a path.
const MOST_LINKS: usize = 8;

/// An absolute path of a container, prepared so that using it allocates nothing.
#[derive(Debug)]
pub(crate) struct Target {
    /// As the container sees it.
    path: String,
    /// Each directory on the way and the path itself, relative to the root, with its last name.
    steps: Vec<(CString, CString)>,
}

impl Target {
    /// Refuses paths that are relative or contain `..` or NUL.
    pub(crate) fn new(path: &str) -> std::result::Result<Self, RuntimeError> {
        let invalid = || RuntimeError::InvalidSpec {
            reason: format!("{path:?} is no absolute path without .. of a container"),
        };
        let below = path.strip_prefix('/').ok_or_else(invalid)?;
        let mut prefix = String::new();
        let mut steps = Vec::new();
        for name in below.split('/').filter(|name| !matches!(*name, "" | ".")) {
            if name == ".." {
                return Err(invalid());
            }
            if !prefix.is_empty() {
                prefix.push('/');
            }
            prefix.push_str(name);
            let c_string = |text: &str| CString::new(text).map_err(|_| invalid());
            steps.push((c_string(&prefix)?, c_string(name)?));
        }
        Ok(Self {
            path: path.to_owned(),
            steps,
        })
    }

    /// Opens what is there, as the container would find it below `root`.
    pub(crate) fn open(&self, root: BorrowedFd<'_>, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
        match self.steps.last() {
            Some((path, _)) => open_below(root, path, flags, mode),
            None => open_below(root, c".", flags, mode),
        }
    }

    /// The path itself, for mounting on or looking at, if it exists.
    pub(crate) fn find(&self, root: BorrowedFd<'_>) -> Result<OwnedFd> {
        self.open(root, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
    }

    /// The directory, made with its parents if it does not exist.
    pub(crate) fn directory(&self, root: BorrowedFd<'_>) -> Result<OwnedFd> {
        self.make(root, &|parent, name| {
            rustix::fs::mkdirat(parent, name, Mode::from(0o755))
        })
    }

    /// The file, made empty and with its parents if it does not exist.
    pub(crate) fn file(&self, root: BorrowedFd<'_>) -> Result<OwnedFd> {
        self.make(root, &|parent, name| {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            rustix::fs::openat(parent, name, flags, Mode::from(0o644)).map(drop)
        })
    }

    /// A symbolic link to `destination`, with its parents, unless something is there.
    pub(crate) fn link(&self, root: BorrowedFd<'_>, destination: &CString) -> Result<()> {
        let Some(((_, name), parents)) = self.steps.split_last() else {
            return Err(Errno::EXIST);
        };
        let parent = match parents.last() {
            Some((path, _)) => {
                open_below(root, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?
            }
            None => open_below(root, c".", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?,
        };
        match rustix::fs::symlinkat(destination, &parent, name) {
            Err(Errno::EXIST) => Ok(()),
            other => other,
        }
    }

    /// What is there, made by `leaf` in its directory, with its parents, if nothing is.
    pub(crate) fn make(
        &self,
        root: BorrowedFd<'_>,
        leaf: &dyn Fn(BorrowedFd<'_>, &CString) -> Result<()>,
    ) -> Result<OwnedFd> {
        self.make_through(root, 0, leaf)
    }

    fn make_through(
        &self,
        root: BorrowedFd<'_>,
        links: usize,
        leaf: &dyn Fn(BorrowedFd<'_>, &CString) -> Result<()>,
    ) -> Result<OwnedFd> {
        if links > MOST_LINKS {
            return Err(Errno::LOOP);
        }
        match self.find(root) {
            Err(Errno::NOENT) => {}
            found => return found,
        }
        let mut parent: Option<OwnedFd> = None;
        for (n, (path, name)) in self.steps.iter().enumerate() {
            let above = parent.as_ref().map_or(root, std::os::fd::AsFd::as_fd);
            let flags = OFlags::PATH | OFlags::CLOEXEC;
            let found = match open_below(root, path, flags, Mode::empty()) {
                Err(Errno::NOENT) => {
                    let made = if n + 1 == self.steps.len() {
                        leaf(above, name)
                    } else {
                        rustix::fs::mkdirat(above, name, Mode::from(0o755))
                    };
                    match made {
                        // made by another container on the same volume, or a link to what does not exist
                        Ok(()) | Err(Errno::EXIST) => {}
                        Err(errno) => return Err(errno),
                    }
                    match open_below(root, path, flags, Mode::empty()) {
                        Err(Errno::NOENT) => {
                            return self.beyond(n, above)?.make_through(root, links + 1, leaf);
                        }
                        found => found?,
                    }
                }
                found => found?,
            };
            parent = Some(found);
        }
        parent.ok_or(Errno::NOENT)
    }

    /// Where this leads if its n-th step is a link, as it stands in `above`, to what does not exist.
    fn beyond(&self, n: usize, above: BorrowedFd<'_>) -> Result<Self> {
        let (path, name) = &self.steps[n];
        let link = rustix::fs::readlinkat(above, name, Vec::new())?;
        let link = link.to_str().map_err(|_| Errno::ILSEQ)?;
        let mut names: Vec<&str> = Vec::new();
        if !link.starts_with('/') {
            names.extend(path.to_str().map_err(|_| Errno::ILSEQ)?.split('/'));
            names.pop();
        }
        let rest = self.steps[n + 1..]
            .iter()
            .map(|(_, name)| name.to_str().unwrap_or_default());
        for name in link.split('/').chain(rest) {
            match name {
                ".." => drop(names.pop()),
                name => names.push(name),
            }
        }
        Self::new(&format!("/{}", names.join("/"))).map_err(|_| Errno::INVAL)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

/// Whether an open file is a directory.
pub(crate) fn is_directory(fd: BorrowedFd<'_>) -> Result<bool> {
    let stat = rustix::fs::statat(fd, c"", AtFlags::EMPTY_PATH)?;
    Ok(rustix::fs::FileType::from_raw_mode(stat.st_mode).is_dir())
}

fn open_below(
    root: BorrowedFd<'_>,
    path: &std::ffi::CStr,
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd> {
    let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    for _ in 0..ATTEMPTS {
        match rustix::fs::openat2(root, path, flags, mode, inside) {
            Err(Errno::AGAIN) => {}
            other => return other,
        }
    }
    Err(Errno::AGAIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;
    use std::os::unix::fs::symlink;
    use std::{fs, path::Path};

    fn root(at: &Path) -> fs::File {
        fs::File::open(at).unwrap()
    }

    #[test]
    fn links_in_a_container_cannot_lead_out_of_it() {
        let outside = tempfile::tempdir().unwrap();
        let inside = tempfile::tempdir().unwrap();
        symlink(outside.path(), inside.path().join("absolute")).unwrap();
        symlink("../../../../../../etc", inside.path().join("upward")).unwrap();
        let root = root(inside.path());
        let target = Target::new("/absolute/made").unwrap();
        target.directory(root.as_fd()).unwrap();
        assert_eq!(
            Target::new("/upward")
                .unwrap()
                .find(root.as_fd())
                .unwrap_err(),
            Errno::NOENT
        );
        assert!(fs::read_dir(outside.path()).unwrap().next().is_none());
        assert!(
            inside
                .path()
                .join(outside.path().strip_prefix("/").unwrap())
                .join("made")
                .is_dir()
        );
    }

    #[test]
    fn what_is_missing_on_the_way_is_made() {
        let inside = tempfile::tempdir().unwrap();
        let root = root(inside.path());
        let directory = Target::new("/a//b/./c")
            .unwrap()
            .directory(root.as_fd())
            .unwrap();
        assert!(is_directory(directory.as_fd()).unwrap());
        let file = Target::new("/a/b/f").unwrap().file(root.as_fd()).unwrap();
        assert!(!is_directory(file.as_fd()).unwrap());
        assert!(inside.path().join("a/b/c").is_dir() && inside.path().join("a/b/f").is_file());
    }

    #[test]
    fn a_link_to_nothing_is_followed_inside() {
        let inside = tempfile::tempdir().unwrap();
        fs::create_dir(inside.path().join("etc")).unwrap();
        symlink("../../run/resolve/conf", inside.path().join("etc/conf")).unwrap();
        symlink("/loop", inside.path().join("loop")).unwrap();
        let root = root(inside.path());
        Target::new("/etc/conf")
            .unwrap()
            .file(root.as_fd())
            .unwrap();
        assert!(inside.path().join("run/resolve/conf").is_file());
        let endless = Target::new("/loop").unwrap().file(root.as_fd());
        assert_eq!(endless.unwrap_err(), Errno::LOOP);
    }

    #[test]
    fn a_path_that_points_upward_is_refused() {
        for path in ["relative", "/a/../b", "", "/nul\0"] {
            assert!(Target::new(path).is_err(), "{path:?}");
        }
    }
}
