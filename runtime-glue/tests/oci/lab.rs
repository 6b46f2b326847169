//! A bundle in a directory of its own, and the two runtimes to hold beside each other on it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

pub(crate) const RNET: &str = env!("CARGO_BIN_EXE_rnet-oci");

pub(crate) struct Lab {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) group: String,
    numbers: AtomicU32,
}

/// One of the two, with a directory of its own for what it keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Runtime {
    Rnet,
    Runc,
}

/// What came of a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Lab {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("bundle/rootfs");
        for below in ["bin", "dev", "etc", "proc", "sys", "tmp", "srv"] {
            fs::create_dir_all(root.join(below)).unwrap();
        }
        fs::copy("/bin/busybox", root.join("bin/busybox")).expect("busybox-static is installed");
        for applet in "sh true false cat echo sleep id hostname mount ls grep dd kill stty tty touch mknod wc head pwd env ps test readlink ulimit mkdir stat umask date cut sort sed nice".split(' ') {
            symlink("busybox", root.join("bin").join(applet)).unwrap();
        }
        fs::write(
            root.join("etc/passwd"),
            "root:x:0:0::/root:/bin/sh\nweb:x:33:34::/srv:/bin/sh\n",
        )
        .unwrap();
        fs::write(root.join("srv/kept"), "kept\n").unwrap();
        Self {
            directory,
            group: format!("rnet-oci-test-{}-{number}", std::process::id()),
            numbers: AtomicU32::new(0),
        }
    }

    pub(crate) fn bundle(&self) -> PathBuf {
        self.directory.path().join("bundle")
    }

    pub(crate) fn root(&self, runtime: Runtime) -> PathBuf {
        self.directory.path().join(format!("{runtime:?}"))
    }

    pub(crate) fn id(&self) -> String {
        format!("c{}", self.numbers.fetch_add(1, Ordering::Relaxed))
    }

    /// A configuration such as engines write, for a shell script.
    pub(crate) fn config(&self, script: &str) -> Value {
        let caps = [
            "CAP_AUDIT_WRITE",
            "CAP_KILL",
            "CAP_NET_BIND_SERVICE",
            "CAP_CHOWN",
            "CAP_SETUID",
            "CAP_SETGID",
            "CAP_MKNOD",
            "CAP_DAC_OVERRIDE",
        ];
        let mount = |to: &str, kind: &str, options: &[&str]| json!({"destination": to, "type": kind, "source": kind, "options": options});
        let sealed = ["nosuid", "noexec", "nodev"];
        let namespaces = ["pid", "network", "ipc", "uts", "mount", "cgroup"];
        let namespaces = namespaces.map(|kind| json!({"type": kind}));
        json!({
            "ociVersion": "1.0.2",
            "process": {
                "terminal": false,
                "user": {"uid": 0, "gid": 0},
                "args": ["/bin/sh", "-c", script],
                "env": ["PATH=/bin"],
                "cwd": "/",
                "capabilities": {"bounding": caps, "effective": caps, "permitted": caps},
                "noNewPrivileges": true,
            },
            "root": {"path": "rootfs", "readonly": false},
            "hostname": "inside",
            "mounts": [
                mount("/proc", "proc", &sealed),
                mount("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
                mount("/dev/pts", "devpts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
                mount("/dev/shm", "tmpfs", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
                mount("/dev/mqueue", "mqueue", &sealed),
                mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
            ],
            "linux": {
                "cgroupsPath": format!("/{}/{}", self.group, self.numbers.load(Ordering::Relaxed)),
                "resources": {"devices": [{"allow": false, "access": "rwm"}]},
                "namespaces": namespaces,
                "maskedPaths": ["/proc/acpi", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
                "readonlyPaths": ["/proc/bus", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
            },
        })
    }

    pub(crate) fn write(&self, config: &Value) {
        fs::write(self.bundle().join("config.json"), config.to_string()).unwrap();
    }

    pub(crate) fn command(&self, runtime: Runtime, args: &[&str]) -> Command {
        let mut command = Command::new(match runtime {
            Runtime::Rnet => RNET,
            Runtime::Runc => "runc",
        });
        command
            .arg("--root")
            .arg(self.root(runtime))
            .args(args)
            .current_dir(self.bundle());
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn with(&self, runtime: Runtime, args: &[&str]) -> Ran {
        // what runs in the background keeps pipes open: files end
        let output = self.directory.path().join(format!("out-{}", self.id()));
        let errors = self.directory.path().join(format!("err-{}", self.id()));
        let mut command = self.command(runtime, args);
        command.stdout(fs::File::create(&output).unwrap());
        command.stderr(fs::File::create(&errors).unwrap());
        let status = command.status().expect("the runtime is installed");
        let read = |path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        Ran {
            code: status.code().unwrap_or(-1),
            out: read(output),
            err: read(errors),
        }
    }

    pub(crate) fn rnet(&self, args: &[&str]) -> Ran {
        self.with(Runtime::Rnet, args)
    }

    /// What rnet's runtime makes of a configuration, to its end.
    pub(crate) fn ran(&self, config: &Value) -> Ran {
        self.ran_by(Runtime::Rnet, config)
    }

    pub(crate) fn ran_by(&self, runtime: Runtime, config: &Value) -> Ran {
        self.write(config);
        self.with(runtime, &["run", &self.id()])
    }

    /// What both make of it, which is the same.
    pub(crate) fn alike(&self, config: &Value) -> Ran {
        let ours = self.ran(config);
        let theirs = self.ran_by(Runtime::Runc, config);
        assert_eq!(
            (ours.code, &ours.out),
            (theirs.code, &theirs.out),
            "rnet: {}\nrunc: {}",
            ours.err,
            theirs.err
        );
        ours
    }

    pub(crate) fn status(&self, id: &str) -> String {
        let state = self.rnet(&["state", id]);
        let state: Value = serde_json::from_str(&state.out).unwrap_or_else(|_| panic!("{state:?}"));
        state["status"].as_str().unwrap().to_owned()
    }

    /// What is there of containers, beside their bundle.
    pub(crate) fn left(&self) -> Vec<String> {
        let names = |directory: PathBuf| fs::read_dir(directory).into_iter().flatten().flatten();
        let mut left: Vec<String> = names(self.root(Runtime::Rnet))
            .map(|entry| entry.path().display().to_string())
            .collect();
        for hierarchy in fs::read_dir("/sys/fs/cgroup").unwrap().flatten() {
            let below = names(hierarchy.path().join(&self.group));
            left.extend(
                below
                    .filter(|it| it.path().is_dir())
                    .map(|it| it.path().display().to_string()),
            );
        }
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let own = self.directory.path().to_str().unwrap();
        left.extend(
            mounts
                .lines()
                .filter(|line| line.contains(own))
                .map(str::to_owned),
        );
        left
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for runtime in [Runtime::Rnet, Runtime::Runc] {
            for entry in fs::read_dir(self.root(runtime))
                .into_iter()
                .flatten()
                .flatten()
            {
                let _ = self.with(
                    runtime,
                    &["delete", "--force", entry.file_name().to_str().unwrap()],
                );
            }
        }
        let left = self.left();
        for hierarchy in fs::read_dir("/sys/fs/cgroup").unwrap().flatten() {
            let _ = fs::remove_dir(hierarchy.path().join(&self.group));
        }
        if !std::thread::panicking() {
            assert!(left.is_empty(), "left behind: {left:#?}");
        }
    }
}

/// Asks until it is so.
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    for _ in 0..6000 {
        if let Some(answer) = ask() {
            return answer;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    panic!("never: {what}")
}
