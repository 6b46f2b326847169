//! Reading a log, from its start or its last records, and on as it grows and is rotated.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::lines::{Lines, files, files_after};
use super::{Entry, LogError, Stream};

/// Which records are wanted; the default is all of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogQuery {
    /// Those of the standard output.
    pub stdout: bool,
    /// Those of the standard error.
    pub stderr: bool,
    /// None before this moment.
    pub since: Option<Timestamp>,
    /// None after this moment.
    pub until: Option<Timestamp>,
    /// Of those in the files now only the last so many, of either stream and any time, as Docker counts them.
    pub tail: Option<usize>,
}

impl Default for LogQuery {
    fn default() -> Self {
        Self {
            stdout: true,
            stderr: true,
            since: None,
            until: None,
            tail: None,
        }
    }
}

impl LogQuery {
    fn wants(&self, entry: &Entry) -> bool {
        let stream = match entry.stream {
            Stream::Stdout => self.stdout,
            Stream::Stderr => self.stderr,
        };
        stream
            && self.since.is_none_or(|since| since <= entry.time)
            && self.until.is_none_or(|until| entry.time <= until)
    }
}

/// Reads the records of a log in order, over all its files.
///
/// **Contract:** never waits and never changes a file; a torn or corrupt line is passed over. Who is so slow that a file
/// is dropped before it was read goes on with the oldest one there is.
#[derive(Debug)]
pub struct LogReader {
    path: PathBuf,
    lines: Lines,
    /// The files after that, as far as they were there when they were looked for.
    newer: VecDeque<Lines>,
    /// Whether all is read that was written to the file before another took its place.
    seen_off: bool,
    /// The moment of the last record that was read.
    last: Option<Timestamp>,
    /// Up to which moment records were read before, of a file that is read again.
    known: Option<Timestamp>,
    query: LogQuery,
}

impl LogReader {
    /// Opens a log, before the first record that is wanted.
    pub fn open(path: &Path, query: LogQuery) -> Result<Self, LogError> {
        let opened = || {
            let mut files = files(path)?;
            if let Some(mut wanted) = query.tail {
                let mut from = files.len();
                while from > 0 && (wanted > 0 || from == files.len()) {
                    from -= 1;
                    wanted -= files[from].keep_last(wanted)?;
                }
                files.drain(..from);
            }
            Ok(files)
        };
        let mut newer = opened().map_err(|source| LogError::Open {
            path: path.to_owned(),
            source,
        })?;
        let lines = newer.pop_front().ok_or_else(|| LogError::Open {
            path: path.to_owned(),
            source: io::ErrorKind::NotFound.into(),
        })?;
        Ok(Self {
            path: path.to_owned(),
            lines,
            newer,
            seen_off: false,
            last: None,
            known: None,
            query,
        })
    }

    /// The next record that is wanted; none at the end of the log, where it can be asked again after more was written.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, LogError> {
        loop {
            let line = self.next_line().map_err(|source| LogError::Read {
                path: self.path.clone(),
                source,
            })?;
            let Some(line) = line else { return Ok(None) };
            let Ok(entry) = serde_json::from_slice::<Entry>(&line) else {
                continue;
            };
            // the writer gives no two records the same moment
            if self.known.is_some_and(|known| entry.time <= known) {
                continue;
            }
            self.known = None;
            self.last = Some(entry.time);
            if self.query.wants(&entry) {
                return Ok(Some(entry));
            }
        }
    }

    fn next_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(line) = self.lines.next()? {
                return Ok(Some(line));
            }
            if !self.advance()? {
                return Ok(None);
            }
        }
    }

    /// Goes on to the next file; false if there is none yet.
    fn advance(&mut self) -> io::Result<bool> {
        if let Some(next) = self.newer.pop_front() {
            self.lines = next;
            return Ok(true);
        }
        if self.lines.is_at(&self.path)? {
            return Ok(false);
        }
        if !self.seen_off {
            self.seen_off = true;
            return Ok(true);
        }
        self.newer = files_after(&self.path, self.last)?;
        (self.seen_off, self.known) = (false, self.last);
        Ok(!self.newer.is_empty())
    }
}
