//! Unpacking an archive into the directory of a layer.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Timespec, makedev};
use tar::{Archive, Entry, EntryType};

use super::attributes::Attributes;
use super::bounded::{Allowance, Bounded};
use super::digest::Digesting;
use super::skeleton::{Skeleton, Traced};
use super::tree::{Device, Tree};
use super::{Digest, ImageError};

/// Extended attributes are told by pax records of this prefix (star, GNU tar, Go's archive/tar).
const PAX_XATTR: &str = "SCHILY.xattr.";

/// A layer that was unpacked.
#[derive(Debug)]
pub(super) struct Layer {
    /// The digest of the uncompressed archive.
    pub(super) diff_id: Digest,
    /// The bytes in its files.
    pub(super) size: u64,
}

/// What a name begins with that stands for the absence of the rest (OCI image specification, `layer.md`).
const WHITEOUT: &[u8] = b".wh.";

/// The name that stands for the absence of all that the layers below have in its directory.
const OPAQUE: &[u8] = b".wh..wh..opq";

/// Unpacks an uncompressed archive into an empty directory, and makes it last; writes its skeleton.
///
/// Owners, modes, times, extended attributes, hard links, FIFOs and device nodes are kept, as `docker import` does
/// for root: what a device node can be used for is up to the container's device rules, which nodes that a
/// container makes itself are subject to as well. Whiteouts become those of overlayfs.
pub(super) fn unpack(
    archive: impl Read,
    into: &Path,
    skeleton: impl Write,
) -> Result<Layer, ImageError> {
    let skeleton = RefCell::new(Skeleton::new(skeleton));
    let allowance = Allowance::new();
    let mut bytes = Traced {
        inner: Digesting::new(Bounded {
            inner: archive,
            allowance: &allowance,
        }),
        skeleton: &skeleton,
    };
    let mut tree = Tree::open(into)?;
    let outcome = unpack_entries(&mut bytes, &mut tree, &skeleton, &allowance);
    // whatever the end broke, the end is what went wrong
    if bytes.inner.ended() {
        return Err(ImageError::Truncated);
    }
    outcome?;
    io::copy(&mut bytes, &mut io::sink()).map_err(unreadable)?;
    let size = tree.finish()?;
    let diff_id = bytes.inner.digest();
    let written = skeleton.into_inner().finish();
    written
        .and_then(|mut out| out.flush())
        .map_err(|source| ImageError::Write {
            path: into.to_owned(),
            source,
        })?;
    Ok(Layer { diff_id, size })
}

fn unpack_entries(
    bytes: &mut impl Read,
    tree: &mut Tree,
    skeleton: &RefCell<Skeleton<impl Write>>,
    allowance: &Allowance,
) -> Result<(), ImageError> {
    let mut archive = Archive::new(bytes);
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        allowance.enter(content(&entry));
        unpack_entry(&mut entry, tree, skeleton)?;
    }
    Ok(())
}

fn unpack_entry(
    entry: &mut Entry<'_, impl Read>,
    tree: &mut Tree,
    skeleton: &RefCell<Skeleton<impl Write>>,
) -> Result<(), ImageError> {
    let path = entry.path().map_err(unreadable)?.into_owned();
    let refuse = |reason| ImageError::RefusedEntry {
        path: path.clone(),
        reason,
    };
    let kind = entry.header().entry_type();
    if kind == EntryType::XGlobalHeader {
        return Ok(());
    }
    let parent = path.parent().unwrap_or(Path::new(""));
    match path.file_name().map(OsStr::as_bytes) {
        Some(OPAQUE) => return tree.opaque(parent),
        // what else aufs keeps for itself
        Some(name) if name.starts_with(b".wh..wh.") => return Ok(()),
        Some(name) if name.starts_with(WHITEOUT) => {
            return match &name[WHITEOUT.len()..] {
                b"" | b"." | b".." => Err(refuse("it takes away nothing that has a name")),
                gone => tree.whiteout(parent, OsStr::from_bytes(gone)),
            };
        }
        _ => {}
    }
    unpack_node(entry, &path, tree, skeleton)
}

/// Unpacks the entries of an archive into a container's files: all but nodes, under the names that they have.
pub(super) fn unpack_files(bytes: &mut impl Read, tree: &mut Tree) -> Result<(), ImageError> {
    let skeleton = RefCell::new(Skeleton::new(io::sink()));
    let mut archive = Archive::new(bytes);
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let path = entry.path().map_err(unreadable)?.into_owned();
        match entry.header().entry_type() {
            EntryType::XGlobalHeader => {}
            EntryType::Fifo | EntryType::Char | EntryType::Block => {
                return Err(ImageError::RefusedEntry {
                    path,
                    reason: "only files, directories and links are copied into containers",
                });
            }
            _ => unpack_node(&mut entry, &path, tree, &skeleton)?,
        }
    }
    Ok(())
}

