//! From create to remove, and what is known of a container in between.

use std::fs;

use rnet_runtime_glue::spec::CpuTime;
use rnet_runtime_glue::{ContainerState, Runtime, RuntimeError};

use crate::lab::{Lab, await_end, chain, eventually};

#[test]
fn a_container_is_created_then_started_then_ends_with_its_code() {
    let lab = Lab::new();
    let id = lab.id();
    let created = lab
        .runtime
        .create(&id, &lab.spec(&id, "exit 7"))
        .map_err(chain)
        .unwrap();
    let state = || lab.runtime.state(&id).unwrap();
    assert_eq!(
        state(),
        ContainerState::Created {
            pid: created.init_pid
        }
    );
    assert!(fs::metadata(format!("/proc/{}", created.init_pid)).is_ok());
    lab.runtime.start(&id).map_err(chain).unwrap();
    let exit = lab.exit(&id);
    assert_eq!(
        (exit.code, exit.signal, exit.oom, exit.error),
        (7, None, false, None)
    );
    assert!(exit.started.unwrap() <= exit.finished);
    assert!(matches!(
        lab.runtime.start(&id),
        Err(RuntimeError::NotRunning { .. })
    ));
    assert!(matches!(
        lab.runtime.kill(&id, 15),
        Err(RuntimeError::NotRunning { .. })
    ));
    await_end(lab.runtime.exit_fd(&id).unwrap());
    lab.runtime.remove(&id).unwrap();
    lab.runtime.remove(&id).unwrap();
    assert!(matches!(
        lab.runtime.state(&id),
        Err(RuntimeError::UnknownContainer { .. })
    ));
}

#[test]
fn an_id_is_taken_until_its_container_is_removed() {
    let lab = Lab::new();
    let id = lab.running("sleep 100");
    let again = lab.runtime.create(&id, &lab.spec(&id, "true"));
    assert!(matches!(again, Err(RuntimeError::ContainerExists { .. })));
    assert!(matches!(
        lab.runtime.state(&id).unwrap(),
        ContainerState::Running { .. }
    ));
    assert!(matches!(
        lab.runtime.start(&id),
        Err(RuntimeError::AlreadyStarted { .. })
    ));
    assert_eq!(lab.runtime.list().unwrap(), [id]);
}

#[test]
fn a_signal_ends_a_container_and_is_told() {
    let lab = Lab::new();
    let id = lab.running("trap 'exit 3' USR1; echo set; while :; do sleep 0.01; done");
    eventually("the trap is set", || {
        (lab.output(&id) == "set\n").then_some(())
    });
    lab.runtime.kill(&id, 10).unwrap();
    assert_eq!((lab.exit(&id).code, lab.exit(&id).signal), (3, None));
    let id = lab.running("sleep 100");
    lab.runtime.stop(&id).unwrap();
    lab.runtime.kill(&id, 9).unwrap();
    assert_eq!((lab.exit(&id).code, lab.exit(&id).signal), (137, Some(9)));
    let id = lab.running("sleep 100");
    let refused = lab.runtime.kill(&id, 65).map_err(chain).unwrap_err();
    assert!(refused.contains("send signal 65"), "{refused}");
}

#[test]
fn a_daemon_that_comes_back_finds_all_as_it_was() {
    let lab = Lab::new();
    let running = lab.running("sleep 100");
    let ended = lab.running("echo done; exit 4");
    lab.exit(&ended);
    let (root, shim) = (
        lab.directory.path().join("containers"),
        env!("CARGO_BIN_EXE_rnet-shim"),
    );
    let second = Runtime::new(root, shim.into(), "elsewhere".to_owned());
    let mut known = [running, ended];
    known.sort_unstable();
    assert_eq!(second.list().unwrap(), known);
    assert!(matches!(
        second.state(&running).unwrap(),
        ContainerState::Running { .. }
    ));
    assert!(matches!(second.state(&ended).unwrap(), ContainerState::Exited(e) if e.code == 4));
    second.kill(&running, 9).unwrap();
    await_end(second.exit_fd(&running).unwrap());
    assert!(matches!(second.state(&running).unwrap(), ContainerState::Exited(e) if e.code == 137));
}

#[test]
fn a_monitor_belongs_to_nobody_and_cannot_be_written_to() {
    let lab = Lab::new();
    let id = lab.id();
    let created = lab
        .runtime
        .create(&id, &lab.spec(&id, "true"))
        .map_err(chain)
        .unwrap();
    let fields = |process: &str| -> Vec<String> {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
        stat.split(' ').map(str::to_owned).collect()
    };
    let (monitor, we) = (fields(&created.shim_pid.to_string()), fields("self"));
    assert_eq!(monitor[1], "(rnet-shim)");
    assert_ne!(monitor[3], we[0], "our child");
    // ours reads 0 where it belongs to someone outside our pid namespace
    assert_ne!(monitor[5], we[5], "our session");
    for pid in [created.shim_pid, created.init_pid] {
        let program = format!("/proc/{pid}/exe");
        let mode = fs::metadata(&program).unwrap().permissions();
        let error = fs::set_permissions(&program, mode).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
    }
}

