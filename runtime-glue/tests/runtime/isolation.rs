//! What a container can see and do, and what it cannot.

use std::fs;
use std::os::unix::fs::symlink;

use rnet_runtime_glue::spec::{Mount, MountSource, Network};
use rnet_runtime_glue::{Capabilities, RuntimeError, Spec, defaults};

use crate::lab::{Lab, chain};

#[test]
fn a_container_is_alone_in_namespaces_of_its_own() {
    let lab = Lab::new();
    let (_, output) = lab.ran(
        "echo $$; hostname; cat /proc/1/comm; ls /proc | grep -c '^[0-9]'; ls /sys/class/net;
         for n in pid net mnt uts ipc cgroup; do readlink /proc/self/ns/$n; done",
    );
    let lines: Vec<_> = output.lines().collect();
    assert_eq!(lines[..2], ["1", "010101010101"], "{output}");
    assert_eq!(lines[2], "sh");
    assert!(lines[3].parse::<u32>().unwrap() <= 4, "{output}");
    assert_eq!(lines[4], "lo");
    for (line, name) in lines[5..]
        .iter()
        .zip(["pid", "net", "mnt", "uts", "ipc", "cgroup"])
    {
        let ours = fs::read_link(format!("/proc/self/ns/{name}")).unwrap();
        assert!(
            line.starts_with(name) && *line != ours.to_str().unwrap(),
            "{line}"
        );
    }
}

#[test]
fn a_container_may_share_the_network_of_the_host() {
    let lab = Lab::new();
    let script = "readlink /proc/self/ns/net; ls /sys/class/net; touch /sys/x 2>&1";
    let (_, output) = lab.ran_with(script, |spec| spec.network = Network::Host);
    let ours = fs::read_link("/proc/self/ns/net").unwrap();
    let mut links: Vec<_> = fs::read_dir("/sys/class/net")
        .unwrap()
        .map(|l| l.unwrap().file_name())
        .collect();
    links.sort();
    let links: String = links
        .iter()
        .map(|l| format!("{}\n", l.to_str().unwrap()))
        .collect();
    let expected = format!(
        "{}\n{links}touch: /sys/x: Read-only file system\n",
        ours.display()
    );
    assert_eq!(output, expected);
    let id = lab.id();
    let mut spec = lab.spec(&id, "true");
    spec.network = Network::Namespace("/etc/passwd".into());
    let error = lab.runtime.create(&id, &spec).map_err(chain).unwrap_err();
    assert!(
        error.contains("join the network namespace /etc/passwd: Invalid argument"),
        "{error}"
    );
}

#[test]
fn a_container_has_dockers_capabilities_and_no_others() {
    let lab = Lab::new();
    // no shell: it has dispositions of its own
    let status = |spec: &mut Spec| {
        spec.process.args = vec!["cat".to_owned(), "/proc/self/status".to_owned()];
    };
    let field = |output: &str, name: &str| {
        let line = output.lines().find(|line| line.starts_with(name)).unwrap();
        line.rsplit('\t').next().unwrap().to_owned()
    };
    let (_, output) = lab.ran_with("", status);
    for (name, value) in [
        ("CapInh", "0000000000000000"),
        ("CapPrm", "00000000a80425fb"),
        ("CapEff", "00000000a80425fb"),
        ("CapBnd", "00000000a80425fb"),
        ("CapAmb", "0000000000000000"),
        ("NoNewPrivs", "0"),
        ("SigIgn", "0000000000000000"),
        ("SigBlk", "0000000000000000"),
    ] {
        assert_eq!(field(&output, name), value, "{name}");
    }
    let (_, output) = lab.ran_with("", |spec| {
        status(spec);
        spec.process.user = "web".to_owned();
        spec.no_new_privileges = true;
    });
    assert_eq!(field(&output, "CapEff"), "0000000000000000");
    assert_eq!(field(&output, "CapBnd"), "00000000a80425fb");
    assert_eq!(field(&output, "NoNewPrivs"), "1");
    let (_, output) = lab.ran_with("", |spec| {
        status(spec);
        spec.capabilities = Capabilities::default();
    });
    assert_eq!(field(&output, "CapEff"), "0000000000000000");
    assert_eq!(field(&output, "CapBnd"), "0000000000000000");
}

