//! The same bundle through runc and through rnet: what a container sees is the same.

use std::fs;

use serde_json::json;

use crate::lab::{Lab, Runtime};

#[test]
fn a_container_looks_the_same_from_inside() {
    let lab = Lab::new();
    let run = lab.alike(&lab.config(
        "id; hostname; pwd; echo $HOME; env | sort; umask; ls /; ls -l /dev | sed 's/ [A-Z][a-z][a-z] .*:[0-9][0-9]//'
         grep -E 'Cap|NoNew|Seccomp:|Sig[BC]|Groups' /proc/self/status; cat /proc/self/cgroup | grep -v ':/$'
         ls /proc/self/fd | wc -l; ls /proc | grep -c '^[0-9]'; cat /proc/self/oom_score_adj; exit 7",
    ));
    assert_eq!(run.code, 7);
    assert!(run.out.contains("CapEff:\t00000000280004e3"), "{}", run.out);
}

#[test]
fn mounts_have_the_options_that_were_asked_for() {
    let lab = Lab::new();
    let outside = lab.directory.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "of the host\n").unwrap();
    let mut config = lab.config(
        "cut -d' ' -f5,6 /proc/self/mountinfo | grep -vE 'cgroup|acpi|keys|timer|firmware' | sort; cat /mnt/file /a-file
         touch /mnt/x 2>&1; ls /srv; cat /srv/kept; stat -c %a /srv /full; touch /full/x && stat -f -c %b /full",
    );
    let mounts = config["mounts"].as_array_mut().unwrap();
    let bind = |to: &str, from: &str, options: &[&str]| {
        let source = outside.join(from);
        json!({"destination": to, "type": "bind", "source": source, "options": options})
    };
    mounts.push(bind(
        "/mnt",
        "",
        &["rbind", "ro", "nosuid", "nodev", "noexec", "rprivate"],
    ));
    mounts.push(bind("/a-file", "file", &["bind", "rw", "noatime"]));
    mounts.push(
        json!({"destination": "/srv", "type": "tmpfs", "source": "tmpfs",
        "options": ["tmpcopyup", "nodev", "size=1m"]}),
    );
    mounts.push(
        json!({"destination": "/full", "type": "tmpfs", "source": "tmpfs",
        "options": ["rw", "noexec", "nodev", "nosuid", "size=64k", "mode=755"]}),
    );
    config["root"]["readonly"] = json!(true);
    fs::create_dir_all(lab.bundle().join("rootfs/full")).unwrap();
    fs::create_dir_all(lab.bundle().join("rootfs/mnt")).unwrap();
    fs::write(lab.bundle().join("rootfs/a-file"), "").unwrap();
    let run = lab.alike(&config);
    assert!(
        run.out.contains("Read-only file system") && run.out.contains("kept"),
        "{}",
        run.out
    );
    assert_eq!(run.out.matches("of the host").count(), 2, "{}", run.out);
}

#[test]
fn a_user_with_groups_limits_and_a_mask_is_the_same() {
    let lab = Lab::new();
    let mut config = lab.config(
        "id; umask; ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj; echo $HOME; grep Cap /proc/self/status; pwd; nice",
    );
    let process = &mut config["process"];
    process["user"] = json!({"uid": 33, "gid": 34, "additionalGids": [50, 7], "umask": 0o027});
    process["rlimits"] = json!([{"type": "RLIMIT_NOFILE", "soft": 128, "hard": 256}, {"type": "RLIMIT_AS", "soft": 1 << 30, "hard": 1 << 30}]);
    process["oomScoreAdj"] = json!(500);
    process["cwd"] = json!("/srv");
    let raw = json!(["CAP_NET_RAW", "CAP_KILL"]);
    process["capabilities"] = json!({"bounding": raw, "effective": raw, "permitted": raw, "inheritable": raw, "ambient": ["CAP_KILL"]});
    config["linux"]["sysctl"] =
        json!({"net.ipv4.ip_unprivileged_port_start": "80", "kernel.msgmax": "4096"});
    let run = lab.alike(&config);
    assert!(run.out.contains("CapAmb:\t0000000000000020"), "{}", run.out);
    assert!(
        run.out.contains("0027\n128\n256\n500\n/srv\n"),
        "{}",
        run.out
    );
}

