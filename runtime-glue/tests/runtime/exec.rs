//! Programs added to a running container.

use std::io::{Read, Write};
use std::net::Shutdown;

use rnet_model::ContainerId;
use rnet_runtime_glue::{ContainerState, ExecSpec, RuntimeError};

use crate::lab::{
    Lab, await_end, chain, eventually, frames, process, processor_time, rest_of, work,
};

#[test]
fn a_program_runs_in_all_namespaces_of_the_container() {
    let lab = Lab::new();
    let id = lab.running("sleep 100");
    let script = "for n in pid net mnt uts ipc cgroup; do readlink /proc/1/ns/$n; readlink /proc/self/ns/$n; done; hostname; ps";
    let (code, output) = lab.exec(&id, &["sh", "-c", script]);
    assert_eq!(code, 0, "{output}");
    let lines: Vec<_> = output.lines().collect();
    for pair in lines[..12].chunks(2) {
        assert_eq!(pair[0], pair[1]);
    }
    assert_eq!(lines[12], id.short());
    assert!(output.contains("sleep 100"), "{output}");
}

#[test]
fn both_outputs_and_the_code_come_back() {
    let lab = Lab::new();
    let id = lab.running("sleep 100");
    let script = "echo one; echo two >&2; exit 9";
    let spec = ExecSpec {
        process: process(&["sh", "-c", script]),
        open_stdin: false,
        privileged: false,
    };
    let added = lab.runtime.exec(&id, &spec).map_err(chain).unwrap();
    let output = frames(&rest_of(added.stream));
    assert!(output.contains(&(1, "one\n".to_owned())), "{output:?}");
    assert!(output.contains(&(2, "two\n".to_owned())), "{output:?}");
    await_end(&added.exit);
    assert_eq!(added.exit.wait().unwrap(), 9);
    assert_eq!(lab.exec(&id, &["sh", "-c", "kill -9 $$"]).0, 137);
}

#[test]
fn input_flows_until_it_is_half_closed_and_output_goes_on() {
    let lab = Lab::new();
    let id = lab.running("sleep 100");
    let spec = ExecSpec {
        process: process(&["sh", "-c", "wc -c; echo after"]),
        open_stdin: true,
        privileged: false,
    };
    let mut added = lab.runtime.exec(&id, &spec).map_err(chain).unwrap();
    let sent = vec![b'x'; 3_000_000];
    added.stream.write_all(&sent).unwrap();
    added.stream.shutdown(Shutdown::Write).unwrap();
    let text: String = frames(&rest_of(added.stream))
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    assert_eq!(text, "3000000\nafter\n");
    assert_eq!(added.exit.wait().unwrap(), 0);
}

#[test]
fn a_slow_reader_gets_every_byte_and_a_gone_one_stops_nothing() {
    let lab = Lab::new();
    let id = lab.running("sleep 100");
    let script = "head -c 8000000 /dev/zero; touch /tmp/done";
    let spec = ExecSpec {
        process: process(&["sh", "-c", script]),
        open_stdin: false,
        privileged: false,
    };
    let slow = lab.runtime.exec(&id, &spec).map_err(chain).unwrap();
    // the write of a full pipe (proc_pid_syscall(5))
    let write = format!("{} ", libc::SYS_write);
    eventually("it waits for its reader", || {
        let mut writers = processes(&lab, &id, "head").into_iter();
        let writes = writers.any(|pid| {
            let call = std::fs::read_to_string(format!("/proc/{pid}/syscall"));
            call.is_ok_and(|call| call.starts_with(&write))
        });
        writes.then_some(())
    });
    assert_eq!(
        lab.exec(&id, &["test", "-e", "/tmp/done"]).0,
        1,
        "it did not wait"
    );
    let count: usize = frames(&rest_of(slow.stream))
        .iter()
        .map(|(_, text)| text.len())
        .sum();
    assert_eq!(count, 8_000_000);
    assert_eq!(slow.exit.wait().unwrap(), 0);
    let gone = lab.runtime.exec(&id, &spec).map_err(chain).unwrap();
    drop(gone.stream);
    assert_eq!(gone.exit.wait().unwrap(), 0);
}

#[test]
fn input_that_nobody_reads_yet_is_kept_after_the_client_went_and_keeps_nobody_busy() {
    let lab = Lab::new();
    let id = lab.running("sleep 100");
    let script = "while ! test -e /tmp/go; do sleep 0.01; done; wc -c > /tmp/count";
    let spec = ExecSpec {
        process: process(&["sh", "-c", script]),
        open_stdin: true,
        privileged: false,
    };
    let mut added = lab.runtime.exec(&id, &spec).map_err(chain).unwrap();
    added.stream.write_all(&vec![b'x'; 200_000]).unwrap();
    drop(added.stream);
    let before = monitor_time(&lab);
    work();
    assert!(
        monitor_time(&lab) - before < 50_000_000,
        "the monitor spins"
    );
    assert_eq!(lab.exec(&id, &["touch", "/tmp/go"]).0, 0);
    assert_eq!(added.exit.wait().unwrap(), 0);
    assert_eq!(lab.exec(&id, &["cat", "/tmp/count"]).1, "200000\n");
}