#[test]
fn a_capability_the_daemon_does_not_have_is_refused_by_name() {
    let lab = Lab::new();
    let missing = Capabilities::named("SYS_RESOURCE").unwrap();
    if missing.difference(Capabilities::available()).is_empty() {
        eprintln!("skipped: this machine allows every capability");
        return;
    }
    let id = lab.id();
    let mut spec = lab.spec(&id, "true");
    spec.capabilities = defaults::capabilities().union(missing);
    let error = lab.runtime.create(&id, &spec).map_err(chain).unwrap_err();
    assert!(
        error.contains("CAP_SYS_RESOURCE cannot be given"),
        "{error}"
    );
}

#[test]
fn control_groups_are_seen_from_inside_and_cannot_be_changed() {
    let lab = Lab::new();
    let (_, output) = lab.ran_with(
        "cat /proc/self/cgroup | grep -v ':/$'
         for f in $(ls /sys/fs/cgroup/*/tasks /sys/fs/cgroup/*/cgroup.procs /sys/fs/cgroup/cgroup.procs \
            /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null); do echo 0 2>&- > $f && echo wrote $f; done
         mkdir /sys/fs/cgroup/x 2>&- /sys/fs/cgroup/*/x && echo made; ls -d /sys/fs/cgroup/*; echo end",
        |spec| spec.limits.memory = Some(64 << 20),
    );
    assert!(
        !output.contains("wrote") && !output.contains("made"),
        "{output}"
    );
    assert!(!output.contains(&lab.cgroup), "{output}");
    assert!(output.ends_with("end\n"), "{output}");
    assert!(output.lines().count() > 1, "{output}");
}

#[test]
fn what_would_tell_about_the_host_is_hidden() {
    let lab = Lab::new();
    let (_, output) = lab.ran(
        "for f in /proc/keys /proc/timer_list /proc/interrupts; do wc -c < $f; done
         for d in /proc/acpi /proc/scsi /sys/firmware /sys/devices/virtual/powercap; do ls $d; done 2>/dev/null
         (echo x > /proc/sys/kernel/core_pattern) 2>&1; (echo x > /proc/irq/default_smp_affinity) 2>&1; touch /sys/x 2>&1; ls /",
    );
    assert_eq!(
        output,
        "0\n0\n0\n\
         /bin/sh: can't create /proc/sys/kernel/core_pattern: Read-only file system\n\
         /bin/sh: can't create /proc/irq/default_smp_affinity: Read-only file system\n\
         touch: /sys/x: Read-only file system\n\
         bin\ndev\netc\nproc\nsys\ntmp\n"
    );
    let host = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(
        !host.contains(lab.directory.path().to_str().unwrap()),
        "a mount is seen on the host"
    );
}

#[test]
fn the_usual_devices_work_and_no_others_do() {
    let lab = Lab::new();
    let volume = lab.directory.path().join("volume");
    fs::create_dir(&volume).unwrap();
    let (exit, output) = lab.ran_with(
        "head -c 4 /dev/zero | wc -c; echo x > /dev/null; head -c 2 /dev/urandom | wc -c
         for d in /dev /tmp /dev/shm /dev/pts /volume /; do mknod $d/disk b 254 0 2>/dev/null && dd if=$d/disk of=/dev/null count=1 2>&1 | grep -v denied; done
         mknod /dev/null2 c 1 3 && (echo y > /dev/null2) 2>&1
         ls /dev; readlink /dev/fd; readlink /dev/ptmx; echo out > /dev/stdout",
        |spec| {
            spec.mounts.push(Mount {
                target: "/volume".to_owned(),
                source: MountSource::Bind(volume.clone()),
                readonly: false,
            });
        },
    );
    assert!(volume.join("disk").exists(), "{output}");
    assert_eq!(exit.code, 0, "{output}");
    let expected = "4\n2\n/bin/sh: can't create /dev/null2: Permission denied\n";
    assert!(output.starts_with(expected), "{output}");
    let names = "disk\nfd\nfull\nmqueue\nnull\nnull2\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n";
    assert!(
        output.ends_with(&format!("{names}/proc/self/fd\npts/ptmx\nout\n")),
        "{output}"
    );
}

#[test]
fn files_and_directories_of_the_host_can_be_mounted_where_the_image_has_none() {
    let lab = Lab::new();
    let host = lab.directory.path().join("host");
    fs::create_dir(&host).unwrap();
    fs::write(host.join("conf"), "nameserver 127.0.0.11\n").unwrap();
    symlink(
        "../run/nowhere/conf",
        lab.directory.path().join("layer/etc/resolv.conf"),
    )
    .unwrap();
    let outside = lab.directory.path().join("outside");
    fs::create_dir(&outside).unwrap();
    symlink(&outside, lab.directory.path().join("layer/escape")).unwrap();
    let bind = |from: &str, target: &str, readonly| Mount {
        target: target.to_owned(),
        source: MountSource::Bind(host.join(from)),
        readonly,
    };
    let (exit, output) = lab.ran_with(
        "cat /etc/resolv.conf; echo x 2>&1 >> /etc/resolv.conf; echo y > /data/made/new; touch /ro/x 2>&1; cat /escape/seen/conf",
        |spec| {
            spec.mounts.push(bind("conf", "/etc/resolv.conf", true));
            spec.mounts.push(bind("", "/data/made", false));
            spec.mounts.push(bind("", "/ro", true));
            spec.mounts.push(bind("", "/escape/seen", true));
        },
    );
    assert_eq!(exit.code, 0, "{output}");
    assert_eq!(
        output.matches("nameserver 127.0.0.11").count(),
        2,
        "{output}"
    );
    assert_eq!(
        output.matches("Read-only file system").count(),
        2,
        "{output}"
    );
    assert_eq!(fs::read_to_string(host.join("new")).unwrap(), "y\n");
    assert!(!outside.join("seen").exists());
}

#[test]
fn writes_go_to_the_upper_directory_unless_the_root_is_read_only() {
    let lab = Lab::new();
    let mut upper = None;
    lab.ran_with("echo new > /etc/new", |spec| {
        upper = Some(spec.rootfs.upper.clone())
    });
    assert_eq!(
        fs::read_to_string(upper.unwrap().join("etc/new")).unwrap(),
        "new\n"
    );
    assert!(!lab.directory.path().join("layer/etc/new").exists());
    let (_, output) = lab.ran_with("touch /new 2>&1; touch /dev/shm/ok && pwd", |spec| {
        spec.rootfs.readonly = true;
        spec.process.cwd = "/made/for/me".to_owned();
    });
    assert_eq!(output, "touch: /new: Read-only file system\n/made/for/me\n");
}

#[test]
fn a_user_has_its_groups_its_home_and_its_streams() {
    let lab = Lab::new();
    let (_, output) = lab.ran_with("id; echo $HOME; echo again > /dev/stdout", |spec| {
        spec.process.user = "web".to_owned();
        spec.process.additional_groups = vec!["7".to_owned()];
    });
    assert_eq!(
        output,
        "uid=33(web) gid=34(web) groups=7,50(logs)\n/srv\nagain\n"
    );
}

#[test]
fn nothing_of_the_monitor_is_open_in_a_container() {
    let lab = Lab::new();
    let id = lab.running("ls -l /proc/self/fd; sleep 100");
    let (code, output) = lab.exec(&id, &["ls", "/proc/self/fd"]);
    // 3 is the directory that ls reads
    assert_eq!((code, output.as_str()), (0, "0\n1\n2\n3\n"));
    for n in 3..40 {
        // one that runs is the host's, by way of a directory of the monitor (CVE-2024-21626)
        let outside = format!("/proc/self/fd/{n}/{}bin/busybox", "../".repeat(20));
        let process = crate::lab::process(&[&outside, "true"]);
        let spec = rnet_runtime_glue::ExecSpec {
            process,
            open_stdin: false,
            privileged: false,
        };
        let ran = lab.runtime.exec(&id, &spec);
        assert!(matches!(ran, Err(RuntimeError::Command { .. })), "{ran:?}");
    }
    let mut escape = crate::lab::process(&["pwd"]);
    escape.cwd = "/proc/self/fd/3".to_owned();
    let spec = rnet_runtime_glue::ExecSpec {
        process: escape,
        open_stdin: false,
        privileged: false,
    };
    let error = lab.runtime.exec(&id, &spec).map_err(chain).unwrap_err();
    assert!(
        error.contains("change to the working directory /proc/self/fd/3"),
        "{error}"
    );
}
