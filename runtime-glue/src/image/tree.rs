//! A directory tree that hostile names cannot lead out of: every path is resolved by the kernel beneath the root,
//! through no symbolic link (openat2(2)).

mod whiteout;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, Dev, FileType, Mode, OFlags, ResolveFlags, Timespec, chmodat, fchmod, fstatvfs,
    futimens, linkat, mkdirat, mknodat, openat, openat2, statat, symlinkat, syncfs, unlinkat,
};
use rustix::io::Errno;

use super::ImageError;
use super::attributes::{Attributes, times};

/// A node that is neither file nor directory nor link.
pub(super) enum Device {
    Fifo,
    Character(Dev),
    Block(Dev),
}

/// The tree.
pub(super) struct Tree {
    path: PathBuf,
    root: OwnedFd,
    /// Where the tree begins below the root.
    base: PathBuf,
    /// How far a path may lead.
    resolve: ResolveFlags,
    /// The times of directories, set last, as every entry made in one changes it.
    modified: BTreeMap<PathBuf, Timespec>,
    size: u64,
}

impl Tree {
    /// The tree below an empty directory.
    pub(super) fn open(path: &Path) -> Result<Self, ImageError> {
        let opened = || {
            let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
            let root = openat(CWD, path, flags, Mode::empty())?;
            fchmod(&root, Mode::from_raw_mode(0o755))?;
            Ok(root)
        };
        let root = opened().map_err(|error: Errno| ImageError::Write {
            path: path.to_owned(),
            source: error.into(),
        })?;
        Ok(Self {
            path: path.to_owned(),
            root,
            base: PathBuf::from("."),
            resolve: ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV,
            modified: BTreeMap::new(),
            size: 0,
        })
    }

    /// The tree below a directory of a container's root, whose links are followed as the container would.
    pub(super) fn within(root: OwnedFd, base: &Path) -> Self {
        Self {
            path: base.to_owned(),
            root,
            base: base.to_owned(),
            resolve: ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
            modified: BTreeMap::new(),
            size: 0,
        }
    }

    pub(super) fn directory(
        &mut self,
        path: &Path,
        attributes: &Attributes,
    ) -> Result<(), ImageError> {
        let inside = inside(path)?;
        let made = || {
            let directory = self.open_directory(&inside)?;
            attributes.apply(&directory)
        };
        made().map_err(|error| failed(path, error))?;
        self.modified.insert(inside, attributes.modified);
        Ok(())
    }

    pub(super) fn file(
        &mut self,
        path: &Path,
        attributes: &Attributes,
        size: u64,
        content: impl Read,
    ) -> Result<(), ImageError> {
        self.check_room(path, size)?;
        let (parent, name) = self.place(path)?;
        let made = || {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            Ok(File::from(openat(
                &parent,
                name,
                flags,
                Mode::RUSR | Mode::WUSR,
            )?))
        };
        let mut file = made().map_err(|error| failed(path, error))?;
        copy(content, &mut file, size).map_err(|error| failed(path, error))?;
        let finished = attributes
            .apply(&file)
            .and_then(|()| Ok(futimens(&file, &times(attributes.modified))?));
        finished.map_err(|error| failed(path, error))?;
        self.size = self.size.saturating_add(size);
        Ok(())
    }

    pub(super) fn symlink(
        &self,
        path: &Path,
        attributes: &Attributes,
        target: &Path,
    ) -> Result<(), ImageError> {
        let (parent, name) = self.place(path)?;
        let made = || {
            symlinkat(target, &parent, name)?;
            attributes.apply_to_link(&parent, name)
        };
        made().map_err(|error| failed(path, error.into()))
    }

    pub(super) fn hard_link(&self, path: &Path, target: &Path) -> Result<(), ImageError> {
        let from =
            inside(target).map_err(|_| refused(path, "its target is outside the archive"))?;
        if from == inside(path)? {
            return Err(refused(path, "it is a link to itself"));
        }
        let (parent, name) = self.place(path)?;
        let linked = || {
            let directory = self.open_directory(from.parent().unwrap_or(Path::new("")))?;
            let target = from.file_name().ok_or(ErrorKind::IsADirectory)?;
            Ok(linkat(&directory, target, &parent, name, AtFlags::empty())?)
        };
        linked().map_err(|error: io::Error| match error.kind() {
            ErrorKind::NotFound => refused(path, "it is a link to what comes later, or not at all"),
            _ => failed(path, error),
        })
    }

    pub(super) fn node(
        &self,
        path: &Path,
        attributes: &Attributes,
        device: Device,
    ) -> Result<(), ImageError> {
        let (kind, number) = match device {
            Device::Fifo => (FileType::Fifo, 0),
            Device::Character(number) => (FileType::CharacterDevice, number),
            Device::Block(number) => (FileType::BlockDevice, number),
        };
        let (parent, name) = self.place(path)?;
        let made = || {
            mknodat(&parent, name, kind, Mode::RUSR, number)?;
            attributes.apply_to_link(&parent, name)?;
            chmodat(
                &parent,
                name,
                Mode::from_raw_mode(attributes.mode),
                AtFlags::empty(),
            )
        };
        made().map_err(|error| failed(path, error.into()))
    }

