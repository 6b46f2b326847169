//! What a layer's archive has around the content of its files, kept so that the archive can be written again byte for
//! byte: its digest is what the layer is known by.
//!
//! A skeleton is a sequence of chunks: `0 length:u32 bytes`, to be copied, and `1 length:u16 path size:u64`, for the
//! content of a file of the layer's directory; numbers in big endian.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};

/// The bytes that are gathered before they are written.
const GATHERED: usize = 64 << 10;

const BYTES: u8 = 0;
const CONTENT: u8 = 1;

/// Writes a skeleton.
pub(super) struct Skeleton<W: Write> {
    out: W,
    gathered: Vec<u8>,
    /// Whether the bytes that pass are the content of a file.
    in_content: bool,
}

impl<W: Write> Skeleton<W> {
    pub(super) const fn new(out: W) -> Self {
        Self {
            out,
            gathered: Vec::new(),
            in_content: false,
        }
    }

    /// What passes from here on is the content of a file of the layer.
    pub(super) fn enter(&mut self, path: &Path, size: u64) -> io::Result<()> {
        self.flush()?;
        let path = path.as_os_str().as_bytes();
        let length = u16::try_from(path.len()).map_err(|_| ErrorKind::InvalidFilename)?;
        self.out.write_all(&[CONTENT])?;
        self.out.write_all(&length.to_be_bytes())?;
        self.out.write_all(path)?;
        self.out.write_all(&size.to_be_bytes())?;
        self.in_content = true;
        Ok(())
    }

    /// The content has passed.
    pub(super) const fn leave(&mut self) {
        self.in_content = false;
    }

    /// Writes what is left; the writer.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.flush()?;
        Ok(self.out)
    }

    fn pass(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.in_content {
            return Ok(());
        }
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= GATHERED {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let length = u32::try_from(self.gathered.len()).map_err(|_| ErrorKind::InvalidData)?;
        self.out.write_all(&[BYTES])?;
        self.out.write_all(&length.to_be_bytes())?;
        self.out.write_all(&self.gathered)?;
        self.gathered.clear();
        Ok(())
    }
}

/// Shows a skeleton all that is read.
pub(super) struct Traced<'a, R, W: Write> {
    pub(super) inner: R,
    pub(super) skeleton: &'a RefCell<Skeleton<W>>,
}

impl<R: Read, W: Write> Read for Traced<'_, R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.skeleton.borrow_mut().pass(&buffer[..length])?;
        Ok(length)
    }
}

/// The length of the archive that a skeleton is of.
pub(super) fn length(skeleton: impl Read) -> io::Result<u64> {
    let mut total = 0;
    walk(skeleton, |chunk| {
        total += match chunk {
            Chunk::Bytes(bytes) => bytes.len() as u64,
            Chunk::Content { size, .. } => size,
        };
        Ok(())
    })?;
    Ok(total)
}

/// Writes the archive again.
pub(super) fn assemble(skeleton: impl Read, layer: &Path, mut out: impl Write) -> io::Result<()> {
    let root = File::open(layer)?;
    walk(skeleton, |chunk| match chunk {
        Chunk::Bytes(bytes) => out.write_all(&bytes),
        Chunk::Content { path, size } => {
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let within = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
            let file = File::from(openat2(&root, &path, flags, Mode::empty(), within)?);
            match io::copy(&mut file.take(size), &mut out)? {
                copied if copied == size => Ok(()),
                _ => Err(ErrorKind::UnexpectedEof.into()),
            }
        }
    })
}

enum Chunk {
    Bytes(Vec<u8>),
    Content { path: PathBuf, size: u64 },
}

fn walk(mut skeleton: impl Read, mut visit: impl FnMut(Chunk) -> io::Result<()>) -> io::Result<()> {
    loop {
        let mut kind = [0];
        if skeleton.read(&mut kind)? == 0 {
            return Ok(());
        }
        let chunk = match kind[0] {
            BYTES => {
                let length = u32::from_be_bytes(array(&mut skeleton)?);
                Chunk::Bytes(bytes(&mut skeleton, length as usize)?)
            }
            CONTENT => {
                let length = u16::from_be_bytes(array(&mut skeleton)?);
                let path = bytes(&mut skeleton, length.into())?;
                let size = u64::from_be_bytes(array(&mut skeleton)?);
                let path = OsStr::from_bytes(&path).into();
                Chunk::Content { path, size }
            }
            _ => return Err(ErrorKind::InvalidData.into()),
        };
        visit(chunk)?;
    }
}

fn array<const N: usize>(source: &mut impl Read) -> io::Result<[u8; N]> {
    let mut array = [0; N];
    source.read_exact(&mut array)?;
    Ok(array)
}

fn bytes(source: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    source.read_exact(&mut bytes)?;
    Ok(bytes)
}