#[test]
fn a_user_namespace_has_its_maps_and_owns_the_others() {
    let lab = Lab::new();
    let mut config = lab.config(
        "id; cat /proc/self/uid_map /proc/self/gid_map; grep Cap /proc/self/status; hostname new && hostname
         touch /tmp/mine && stat -c %u:%g /tmp/mine /etc/passwd; ls /dev; echo x > /dev/null && echo fine
         mount -t tmpfs none /tmp 2>/dev/null && echo mounted; cat /proc/self/setgroups",
    );
    let namespaces = config["linux"]["namespaces"].as_array_mut().unwrap();
    namespaces.push(json!({"type": "user"}));
    config["linux"]["uidMappings"] = json!([{"containerID": 0, "hostID": 100_000, "size": 1000}]);
    config["linux"]["gidMappings"] = json!([{"containerID": 0, "hostID": 200_000, "size": 1000}]);
    let caps = json!(["CAP_SYS_ADMIN", "CAP_SYS_RESOURCE", "CAP_KILL"]);
    config["process"]["capabilities"] =
        json!({"bounding": caps, "effective": caps, "permitted": caps});
    // the user's root must be able to go there
    let open = |path: &std::path::Path| {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    open(lab.directory.path());
    std::os::unix::fs::chown(
        lab.bundle().join("rootfs/tmp"),
        Some(100_000),
        Some(200_000),
    )
    .unwrap();
    std::os::unix::fs::chown(lab.bundle().join("rootfs"), Some(100_000), Some(200_000)).unwrap();
    let run = lab.alike(&config);
    assert!(run.out.contains("0     100000       1000"), "{}", run.out);
    assert!(run.out.contains("fine\nmounted\nallow"), "{}", run.out);
}

#[test]
fn namespaces_that_exist_are_joined_and_clocks_are_set() {
    let lab = Lab::new();
    lab.write(&lab.config("sleep 1000"));
    let first = lab.id();
    for line in [["create", &first], ["start", &first]] {
        let made = lab.rnet(&line);
        assert_eq!(made.code, 0, "{made:?}");
    }
    let state: serde_json::Value = serde_json::from_str(&lab.rnet(&["state", &first]).out).unwrap();
    let pid = state["pid"].as_u64().unwrap();
    let mut config = lab.config("for n in net ipc uts pid mnt; do readlink /proc/self/ns/$n; done; hostname; ls /proc | grep -c '^[0-9]'");
    config.as_object_mut().unwrap().remove("hostname");
    for namespace in config["linux"]["namespaces"].as_array_mut().unwrap() {
        let kind = namespace["type"].as_str().unwrap().to_owned();
        let name = if kind == "network" { "net" } else { &kind };
        if ["network", "ipc", "uts", "pid"].contains(&kind.as_str()) {
            namespace["path"] = json!(format!("/proc/{pid}/ns/{name}"));
        }
    }
    config["linux"]["cgroupsPath"] = json!(format!("/{}/joins", lab.group));
    let theirs = |name: &str| {
        fs::read_link(format!("/proc/{pid}/ns/{name}"))
            .unwrap()
            .display()
            .to_string()
    };
    let run = lab.ran(&config);
    let lines: Vec<_> = run.out.lines().collect();
    assert_eq!(
        lines[..4],
        [theirs("net"), theirs("ipc"), theirs("uts"), theirs("pid")],
        "{run:?}"
    );
    assert!(lines[4] != theirs("mnt") && lines[5] == "inside", "{run:?}");
    let clocks = "cat /proc/self/timens_offsets";
    let mut config = lab.config(clocks);
    config["linux"]["namespaces"]
        .as_array_mut()
        .unwrap()
        .push(json!({"type": "time"}));
    config["linux"]["timeOffsets"] = json!({"boottime": {"secs": 86400, "nanosecs": 5}});
    let run = lab.ran(&config);
    let words: Vec<_> = run.out.split_whitespace().collect();
    assert_eq!(words[3..], ["boottime", "86400", "5"], "{run:?}");
}

#[test]
fn system_calls_are_filtered_the_same() {
    let lab = Lab::new();
    let mut config = lab.config("mkdir /tmp/d 2>&1; mkdir /tmp/e; echo $?; hostname x 2>&1; grep Seccomp: /proc/self/status");
    config["linux"]["seccomp"] = json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
        "syscalls": [
            {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28},
            {"names": ["sethostname"], "action": "SCMP_ACT_ERRNO",
             "args": [{"index": 1, "value": 1, "op": "SCMP_CMP_EQ"}], "errnoRet": 5},
        ],
    });
    let run = lab.alike(&config);
    assert!(
        run.out.contains("No space left on device") && run.out.contains("Seccomp:\t2"),
        "{}",
        run.out
    );
    assert!(run.out.contains("Input/output error"), "{}", run.out);
}

