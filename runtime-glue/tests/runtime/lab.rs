//! A place to make containers in: layers with busybox, an empty network namespace, and nothing left of it after.

use std::fs;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;

use rnet_model::ContainerId;
use rnet_runtime_glue::log::{LogQuery, LogReader, LogSettings};
use rnet_runtime_glue::spec::{Devices, Limits, Network, Process, Rootfs, Seccomp};
use rnet_runtime_glue::{
    AttachOptions, ContainerState, ExecSpec, Exit, Runtime, RuntimeError, Spec, defaults,
};

/// How long anything may take, in milliseconds.
const PATIENCE: i64 = 30_000;

pub(crate) struct Lab {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) runtime: Runtime,
    pub(crate) cgroup: String,
    ids: AtomicU8,
    network: PathBuf,
    /// Dropped, it lets the thread end that holds the network namespace.
    _holder: mpsc::Sender<()>,
}

impl Lab {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = tempfile::tempdir().unwrap();
        let layer = directory.path().join("layer");
        for below in ["bin", "dev", "etc", "proc", "sys", "tmp"] {
            fs::create_dir_all(layer.join(below)).unwrap();
        }
        fs::copy("/bin/busybox", layer.join("bin/busybox")).expect("busybox-static is installed");
        for applet in "sh true false cat echo sleep id hostname mount ls grep dd kill stty tty touch mknod wc head seq pwd env ps test readlink ip ulimit mkdir".split(' ') {
            symlink("busybox", layer.join("bin").join(applet)).unwrap();
        }
        let passwd = "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34:Web:/srv:/bin/sh\n";
        fs::write(layer.join("etc/passwd"), passwd).unwrap();
        fs::write(
            layer.join("etc/group"),
            "root:x:0:\nweb:x:34:\nlogs:x:50:web\n",
        )
        .unwrap();
        fs::write(layer.join("etc/plain"), "no program\n").unwrap();
        let cgroup = format!("rnet-test-{}-{number}", std::process::id());
        let (network, _holder) = empty_network();
        let shim = PathBuf::from(env!("CARGO_BIN_EXE_rnet-shim"));
        let runtime = Runtime::new(directory.path().join("containers"), shim, cgroup.clone());
        Self {
            directory,
            runtime,
            cgroup,
            ids: AtomicU8::new(1),
            network,
            _holder,
        }
    }

    pub(crate) fn id(&self) -> ContainerId {
        ContainerId::from_bytes([self.ids.fetch_add(1, Ordering::Relaxed); 32])
    }

    pub(crate) fn log(&self, id: &ContainerId) -> PathBuf {
        self.directory.path().join(format!("{id}.log"))
    }

    /// Docker's defaults, for a shell script.
    pub(crate) fn spec(&self, id: &ContainerId, script: &str) -> Spec {
        let own = self.directory.path().join("layers").join(id.short());
        let (upper, work) = (own.join("upper"), own.join("work"));
        fs::create_dir_all(&upper).unwrap();
        fs::create_dir_all(&work).unwrap();
        Spec {
            process: process(&["/bin/sh", "-c", script]),
            open_stdin: false,
            stdin_once: true,
            init: false,
            hostname: id.short(),
            rootfs: Rootfs {
                lower: vec![self.directory.path().join("layer")],
                upper,
                work,
                readonly: false,
            },
            mounts: defaults::mounts(),
            capabilities: defaults::capabilities(),
            no_new_privileges: false,
            seccomp: Seccomp::Default,
            devices: Devices::default(),
            masked_paths: defaults::MASKED_PATHS
                .iter()
                .map(|p| (*p).to_owned())
                .collect(),
            readonly_paths: defaults::READONLY_PATHS
                .iter()
                .map(|p| (*p).to_owned())
                .collect(),
            network: Network::Namespace(self.network.clone()),
            namespaces: Default::default(),
            cgroup: None,
            limits: Limits::default(),
            rlimits: Vec::new(),
            oom_score_adj: None,
            sysctls: Default::default(),
            stop_signal: defaults::STOP_SIGNAL,
            log: Some(LogSettings::new(self.log(id))),
        }
    }

    /// A running container.
    pub(crate) fn running(&self, script: &str) -> ContainerId {
        let id = self.id();
        self.runtime
            .create(&id, &self.spec(&id, script))
            .map_err(chain)
            .unwrap();
        self.runtime.start(&id).map_err(chain).unwrap();
        id
    }

    /// A container that has ended, and its output.
    pub(crate) fn ran(&self, script: &str) -> (Exit, String) {
        self.ran_with(script, |_| {})
    }

    pub(crate) fn ran_with(&self, script: &str, change: impl FnOnce(&mut Spec)) -> (Exit, String) {
        let id = self.id();
        let mut spec = self.spec(&id, script);
        change(&mut spec);
        self.runtime.create(&id, &spec).map_err(chain).unwrap();
        self.runtime.start(&id).map_err(chain).unwrap();
        let exit = self.exit(&id);
        (exit, self.output(&id))
    }

    pub(crate) fn exit(&self, id: &ContainerId) -> Exit {
        await_end(self.runtime.exit_fd(id).unwrap());
        match self.runtime.state(id).unwrap() {
            ContainerState::Exited(exit) => exit,
            other => panic!("{other:?} after the monitor's end"),
        }
    }

    /// The whole log, both streams.
    pub(crate) fn output(&self, id: &ContainerId) -> String {
        let mut reader = LogReader::open(&self.log(id), LogQuery::default()).unwrap();
        std::iter::from_fn(|| reader.next_entry().unwrap())
            .map(|entry| entry.log)
            .collect()
    }

    /// What a program added to a container put out, on both streams, and its exit code.
    pub(crate) fn exec(&self, id: &ContainerId, args: &[&str]) -> (i32, String) {
        let spec = ExecSpec {
            process: process(args),
            open_stdin: false,
            privileged: false,
        };
        let mut added = self.runtime.exec(id, &spec).map_err(chain).unwrap();
        let mut output = Vec::new();
        added.stream.read_to_end(&mut output).unwrap();
        let text = frames(&output).into_iter().map(|(_, text)| text).collect();
        (added.exit.wait().unwrap(), text)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for id in self.runtime.list().unwrap() {
            self.runtime.remove(&id).map_err(chain).unwrap();
        }
        if thread::panicking() {
            return;
        }
        assert!(self.runtime.list().unwrap().is_empty());
        for hierarchy in fs::read_dir("/sys/fs/cgroup").unwrap() {
            let left = hierarchy.unwrap().path().join(&self.cgroup);
            assert!(!left.exists(), "{} is left", left.display());
        }
    }
}

