//! Telling how an archive is compressed by its first bytes, and undoing it.

mod zstd;

use std::io::{self, Cursor, Read};

use flate2::read::MultiGzDecoder;

use super::ImageError;
use zstd::Frames;

/// What starts a stream of each format that people compress archives with.
const MAGIC: [(&[u8], &str); 5] = [
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ\0", "xz"),
    (b"BZh", "bzip2"),
    (b"PK\x03\x04", "zip"),
];

/// The archive without its compression.
///
/// Contract: the reader tells an end that comes too early by [`io::ErrorKind::UnexpectedEof`].
pub(super) fn decompress(mut archive: impl Read) -> Result<impl Read, ImageError> {
    let mut start = Vec::new();
    archive
        .by_ref()
        .take(6)
        .read_to_end(&mut start)
        .map_err(|source| ImageError::Archive { source })?;
    let format = MAGIC
        .iter()
        .find(|(magic, _)| start.starts_with(magic))
        .map(|(_, name)| *name);
    let whole = Cursor::new(start).chain(archive);
    match format {
        None => Ok(Decompressed::Plain(whole)),
        Some("gzip") => Ok(Decompressed::Gzip(Box::new(MultiGzDecoder::new(whole)))),
        Some("zstd") => Ok(Decompressed::Zstd(Frames::new(whole))),
        Some(format) => Err(ImageError::Compression { format }),
    }
}

enum Decompressed<R: Read> {
    Plain(R),
    Gzip(Box<MultiGzDecoder<R>>),
    Zstd(Frames<R>),
}

impl<R: Read> Read for Decompressed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(inner) => inner.read(buffer),
            Self::Gzip(inner) => inner.read(buffer),
            Self::Zstd(inner) => inner.read(buffer),
        }
    }
}
