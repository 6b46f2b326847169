//! A container's files seen from outside, found by the kernel within its root whatever links lead there (openat2(2),
//! RESOLVE_IN_ROOT): what the container changes meanwhile cannot lead out.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat, openat2, readlinkat, statat,
};
use rustix::io::Errno;

use super::copy::{merged, stacked};
use super::digest::Digesting;
use super::layer::{unpack_files, unreadable};
use super::tree::Tree;
use super::{ImageError, pack};

/// The root of a container's files.
#[derive(Debug)]
pub struct Root(OwnedFd);

/// What there is under a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct About {
    /// The last name of the path.
    pub name: String,
    /// In bytes.
    pub size: u64,
    /// Type and permissions, as stat(2) has them.
    pub mode: u32,
    /// When it was modified.
    pub modified: Timestamp,
    /// Where it leads, if it is a symbolic link.
    pub target: String,
}

/// What can go wrong with a container's files.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// There is nothing under that path.
    #[error("{} does not exist in the container", .0.display())]
    Missing(PathBuf),
    /// What an archive is to be unpacked into is no directory. The words are Docker's.
    #[error("extraction point is not a directory: {}", .0.display())]
    NoDirectory(PathBuf),
    /// It cannot be read.
    #[error("cannot read {} of the container", path.display())]
    Read {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The root cannot be opened.
    #[error("cannot open the container's root file system")]
    Open(#[source] io::Error),
    /// The archive is refused.
    #[error(transparent)]
    Archive(#[from] ImageError),
}

impl Root {
    /// The root that is a directory, such as `/proc/PID/root`.
    pub fn open(path: &Path) -> Result<Self, RootError> {
        let opened = File::open(path).map_err(RootError::Open)?;
        Ok(Self(opened.into()))
    }

    /// The root of a container that does not run, of its layers, the uppermost first, and what it has written.
    pub fn stack(lower: &[PathBuf], upper: &Path, work: &Path) -> Result<Self, RootError> {
        stacked(lower.iter(), Some((upper, work)))
            .map(Self)
            .map_err(RootError::Open)
    }

    /// The files of a container without what is mounted into it, to read: of its layers, the uppermost first, and what it
    /// has written, while it may run.
    pub fn merged(lower: &[PathBuf], upper: &Path) -> Result<Self, RootError> {
        let mut layers = vec![upper.to_owned()];
        layers.extend_from_slice(lower);
        merged(&layers).map(Self).map_err(RootError::Open)
    }

    /// What there is under a path; a link at its end is not followed, unless a slash is behind it.
    pub fn about(&self, path: &Path) -> Result<About, RootError> {
        let failed = |error: Errno| failed(path, error);
        let (parent, name) = self.locate(path)?;
        let stat = statat(&parent, &name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
        let is_link = FileType::from_raw_mode(stat.st_mode) == FileType::Symlink;
        let target = match is_link {
            true => readlinkat(&parent, &name, Vec::new()).map_err(failed)?,
            false => c"".to_owned(),
        };
        Ok(About {
            name: last_name(path).to_string_lossy().into_owned(),
            size: u64::try_from(stat.st_size).unwrap_or(0),
            mode: stat.st_mode,
            modified: modified(&stat),
            target: target.to_string_lossy().into_owned(),
        })
    }

    /// Writes what is under a path as an archive that begins with its last name; of `PATH/.`, its content alone.
    pub fn pack(&self, path: &Path, out: impl Write) -> Result<(), RootError> {
        let (parent, name) = self.locate(path)?;
        statat(&parent, &name, AtFlags::SYMLINK_NOFOLLOW).map_err(|error| failed(path, error))?;
        pack::pack(&parent, &name, &last_name(path), out).map_err(|source| RootError::Read {
            path: path.to_owned(),
            source,
        })
    }

    /// Unpacks an uncompressed archive into a directory. Links are followed as the container would, and what is in the
    /// way is replaced, but for directories.
    pub fn unpack(&self, path: &Path, archive: impl Read) -> Result<(), RootError> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let found = self
            .find(path, flags)
            .map_err(|error| failed(path, error))?;
        let stat = rustix::fs::fstat(&found).map_err(|error| failed(path, error))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            return Err(RootError::NoDirectory(path.to_owned()));
        }
        let root = self.0.try_clone().map_err(RootError::Open)?;
        let mut tree = Tree::within(root, inside(path));
        let mut bytes = Digesting::new(archive);
        let outcome = unpack_files(&mut bytes, &mut tree);
        if bytes.ended() {
            return Err(ImageError::Truncated.into());
        }
        outcome?;
        io::copy(&mut bytes, &mut io::sink()).map_err(unreadable)?;
        Ok(tree.set_times()?)
    }

    /// The directory that something is in, and its name there; `.` for a directory that is meant itself.
    fn locate(&self, path: &Path) -> Result<(OwnedFd, OsString), RootError> {
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        let text = path.as_os_str().to_string_lossy();
        let itself = text.ends_with('/') || text.ends_with("/.") || path.file_name().is_none();
        let (parent, name) = match path.file_name() {
            Some(name) if !itself => (path.parent().unwrap_or(Path::new("/")), name.to_owned()),
            _ => (path, OsString::from(".")),
        };
        let parent = self
            .find(parent, flags)
            .map_err(|error| failed(path, error))?;
        Ok((parent, name))
    }

    fn find(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        openat2(&self.0, inside(path), flags, Mode::empty(), resolve)
    }
}

/// A path without the slash at its beginning.
fn inside(path: &Path) -> &Path {
    let inside = path.strip_prefix("/").unwrap_or(path);
    if inside.as_os_str().is_empty() {
        return Path::new(".");
    }
    inside
}

/// What an archive of a path begins with.
fn last_name(path: &Path) -> OsString {
    let content_alone = path.as_os_str().to_string_lossy().ends_with("/.");
    match path.file_name() {
        Some(name) if !content_alone => name.to_owned(),
        _ => ".".into(),
    }
}

fn modified(stat: &Stat) -> Timestamp {
    let nanoseconds = i32::try_from(stat.st_mtime_nsec).unwrap_or(0);
    Timestamp::new(stat.st_mtime, nanoseconds).unwrap_or_default()
}

fn failed(path: &Path, error: Errno) -> RootError {
    match error {
        Errno::NOENT | Errno::NOTDIR => RootError::Missing(path.to_owned()),
        error => RootError::Read {
            path: path.to_owned(),
            source: error.into(),
        },
    }
}
