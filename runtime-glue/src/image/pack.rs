//! Writing files that somebody may change meanwhile into an archive: every step is taken from a descriptor, by one name,
//! through no link.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fgetxattr, fstat, major, minor, openat,
    readlinkat, statat,
};
use rustix::io::Errno;
use tar::{Builder, EntryType, Header};

/// How deep directories may lie in directories.
const DEEPEST: usize = 256;

/// The longest `security.capability` (include/uapi/linux/capability.h, `XATTR_CAPS_SZ`).
const LONGEST_CAPABILITY: usize = 24;

/// Writes what is in a directory under a name, as an archive that calls it `shown`.
pub(super) fn pack(
    parent: &OwnedFd,
    name: &OsStr,
    shown: &OsStr,
    out: impl Write,
) -> io::Result<()> {
    let mut packing = Packing {
        archive: Builder::new(out),
        linked: HashMap::new(),
        layer: None,
    };
    packing.node(parent, name, Path::new(shown), 0)?;
    packing.archive.into_inner()?.flush()
}

/// Writes what is in the upper directory of an overlayfs as the archive of a layer, without what is at the absolute paths
/// `mounts`: what is gone is told by whiteouts (OCI image specification, `layer.md`).
pub(super) fn pack_layer(upper: &Path, mounts: &[&Path], out: impl Write) -> io::Result<()> {
    let mut packing = Packing {
        archive: Builder::new(out),
        linked: HashMap::new(),
        layer: Some(mounts),
    };
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
    match openat(CWD, upper, flags, Mode::empty()) {
        // the container never ran
        Err(Errno::NOENT) => {}
        opened => packing.node(&opened?, OsStr::new("."), Path::new("."), 0)?,
    }
    packing.archive.into_inner()?.flush()
}

struct Packing<'a, W: Write> {
    archive: Builder<W>,
    /// Of a layer, where something is mounted.
    layer: Option<&'a [&'a Path]>,
    /// Where files with several names were met first, by device and inode.
    linked: HashMap<(u64, u64), PathBuf>,
}

impl<W: Write> Packing<'_, W> {
    fn node(
        &mut self,
        parent: &OwnedFd,
        name: &OsStr,
        shown: &Path,
        depth: usize,
    ) -> io::Result<()> {
        let stat = match statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            // it went away meanwhile
            Err(Errno::NOENT) if depth > 0 => return Ok(()),
            stat => stat?,
        };
        if let Some(mounts) = self.layer {
            let path = Path::new("/").join(shown.strip_prefix(".").unwrap_or(shown));
            if mounts.contains(&path.as_path()) {
                return Ok(());
            }
            if FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice
                && stat.st_rdev == 0
            {
                return self.whiteout(shown, &[b".wh.", name.as_bytes()].concat());
            }
        }
        let mut header = header(&stat);
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => self.directory(parent, name, shown, depth),
            FileType::RegularFile => self.file(parent, name, shown),
            FileType::Symlink => {
                let target = readlinkat(parent, name, Vec::new())?;
                header.set_entry_type(EntryType::Symlink);
                self.archive
                    .append_link(&mut header, shown, OsStr::from_bytes(target.as_bytes()))
            }
            FileType::Fifo => self.bare(header, EntryType::Fifo, shown),
            kind @ (FileType::CharacterDevice | FileType::BlockDevice) => {
                header.set_device_major(major(stat.st_rdev))?;
                header.set_device_minor(minor(stat.st_rdev))?;
                let kind = match kind {
                    FileType::CharacterDevice => EntryType::Char,
                    _ => EntryType::Block,
                };
                self.bare(header, kind, shown)
            }
            // sockets have no place in an archive
            _ => Ok(()),
        }
    }

    fn directory(
        &mut self,
        parent: &OwnedFd,
        name: &OsStr,
        shown: &Path,
        depth: usize,
    ) -> io::Result<()> {
        if depth == DEEPEST {
            return Err(io::Error::other(
                "its directories are too deep to be copied",
            ));
        }
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = openat(parent, name, flags, Mode::empty())?;
        self.bare(header(&fstat(&directory)?), EntryType::Directory, shown)?;
        let mut opaque = [0; 1];
        if self.layer.is_some()
            && fgetxattr(&directory, "trusted.overlay.opaque", &mut opaque[..]).is_ok()
            && opaque == *b"y"
        {
            self.whiteout(&shown.join("any"), b".wh..wh..opq")?;
        }
        for entry in Dir::read_from(&directory)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name != "." && name != ".." {
                self.node(&directory, name, &shown.join(name), depth + 1)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, parent: &OwnedFd, name: &OsStr, shown: &Path) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(parent, name, flags, Mode::empty())?;
        let stat = fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Ok(());
        }
        let mut header = header(&stat);
        if stat.st_nlink > 1 {
            let identity = (stat.st_dev, stat.st_ino);
            if let Some(first) = self.linked.get(&identity) {
                header.set_entry_type(EntryType::Link);
                let first = first.clone();
                return self.archive.append_link(&mut header, shown, first);
            }
            self.linked.insert(identity, shown.to_owned());
        }
        let mut capability = [0; LONGEST_CAPABILITY];
        if let Ok(length) = fgetxattr(&file, "security.capability", &mut capability[..]) {
            let record = ("SCHILY.xattr.security.capability", &capability[..length]);
            self.archive.append_pax_extensions([record])?;
        }
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        header.set_entry_type(EntryType::Regular);
        header.set_size(size);
        // a file that shrinks meanwhile must not shift all that follows
        let content = File::from(file).chain(io::repeat(0)).take(size);
        self.archive.append_data(&mut header, shown, content)
    }

    /// Tells that something is gone, by a name beside `shown`.
    fn whiteout(&mut self, shown: &Path, name: &[u8]) -> io::Result<()> {
        let mut header = Header::new_gnu();
        header.set_size(0);
        let path = shown.with_file_name(OsStr::from_bytes(name));
        self.bare(header, EntryType::Regular, &path)
    }

    fn bare(&mut self, mut header: Header, kind: EntryType, shown: &Path) -> io::Result<()> {
        header.set_entry_type(kind);
        self.archive.append_data(&mut header, shown, io::empty())
    }
}

fn header(stat: &Stat) -> Header {
    let mut header = Header::new_gnu();
    header.set_mode(stat.st_mode & 0o7777);
    header.set_uid(stat.st_uid.into());
    header.set_gid(stat.st_gid.into());
    header.set_mtime(u64::try_from(stat.st_mtime).unwrap_or(0));
    header.set_size(0);
    header
}
