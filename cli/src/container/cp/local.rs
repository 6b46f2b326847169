//! The files here: packed to be sent, unpacked where they are wanted.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use tar::{Archive, Builder, Header};

use crate::error::{Error, Result};

/// How files here are read.
#[derive(Clone, Copy)]
pub(super) struct Options {
    pub(super) keep_owners: bool,
    pub(super) follow_link: bool,
}

/// Whether what is copied is a directory.
pub(super) fn is_directory(source: &Path, options: Options) -> Result<bool> {
    let about = match options.follow_link {
        true => fs::metadata(source),
        false => fs::symlink_metadata(source),
    };
    about
        .map(|it| it.is_dir())
        .map_err(|error| unreadable(source, error))
}

/// Where what comes goes: a directory, and the name that it gets there instead of its own.
pub(super) fn destination(here: &str, is_directory: bool) -> Result<(PathBuf, Option<PathBuf>)> {
    let path = PathBuf::from(here);
    match fs::metadata(&path) {
        Ok(about) if about.is_dir() => return Ok((path, None)),
        Ok(_) if is_directory => return Err(Error::Conflict("cannot copy directory")),
        Err(_) if here.ends_with('/') && !is_directory => {
            return Err(Error::Conflict("no such directory"));
        }
        _ => {}
    }
    let name = path.file_name().map(PathBuf::from);
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    // it must be there
    fs::metadata(&parent).map_err(|error| unreadable(&parent, error))?;
    Ok((parent, name))
}

/// Unpacks an archive into a directory; nothing in it leads out. Its first name is replaced by `rename`.
pub(super) fn unpack(archive: impl Read, into: &Path, rename: Option<&Path>) -> Result<()> {
    let Some(name) = rename else {
        return unpack_all(archive, into).map_err(|error| unwritable(into, error));
    };
    let beside = into.join(format!(".rnet-cp-{}", std::process::id()));
    let renamed = || {
        fs::create_dir(&beside)?;
        unpack_all(archive, &beside)?;
        let mut unpacked = fs::read_dir(&beside)?;
        match unpacked.next() {
            Some(entry) => fs::rename(entry?.path(), into.join(name)),
            // PATH/. is a directory without a name
            None => fs::create_dir(into.join(name)),
        }
    };
    let unpacked = renamed();
    // what is left of it has no name here
    let cleared = fs::remove_dir_all(&beside);
    unpacked
        .and(cleared)
        .map_err(|error| unwritable(into, error))
}

fn unpack_all(archive: impl Read, into: &Path) -> io::Result<()> {
    let mut archive = Archive::new(archive);
    archive.set_preserve_permissions(true);
    archive.unpack(into)
}

/// Writes what is under a path as an archive that calls it `shown`.
pub(super) fn pack(source: &Path, shown: &str, options: Options, out: impl Write) -> Result<()> {
    let packed = || {
        let mut archive = Builder::new(out);
        let about = match options.follow_link {
            true => fs::metadata(source)?,
            false => fs::symlink_metadata(source)?,
        };
        add(&mut archive, source, &about, Path::new(shown), options)?;
        archive.finish()
    };
    packed().map_err(|error| unreadable(source, error))
}

fn add(
    archive: &mut Builder<impl Write>,
    path: &Path,
    about: &Metadata,
    shown: &Path,
    options: Options,
) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_metadata(about);
    if !options.keep_owners {
        header.set_uid(0);
        header.set_gid(0);
    }
    if about.is_dir() {
        archive.append_data(&mut header, shown, io::empty())?;
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let (about, shown) = (entry.metadata()?, shown.join(entry.file_name()));
            add(archive, &entry.path(), &about, &shown, options)?;
        }
        Ok(())
    } else if about.is_symlink() {
        archive.append_link(&mut header, shown, fs::read_link(path)?)
    } else if about.is_file() {
        archive.append_data(&mut header, shown, File::open(path)?.take(about.len()))
    } else {
        Ok(())
    }
}

fn unwritable(path: &Path, source: io::Error) -> Error {
    Error::Write {
        path: path.to_owned(),
        source,
    }
}

fn unreadable(path: &Path, source: io::Error) -> Error {
    Error::Read {
        path: path.to_owned(),
        source,
    }
}
