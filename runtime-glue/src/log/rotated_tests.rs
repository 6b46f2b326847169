//! Logs of several files: what is kept, and reading over the seams while they come to be.

use std::fs;
use std::path::Path;

use super::{LogQuery, LogReader, LogSettings, LogWriter, Stream};

fn settings(directory: &Path, max_size: u64, max_files: u32, compress: bool) -> LogSettings {
    LogSettings {
        max_size: Some(max_size),
        max_files,
        compress,
        ..LogSettings::new(directory.join("log"))
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let names = entries.map(|it| it.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

fn rest(reader: &mut LogReader) -> Vec<u32> {
    let entries = std::iter::from_fn(|| reader.next_entry().unwrap());
    entries
        .map(|entry| entry.log.trim_end().parse().unwrap())
        .collect()
}

fn write(log: &mut LogWriter, numbers: impl Iterator<Item = u32>) {
    for number in numbers {
        log.write(Stream::Stdout, format!("{number}\n").as_bytes())
            .unwrap();
    }
}

#[test]
fn so_many_files_of_that_size_are_kept_and_read_as_one() {
    for compress in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let settings = settings(directory.path(), 1000, 3, compress);
        let mut log = LogWriter::open(&settings).unwrap();
        write(&mut log, 0..100);
        log.finish().unwrap();
        let expected = match compress {
            true => ["log", "log.1.gz", "log.2.gz"],
            false => ["log", "log.1", "log.2"],
        };
        assert_eq!(names(directory.path()), expected);
        let size = fs::metadata(&settings.path).unwrap().len();
        assert!((1..1100).contains(&size), "{size}");
        let read = |query| rest(&mut LogReader::open(&settings.path, query).unwrap());
        let all = read(LogQuery::default());
        assert!(all.len() > 25 && all.len() < 60, "{}", all.len());
        assert_eq!(all, Vec::from_iter(100 - all.len() as u32..100));
        for tail in [0, 1, 20, 35, 1000] {
            let query = LogQuery {
                tail: Some(tail),
                ..LogQuery::default()
            };
            let last = all.len().saturating_sub(tail);
            assert_eq!(read(query), all[last..], "the last {tail}");
        }
    }
}

#[test]
fn one_file_is_replaced_when_it_is_full() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path(), 1000, 1, false);
    let mut log = LogWriter::open(&settings).unwrap();
    let mut reader = LogReader::open(&settings.path, LogQuery::default()).unwrap();
    write(&mut log, 0..20);
    assert_eq!(names(directory.path()), ["log"]);
    // who reads the file that is gone loses nothing of it
    assert_eq!(rest(&mut reader), Vec::from_iter(0..20));
}

#[test]
fn who_follows_a_log_over_its_rotations_misses_nothing_and_sees_nothing_twice() {
    for compress in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let settings = settings(directory.path(), 500, 4, compress);
        let mut log = LogWriter::open(&settings).unwrap();
        let mut reader = LogReader::open(&settings.path, LogQuery::default()).unwrap();
        let (mut read, mut next) = (Vec::new(), 0);
        // from less than a file to almost three at once
        for step in [1, 3, 7, 2, 20, 5, 18, 1, 9, 20, 20] {
            write(&mut log, next..next + step);
            log.progress().unwrap();
            next += step;
            read.extend(rest(&mut reader));
            assert_eq!(read.len() as u32, next, "after {step} more");
        }
        assert_eq!(read, Vec::from_iter(0..next));
        // who was too slow goes on with what is left
        write(&mut log, next..next + 200);
        let late = rest(&mut reader);
        assert_eq!(late.last(), Some(&(next + 199)));
        assert!(late.is_sorted());
    }
}

#[test]
fn one_write_of_many_lines_is_spread_over_files() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path(), 1000, 100, false);
    let mut log = LogWriter::open(&settings).unwrap();
    let lines: String = (0..100).map(|n| format!("{n}\n")).collect();
    log.write(Stream::Stdout, lines.as_bytes()).unwrap();
    for name in names(directory.path()) {
        let size = fs::metadata(directory.path().join(&name)).unwrap().len();
        assert!(size < 1100, "{name} has {size}");
    }
    let mut reader = LogReader::open(&settings.path, LogQuery::default()).unwrap();
    assert_eq!(rest(&mut reader), Vec::from_iter(0..100));
}

#[test]
fn a_log_that_cannot_be_rotated_grows_on() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path(), 100, 2, false);
    let mut log = LogWriter::open(&settings).unwrap();
    write(&mut log, 0..2);
    let in_the_way = directory.path().join("log.new");
    fs::create_dir(&in_the_way).unwrap();
    assert!(log.write(Stream::Stdout, b"2\n").is_err());
    fs::remove_dir(&in_the_way).unwrap();
    write(&mut log, 3..4);
    let mut reader = LogReader::open(&settings.path, LogQuery::default()).unwrap();
    assert_eq!(rest(&mut reader), [0, 1, 2, 3]);
}

#[test]
fn what_is_noted_is_in_every_record_as_docker_writes_it() {
    let directory = tempfile::tempdir().unwrap();
    let settings = LogSettings {
        attributes: [("tag".to_owned(), "web".to_owned())].into(),
        ..LogSettings::new(directory.path().join("log"))
    };
    let mut log = LogWriter::open(&settings).unwrap();
    log.write(Stream::Stdout, b"a\n").unwrap();
    let text = fs::read_to_string(&settings.path).unwrap();
    let start = r#"{"log":"a\n","stream":"stdout","attrs":{"tag":"web"},"time":"20"#;
    assert!(text.starts_with(start), "{text}");
}
