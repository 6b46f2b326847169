//! The ways out of a container that runtimes once had, each tried.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::json;

use crate::lab::{Lab, RNET, Runtime, eventually};

#[test]
fn a_mount_target_that_is_a_link_leads_nowhere_outside() {
    let lab = Lab::new();
    let outside = lab.directory.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let root = lab.bundle().join("rootfs");
    symlink(&outside, root.join("leads-out")).unwrap();
    symlink(format!("{}/made", outside.display()), root.join("makes")).unwrap();
    symlink("/proc/self/fd", root.join("magic")).unwrap();
    let mut config =
        lab.config("ls -d /leads-out/below; cut -d' ' -f5 /proc/self/mountinfo | grep -c outside");
    let mounts = config["mounts"].as_array_mut().unwrap();
    mounts.push(json!({"destination": "/leads-out/below", "type": "tmpfs", "source": "tmpfs"}));
    mounts.push(json!({"destination": "/makes", "type": "tmpfs", "source": "tmpfs"}));
    let run = lab.ran(&config);
    assert_eq!(
        (run.code, run.out.as_str()),
        (0, "/leads-out/below\n2\n"),
        "{run:?}"
    );
    assert_eq!(
        fs::read_dir(&outside).unwrap().count(),
        0,
        "something was made on the host"
    );
    config["mounts"]
        .as_array_mut()
        .unwrap()
        .push(json!({"destination": "/magic/3", "type": "tmpfs", "source": "tmpfs"}));
    let run = lab.ran(&config);
    assert!(
        run.code == 1 && run.err.contains("mount tmpfs on /magic/3"),
        "{run:?}"
    );
}

#[test]
fn targets_that_are_swapped_for_links_meanwhile_lead_nowhere_outside() {
    let lab = Lab::new();
    let outside = lab.directory.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let volume = lab.directory.path().join("volume");
    fs::create_dir_all(volume.join("real")).unwrap();
    symlink(&outside, volume.join("link")).unwrap();
    // another container that shares the volume swaps the two as fast as it can (CVE-2021-30465)
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (a, b) = (volume.join("real"), volume.join("link"));
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let flags = rustix::fs::RenameFlags::EXCHANGE;
                let _ = rustix::fs::renameat_with(rustix::fs::CWD, &a, rustix::fs::CWD, &b, flags);
            }
        });
        let mut config = lab.config("true");
        let mounts = config["mounts"].as_array_mut().unwrap();
        mounts.push(json!({"destination": "/swapped", "type": "bind", "source": volume, "options": ["rbind"]}));
        mounts
            .push(json!({"destination": "/swapped/real/made", "type": "tmpfs", "source": "tmpfs"}));
        let before = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let mut made = 0;
        for _ in 0..40 {
            // whether it can be made depends on the moment
            lab.ran(&config);
            made += fs::read_dir(&outside).unwrap().count();
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(made, 0, "something was made on the host");
        assert_eq!(fs::read_to_string("/proc/self/mountinfo").unwrap(), before);
    });
}

#[test]
fn a_working_directory_of_the_host_is_none() {
    let lab = Lab::new();
    let mut config = lab.config("pwd; ls");
    for n in 3..24 {
        // CVE-2024-21626
        config["process"]["cwd"] = json!(format!("/proc/self/fd/{n}"));
        let run = lab.ran(&config);
        assert_eq!((run.code, run.out.as_str()), (1, ""), "{run:?}");
    }
    lab.write(&lab.config("sleep 1000"));
    let id = lab.id();
    lab.rnet(&["create", &id]);
    lab.rnet(&["start", &id]);
    for n in 3..24 {
        let run = lab.rnet(&["exec", "--cwd", &format!("/proc/self/fd/{n}"), &id, "ls"]);
        assert_eq!((run.code, run.out.as_str()), (1, ""), "{run:?}");
        let program = format!("/proc/self/fd/{n}/../../../../../../bin/busybox");
        let run = lab.rnet(&["exec", &id, &program, "true"]);
        assert_eq!(run.code, 1, "{run:?}");
    }
}

#[test]
fn the_runtime_cannot_be_written_to_from_inside() {
    let lab = Lab::new();
    let before = fs::read(RNET).unwrap();
    // a program that is the runtime itself (CVE-2019-5736): it is run, and is read-only
    symlink("/proc/self/exe", lab.bundle().join("rootfs/bin/self")).unwrap();
    let mut config = lab.config("");
    config["process"]["args"] = json!(["/bin/self", "--version"]);
    lab.ran(&config);
    // and seen by one that looks on while others come in
    let script = "while :; do for p in /proc/[0-9]*; do (echo x >>$p/exe) 2>/dev/null && echo written >/tmp/written; done; done";
    let mut config = lab.config(script);
    let caps = json!(["CAP_DAC_OVERRIDE", "CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH"]);
    config["process"]["capabilities"] =
        json!({"bounding": caps, "effective": caps, "permitted": caps});
    // a write to a program that runs fails anyway: what counts is one through a descriptor that stays
    lab.write(&config);
    let id = lab.id();
    assert_eq!(lab.rnet(&["create", &id]).code, 0);
    assert_eq!(lab.rnet(&["start", &id]).code, 0);
    for _ in 0..20 {
        assert_eq!(lab.rnet(&["exec", &id, "true"]).code, 0);
    }
    let opened = "exec 3</proc/self/exe; echo x >/proc/self/fd/3";
    let run = lab.rnet(&["exec", &id, "sh", "-c", opened]);
    assert_ne!(run.code, 0, "{run:?}");
    assert!(!lab.bundle().join("rootfs/tmp/written").exists() || fs::read(RNET).unwrap() == before);
    assert!(
        fs::read(RNET).unwrap() == before,
        "the runtime was written to"
    );
}