pub(crate) fn process(args: &[&str]) -> Process {
    Process {
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        env: vec!["PATH=/bin".to_owned()],
        cwd: "/".to_owned(),
        user: String::new(),
        additional_groups: Vec::new(),
        tty: false,
    }
}

pub(crate) fn all() -> AttachOptions {
    AttachOptions {
        stdin: true,
        stdout: true,
        stderr: true,
    }
}

/// The error with its causes.
pub(crate) fn chain(error: RuntimeError) -> String {
    let causes = std::iter::successors(std::error::Error::source(&error), |e| e.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// The frames of a stream, each with the number of its output.
pub(crate) fn frames(mut bytes: &[u8]) -> Vec<(u8, String)> {
    let mut frames = Vec::new();
    while let [stream, 0, 0, 0, a, b, c, d, rest @ ..] = bytes {
        let (text, rest) = rest.split_at(u32::from_be_bytes([*a, *b, *c, *d]) as usize);
        frames.push((*stream, String::from_utf8_lossy(text).into_owned()));
        bytes = rest;
    }
    assert!(bytes.is_empty(), "a frame is not whole");
    frames
}

pub(crate) fn rest_of(mut stream: UnixStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

pub(crate) fn await_end(descriptor: impl AsFd) {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut ends = [PollFd::new(&descriptor, PollFlags::IN)];
    let patience = Timespec {
        tv_sec: PATIENCE / 1000,
        tv_nsec: 0,
    };
    assert_eq!(poll(&mut ends, Some(&patience)), Ok(1), "it does not end");
}

/// Works for a tenth of a second of processor time: whoever does not rest has got some meanwhile, too.
pub(crate) fn work() {
    let begun = processor_time("thread-self");
    while processor_time("thread-self") - begun < 100_000_000 {}
}

/// The processor time that a process has had, in nanoseconds (kernel: Documentation/scheduler/sched-stats.rst).
pub(crate) fn processor_time(process: &str) -> u64 {
    let schedule = fs::read_to_string(format!("/proc/{process}/schedstat")).unwrap();
    schedule.split(' ').next().unwrap().parse().unwrap()
}

/// Asks until it is so.
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    for _ in 0..PATIENCE / 5 {
        if let Some(answer) = ask() {
            return answer;
        }
        thread::sleep(std::time::Duration::from_millis(5));
    }
    panic!("never: {what}")
}

/// An empty network namespace, held by a thread that lives as long as what is returned beside its path.
#[expect(
    unsafe_code,
    reason = "unshare is unsafe for descriptor tables, which stay shared here"
)]
fn empty_network() -> (PathBuf, mpsc::Sender<()>) {
    let (hold, held) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        // SAFETY: the descriptor table is not unshared.
        unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNET) }.unwrap();
        let (process, thread) = (std::process::id(), rustix::thread::gettid());
        let path = format!("/proc/{process}/task/{}/ns/net", thread.as_raw_nonzero());
        tell.send(PathBuf::from(path)).unwrap();
        let _ = held.recv();
    });
    (told.recv().unwrap(), hold)
}