    /// Sets the times of directories and makes all of it last; the bytes in its files.
    pub(super) fn finish(self) -> Result<u64, ImageError> {
        self.set_times()?;
        syncfs(&self.root).map_err(|error| ImageError::Write {
            path: self.path.clone(),
            source: error.into(),
        })?;
        Ok(self.size)
    }

    /// Sets the times of directories.
    pub(super) fn set_times(&self) -> Result<(), ImageError> {
        for (path, modified) in self.modified.iter().rev() {
            let set = || Ok(futimens(self.open_directory(path)?, &times(*modified))?);
            set().map_err(|error| failed(path, error))?;
        }
        Ok(())
    }

    /// A claim that cannot be true is refused before anything is written.
    fn check_room(&self, path: &Path, size: u64) -> Result<(), ImageError> {
        let room = fstatvfs(&self.root).map_err(|error| ImageError::Read {
            path: self.path.clone(),
            source: error.into(),
        })?;
        let free = room.f_bavail.saturating_mul(room.f_frsize);
        if size <= free {
            return Ok(());
        }
        let directory = self.path.clone();
        Err(ImageError::TooLarge {
            path: path.to_owned(),
            size,
            free,
            directory,
        })
    }

    /// Where an entry goes: its directory, made if the archive has not told of it, without what was there before
    /// under its name.
    fn place<'a>(&self, path: &'a Path) -> Result<(OwnedFd, &'a OsStr), ImageError> {
        let inside = inside(path)?;
        let name = path
            .file_name()
            .ok_or_else(|| refused(path, "its name is that of the root"))?;
        let parent = inside.parent().unwrap_or(Path::new(""));
        let parent = self
            .open_directory(parent)
            .map_err(|error| failed(path, error))?;
        match statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => {}
            Err(error) => return Err(failed(path, error.into())),
            Ok(old) if FileType::from_raw_mode(old.st_mode) == FileType::Directory => {
                return Err(refused(path, "it would replace a directory"));
            }
            Ok(_) => unlinkat(&parent, name, AtFlags::empty())
                .map_err(|error| failed(path, error.into()))?,
        }
        Ok((parent, name))
    }

    /// Opens a directory, after making it and those above it where they are missing.
    fn open_directory(&self, path: &Path) -> io::Result<OwnedFd> {
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = |path: &Path| {
            let path = self.base.join(path);
            openat2(&self.root, path, flags, Mode::empty(), self.resolve)
        };
        let Some(name) = path.file_name() else {
            return Ok(open(Path::new("."))?);
        };
        match open(path) {
            Err(Errno::NOENT | Errno::NOTDIR) => {}
            opened => return Ok(opened?),
        }
        let parent = self.open_directory(path.parent().unwrap_or(Path::new("")))?;
        let lifted = whiteout::lift(&parent, name)?;
        match mkdirat(&parent, name, Mode::RWXU) {
            Err(Errno::EXIST) => return Err(Errno::NOTDIR.into()),
            made => made?,
        }
        let made = open(path)?;
        if lifted {
            whiteout::set_opaque(&made)?;
        }
        fchmod(&made, Mode::from_raw_mode(0o755))?;
        Ok(made)
    }
}

/// The path of an entry as one below the root, without `.`.
fn inside(path: &Path) -> Result<PathBuf, ImageError> {
    let mut inside = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => inside.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                return Err(refused(path, "\"..\" would lead out of the archive"));
            }
            Component::RootDir | Component::Prefix(_) => {
                return Err(refused(path, "its path is absolute"));
            }
        }
    }
    Ok(inside)
}

/// Copies `size` bytes; zeros become holes, so that a sparse file takes no more room than it did.
fn copy(mut content: impl Read, file: &mut File, size: u64) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    let mut left = size;
    while left > 0 {
        let wanted = left.min(buffer.len() as u64) as usize;
        let chunk = &mut buffer[..wanted];
        content.read_exact(chunk)?;
        if chunk.iter().all(|byte| *byte == 0) {
            file.seek(SeekFrom::Current(wanted as i64))?;
        } else {
            file.write_all(chunk)?;
        }
        left -= wanted as u64;
    }
    file.set_len(size)
}

fn refused(path: &Path, reason: &'static str) -> ImageError {
    ImageError::RefusedEntry {
        path: path.to_owned(),
        reason,
    }
}

fn failed(path: &Path, source: io::Error) -> ImageError {
    match Errno::from_io_error(&source) {
        Some(Errno::LOOP) => refused(path, "it goes through a symbolic link"),
        Some(Errno::NOTDIR) => refused(path, "it goes through what is no directory"),
        _ => ImageError::Unpack {
            path: path.to_owned(),
            source,
        },
    }
}
