//! A virtual machine with one of Debian's kernels and pure cgroup v2, for what this machine's kernel lacks.

mod debian;
mod image;
mod inside;
mod kernel;

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use anyhow::{Context, Result, bail, ensure};

use debian::Debian;
use image::Image;
pub use inside::in_vm;
use kernel::Kernel;

/// How long a machine may run: everything in it is emulated, some six times slower than it would be.
const DEADLINE: Duration = Duration::from_secs(600);

/// The programs of rnet, that every machine has.
const RNET: [&str; 4] = ["netd", "rnet", "rnet-shim", "rnet-lab"];

/// A running machine; dropping it switches it off.
pub struct Vm {
    qemu: Child,
}

/// What a job left.
#[derive(Debug)]
pub struct Output {
    /// What it wrote, standard output and errors together.
    pub text: String,
    /// The exit code of its shell.
    pub exit_code: i32,
}

impl Vm {
    /// Boots a machine, runs `job` in it as a shell script, and waits for the end of both.
    ///
    /// It has the given programs and those of rnet, at the paths they have here, and what tests run on any host. The
    /// first call fetches QEMU, where it is not installed, and a kernel from the Debian archive into `target/vm`.
    /// Fails if the job does not end in ten minutes; the error has the machine's console in it.
    pub fn boot(job: &str, programs: &[&Path]) -> Result<Output> {
        let build = build_directory()?;
        let cache = build
            .parent()
            .context("a build directory at the root")?
            .join("vm");
        fs::create_dir_all(&cache)?;
        let (qemu, kernel) = {
            let lock = File::create(cache.join("lock"))?;
            lock.lock()?;
            let debian = Debian::new(&cache);
            (
                Qemu::found_or(|| debian.qemu())?,
                Kernel::within(&debian.kernel()?)?,
            )
        };
        let desk = tempfile::tempdir_in(&cache)?;
        let image = Image::new(desk.path(), job)?;
        for program in RNET
            .map(|name| build.join(name))
            .iter()
            .map(PathBuf::as_path)
            .chain(programs.iter().copied())
        {
            ensure!(
                program.exists(),
                "{} is missing: run `cargo build --workspace`",
                program.display()
            );
            image.program(program, program)?;
        }
        image.modules(&kernel)?;
        image.archive(&desk.path().join("image"))?;
        let qemu = qemu
            .command(&kernel, desk.path())
            .spawn()
            .context("cannot run QEMU")?;
        Self { qemu }.output(desk.path())
    }

    fn output(&mut self, desk: &Path) -> Result<Output> {
        let deadline = Instant::now() + DEADLINE;
        while self.qemu.try_wait()?.is_none() {
            if Instant::now() > deadline {
                bail!("the machine still ran after {DEADLINE:?}; {}", logs(desk));
            }
            thread::sleep(Duration::from_millis(20));
        }
        let report = fs::read_to_string(desk.join("report")).unwrap_or_default();
        let (text, code) = report
            .trim_end()
            .rsplit_once("exit ")
            .with_context(|| format!("the machine ended before its job; {}", logs(desk)))?;
        Ok(Output {
            text: text.to_owned(),
            exit_code: code.parse()?,
        })
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        // it has ended already, but for a failure
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

/// Where QEMU is.
enum Qemu {
    Installed,
    Unpacked(PathBuf),
}

impl Qemu {
    const PROGRAM: &str = "qemu-system-x86_64";

    fn found_or(unpack: impl FnOnce() -> Result<PathBuf>) -> Result<Self> {
        let installed = Command::new(Self::PROGRAM)
            .arg("--version")
            .output()
            .is_ok();
        if installed {
            Ok(Self::Installed)
        } else {
            unpack().map(Self::Unpacked)
        }
    }

    /// A machine that boots the image on the desk and writes its two serial lines there.
    ///
    /// It is emulated: hypervisors that are virtual themselves do not run every stock kernel. `-cx16` for QEMU 7.2,
    /// whose emulation of that instruction corrupts flags; the times on the command line, which a loaded
    /// machine cannot measure well enough.
    fn command(&self, kernel: &Kernel, desk: &Path) -> Command {
        // ends with the thread that boots it, whatever becomes of that
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        match self {
            Self::Installed => command.arg(Self::PROGRAM),
            Self::Unpacked(root) => {
                let libraries = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"];
                let path = env::join_paths(libraries.map(|l| root.join(l))).unwrap_or_default();
                command.arg(root.join("usr/bin").join(Self::PROGRAM));
                command.env("LD_LIBRARY_PATH", path);
                command.env(
                    "QEMU_MODULE_DIR",
                    root.join("usr/lib/x86_64-linux-gnu/qemu"),
                );
                for data in ["usr/share/qemu", "usr/share/seabios"] {
                    command.arg("-L").arg(root.join(data));
                }
                &mut command
            }
        };
        command
            .args([
                "-accel",
                "tcg",
                "-M",
                "q35",
                "-cpu",
                "max,-cx16",
                "-m",
                "1024",
                "-smp",
                "2",
            ])
            .args([
                "-nodefaults",
                "-no-user-config",
                "-display",
                "none",
                "-no-reboot",
            ])
            .arg("-kernel")
            .arg(&kernel.image)
            .arg("-initrd")
            .arg(desk.join("image"))
            .args(["-append", COMMAND_LINE])
            .arg("-serial")
            .arg(file(&desk.join("console")))
            .arg("-serial")
            .arg(file(&desk.join("report")))
            .stdin(Stdio::null());
        command
    }
}

const COMMAND_LINE: &str = "console=ttyS0 quiet reboot=t panic=-1 \
    tsc_early_khz=2600000 lpj=5200000 no_timer_check mitigations=off cryptomgr.notests \
    audit=0 apparmor=0 selinux=0 random.trust_cpu=1 rcupdate.rcu_expedited=1";

fn file(path: &Path) -> OsString {
    let mut device = OsString::from("file:");
    device.push(path);
    device
}

fn logs(desk: &Path) -> String {
    let [report, console] = ["report", "console"].map(|name| {
        let bytes = fs::read(desk.join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    });
    format!("its job wrote:\n{report}\nits console:\n{console}")
}

/// Where the programs are that were built along with this one: `target/debug`, for a test.
fn build_directory() -> Result<PathBuf> {
    let own = env::current_exe()?;
    let directory = own.ancestors().find(|path| path.join("deps").is_dir());
    Ok(directory
        .context("this program is not in a build directory")?
        .to_owned())
}

/// Runs a command and returns what it wrote; its errors are in the error.
fn run(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("run {name}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{name} failed ({}): {}",
        output.status,
        errors.trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
