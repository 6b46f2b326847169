//! An archive of images laid out on disk, for its parts come in any order.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, Timespec, openat, openat2};
use rustix::io::Errno;
use tar::{Archive, Entry, EntryType};

use super::attributes::Attributes;
use super::bounded::{Allowance, Bounded};
use super::digest::Digesting;
use super::disk::Temporary;
use super::layer::{content, target, unreadable};
use super::tree::Tree;
use super::{Digest, ImageError};

/// The longest document that is read: configurations, manifests and indexes, in bytes.
const LONGEST_DOCUMENT: u64 = 4 << 20;

/// The archive; gone with this.
pub(super) struct Spool {
    root: OwnedFd,
    _directory: Temporary,
}

/// A part of the archive, and what it must be where that is told.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) path: String,
    pub(super) digest: Option<Digest>,
}

impl Spool {
    /// Lays out an uncompressed archive: regular files and the links between them.
    pub(super) fn new(archive: impl Read, directory: Temporary) -> Result<Self, ImageError> {
        let failed = |source: io::Error| ImageError::Write {
            path: directory.0.clone(),
            source,
        };
        std::fs::create_dir(&directory.0).map_err(failed)?;
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(CWD, &directory.0, flags, Mode::empty())
            .map_err(|error| failed(error.into()))?;
        let allowance = Allowance::new();
        let mut bytes = Digesting::new(Bounded {
            inner: archive,
            allowance: &allowance,
        });
        let mut tree = Tree::open(&directory.0)?;
        let outcome = lay_out(&mut bytes, &mut tree, &allowance);
        if bytes.ended() {
            return Err(ImageError::Truncated);
        }
        outcome?;
        io::copy(&mut bytes, &mut io::sink()).map_err(unreadable)?;
        Ok(Self {
            root,
            _directory: directory,
        })
    }

    /// Reads a document, if it is there.
    pub(super) fn find(&self, path: &str) -> Result<Option<Vec<u8>>, ImageError> {
        self.open(path)?.map(|file| read(path, file)).transpose()
    }

    /// Reads a document that must be there, and be what its digest says.
    pub(super) fn document(&self, part: &Part) -> Result<Vec<u8>, ImageError> {
        let file = self.part(part)?;
        read(&part.path, file)
    }

    /// Opens a part that must be there, and be what its digest says.
    pub(super) fn part(&self, part: &Part) -> Result<File, ImageError> {
        let Part { path, digest } = part;
        let open = || {
            self.open(path)?.ok_or_else(|| ImageError::Document {
                name: path.clone(),
                reason: "it is missing".to_owned(),
            })
        };
        if let Some(expected) = *digest {
            let mut bytes = Digesting::new(open()?);
            io::copy(&mut bytes, &mut io::sink()).map_err(|source| read_failed(path, source))?;
            verify(path, expected, bytes.digest())?;
        }
        open()
    }

    /// Opens a regular file, found by the kernel within the archive, whatever links lead there.
    fn open(&self, path: &str) -> Result<Option<File>, ImageError> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let file = match openat2(&self.root, path, flags, Mode::empty(), resolve) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(error) => return Err(read_failed(path, error.into())),
        };
        let about = file
            .metadata()
            .map_err(|source| read_failed(path, source))?;
        Ok(about.is_file().then_some(file))
    }
}

/// Fails unless something has the digest it is known by.
pub(super) fn verify(name: &str, expected: Digest, found: Digest) -> Result<(), ImageError> {
    if expected == found {
        return Ok(());
    }
    Err(ImageError::Digest {
        name: name.to_owned(),
        expected,
        found,
    })
}

fn lay_out(
    bytes: &mut impl Read,
    tree: &mut Tree,
    allowance: &Allowance,
) -> Result<(), ImageError> {
    let mut archive = Archive::new(bytes);
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        allowance.enter(content(&entry));
        lay_out_entry(&mut entry, tree)?;
    }
    Ok(())
}

fn lay_out_entry(entry: &mut Entry<'_, impl Read>, tree: &mut Tree) -> Result<(), ImageError> {
    let path = entry.path().map_err(unreadable)?.into_owned();
    let size = entry.size();
    match entry.header().entry_type() {
        EntryType::XGlobalHeader => Ok(()),
        EntryType::Directory => tree.directory(&path, &ours(0o700)),
        EntryType::Regular | EntryType::Continuous => tree.file(&path, &ours(0o600), size, entry),
        EntryType::Symlink => tree.symlink(&path, &ours(0o777), &target(entry, &path)?),
        EntryType::Link => tree.hard_link(&path, &target(entry, &path)?),
        _ => Err(ImageError::RefusedEntry {
            path,
            reason: "archives of images hold files, directories and links only",
        }),
    }
}

/// What is only ours to read.
const fn ours(mode: u32) -> Attributes {
    Attributes {
        uid: 0,
        gid: 0,
        mode,
        modified: Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        },
        xattrs: Vec::new(),
    }
}

fn read(path: &str, file: File) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Vec::new();
    let read = file.take(LONGEST_DOCUMENT + 1).read_to_end(&mut bytes);
    match read {
        Err(source) => Err(read_failed(path, source)),
        Ok(length) if length as u64 > LONGEST_DOCUMENT => Err(ImageError::Document {
            name: path.to_owned(),
            reason: format!("it is longer than {LONGEST_DOCUMENT} bytes"),
        }),
        Ok(_) => Ok(bytes),
    }
}

fn read_failed(path: &str, source: io::Error) -> ImageError {
    ImageError::Read {
        path: Path::new(path).to_owned(),
        source,
    }
}
