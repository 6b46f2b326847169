//! Configurations that cannot be: each is told of by name, and leaves nothing.

use serde_json::{Value, json};

use crate::lab::Lab;

#[test]
fn what_cannot_be_is_refused_by_name_and_leaves_nothing() {
    let lab = Lab::new();
    let cases: [(&str, Value, &str); 44] = [
        (
            "/ociVersion",
            json!("2.0.0"),
            "ociVersion \"2.0.0\" is not supported",
        ),
        ("/root", Value::Null, "root is missing"),
        ("/root/path", json!("nowhere"), "nowhere"),
        ("/root/path", json!("config.json"), "is no directory"),
        ("/process", Value::Null, "process is missing"),
        ("/process/args", json!([]), "process.args is empty"),
        (
            "/process/args",
            json!(["/nothing"]),
            "exec: \"/nothing\": no such file or directory",
        ),
        (
            "/process/args",
            json!(["nothing"]),
            "executable file not found in $PATH",
        ),
        ("/process/args", json!(["/etc/passwd"]), "permission denied"),
        (
            "/process/cwd",
            json!("relative"),
            "process.cwd \"relative\" is not absolute",
        ),
        ("/process/jail", json!(true), "unknown field `jail`"),
        ("/linux/netDevices", json!({}), "unknown field `netDevices`"),
        (
            "/linux/intelRdt",
            json!({}),
            "linux.intelRdt is not supported",
        ),
        (
            "/linux/mountLabel",
            json!("label"),
            "linux.mountLabel \"label\" is not supported",
        ),
        ("/process/apparmorProfile", json!("tight"), "AppArmor"),
        ("/process/selinuxLabel", json!("tight"), "SELinux"),
        (
            "/process/rlimits",
            json!([{"type": "RLIMIT_FUN", "soft": 1, "hard": 1}]),
            "\"RLIMIT_FUN\" is unknown",
        ),
        (
            "/process/rlimits",
            json!([{"type": "RLIMIT_CPU", "soft": 2, "hard": 1}]),
            "soft above hard",
        ),
        ("/process/oomScoreAdj", json!(1001), "process.oomScoreAdj"),
        (
            "/process/scheduler",
            json!({"policy": "SCHED_SOON"}),
            "\"SCHED_SOON\" is unknown",
        ),
        (
            "/process/ioPriority",
            json!({"class": "IOPRIO_CLASS_BE", "priority": 8}),
            "8 is not 0 to 7",
        ),
        (
            "/linux/personality",
            json!({"domain": "DOS"}),
            "linux.personality.domain \"DOS\"",
        ),
        (
            "/linux/namespaces/0",
            json!({"type": "pid", "path": "/nowhere/ns"}),
            "/nowhere/ns",
        ),
        (
            "/linux/namespaces/0",
            json!({"type": "pid", "path": "/etc/passwd"}),
            "join the namespace /etc/passwd",
        ),
        (
            "/linux/namespaces/0",
            json!({"type": "moon"}),
            "unknown variant `moon`",
        ),
        (
            "/linux/namespaces/0",
            json!({"type": "ipc"}),
            "linux.namespaces has ipc twice",
        ),
        (
            "/linux/namespaces/4",
            json!({"type": "user"}),
            "without a mount namespace",
        ),
        (
            "/linux/namespaces/3",
            json!({"type": "time"}),
            "hostname needs a uts namespace",
        ),
        (
            "/linux/namespaces/5",
            json!({"type": "user"}),
            "needs linux.uidMappings",
        ),
        (
            "/linux/uidMappings",
            json!([{"containerID": 0, "hostID": 1, "size": 1}]),
            "needs a user namespace",
        ),
        (
            "/linux/timeOffsets",
            json!({"boottime": {"secs": 1}}),
            "linux.timeOffsets needs a time namespace",
        ),
        (
            "/linux/sysctl",
            json!({"kernel.core_pattern": "|/x"}),
            "it would change the host",
        ),
        (
            "/linux/sysctl",
            json!({"net..ipv4": "1"}),
            "is no name of a variable",
        ),
        (
            "/linux/rootfsPropagation",
            json!("sideways"),
            "linux.rootfsPropagation \"sideways\"",
        ),
        (
            "/linux/cgroupsPath",
            json!("a.slice:b:c"),
            "a unit of systemd",
        ),
        (
            "/linux/cgroupsPath",
            json!("/../up"),
            "no path of a control group",
        ),
        (
            "/linux/maskedPaths",
            json!(["relative"]),
            "\"relative\" to mask or protect is not absolute",
        ),
        (
            "/linux/devices",
            json!([{"path": "/dev/x", "type": "z"}]),
            "the device type \"z\"",
        ),
        (
            "/linux/devices",
            json!([{"path": "/bin/sh", "type": "c", "major": 1, "minor": 3}]),
            "another file is there",
        ),
        (
            "/linux/resources/unified",
            json!({"memory.none": "1"}),
            "linux.resources.unified \"memory.none\"",
        ),
        (
            "/linux/resources/rdma",
            json!({"mlx5_1": {"hcaHandles": 3}}),
            "rdma is not supported",
        ),
        (
            "/linux/resources/memory",
            json!({"limit": 1 << 20, "swap": 1}),
            "less than 1048576 of memory alone",
        ),
        (
            "/linux/seccomp",
            json!({"defaultAction": "SCMP_ACT_NOTIFY"}),
            "unknown variant `SCMP_ACT_NOTIFY`",
        ),
        (
            "/hooks",
            json!({"createRuntime": [{"path": "relative"}]}),
            "the hook \"relative\" is no absolute path",
        ),
    ];
    for (at, value, message) in cases {
        let mut config = lab.config("true");
        let (parent, name) = at.rsplit_once('/').unwrap();
        let parent = config.pointer_mut(parent).unwrap();
        match name.parse::<usize>() {
            Ok(n) => parent[n] = value.clone(),
            Err(_) => parent[name] = value.clone(),
        }
        refused(&lab, &config, &format!("{at} {value}"), message);
    }
}

