//! An archive that may only be so long for what it holds: what lies around the content of files is bounded, so that a few
//! compressed bytes cannot fill memory, nor keep netd busy for ever.
//!
//! The content of files is bounded by the room on disk, which is looked at before a file is written.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read};

/// The bytes that may lie between the contents of two files, and behind the last: headers, long names, padding.
const BETWEEN: u64 = 8 << 20;

/// What may still be read before the next entry.
#[derive(Debug)]
pub(super) struct Allowance(Cell<u64>);

/// Reads no more than is allowed.
pub(super) struct Bounded<'a, R> {
    pub(super) inner: R,
    pub(super) allowance: &'a Allowance,
}

impl Allowance {
    pub(super) const fn new() -> Self {
        Self(Cell::new(BETWEEN))
    }

    /// An entry begins that has so many bytes of content.
    pub(super) fn enter(&self, content: u64) {
        self.0.set(content.saturating_add(BETWEEN));
    }
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        let left = self.allowance.0.get().checked_sub(length as u64);
        let left = left.ok_or_else(|| {
            io::Error::new(
                ErrorKind::InvalidData,
                format!("more than {BETWEEN} bytes lie between its files, or behind them"),
            )
        })?;
        self.allowance.0.set(left);
        Ok(length)
    }
}