#[test]
fn a_terminal_is_one_stream_with_a_size() {
    let lab = Lab::new();
    let id = lab.running("sleep 100");
    let mut spec = ExecSpec {
        process: process(&["sh", "-c", "tty; read line; stty size; echo got $line"]),
        open_stdin: true,
        privileged: false,
    };
    spec.process.tty = true;
    let mut added = lab.runtime.exec(&id, &spec).map_err(chain).unwrap();
    let mut name = [0; 12];
    added.stream.read_exact(&mut name).unwrap();
    assert_eq!(&name, b"/dev/pts/0\r\n");
    lab.runtime
        .resize(&id, Some(added.pid), 33, 99)
        .map_err(chain)
        .unwrap();
    added.stream.write_all(b"hello\n").unwrap();
    let output = String::from_utf8(rest_of(added.stream)).unwrap();
    assert_eq!(output, "hello\r\n33 99\r\ngot hello\r\n");
    let refused = lab
        .runtime
        .resize(&id, None, 1, 1)
        .map_err(chain)
        .unwrap_err();
    assert!(refused.contains("resize the terminal"), "{refused}");
    assert!(matches!(
        lab.runtime.resize(&id, Some(1), 1, 1),
        Err(RuntimeError::NotRunning { .. })
    ));
}

#[test]
fn what_cannot_be_run_is_an_error_with_the_code_of_a_shell() {
    let lab = Lab::new();
    let id = lab.running("sleep 100");
    for (command, message, code) in [
        (
            "nosuch",
            "exec: \"nosuch\": executable file not found in $PATH",
            127,
        ),
        ("/etc/plain", "exec: \"/etc/plain\": permission denied", 126),
        ("/tmp", "exec: \"/tmp\": permission denied", 126),
    ] {
        let spec = ExecSpec {
            process: process(&[command]),
            open_stdin: false,
            privileged: false,
        };
        let error = lab.runtime.exec(&id, &spec).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert!(matches!(error, RuntimeError::Command { code: c, .. } if c == code));
    }
    let mut spec = ExecSpec {
        process: process(&["true"]),
        open_stdin: false,
        privileged: false,
    };
    spec.process.user = "ghost".to_owned();
    assert!(matches!(
        lab.runtime.exec(&id, &spec),
        Err(RuntimeError::UnknownUser { .. })
    ));
    assert_eq!(lab.exec(&id, &["true"]).0, 0);
}

#[test]
fn a_program_has_its_own_user_environment_and_directory() {
    let lab = Lab::new();
    let id = lab.running("sleep 100");
    let mut spec = ExecSpec {
        process: process(&["sh", "-c", "id -u; pwd; echo $A $HOME"]),
        open_stdin: false,
        privileged: false,
    };
    spec.process.user = "33:7".to_owned();
    spec.process.cwd = "/tmp".to_owned();
    spec.process.env.push("A=b".to_owned());
    let mut added = lab.runtime.exec(&id, &spec).map_err(chain).unwrap();
    let mut bytes = Vec::new();
    added.stream.read_to_end(&mut bytes).unwrap();
    let text: String = frames(&bytes).into_iter().map(|(_, text)| text).collect();
    assert_eq!(text, "33\n/tmp\nb /srv\n");
}

#[test]
fn programs_end_with_the_container_and_none_are_added_after() {
    let lab = Lab::new();
    let id = lab.running("sleep 100");
    let spec = ExecSpec {
        process: process(&["sleep", "100"]),
        open_stdin: false,
        privileged: false,
    };
    let added = lab.runtime.exec(&id, &spec).map_err(chain).unwrap();
    lab.runtime.kill(&id, 9).unwrap();
    assert_eq!(rest_of(added.stream), b"");
    assert_eq!(added.exit.wait().unwrap(), 137);
    lab.exit(&id);
    assert!(matches!(
        lab.runtime.exec(&id, &spec),
        Err(RuntimeError::NotRunning { .. })
    ));
    let created = lab.id();
    lab.runtime
        .create(&created, &lab.spec(&created, "true"))
        .unwrap();
    assert!(matches!(
        lab.runtime.exec(&created, &spec),
        Err(RuntimeError::NotRunning { .. })
    ));
    assert!(matches!(
        lab.runtime.state(&created).unwrap(),
        ContainerState::Created { .. }
    ));
}

/// The processes of that name in a container.
fn processes(lab: &Lab, id: &ContainerId, name: &str) -> Vec<u32> {
    let group =
        ["pids/", ""].map(|it| format!("/sys/fs/cgroup/{it}{}/{id}/cgroup.procs", lab.cgroup));
    let listed = group
        .iter()
        .find_map(|path| std::fs::read_to_string(path).ok());
    let listed = listed.unwrap();
    let pids = listed.lines().filter_map(|pid| pid.parse().ok());
    let named = |pid: &u32| {
        let comm = std::fs::read_to_string(format!("/proc/{pid}/comm"));
        comm.is_ok_and(|comm| comm.trim() == name)
    };
    pids.filter(named).collect()
}

/// The processor time that the monitor of the lab's only container has had, in nanoseconds.
fn monitor_time(lab: &Lab) -> u64 {
    let [id] = lab.runtime.list().unwrap()[..] else {
        panic!("one container")
    };
    let state = lab
        .directory
        .path()
        .join(format!("containers/{id}/state.json"));
    let text = std::fs::read_to_string(state).unwrap();
    let pid: String = text
        .split("\"pid\":")
        .nth(1)
        .unwrap()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    processor_time(&pid)
}
