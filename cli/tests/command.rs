//! `rnet` itself, asking a daemon that each test plays.

#![expect(clippy::unwrap_used, reason = "what does not work fails the test")]

mod daemon;

use std::process::{Command, Output};
use std::thread::sleep;
use std::time::Duration;

use daemon::{Connection, Daemon, frame};

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// Plays a container that repeats its input, once it has ended, and then exits with 7.
fn repeats_its_input(request: &str, mut connection: Connection) {
    match request {
        _ if request.starts_with("POST /containers/create") => {
            connection.json(
                201,
                &format!(r#"{{"Id":"{ID}","Warnings":["mind the gap"]}}"#),
            );
        }
        _ if request.contains("/attach?") => {
            connection.upgrade();
            let input = connection.read_to_end();
            connection.write(&frame(1, &input));
            connection.write(&frame(2, b"done\n"));
        }
        _ if request.contains("/wait?") => {
            let body = br#"{"StatusCode":7}"#;
            connection.head(body.len());
            sleep(Duration::from_millis(200));
            connection.write(body);
        }
        _ => connection.json(204, ""),
    }
}

#[test]
fn run_listens_before_it_starts_and_ends_as_the_container_does() {
    let daemon = Daemon::start(repeats_its_input);
    let output = daemon.rnet("run -i --rm --name c1 busybox cat", "some\ninput\n");
    assert_eq!(stdout(&output), "some\ninput\n");
    assert_eq!(stderr(&output), "rnet: warning: mind the gap\ndone\n");
    assert_eq!(code(&output), 7);
    let container = format!("POST /containers/{ID}");
    assert_eq!(
        daemon.asked(),
        [
            "POST /containers/create".to_owned(),
            format!("{container}/attach"),
            format!("{container}/wait"),
            format!("{container}/start"),
        ]
    );
}

#[test]
fn run_in_the_background_prints_the_id() {
    let daemon = Daemon::start(repeats_its_input);
    let output = daemon.rnet("run -d busybox sleep 9", "");
    assert_eq!(stdout(&output), format!("{ID}\n"));
    assert_eq!(code(&output), 0);
}

#[test]
fn a_container_that_cannot_start_gives_the_code_of_the_reason() {
    let daemon = Daemon::start(|request, connection| match request {
        _ if request.ends_with("/start") => {
            connection.json(
                400,
                r#"{"message":"exec: \"nope\": executable file not found in $PATH"}"#,
            );
        }
        _ => repeats_its_input(request, connection),
    });
    let output = daemon.rnet("run -d busybox nope", "");
    assert_eq!(code(&output), 127);
    assert!(stderr(&output).contains("rnet: exec: \"nope\": executable file not found in $PATH\n"));
    assert_eq!(stdout(&output), "");
}

#[test]
fn the_daemons_words_reach_the_terminal_and_the_code_is_the_commands() {
    let daemon = Daemon::start(|_, connection| {
        connection.json(409, r#"{"message":"network with name n already exists"}"#);
    });
    for (line, expected) in [
        ("network create n", 1),
        ("run busybox", 125),
        ("create busybox", 125),
    ] {
        let output = daemon.rnet(line, "");
        assert_eq!(
            stderr(&output),
            "rnet: network with name n already exists\n"
        );
        assert_eq!(code(&output), expected, "{line}");
    }
}

#[test]
fn one_failure_among_many_stops_nothing() {
    let daemon = Daemon::start(|request, connection| match request {
        "DELETE /networks/b" => connection.json(404, r#"{"message":"network b not found"}"#),
        _ => connection.json(204, ""),
    });
    let output = daemon.rnet("network rm a b c", "");
    assert_eq!(stdout(&output), "a\nc\n");
    assert_eq!(stderr(&output), "rnet: network b not found\n");
    assert_eq!(code(&output), 1);
}

#[test]
fn logs_that_break_off_are_not_taken_for_all() {
    let daemon = Daemon::start(|request, mut connection| {
        if request.ends_with("/json") {
            return connection.json(200, r#"{"Config":{"Tty":false}}"#);
        }
        let frame = frame(1, b"one\ntwo\n");
        connection.head(1000);
        connection.write(&frame);
    });
    let output = daemon.rnet("logs c1", "");
    assert_eq!(stdout(&output), "one\ntwo\n");
    assert!(
        stderr(&output).starts_with("rnet: netd broke off its answer"),
        "{}",
        stderr(&output)
    );
    assert_eq!(code(&output), 1);
}

#[test]
fn exec_ends_as_the_command_does() {
    let daemon = Daemon::start(|request, mut connection| match request {
        "POST /containers/c1/exec" => connection.json(201, r#"{"Id":"e1"}"#),
        "POST /exec/e1/start" => {
            connection.upgrade();
            connection.write(&frame(2, b"no such name\n"));
        }
        _ => connection.json(200, r#"{"ExitCode":3,"Running":false}"#),
    });
    let output = daemon.rnet("exec c1 ping -c 2 nowhere", "");
    assert_eq!(stderr(&output), "no such name\n");
    assert_eq!(code(&output), 3);
}

#[test]
fn an_answer_that_is_not_understood_is_no_success() {
    let daemon = Daemon::start(|_, connection| connection.json(201, r#"{"Ident":"e1"}"#));
    let output = daemon.rnet("exec c1 true", "");
    assert!(stderr(&output).starts_with("rnet: cannot understand netd's answer"));
    assert_eq!(code(&output), 1);
}

#[test]
fn without_a_daemon_the_message_says_where_it_was_looked_for() {
    let rnet = |line: &[&str]| {
        let mut rnet = Command::new(env!("CARGO_BIN_EXE_rnet"));
        rnet.args(["-H", "unix:///nowhere/rnet.sock"])
            .args(line)
            .output()
            .unwrap()
    };
    let output = rnet(&["ps"]);
    let message = "rnet: cannot connect to netd at unix:///nowhere/rnet.sock: is it running?";
    assert!(stderr(&output).starts_with(message), "{}", stderr(&output));
    assert_eq!(code(&output), 1);
    assert_eq!(code(&rnet(&["run", "busybox"])), 125);
    assert_eq!(code(&rnet(&["ps", "--frobnicate"])), 125);
}