#[test]
fn the_program_that_waits_is_on_a_mount_that_nobody_can_write_to() {
    let lab = Lab::new();
    lab.write(&lab.config("true"));
    let id = lab.id();
    assert_eq!(lab.rnet(&["create", &id]).code, 0);
    let state: serde_json::Value = serde_json::from_str(&lab.rnet(&["state", &id]).out).unwrap();
    let exe = format!("/proc/{}/exe", state["pid"]);
    let flags = rustix::fs::statvfs(&exe).unwrap().f_flag;
    assert!(
        flags.contains(rustix::fs::StatVfsMountFlags::RDONLY),
        "{flags:?}"
    );
    // and nothing of ours is open in it but what it waits with
    let fds = fs::read_dir(format!("/proc/{}/fd", state["pid"])).unwrap();
    let open: Vec<_> = fds
        .flatten()
        .map(|fd| fs::read_link(fd.path()).unwrap().display().to_string())
        .collect();
    let others = open
        .iter()
        .filter(|it| !it.starts_with("socket:") && *it != "/dev/null");
    let own = lab.directory.path().to_str().unwrap();
    let others: Vec<_> = others.filter(|it| !it.starts_with(own)).collect();
    assert!(others.is_empty(), "{open:?}");
}

#[test]
fn what_is_masked_stays_so_whatever_is_in_its_place() {
    let lab = Lab::new();
    let root = lab.bundle().join("rootfs");
    let outside = lab.directory.path().join("secret");
    fs::write(&outside, "of the host\n").unwrap();
    // /dev/null of the image is something else (CVE-2025-31133)
    let mut config = lab.config("cat /etc/hidden; ls /etc/closed; (echo x >/etc/fixed) 2>&1; (echo x >/etc/linked) 2>&1; cat /etc/target");
    config["linux"]["maskedPaths"] = json!(["/etc/hidden", "/etc/closed", "/etc/none"]);
    config["linux"]["readonlyPaths"] = json!(["/etc/fixed", "/etc/linked"]);
    fs::create_dir(root.join("etc/closed")).unwrap();
    for name in ["hidden", "closed/inner", "fixed", "target"] {
        fs::write(root.join("etc").join(name), "here\n").unwrap();
    }
    symlink("/etc/target", root.join("etc/linked")).unwrap();
    fs::remove_dir_all(root.join("dev")).unwrap();
    symlink(lab.directory.path(), root.join("dev")).unwrap();
    let mounts = config["mounts"].as_array_mut().unwrap();
    mounts.retain(|mount| !mount["destination"].as_str().unwrap().starts_with("/dev"));
    config["linux"]["devices"] = json!([]);
    let run = lab.ran(&config);
    assert_eq!(
        run.out.matches("Read-only file system").count(),
        2,
        "{run:?}"
    );
    assert_eq!(run.out.matches("here").count(), 1, "{run:?}");
    assert_eq!(fs::read_to_string(&outside).unwrap(), "of the host\n");
    assert!(
        !lab.directory.path().join("null").exists(),
        "devices were made on the host"
    );
}

#[test]
fn devices_stay_closed_without_a_rule_for_them() {
    let lab = Lab::new();
    let run = lab.ran(&lab.config(
        "mknod /dev/disk b 254 0; (cat /dev/disk | head -c 1) 2>&1; mknod /tmp/mem c 1 1; head -c 1 /tmp/mem 2>&1; echo end",
    ));
    assert_eq!(
        run.out.matches("Operation not permitted").count(),
        2,
        "{run:?}"
    );
    assert!(run.out.ends_with("end\n"), "{run:?}");
    let _ = fs::remove_file(lab.bundle().join("rootfs/tmp/mem"));
}

#[test]
fn no_descriptor_of_the_caller_or_of_the_runtime_is_open_inside() {
    let lab = Lab::new();
    lab.write(&lab.config("ls /proc/self/fd"));
    let script = format!(
        "exec 5</ 9</etc; {} --root {} run fds",
        RNET,
        lab.root(Runtime::Rnet).display()
    );
    let run = std::process::Command::new("sh")
        .args(["-c", &script])
        .current_dir(lab.bundle())
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&run.stdout),
        "0\n1\n2\n3\n",
        "{run:?}"
    );
    // hooks have none either
    let mut config = lab.config("true");
    config["hooks"]["createRuntime"] = json!([{"path": "/bin/sh", "args": ["sh", "-c", "ls /proc/self/fd | wc -l >&2; exit 1"], "env": ["PATH=/bin:/usr/bin"]}]);
    lab.write(&config);
    let run = std::process::Command::new("sh")
        .args(["-c", &script])
        .current_dir(lab.bundle())
        .output()
        .unwrap();
    assert!(
        String::from_utf8_lossy(&run.stderr).contains("exit status: 1: 4"),
        "{run:?}"
    );
    eventually("nothing left", || lab.left().is_empty().then_some(()));
}
