//! The lines of one file of a log, packed or not.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use flate2::read::GzDecoder;
use jiff::Timestamp;

use super::{Entry, MAX_RECORD, rotation};

/// A line of the file longer than this is no record: JSON takes six bytes for a byte of text at most, and attributes
/// have room as well.
pub(super) const MAX_LINE: usize = 8 * MAX_RECORD;

/// How often the files of a log are looked for again that were rotated meanwhile.
const ATTEMPTS: usize = 100;

/// One file of a log that is read.
#[derive(Debug)]
pub(super) struct Lines {
    /// Which file it is, whatever its name is by now.
    inode: u64,
    source: Source,
    /// A line that was looked at before its time.
    ahead: Option<Vec<u8>>,
}

#[derive(Debug)]
enum Source {
    Plain {
        file: BufReader<File>,
        /// Where the next line starts, in bytes.
        position: u64,
    },
    Packed(BufReader<GzDecoder<File>>),
}

impl Lines {
    fn open(path: &Path, packed: bool) -> io::Result<Self> {
        let file = File::open(path)?;
        let inode = file.metadata()?.ino();
        let source = match packed {
            true => Source::Packed(BufReader::new(GzDecoder::new(file))),
            false => Source::Plain {
                file: BufReader::new(file),
                position: 0,
            },
        };
        Ok(Self {
            inode,
            source,
            ahead: None,
        })
    }

    /// The next whole line; of one that is too long to be a record, a piece.
    pub(super) fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        if let Some(line) = self.ahead.take() {
            return Ok(Some(line));
        }
        let mut line = Vec::new();
        let limit = MAX_LINE as u64;
        match &mut self.source {
            Source::Plain { file, position } => {
                file.by_ref().take(limit).read_until(b'\n', &mut line)?;
                if line.len() < MAX_LINE && !line.ends_with(b"\n") {
                    // still being written, or torn: the writer will end it, or cut it off and write another here
                    file.seek(SeekFrom::Start(*position))?;
                    return Ok(None);
                }
                *position += line.len() as u64;
            }
            Source::Packed(file) => {
                file.take(limit).read_until(b'\n', &mut line)?;
            }
        }
        Ok(Some(line).filter(|line| !line.is_empty()))
    }

    /// The moment of its first record, if it has one; nothing was read of it before.
    fn begins(&mut self) -> io::Result<Option<Timestamp>> {
        let Some(line) = self.next()? else {
            return Ok(None);
        };
        let entry = serde_json::from_slice::<Entry>(&line).ok();
        self.ahead = Some(line);
        Ok(entry.map(|entry| entry.time))
    }

    /// Passes over all but the last `count` lines, and says how many it has of them; nothing was read of it before.
    pub(super) fn keep_last(&mut self, count: usize) -> io::Result<usize> {
        match &mut self.source {
            Source::Plain { file, position } => {
                let (start, found) = start_of_last(count, file.get_ref())?;
                *position = start;
                file.seek(SeekFrom::Start(start))?;
                Ok(found)
            }
            Source::Packed(file) => {
                let lines = |file: &mut BufReader<GzDecoder<File>>, most| {
                    let mut skipped = 0;
                    while skipped < most && file.skip_until(b'\n')? > 0 {
                        skipped += 1;
                    }
                    io::Result::Ok(skipped)
                };
                let all = lines(file, usize::MAX)?;
                let mut again = file.get_ref().get_ref().try_clone()?;
                again.rewind()?;
                *file = BufReader::new(GzDecoder::new(again));
                let kept = all.min(count);
                lines(file, all - kept)?;
                Ok(kept)
            }
        }
    }

    /// Whether it is what is found at `path` now; so it is, too, where there is nothing any more.
    pub(super) fn is_at(&self, path: &Path) -> io::Result<bool> {
        match std::fs::metadata(path) {
            Ok(found) => Ok(found.ino() == self.inode),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
            Err(error) => Err(error),
        }
    }
}

/// All files of a log, the oldest first.
pub(super) fn files(path: &Path) -> io::Result<VecDeque<Lines>> {
    let mut files = VecDeque::new();
    for _ in 0..ATTEMPTS {
        files.clear();
        files.push_front(Lines::open(path, false)?);
        let (mut number, mut absent) = (1, 0);
        // while they are renamed, one is missing
        while absent < 2 {
            match earlier(path, number)? {
                Some(lines) if files.iter().all(|it| it.inode != lines.inode) => {
                    files.push_front(lines);
                    absent = 0;
                }
                Some(_) => absent = 0,
                None => absent += 1,
            }
            number += 1;
        }
        if files
            .back()
            .is_some_and(|it| it.is_at(path).unwrap_or(false))
        {
            break;
        }
    }
    Ok(files)
}

/// The files of a log from the one on that the record after that moment is in.
pub(super) fn files_after(path: &Path, moment: Option<Timestamp>) -> io::Result<VecDeque<Lines>> {
    let mut files = files(path)?;
    let mut from = files.len();
    while from > 0 {
        from -= 1;
        let begins = files[from].begins()?;
        if begins.is_some_and(|begins| moment.is_some_and(|moment| begins <= moment)) {
            break;
        }
    }
    files.drain(..from);
    Ok(files)
}

fn earlier(path: &Path, number: u32) -> io::Result<Option<Lines>> {
    for packed in [false, true] {
        match Lines::open(&rotation::earlier(path, number, packed), packed) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            opened => return opened.map(Some),
        }
    }
    Ok(None)
}

/// Where the last `count` lines of a file start, found from its end, and how many there are.
fn start_of_last(count: usize, file: &File) -> io::Result<(u64, usize)> {
    if count == 0 {
        return Ok((file.metadata()?.len(), 0));
    }
    let mut end = file.metadata()?.len();
    let mut found = 0;
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
            // a line's start is what follows the newline before it
            if found == count {
                return Ok((start + offset as u64 + 1, found));
            }
            found += 1;
        }
        end = start;
    }
    Ok((0, found))
}
