//! The streams of a container's first process: its log, and clients that attach.

use std::io::{Read, Write};
use std::net::Shutdown;

use rnet_runtime_glue::log::{LogQuery, LogReader, Stream};
use rnet_runtime_glue::{AttachOptions, Spec};

use crate::lab::{Lab, all, chain, eventually, frames, rest_of};

#[test]
fn every_line_is_in_the_log_up_to_the_last_piece_of_one() {
    let lab = Lab::new();
    let (exit, output) = lab.ran("seq 20000; echo error >&2; echo -n end");
    assert_eq!(exit.code, 0);
    let expected: String = (1..=20000).map(|n| format!("{n}\n")).collect();
    assert_eq!(output.replace("error\n", ""), expected + "end");
}

#[test]
fn the_log_knows_the_two_outputs_apart() {
    let lab = Lab::new();
    let id = lab.running("echo out; echo err >&2");
    lab.exit(&id);
    let mut reader = LogReader::open(&lab.log(&id), LogQuery::default()).unwrap();
    let mut entries: Vec<_> = std::iter::from_fn(|| reader.next_entry().unwrap())
        .map(|entry| (entry.stream == Stream::Stdout, entry.log))
        .collect();
    entries.sort();
    assert_eq!(
        entries,
        [(false, "err\n".to_owned()), (true, "out\n".to_owned())]
    );
}

#[test]
fn a_client_attached_before_the_start_sees_all_of_it() {
    let lab = Lab::new();
    let (id, stream) = attached(
        &lab,
        "read line; echo got $line; echo err >&2; cat; echo end",
        |_| {},
    );
    let mut stream = stream;
    stream.write_all(b"hello\nmore").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let output = frames(&rest_of(stream));
    let of = |n| {
        output
            .iter()
            .filter(|(s, _)| *s == n)
            .map(|(_, t)| t.as_str())
            .collect::<String>()
    };
    assert_eq!(of(1), "got hello\nmoreend\n");
    assert_eq!(of(2), "err\n");
    assert_eq!(lab.exit(&id).code, 0);
    assert_eq!(lab.output(&id).replace("err\n", ""), "got hello\nmoreend\n");
}

#[test]
fn a_client_gets_only_the_streams_it_asked_for() {
    let lab = Lab::new();
    let id = lab.id();
    lab.runtime
        .create(&id, &lab.spec(&id, "echo out; echo err >&2"))
        .unwrap();
    let only = AttachOptions {
        stdin: false,
        stdout: false,
        stderr: true,
    };
    let stream = lab.runtime.attach(&id, only).map_err(chain).unwrap();
    lab.runtime.start(&id).unwrap();
    assert_eq!(frames(&rest_of(stream)), [(2, "err\n".to_owned())]);
}

#[test]
fn input_stays_open_after_a_client_unless_it_is_for_one() {
    let lab = Lab::new();
    let (id, stream) = attached(&lab, "read a; read b; echo $a $b", |spec| {
        spec.stdin_once = false
    });
    (&stream).write_all(b"one\n").unwrap();
    drop(stream);
    let stream = lab.runtime.attach(&id, all()).unwrap();
    (&stream).write_all(b"two\n").unwrap();
    assert_eq!(lab.exit(&id).code, 0);
    assert_eq!(lab.output(&id), "one two\n");
}

#[test]
fn a_client_that_does_not_read_is_dropped_and_the_log_is_whole() {
    let lab = Lab::new();
    let (id, stuck) = attached(&lab, "seq 900000; read forever", |_| {});
    eventually("it is cut off", || {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let mut state = [PollFd::new(&stuck, PollFlags::empty())];
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        poll(&mut state, Some(&now)).unwrap();
        state[0].revents().contains(PollFlags::HUP).then_some(())
    });
    // its input was the client's, and ended with it
    assert_eq!(lab.exit(&id).code, 1);
    let expected: String = (1..=900_000).map(|n| format!("{n}\n")).collect();
    assert!(lab.output(&id) == expected);
}

#[test]
fn a_terminal_is_the_containers_own() {
    let lab = Lab::new();
    let (id, mut stream) = attached(
        &lab,
        "tty; read x; stty size; echo err >&2; test -t 1",
        |spec| {
            spec.process.tty = true;
            spec.process.user = "web".to_owned();
        },
    );
    let mut name = [0; 12];
    stream.read_exact(&mut name).unwrap();
    assert_eq!(&name, b"/dev/pts/0\r\n");
    lab.runtime
        .resize(&id, None, 20, 50)
        .map_err(chain)
        .unwrap();
    stream.write_all(b"x\n").unwrap();
    let output = String::from_utf8(rest_of(stream)).unwrap();
    assert_eq!(output, "x\r\n20 50\r\nerr\r\n");
    assert_eq!(lab.exit(&id).code, 0);
    assert_eq!(lab.output(&id), "/dev/pts/0\r\n".to_owned() + &output);
}

fn attached(
    lab: &Lab,
    script: &str,
    change: impl FnOnce(&mut Spec),
) -> (rnet_model::ContainerId, std::os::unix::net::UnixStream) {
    let id = lab.id();
    let mut spec = lab.spec(&id, script);
    spec.open_stdin = true;
    change(&mut spec);
    lab.runtime.create(&id, &spec).map_err(chain).unwrap();
    let stream = lab.runtime.attach(&id, all()).map_err(chain).unwrap();
    lab.runtime.start(&id).map_err(chain).unwrap();
    (id, stream)
}