fn unpack_node(
    entry: &mut Entry<'_, impl Read>,
    path: &Path,
    tree: &mut Tree,
    skeleton: &RefCell<Skeleton<impl Write>>,
) -> Result<(), ImageError> {
    let kind = entry.header().entry_type();
    let refuse = |reason| ImageError::RefusedEntry {
        path: path.to_owned(),
        reason,
    };
    let attributes = attributes(entry, path)?;
    let size = entry.size();
    match kind {
        EntryType::Directory => tree.directory(path, &attributes),
        // its holes are in the archive by name only
        EntryType::GNUSparse => tree.file(path, &attributes, size, entry),
        EntryType::Regular | EntryType::Continuous => {
            let kept = |source| ImageError::Unpack {
                path: path.to_owned(),
                source,
            };
            skeleton.borrow_mut().enter(path, size).map_err(kept)?;
            let unpacked = tree.file(path, &attributes, size, entry);
            skeleton.borrow_mut().leave();
            unpacked
        }
        EntryType::Symlink => tree.symlink(path, &attributes, &target(entry, path)?),
        EntryType::Link => tree.hard_link(path, &target(entry, path)?),
        EntryType::Fifo => tree.node(path, &attributes, Device::Fifo),
        EntryType::Char | EntryType::Block => {
            let header = entry.header();
            let number = |part: io::Result<Option<u32>>| {
                part.ok()
                    .flatten()
                    .ok_or_else(|| refuse("its device number cannot be read"))
            };
            let device = makedev(
                number(header.device_major())?,
                number(header.device_minor())?,
            );
            let character = kind == EntryType::Char;
            let device = if character {
                Device::Character(device)
            } else {
                Device::Block(device)
            };
            tree.node(path, &attributes, device)
        }
        _ => Err(refuse("entries of its type are not supported")),
    }
}

/// The bytes that the content of an entry takes in its archive; of what has none, none.
pub(super) fn content(entry: &Entry<'_, impl Read>) -> u64 {
    match entry.header().entry_type() {
        EntryType::GNUSparse => entry.header().entry_size().unwrap_or(0),
        EntryType::Regular | EntryType::Continuous => entry.size(),
        _ => 0,
    }
}

/// What a link of an archive leads to.
pub(super) fn target(entry: &Entry<'_, impl Read>, path: &Path) -> Result<PathBuf, ImageError> {
    match entry.link_name().map_err(unreadable)? {
        Some(target) if !target.as_os_str().is_empty() => Ok(target.into_owned()),
        _ => Err(ImageError::RefusedEntry {
            path: path.to_owned(),
            reason: "it is a link to nothing",
        }),
    }
}

fn attributes(entry: &mut Entry<'_, impl Read>, path: &Path) -> Result<Attributes, ImageError> {
    let refuse = |reason| ImageError::RefusedEntry {
        path: path.to_owned(),
        reason,
    };
    let header = entry.header();
    let owner = |id: io::Result<u64>| {
        // the highest id means "leave it" to chown(2)
        id.ok()
            .and_then(|id| u32::try_from(id).ok())
            .filter(|id| *id != u32::MAX)
            .ok_or_else(|| refuse("its owner cannot be read"))
    };
    let mut attributes = Attributes {
        uid: owner(header.uid())?,
        gid: owner(header.gid())?,
        mode: header
            .mode()
            .map_err(|_| refuse("its mode cannot be read"))?
            & 0o7777,
        modified: Timespec {
            tv_sec: header
                .mtime()
                .ok()
                .and_then(|time| time.try_into().ok())
                .unwrap_or(0),
            tv_nsec: 0,
        },
        xattrs: Vec::new(),
    };
    for record in entry
        .pax_extensions()
        .map_err(unreadable)?
        .into_iter()
        .flatten()
    {
        let record = record.map_err(unreadable)?;
        let Ok(key) = record.key() else { continue };
        if key.starts_with("GNU.sparse.") {
            return Err(refuse(
                "sparse files in the pax format are not supported: use tar --format=gnu",
            ));
        }
        if let Some(name) = key.strip_prefix(PAX_XATTR) {
            attributes
                .xattrs
                .push((name.to_owned(), record.value_bytes().to_vec()));
        } else if let Some(time) = (key == "mtime").then(|| record.value().ok()).flatten() {
            attributes.modified = seconds(time).unwrap_or(attributes.modified);
        }
    }
    Ok(attributes)
}

/// A decimal number of seconds (POSIX pax, "pax Header Block").
fn seconds(text: &str) -> Option<Timespec> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = fraction
        .chars()
        .chain("000000000".chars())
        .take(9)
        .collect();
    let (whole, nanoseconds): (i64, i64) = (whole.parse().ok()?, digits.parse().ok()?);
    Some(match text.starts_with('-') && nanoseconds > 0 {
        true => Timespec {
            tv_sec: whole - 1,
            tv_nsec: 1_000_000_000 - nanoseconds,
        },
        false => Timespec {
            tv_sec: whole,
            tv_nsec: nanoseconds,
        },
    })
}

/// What a failure to read an archive means.
pub(super) fn unreadable(source: io::Error) -> ImageError {
    match source.kind() {
        ErrorKind::UnexpectedEof => ImageError::Truncated,
        _ => ImageError::Archive { source },
    }
}