#[test]
fn mounts_that_cannot_be_are_refused_by_name_and_leave_nothing() {
    let lab = Lab::new();
    let cases = [
        (
            json!({"destination": "relative", "type": "tmpfs"}),
            "\"relative\" is not absolute",
        ),
        (
            json!({"destination": "/a/../b", "type": "tmpfs"}),
            "\"/a/../b\"",
        ),
        (
            json!({"destination": "/m", "type": "nofs"}),
            "the kernel has no file system nofs",
        ),
        (
            json!({"destination": "/m"}),
            "neither a type nor the option bind",
        ),
        (
            json!({"destination": "/m", "type": "tmpfs", "options": ["wings"]}),
            "it does not take the option wings",
        ),
        (
            json!({"destination": "/m", "type": "tmpfs", "options": ["size=lots"]}),
            "it does not take the option size",
        ),
        (
            json!({"destination": "/m", "type": "bind", "source": "/nowhere/at/all"}),
            "take /nowhere/at/all of the host",
        ),
        (
            json!({"destination": "/m", "type": "bind", "source": "/tmp", "options": ["size=1"]}),
            "\"size=1\" is no option of a bind mount",
        ),
        (
            json!({"destination": "/m", "type": "bind", "options": ["bind"]}),
            "it has no source",
        ),
        (
            json!({"destination": "/m", "type": "bind", "source": "/tmp", "options": ["bind", "idmap"]}),
            "idmap needs maps",
        ),
        (
            json!({"destination": "/m", "type": "tmpfs", "options": ["remount"]}),
            "remount is not supported",
        ),
        (
            json!({"destination": "/bin/busybox", "type": "tmpfs"}),
            "mount tmpfs on /bin/busybox: Not a directory",
        ),
        (
            json!({"destination": "/m", "type": "tmpfs", "label": "x"}),
            "unknown field `label`",
        ),
    ];
    for (mount, message) in cases {
        let mut config = lab.config("true");
        config["mounts"].as_array_mut().unwrap().push(mount.clone());
        refused(&lab, &config, &mount.to_string(), message);
    }
}

#[test]
fn an_id_and_a_bundle_must_be_some() {
    let lab = Lab::new();
    lab.write(&lab.config("true"));
    for id in ["../up", "a/b", ".", "", "a b"] {
        let made = lab.rnet(&["create", id]);
        assert!(
            made.code != 0 && made.err.contains("is no id of a container"),
            "{id:?} {made:?}"
        );
    }
    let made = lab.rnet(&["create", "--bundle", "/nowhere", &lab.id()]);
    assert!(
        made.err.contains("cannot find the bundle /nowhere"),
        "{made:?}"
    );
    std::fs::write(lab.bundle().join("config.json"), "{").unwrap();
    let made = lab.rnet(&["create", &lab.id()]);
    assert!(
        made.err.contains("config.json: EOF while parsing"),
        "{made:?}"
    );
    let made = lab.rnet(&["--systemd-cgroup", "create", &lab.id()]);
    assert!(made.err.contains("--systemd-cgroup"), "{made:?}");
    assert!(lab.left().is_empty());
}

#[test]
fn a_control_group_of_somebody_else_is_not_taken() {
    let lab = Lab::new();
    let config = lab.config("sleep 1000");
    lab.write(&config);
    let first = lab.id();
    assert_eq!(lab.rnet(&["create", &first]).code, 0);
    let made = lab.rnet(&["create", &lab.id()]);
    assert!(
        made.code == 1 && made.err.contains("has processes of somebody else"),
        "{made:?}"
    );
    assert_eq!(lab.status(&first), "created", "the other was killed");
}

fn refused(lab: &Lab, config: &Value, what: &str, message: &str) {
    lab.write(config);
    let made = lab.rnet(&["create", &lab.id()]);
    assert!(
        made.code == 1 && made.err.contains(message),
        "{what}: {made:?}"
    );
    assert_eq!(made.err.lines().count(), 1, "{what}: {made:?}");
    assert_eq!(lab.left(), Vec::<String>::new(), "{what}");
}