#[test]
fn a_container_dies_with_its_monitor_and_is_lost() {
    let lab = Lab::new();
    for user in ["", "web"] {
        let id = lab.id();
        let mut spec = lab.spec(&id, "sleep 100");
        spec.process.user = user.to_owned();
        let created = lab.runtime.create(&id, &spec).map_err(chain).unwrap();
        lab.runtime.start(&id).unwrap();
        let ended = lab.runtime.exit_fd(&id).unwrap();
        kill_process(created.shim_pid);
        await_end(ended);
        assert_eq!(lab.runtime.state(&id).unwrap(), ContainerState::Lost);
        let gone = || fs::read_to_string(format!("/proc/{}/stat", created.init_pid)).is_err();
        eventually("the first process is gone", || gone().then_some(()));
        assert!(matches!(
            lab.runtime.start(&id),
            Err(RuntimeError::NotRunning { .. })
        ));
        lab.runtime.remove(&id).map_err(chain).unwrap();
    }
}

#[test]
fn a_container_that_was_not_started_dies_with_its_monitor_too() {
    let lab = Lab::new();
    let id = lab.id();
    let created = lab.runtime.create(&id, &lab.spec(&id, "true")).unwrap();
    kill_process(created.shim_pid);
    let gone = || fs::read_to_string(format!("/proc/{}/stat", created.init_pid)).is_err();
    eventually("the first process is gone", || gone().then_some(()));
    eventually("it is lost", || {
        (lab.runtime.state(&id).unwrap() == ContainerState::Lost).then_some(())
    });
}

#[test]
fn removing_a_running_container_ends_it() {
    let lab = Lab::new();
    let id = lab.running("sleep 100 & sleep 100");
    let ContainerState::Running { pid, .. } = lab.runtime.state(&id).unwrap() else {
        panic!()
    };
    lab.runtime.remove(&id).map_err(chain).unwrap();
    assert!(fs::metadata(format!("/proc/{pid}/root/bin")).is_err());
    assert!(lab.runtime.list().unwrap().is_empty());
}

#[test]
fn a_program_that_cannot_be_run_fails_the_start_and_ends_the_container() {
    let lab = Lab::new();
    for (command, message, code) in [
        (
            "nosuch",
            "exec: \"nosuch\": executable file not found in $PATH",
            127,
        ),
        (
            "/bin/nosuch",
            "exec: \"/bin/nosuch\": no such file or directory",
            127,
        ),
        ("/etc/plain", "exec: \"/etc/plain\": permission denied", 126),
    ] {
        let id = lab.id();
        let mut spec = lab.spec(&id, "");
        spec.process.args = vec![command.to_owned()];
        lab.runtime.create(&id, &spec).map_err(chain).unwrap();
        let failed = lab.runtime.start(&id).unwrap_err();
        assert_eq!(failed.to_string(), message);
        assert!(matches!(failed, RuntimeError::Command { code: c, .. } if c == code));
        let exit = lab.exit(&id);
        assert_eq!(
            (exit.code, exit.error.as_deref(), exit.started),
            (code, Some(message), None)
        );
    }
}

#[test]
fn a_container_that_cannot_be_made_leaves_nothing() {
    let lab = Lab::new();
    let id = lab.id();
    let refused = |change: &dyn Fn(&mut rnet_runtime_glue::Spec)| {
        let mut spec = lab.spec(&id, "true");
        change(&mut spec);
        let error = lab.runtime.create(&id, &spec).map_err(chain).unwrap_err();
        assert!(lab.runtime.list().unwrap().is_empty(), "{error}");
        error
    };
    let error = refused(&|spec| spec.process.user = "ghost".to_owned());
    assert_eq!(
        error,
        "unable to find user ghost: no matching entries in passwd file"
    );
    let error = refused(&|spec| spec.rootfs.lower = vec!["/nonexistent".into()]);
    assert!(
        error.contains("mount overlay on /: No such file or directory"),
        "{error}"
    );
    let error = refused(&|spec| spec.mounts[0].target = "/bin/busybox".to_owned());
    assert!(
        error.contains("mount proc on /bin/busybox: Not a directory"),
        "{error}"
    );
    let error = refused(&|spec| spec.process.cwd = "relative".to_owned());
    assert!(error.contains("\"relative\""), "{error}");
    let error = refused(&|spec| spec.limits.cpu = Some(CpuTime::of_nano_cpus(1)));
    assert!(
        error.contains("less than the kernel measures out"),
        "{error}"
    );
    let error = refused(&|spec| spec.cgroup = Some("../escape".to_owned()));
    assert!(error.contains("no path of a control group"), "{error}");
    let shim = Runtime::new(
        lab.directory.path().join("x"),
        "/nonexistent".into(),
        "x".to_owned(),
    );
    let error = shim
        .create(&id, &lab.spec(&id, "true"))
        .map_err(chain)
        .unwrap_err();
    assert!(
        error.starts_with("cannot run the container monitor /nonexistent: No such"),
        "{error}"
    );
    assert!(shim.list().unwrap().is_empty());
}

#[test]
fn a_run_directory_may_be_deep() {
    let lab = Lab::new();
    let deep = lab
        .directory
        .path()
        .join("deep".repeat(20))
        .join("deeper".repeat(20));
    let runtime = Runtime::new(
        deep,
        env!("CARGO_BIN_EXE_rnet-shim").into(),
        lab.cgroup.clone(),
    );
    let id = lab.id();
    runtime
        .create(&id, &lab.spec(&id, "exit 5"))
        .map_err(chain)
        .unwrap();
    runtime.start(&id).map_err(chain).unwrap();
    await_end(runtime.exit_fd(&id).unwrap());
    assert!(matches!(runtime.state(&id).unwrap(), ContainerState::Exited(e) if e.code == 5));
    runtime.remove(&id).unwrap();
}

fn kill_process(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}
