//! Writing a log: a line is on disk (in the kernel's hands, at least) as soon as it is complete.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::rotation::{self, Packing};
use super::{LogError, LogSettings, MAX_RECORD, Stream};

/// Appends a container's output to its log.
///
/// **Contract:** one writer a log. A record is in the file whole or not at all: each goes out in one write, what
/// a full disk tore is cut off again, and what a crash tore is cut off when the file is opened the next time. No two
/// records have the same moment. Only a line that has no end yet is held in memory, up to [`MAX_RECORD`] bytes a stream.
#[derive(Debug)]
pub struct LogWriter {
    settings: LogSettings,
    file: File,
    /// The file's length in bytes, all of it whole records.
    length: u64,
    /// The file before, while it is being packed.
    packing: Option<Packing>,
    /// The moment of the last record.
    last: Timestamp,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

/// An [`super::Entry`] as it is written.
#[derive(Serialize)]
struct Record<'a> {
    log: &'a str,
    stream: Stream,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attrs: &'a BTreeMap<String, String>,
    time: Timestamp,
}

impl LogWriter {
    /// Opens a log to append to, made if it is not there; only root may read it.
    pub fn open(settings: &LogSettings) -> Result<Self, LogError> {
        let path = &settings.path;
        let opened = || {
            let mut options = OpenOptions::new();
            let file = options
                .create(true)
                .read(true)
                .append(true)
                .mode(0o600)
                .open(path)?;
            let length = whole_records(&file)?;
            file.set_len(length)?;
            Ok((file, length))
        };
        let (file, length) = opened().map_err(|source| LogError::Open {
            path: path.clone(),
            source,
        })?;
        Ok(Self {
            settings: settings.clone(),
            file,
            length,
            packing: None,
            last: Timestamp::MIN,
            stdout: Vec::new(),
            stderr: Vec::new(),
        })
    }

    /// Whether there is something to do that [`Self::progress`] does.
    pub fn is_busy(&self) -> bool {
        self.packing.is_some()
    }

    /// Does some of the work that nobody must wait for.
    pub fn progress(&mut self) -> Result<(), LogError> {
        let Some(mut packing) = self.packing.take() else {
            return Ok(());
        };
        match packing.step() {
            Ok(true) => {}
            Ok(false) => self.packing = Some(packing),
            Err(source) => {
                packing.give_up();
                return Err(self.rotating(source));
            }
        }
        Ok(())
    }

    /// Records output; a line that it does not end waits for the rest, or for [`Self::finish`].
    ///
    /// After an error the lines of `bytes` may be missing from the log; later ones are recorded again.
    pub fn write(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), LogError> {
        let now = Timestamp::now();
        let mut pending = std::mem::take(self.pending(stream));
        let mut records = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            pending.extend_from_slice(part);
            while pending.len() > MAX_RECORD {
                let rest = pending.split_off(whole_characters(&pending[..MAX_RECORD]));
                self.encode(&mut records, stream, &pending, now);
                pending = rest;
            }
            if pending.ends_with(b"\n") {
                self.encode(&mut records, stream, &pending, now);
                pending.clear();
            }
        }
        *self.pending(stream) = pending;
        self.append(&records)
    }

    /// Records what has no newline, for the output has ended, and ends what is still to be done.
    pub fn finish(&mut self) -> Result<(), LogError> {
        let now = Timestamp::now();
        let mut records = Vec::new();
        for stream in [Stream::Stdout, Stream::Stderr] {
            let pending = std::mem::take(self.pending(stream));
            if !pending.is_empty() {
                self.encode(&mut records, stream, &pending, now);
            }
        }
        self.append(&records).and(self.pack())
    }

    fn pack(&mut self) -> Result<(), LogError> {
        while self.is_busy() {
            self.progress()?;
        }
        Ok(())
    }

    fn pending(&mut self, stream: Stream) -> &mut Vec<u8> {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }

    fn append(&mut self, mut records: &[u8]) -> Result<(), LogError> {
        let mut rotated = Ok(());
        while !records.is_empty() {
            if self
                .settings
                .max_size
                .is_some_and(|most| self.length >= most)
            {
                // where this fails the file grows on
                rotated = rotated.and(self.rotate());
            }
            let (now, later) = records.split_at(self.fitting(records));
            self.put(now).map_err(|source| LogError::Append {
                path: self.settings.path.clone(),
                source,
            })?;
            records = later;
        }
        rotated
    }

    /// Writes as many whole records as there is room for.
    fn put(&mut self, records: &[u8]) -> io::Result<()> {
        let mut written = 0;
        while written < records.len() {
            match self.file.write(&records[written..]) {
                Ok(count) if count > 0 => written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => {
                    let whole = records[..written].iter().rposition(|byte| *byte == b'\n');
                    self.length += whole.map_or(0, |newline| newline as u64 + 1);
                    // where this fails too, the torn record is one that readers skip
                    let _ = self.file.set_len(self.length);
                    return Err(other.err().unwrap_or(ErrorKind::WriteZero.into()));
                }
            }
        }
        self.length += written as u64;
        Ok(())
    }

    /// How many bytes of these records go into the file: up to the one that makes it full.
    fn fitting(&self, records: &[u8]) -> usize {
        let room = match self.settings.max_size {
            Some(most) => most.saturating_sub(self.length).max(1) as usize,
            None => return records.len(),
        };
        let rest = records.get(room - 1..).unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == b'\n');
        end.map_or(records.len(), |end| room + end)
    }

    fn rotate(&mut self) -> Result<(), LogError> {
        let packed = self.pack();
        let LogSettings {
            path, max_files, ..
        } = &self.settings;
        let fresh = rotation::rotate(path, *max_files);
        self.file = fresh.map_err(|source| self.rotating(source))?;
        self.length = 0;
        if self.settings.compress && self.settings.max_files > 1 {
            let packing = Packing::begin(&self.settings.path);
            self.packing = Some(packing.map_err(|source| self.rotating(source))?);
        }
        packed
    }

    fn rotating(&self, source: io::Error) -> LogError {
        LogError::Rotate {
            path: self.settings.path.clone(),
            source,
        }
    }

    fn encode(&mut self, records: &mut Vec<u8>, stream: Stream, text: &[u8], now: Timestamp) {
        let next = self.last.checked_add(SignedDuration::from_nanos(1));
        self.last = now.max(next.unwrap_or(self.last));
        let record = Record {
            log: &String::from_utf8_lossy(text),
            stream,
            attrs: &self.settings.attributes,
            time: self.last,
        };
        serde_json::to_writer(&mut *records, &record).expect("strings and times have a JSON form");
        records.push(b'\n');
    }
}

