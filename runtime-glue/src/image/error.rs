//! What can go wrong with images, each with the object it went wrong with.

use std::io;
use std::path::PathBuf;

use super::{Digest, InvalidReference};

/// An operation of the image store that failed; it changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The name given is none.
    #[error(transparent)]
    InvalidReference(#[from] InvalidReference),
    /// There is no such image. The words are Docker's, for clients look for them.
    #[error("No such image: {0}")]
    NoSuchImage(String),
    /// A prefix of an id is that of several.
    #[error("{prefix} is the start of several images' ids: give more digits")]
    Ambiguous {
        /// The prefix.
        prefix: String,
    },
    /// Removing by id would take several names at once.
    #[error(
        "conflict: unable to delete {} (must be forced) - image is referenced in multiple repositories",
        id.short()
    )]
    SeveralNames {
        /// The image.
        id: Digest,
    },
    /// The archive is compressed in a way that cannot be read.
    #[error("the archive is compressed with {format}: decompress it, or compress it with gzip")]
    Compression {
        /// The format.
        format: &'static str,
    },
    /// The archive ends too early.
    #[error("the archive is truncated: it ends without an end-of-archive mark")]
    Truncated,
    /// The archive cannot be read.
    #[error("cannot read the archive: it is damaged, or no tar archive")]
    Archive {
        /// Why.
        source: io::Error,
    },
    /// An entry of the archive reaches out of it, or asks for what cannot be.
    #[error("refused entry {} of the archive: {reason}", path.display())]
    RefusedEntry {
        /// The entry.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An entry claims more bytes than there is room for.
    #[error(
        "entry {} of the archive claims {size} bytes, but only {free} are free below {}",
        path.display(),
        directory.display()
    )]
    TooLarge {
        /// The entry.
        path: PathBuf,
        /// The bytes it claims.
        size: u64,
        /// The bytes that are free.
        free: u64,
        /// The store.
        directory: PathBuf,
    },
    /// There is less room than is needed.
    #[error(
        "no space left on device: {size} bytes are needed, but only {free} are free below {}",
        directory.display()
    )]
    NoRoom {
        /// The bytes that are needed.
        size: u64,
        /// The bytes that are free.
        free: u64,
        /// The store.
        directory: PathBuf,
    },
    /// The archive holds no image.
    #[error(
        "the archive holds no image: a manifest.json (docker save) or an OCI layout is expected; \
         the archive of a root file system is imported instead"
    )]
    NoImage,
    /// A document of the archive is not what it should be.
    #[error("invalid {name} in the archive: {reason}")]
    Document {
        /// The document.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Something in the archive is not what its digest says.
    #[error("{name} of the archive does not verify: its digest is {found}, not {expected}")]
    Digest {
        /// What it is.
        name: String,
        /// The digest that is told.
        expected: Digest,
        /// The digest that it has.
        found: Digest,
    },
    /// A layer cannot be written as the archive that it came from.
    #[error("cannot write layer {layer} as the archive that it came from")]
    Assemble {
        /// The layer.
        layer: Digest,
        /// Why.
        source: io::Error,
    },
    /// An entry of the archive cannot be written.
    #[error("cannot unpack entry {} of the archive", path.display())]
    Unpack {
        /// The entry.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An image's own file is not what was written.
    #[error("image file {} is damaged: remove it and import the image again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file or directory of the store cannot be read.
    #[error("cannot read {} of the image store", path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file or directory of the store cannot be written.
    #[error("cannot write {} of the image store", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file or directory of the store cannot be removed.
    #[error("cannot remove {} of the image store", path.display())]
    Remove {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}