#[test]
fn devices_are_those_of_the_configuration_and_no_others() {
    let lab = Lab::new();
    let mut config = lab.config(
        "ls -l /dev/extra /dev/pipe | cut -c1-10; stat -c %a:%u:%g /dev/extra; head -c 3 /dev/extra | wc -c
         mknod /tmp/disk b 254 0 && (dd if=/tmp/disk of=/dev/null count=1 2>&1 | grep -c 'not permitted')
         mknod /tmp/kmsg c 1 11 && head -c 1 /tmp/kmsg 2>&1; mknod /tmp/null c 1 3; echo x > /tmp/null && echo fine",
    );
    config["linux"]["devices"] = json!([
        {"path": "/dev/extra", "type": "c", "major": 1, "minor": 5, "fileMode": 0o640, "uid": 33, "gid": 34},
        {"path": "/dev/pipe", "type": "p"},
    ]);
    let rules = &mut config["linux"]["resources"]["devices"];
    *rules = json!([
        {"allow": false, "access": "rwm"},
        {"allow": true, "type": "c", "major": 1, "minor": 11, "access": "rw"},
        {"allow": false, "type": "c", "major": 1, "minor": 11, "access": "r"},
    ]);
    let first = lab.ran(&config);
    for file in ["disk", "kmsg", "null"] {
        fs::remove_file(lab.bundle().join("rootfs/tmp").join(file)).unwrap();
    }
    assert_eq!(
        first.out,
        "crw-r-----\nprw-rw-rw-\n640:33:34\n3\n1\nhead: /tmp/kmsg: Operation not permitted\nfine\n",
        "{first:?}"
    );
}

#[test]
fn limits_reach_the_control_group_and_change_there() {
    let lab = Lab::new();
    let mut config = lab.config("sleep 1000");
    let resources = &mut config["linux"]["resources"];
    resources["memory"] = json!({"limit": 64 << 20, "reservation": 32 << 20, "swappiness": 10});
    resources["cpu"] = json!({"shares": 512, "quota": 50_000, "period": 100_000, "cpus": "0"});
    resources["pids"] = json!({"limit": 20});
    resources["blockIO"] =
        json!({"throttleReadBpsDevice": [{"major": 254, "minor": 0, "rate": 1_048_576}]});
    config["linux"]["cgroupsPath"] = json!(format!("/{}/limits", lab.group));
    lab.write(&config);
    let read = |controller: &str, file: &str| {
        let path = format!("/sys/fs/cgroup/{controller}/{}/limits/{file}", lab.group);
        fs::read_to_string(path)
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let all = || {
        [
            read("memory", "memory.limit_in_bytes"),
            read("memory", "memory.soft_limit_in_bytes"),
            read("memory", "memory.swappiness"),
            read("cpu", "cpu.shares"),
            read("cpu", "cpu.cfs_quota_us"),
            read("cpuset", "cpuset.cpus"),
            read("pids", "pids.max"),
        ]
    };
    if !std::path::Path::new("/sys/fs/cgroup/memory").exists() {
        eprintln!("skipped: this machine has no version 1 control groups");
        return;
    }
    let mut seen = Vec::new();
    for runtime in [Runtime::Rnet, Runtime::Runc] {
        let id = lab.id();
        let created = lab.with(runtime, &["create", &id]);
        assert_eq!(created.code, 0, "{created:?}");
        let before = all();
        assert_eq!(before[0], (64 << 20).to_string());
        let updated = lab.with(
            runtime,
            &[
                "update",
                "--memory",
                "134217728",
                "--pids-limit",
                "30",
                "--cpu-quota",
                "20000",
                &id,
            ],
        );
        assert_eq!(updated.code, 0, "{updated:?}");
        seen.push((before, all()));
        lab.with(runtime, &["delete", "--force", &id]);
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].1[6], "30");
}
