//! The life of a container, command by command.

use serde_json::{Value, json};

use crate::lab::{Lab, Runtime, eventually};

#[test]
fn a_life_has_the_states_of_the_specification() {
    let lab = Lab::new();
    let mut config = lab.config("echo started > /tmp/started; sleep 1000");
    config["annotations"] = json!({"a": "b"});
    lab.write(&config);
    let started = lab.bundle().join("rootfs/tmp/started");
    let mut lives = Vec::new();
    for runtime in [Runtime::Rnet, Runtime::Runc] {
        let mut life = Vec::new();
        let (id, pid_file) = (lab.id(), lab.directory.path().join("pid"));
        let state = || {
            let state: Value =
                serde_json::from_str(&lab.with(runtime, &["state", &id]).out).unwrap();
            let mut fields: Vec<_> = state.as_object().unwrap().keys().cloned().collect();
            fields.sort();
            let pid = state["pid"].as_u64().unwrap();
            (
                state["status"].clone(),
                state["annotations"].clone(),
                pid == 0,
                fields,
                pid,
            )
        };
        let keep = |(status, annotations, dead, fields, _)| (status, annotations, dead, fields);
        let code = |args: &[&str]| lab.with(runtime, args).code;
        assert_eq!(
            code(&["create", "--pid-file", pid_file.to_str().unwrap(), &id]),
            0
        );
        assert_eq!(
            std::fs::read_to_string(&pid_file).unwrap(),
            state().4.to_string()
        );
        assert!(!started.exists());
        life.push(keep(state()));
        assert_eq!(code(&["create", &id]), 1);
        assert_eq!(code(&["start", &id]), 0);
        eventually("started", || started.exists().then_some(()));
        std::fs::remove_file(&started).unwrap();
        life.push(keep(state()));
        assert_eq!((code(&["start", &id]), code(&["delete", &id])), (1, 1));
        assert_eq!(code(&["pause", &id]), 0);
        life.push(keep(state()));
        assert_eq!(code(&["resume", &id]), 0);
        assert_eq!(code(&["kill", &id, "KILL"]), 0);
        eventually("ended", || (state().0 == "stopped").then_some(()));
        life.push(keep(state()));
        assert_eq!((code(&["kill", &id]), code(&["start", &id])), (1, 1));
        assert_eq!((code(&["delete", &id]), code(&["state", &id])), (0, 1));
        assert_eq!(
            (code(&["delete", &id]), code(&["delete", "--force", &id])),
            (1, 0)
        );
        lives.push(life);
    }
    assert_eq!(lives[0], lives[1]);
}

#[test]
fn what_callers_look_for_in_errors_is_there() {
    let lab = Lab::new();
    lab.write(&lab.config("true"));
    let log = lab.directory.path().join("log");
    let line = [
        "--log",
        log.to_str().unwrap(),
        "--log-format",
        "json",
        "state",
        "nobody",
    ];
    let run = lab.rnet(&line);
    assert!(run.err.contains("does not exist"), "{run:?}");
    let told: Value = serde_json::from_str(&std::fs::read_to_string(log).unwrap()).unwrap();
    assert_eq!(
        (&told["level"], told["msg"].as_str().unwrap()),
        (&json!("error"), "container \"nobody\" does not exist")
    );
    let id = lab.id();
    lab.rnet(&["create", &id]);
    assert!(
        lab.rnet(&["create", &id])
            .err
            .contains("container with given ID already exists")
    );
    lab.rnet(&["start", &id]);
    eventually("ended", || (lab.status(&id) == "stopped").then_some(()));
    assert!(
        lab.rnet(&["kill", &id])
            .err
            .contains("container not running")
    );
}

#[test]
fn programs_are_added_with_what_they_are_given() {
    let lab = Lab::new();
    lab.write(&lab.config("sleep 1000"));
    let process = json!({
        "args": ["/bin/sh", "-c", "id -u; pwd; echo $A; ps | grep -c sleep; grep Cap /proc/self/status; hostname; exit 5"],
        "cwd": "/srv", "env": ["PATH=/bin", "A=b"], "user": {"uid": 33, "gid": 34},
        "capabilities": {"bounding": ["CAP_KILL"]},
    });
    let file = lab.directory.path().join("process.json");
    std::fs::write(&file, process.to_string()).unwrap();
    let mut seen = Vec::new();
    for runtime in [Runtime::Rnet, Runtime::Runc] {
        let id = lab.id();
        assert_eq!(lab.with(runtime, &["create", &id]).code, 0);
        assert_eq!(lab.with(runtime, &["start", &id]).code, 0);
        let one = lab.with(runtime, &["exec", "--process", file.to_str().unwrap(), &id]);
        assert_eq!(one.code, 5, "{one:?}");
        let two = lab.with(
            runtime,
            &[
                "exec",
                "--user",
                "33:34",
                "--env",
                "X=y",
                "--cwd",
                "/tmp",
                &id,
                "sh",
                "-c",
                "id; echo $X; pwd; kill -9 $$",
            ],
        );
        assert_eq!(two.code, 137, "{two:?}");
        let missing = lab.with(runtime, &["exec", &id, "nothing"]);
        assert!(
            missing.code != 0 && missing.err.contains("executable file not found in $PATH"),
            "{missing:?}"
        );
        seen.push((one.out, two.out));
        lab.with(runtime, &["delete", "--force", &id]);
    }
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn what_is_handed_on_is_there_and_nothing_else() {
    use std::io::Write;
    let lab = Lab::new();
    lab.write(&lab.config("cat <&3; ls /proc/self/fd"));
    let script = format!(
        "exec 3<$0 4<$0 7</; {} --root {} run --preserve-fds 1 fds",
        crate::lab::RNET,
        lab.root(Runtime::Rnet).display()
    );
    let file = lab.directory.path().join("given");
    writeln!(std::fs::File::create(&file).unwrap(), "given").unwrap();
    let run = std::process::Command::new("sh")
        .args(["-c", &script])
        .arg(&file)
        .current_dir(lab.bundle())
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&run.stdout),
        "given\n0\n1\n2\n3\n4\n",
        "{run:?}"
    );
}

#[test]
fn everything_that_spec_and_features_write_can_be_used() {
    let lab = Lab::new();
    assert_eq!(lab.rnet(&["spec"]).code, 0);
    assert_ne!(lab.rnet(&["spec"]).code, 0, "it was overwritten");
    let mut config: Value =
        serde_json::from_slice(&std::fs::read(lab.bundle().join("config.json")).unwrap()).unwrap();
    config["process"]["terminal"] = json!(false);
    config["process"]["args"] = json!(["/bin/echo", "hello"]);
    config["linux"]["cgroupsPath"] = json!(format!("/{}/spec", lab.group));
    assert_eq!(lab.ran(&config).out, "hello\n");
    let features: Value = serde_json::from_str(&lab.rnet(&["features"]).out).unwrap();
    assert_eq!(features["ociVersionMin"], "1.0.0");
    let listed = lab.rnet(&["list"]);
    assert!(listed.out.starts_with("ID    PID"), "{listed:?}");
}
