//! Hooks: when, where and with what they are run.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::lab::{Lab, Runtime, eventually};

/// A hook that notes its kind, the status it is told, and the mount namespace it is in.
fn noting(lab: &Lab, kind: &str) -> Value {
    let script = lab.directory.path().join("hook");
    fs::write(
        &script,
        "#!/bin/sh\nread state <&0 || :\ncase $state in *\\\"status\\\":\\\"$2\\\"*) s=$2;; *) s=$state;; esac\n\
         echo $1 $s $A $(readlink /proc/self/ns/mnt) >>$NOTES\n",
    )
    .unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let status = match kind {
        "poststart" => "running",
        "poststop" => "stopped",
        _ => "creating",
    };
    let notes = lab.directory.path().join("notes");
    let env = [
        format!("NOTES={}", notes.display()),
        "A=b".to_owned(),
        "PATH=/usr/bin:/bin".to_owned(),
    ];
    json!([{"path": script, "args": ["hook", kind, status], "env": env, "timeout": 30}])
}

#[test]
fn hooks_are_run_in_order_where_the_specification_says() {
    let lab = Lab::new();
    let mut config = lab.config("sleep 1000");
    for kind in [
        "prestart",
        "createRuntime",
        "createContainer",
        "poststart",
        "poststop",
    ] {
        config["hooks"][kind] = noting(&lab, kind);
    }
    // of the container's own programs, in the container
    config["hooks"]["startContainer"] =
        json!([{"path": "/bin/sh", "args": ["sh", "-c", "/bin/cat > /tmp/state"]}]);
    let ours = fs::read_link("/proc/self/ns/mnt")
        .unwrap()
        .display()
        .to_string();
    let mut all = Vec::new();
    for runtime in [Runtime::Rnet, Runtime::Runc] {
        if runtime == Runtime::Runc {
            // it runs these at once after `create`
            config["hooks"].as_object_mut().unwrap().remove("poststart");
        }
        lab.write(&config);
        let id = lab.id();
        let notes = lab.directory.path().join("notes");
        assert_eq!(lab.with(runtime, &["create", &id]).code, 0);
        let early = fs::read_to_string(&notes).unwrap();
        assert_eq!(early.lines().count(), 3, "{early}");
        assert!(!lab.bundle().join("rootfs/tmp/state").exists());
        assert_eq!(lab.with(runtime, &["start", &id]).code, 0);
        let told = eventually("told", || {
            serde_json::from_slice::<Value>(&fs::read(lab.bundle().join("rootfs/tmp/state")).ok()?)
                .ok()
        });
        assert_eq!(told["id"], json!(id));
        fs::remove_file(lab.bundle().join("rootfs/tmp/state")).unwrap();
        lab.with(runtime, &["kill", &id, "KILL"]);
        eventually("deleted", || {
            (lab.with(runtime, &["delete", &id]).code == 0).then_some(())
        });
        let text = fs::read_to_string(&notes).unwrap();
        let lines = text.lines().map(|line| {
            let (words, namespace) = line.rsplit_once(' ').unwrap();
            (words.to_owned(), namespace == ours)
        });
        all.push(lines.collect::<Vec<_>>());
        fs::remove_file(notes).unwrap();
    }
    let ours = [
        ("prestart creating b", true),
        ("createRuntime creating b", true),
        ("createContainer creating b", false),
        ("poststart running b", true),
        ("poststop stopped b", true),
    ];
    assert_eq!(
        all[0],
        ours.map(|(words, outside)| (words.to_owned(), outside))
    );
    all[0].remove(3);
    assert_eq!(all[0], all[1]);
}

#[test]
fn a_hook_that_fails_ends_what_it_is_for_and_says_why() {
    let lab = Lab::new();
    let failing = |script: &str| json!([{"path": "/bin/sh", "args": ["sh", "-c", script]}]);
    for kind in ["prestart", "createRuntime", "createContainer"] {
        let mut config = lab.config("sleep 1000");
        config["hooks"][kind] = failing("echo because >&2; exit 3");
        lab.write(&config);
        let made = lab.rnet(&["create", &lab.id()]);
        assert!(
            made.code == 1 && made.err.contains("exit status: 3: because"),
            "{kind}: {made:?}"
        );
        assert!(made.err.contains(kind), "{made:?}");
        assert_eq!(lab.left(), Vec::<String>::new(), "{kind}");
    }
    for kind in ["startContainer", "poststart"] {
        let mut config = lab.config("sleep 1000");
        config["hooks"][kind] = failing("exit 3");
        lab.write(&config);
        let id = lab.id();
        assert_eq!(lab.rnet(&["create", &id]).code, 0);
        let started = lab.rnet(&["start", &id]);
        assert!(
            started.code == 1 && started.err.contains("exit status: 3"),
            "{kind}: {started:?}"
        );
        eventually("ended", || (lab.status(&id) == "stopped").then_some(()));
        assert_eq!(lab.rnet(&["delete", &id]).code, 0);
    }
}

#[test]
fn a_hook_that_takes_too_long_is_killed() {
    let lab = Lab::new();
    let mut config = lab.config("true");
    config["hooks"]["createRuntime"] =
        json!([{"path": "/bin/sh", "args": ["sh", "-c", "exec sleep 1000"], "timeout": 1}]);
    lab.write(&config);
    let made = lab.rnet(&["create", &lab.id()]);
    assert!(
        made.code == 1 && made.err.contains("it took more than 1 s"),
        "{made:?}"
    );
    assert!(lab.left().is_empty());
}
