//! Reading a log that a writer wrote, or tore, or still writes.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::lines::MAX_LINE;
use super::{LogQuery, LogReader, LogSettings, LogWriter, Stream};

fn record(second: i64, stream: &str, text: &str) -> String {
    let time = Timestamp::from_second(second).unwrap();
    format!("{{\"log\":\"{text}\\n\",\"stream\":\"{stream}\",\"time\":\"{time}\"}}\n")
}

fn read(path: &Path, query: LogQuery) -> Vec<String> {
    let mut reader = LogReader::open(path, query).unwrap();
    let entries = std::iter::from_fn(|| reader.next_entry().unwrap());
    entries
        .map(|entry| entry.log.trim_end().to_owned())
        .collect()
}

fn log(text: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    fs::write(&path, text).unwrap();
    (directory, path)
}

fn three() -> (tempfile::TempDir, PathBuf) {
    log(&[
        record(10, "stdout", "a"),
        record(20, "stderr", "b"),
        record(30, "stdout", "c"),
    ]
    .concat())
}

#[test]
fn a_query_chooses_streams_and_times() {
    let (_directory, path) = three();
    let at = |second| Some(Timestamp::from_second(second).unwrap());
    let all = LogQuery::default;
    assert_eq!(read(&path, all()), ["a", "b", "c"]);
    assert_eq!(
        read(
            &path,
            LogQuery {
                stderr: false,
                ..all()
            }
        ),
        ["a", "c"]
    );
    assert_eq!(
        read(
            &path,
            LogQuery {
                stdout: false,
                ..all()
            }
        ),
        ["b"]
    );
    assert_eq!(
        read(
            &path,
            LogQuery {
                since: at(20),
                ..all()
            }
        ),
        ["b", "c"]
    );
    assert_eq!(
        read(
            &path,
            LogQuery {
                until: at(20),
                ..all()
            }
        ),
        ["a", "b"]
    );
    assert_eq!(
        read(
            &path,
            LogQuery {
                since: at(11),
                until: at(29),
                ..all()
            }
        ),
        ["b"]
    );
}

#[test]
fn a_tail_is_the_last_records_however_long_the_log_is() {
    let lines: Vec<_> = (0..5000)
        .map(|n| record(n, "stdout", &format!("line {n}")))
        .collect();
    let (_directory, path) = log(&lines.concat());
    let tail = |count| {
        read(
            &path,
            LogQuery {
                tail: Some(count),
                ..LogQuery::default()
            },
        )
    };
    assert!(tail(0).is_empty());
    assert_eq!(tail(2), ["line 4998", "line 4999"]);
    assert_eq!(tail(4999)[0], "line 1");
    assert_eq!(tail(5000).len(), 5000);
    assert_eq!(tail(usize::MAX).len(), 5000);
}

#[test]
fn what_is_written_after_the_end_was_reached_is_read_on() {
    let (_directory, path) = three();
    let query = LogQuery {
        tail: Some(0),
        ..LogQuery::default()
    };
    let mut reader = LogReader::open(&path, query).unwrap();
    assert_eq!(reader.next_entry().unwrap(), None);
    LogWriter::open(&LogSettings::new(&path))
        .unwrap()
        .write(Stream::Stdout, b"more\n")
        .unwrap();
    assert_eq!(reader.next_entry().unwrap().unwrap().log, "more\n");
    assert_eq!(reader.next_entry().unwrap(), None);
}

#[test]
fn a_line_is_not_read_before_it_is_whole() {
    let (_directory, path) = log("");
    let mut reader = LogReader::open(&path, LogQuery::default()).unwrap();
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    let (text, last) = (record(1, "stdout", "slow"), 30);
    for piece in [&text[..last], &text[last..]] {
        assert_eq!(reader.next_entry().unwrap(), None);
        file.write_all(piece.as_bytes()).unwrap();
    }
    assert_eq!(reader.next_entry().unwrap().unwrap().log, "slow\n");
}

#[test]
fn a_follower_survives_the_healing_of_a_torn_record() {
    let (_directory, path) = log(&(record(1, "stdout", "a") + "{\"log\":\"torn"));
    let mut reader = LogReader::open(&path, LogQuery::default()).unwrap();
    assert_eq!(reader.next_entry().unwrap().unwrap().log, "a\n");
    assert_eq!(reader.next_entry().unwrap(), None);
    LogWriter::open(&LogSettings::new(&path))
        .unwrap()
        .write(Stream::Stdout, b"b\n")
        .unwrap();
    assert_eq!(reader.next_entry().unwrap().unwrap().log, "b\n");
}

#[test]
fn lines_that_are_no_records_are_passed_over() {
    let hole = "\0".repeat(2 * MAX_LINE + 5) + "\n";
    let garbage = ["{}\n", "\n", "{\"log\":\"x\"\n", "[1]\n", &hole].concat();
    let (_directory, path) =
        log(&(record(1, "stdout", "a") + &garbage + &record(2, "stderr", "b")));
    assert_eq!(read(&path, LogQuery::default()), ["a", "b"]);
}