/// How much of `text` to take so that no character is cut in two.
fn whole_characters(text: &[u8]) -> usize {
    let start_of_last = text
        .iter()
        .rposition(|byte| byte & 0xC0 != 0x80)
        .unwrap_or(text.len());
    match std::str::from_utf8(&text[start_of_last..]) {
        Err(error) if error.error_len().is_none() && start_of_last > 0 => start_of_last,
        _ => text.len(),
    }
}

/// The length of a log up to the end of its last whole line.
fn whole_records(file: &File) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    let mut block = [0; 4096];
    while end > 0 {
        let start = end.saturating_sub(block.len() as u64);
        let block = &mut block[..(end - start) as usize];
        file.read_exact_at(block, start)?;
        if let Some(newline) = block.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + newline as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::log::{LogQuery, LogReader};

    fn texts(path: &Path) -> Vec<String> {
        let mut reader = LogReader::open(path, LogQuery::default()).unwrap();
        std::iter::from_fn(|| reader.next_entry().unwrap())
            .map(|entry| entry.log)
            .collect()
    }

    #[test]
    fn a_line_is_in_the_file_as_soon_as_it_is_complete() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut log = LogWriter::open(&LogSettings::new(&path)).unwrap();
        log.write(Stream::Stdout, b"one\ntw").unwrap();
        assert_eq!(texts(&path), ["one\n"]);
        log.write(Stream::Stderr, b"between\n").unwrap();
        log.write(Stream::Stdout, b"o\nthree").unwrap();
        assert_eq!(texts(&path), ["one\n", "between\n", "two\n"]);
        log.finish().unwrap();
        assert_eq!(texts(&path)[3], "three");
    }

    #[test]
    fn the_file_is_what_docker_writes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        LogWriter::open(&LogSettings::new(&path))
            .unwrap()
            .write(Stream::Stderr, b"a \"b\" \xff\n")
            .unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let start = "{\"log\":\"a \\\"b\\\" \u{fffd}\\n\",\"stream\":\"stderr\",\"time\":\"20";
        assert!(
            text.starts_with(start) && text.ends_with("Z\"}\n"),
            "{text}"
        );
    }

    #[test]
    fn a_long_line_is_split_between_characters() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let line = format!("x{}\n", "ä".repeat(MAX_RECORD));
        let mut log = LogWriter::open(&LogSettings::new(&path)).unwrap();
        for piece in line.as_bytes().chunks(1000) {
            log.write(Stream::Stdout, piece).unwrap();
        }
        let texts = texts(&path);
        assert_eq!(texts.len(), 3);
        assert_eq!(texts[0].len(), MAX_RECORD - 1);
        assert_eq!(texts.concat(), line);
    }

    #[test]
    fn bytes_that_are_no_text_are_split_too() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut log = LogWriter::open(&LogSettings::new(&path)).unwrap();
        log.write(Stream::Stdout, &vec![0x80; 3 * MAX_RECORD])
            .unwrap();
        log.finish().unwrap();
        assert_eq!(texts(&path).len(), 3);
    }

    #[test]
    fn a_record_torn_by_a_crash_is_cut_off_when_the_log_is_opened_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        LogWriter::open(&LogSettings::new(&path))
            .unwrap()
            .write(Stream::Stdout, b"one\ntwo\n")
            .unwrap();
        let whole = fs::read(&path).unwrap();
        for torn in whole.len() / 2 + 1..whole.len() {
            fs::write(&path, &whole[..torn]).unwrap();
            LogWriter::open(&LogSettings::new(&path))
                .unwrap()
                .write(Stream::Stdout, b"three\n")
                .unwrap();
            assert_eq!(texts(&path), ["one\n", "three\n"]);
        }
    }

    #[test]
    fn a_log_without_a_single_whole_record_starts_anew() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        fs::write(&path, vec![0; 10_000]).unwrap();
        LogWriter::open(&LogSettings::new(&path)).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    }
}
