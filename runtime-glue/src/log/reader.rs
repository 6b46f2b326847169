//! Reading a log, from its start or its last records, and on as it grows.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Entry, LogError, MAX_RECORD, Stream};

/// A line of the file longer than this is no record: JSON takes six bytes for a byte of text at most.
pub(super) const MAX_LINE: usize = 8 * MAX_RECORD;

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
    /// Of those in the file now only the last so many, of either stream and any time, as Docker counts them.
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

/// Reads the records of a log in order.
///
/// **Contract:** never waits and never changes the file; a torn or corrupt line is passed over.
#[derive(Debug)]
pub struct LogReader {
    path: PathBuf,
    file: BufReader<File>,
    /// Where the next line starts, in bytes.
    position: u64,
    query: LogQuery,
}

impl LogReader {
    /// Opens a log, before the first record that is wanted.
    pub fn open(path: &Path, query: LogQuery) -> Result<Self, LogError> {
        let opened = || {
            let mut file = File::open(path)?;
            let position = query
                .tail
                .map_or(Ok(0), |count| start_of_last(count, &file))?;
            file.seek(SeekFrom::Start(position))?;
            Ok((BufReader::new(file), position))
        };
        let (file, position) = opened().map_err(|source| LogError::Open {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            file,
            position,
            query,
        })
    }

    /// The next record that is wanted; none at the end of the file, where it can be asked again after more was
    /// written.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, LogError> {
        loop {
            let line = self.next_line().map_err(|source| LogError::Read {
                path: self.path.clone(),
                source,
            })?;
            let Some(line) = line else { return Ok(None) };
            match serde_json::from_slice::<Entry>(&line) {
                Ok(entry) if self.query.wants(&entry) => return Ok(Some(entry)),
                _ => {}
            }
        }
    }

    /// The next whole line; of one that is too long to be a record, a piece.
    fn next_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        self.file
            .by_ref()
            .take(MAX_LINE as u64)
            .read_until(b'\n', &mut line)?;
        if line.len() < MAX_LINE && !line.ends_with(b"\n") {
            // still being written, or torn: the writer will end it, or cut it off and write another here
            self.file.seek(SeekFrom::Start(self.position))?;
            return Ok(None);
        }
        self.position += line.len() as u64;
        Ok(Some(line))
    }
}

/// Where the last `count` lines of a file start, found from its end.
fn start_of_last(count: usize, file: &File) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    // a line's start is what follows the newline before it, so one newline more than lines is passed
    let mut newlines = count.saturating_add(1);
    let mut block = vec![0; 64 * 1024];
    while end > 0 {
        let start = end.saturating_sub(block.len() as u64);
        let block = &mut block[..(end - start) as usize];
        file.read_exact_at(block, start)?;
        for (offset, _) in block
            .iter()
            .enumerate()
            .rev()
            .filter(|(_, byte)| **byte == b'\n')
        {
            newlines -= 1;
            if newlines == 0 {
                return Ok(start + offset as u64 + 1);
            }
        }
        end = start;
    }
    Ok(0)
}
