//! A virtual machine with one of Debian's kernels and pure cgroup v2, for what this machine's kernel lacks.

mod debian;
mod image;
mod inside;
mod kernel;
mod qemu;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use std::{env, fmt, thread};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use debian::Debian;
use image::Image;
pub use inside::in_vm;
use kernel::Kernel;
use qemu::Qemu;

/// How long a machine may run: everything in it is emulated, some six times slower than it would be.
const DEADLINE: Duration = Duration::from_secs(600);

/// The programs of rnet, that every machine has.
const RNET: [&str; 4] = ["netd", "rnet", "rnet-shim", "rnet-lab"];

/// A running machine; dropping it switches it off.
struct Vm {
    qemu: Child,
    /// Has what it started with, and what it wrote.
    desk: TempDir,
}

/// What a job left.
#[derive(Debug)]
pub struct Output {
    /// What it wrote, standard output and errors together.
    pub text: String,
    /// The exit code of its shell.
    pub exit_code: i32,
}

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
    let (qemu, kernel) = fetched(&cache)?;
    let desk = tempfile::tempdir_in(&cache)?;
    let image = Image::new(desk.path(), job)?;
    for name in RNET {
        let program = build.join(name);
        ensure!(
            program.is_file(),
            "{name} is missing: run `cargo build --workspace`"
        );
        image.program(&program, &program)?;
    }
    for program in programs {
        image.program(program, program)?;
    }
    image.modules(&kernel)?;
    image.archive(&desk.path().join("image"))?;
    let qemu = qemu
        .command(&kernel, desk.path())
        .spawn()
        .context("cannot run QEMU")?;
    Vm { qemu, desk }.output()
}

impl Vm {
    fn output(mut self) -> Result<Output> {
        let deadline = Instant::now() + DEADLINE;
        while self.qemu.try_wait()?.is_none() {
            ensure!(
                Instant::now() < deadline,
                "the machine still ran after {DEADLINE:?}; {self}"
            );
            thread::sleep(Duration::from_millis(20));
        }
        let report = self.wrote("report");
        let ending = report.trim_end().rsplit_once("exit ");
        let (text, code) = ending.with_context(|| format!("the job did not end; {self}"))?;
        Ok(Output {
            text: text.to_owned(),
            exit_code: code.parse()?,
        })
    }

    fn wrote(&self, line: &str) -> String {
        let bytes = fs::read(self.desk.path().join(line)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl fmt::Display for Vm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [report, console] = ["report", "console"].map(|line| self.wrote(line));
        write!(f, "its job wrote:\n{report}\nits console:\n{console}")
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        // it has ended already, but for a failure
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

/// QEMU and a kernel, fetched by whoever comes first.
fn fetched(cache: &Path) -> Result<(Qemu, Kernel)> {
    fs::create_dir_all(cache)?;
    let lock = File::create(cache.join("lock"))?;
    lock.lock()?;
    let debian = Debian::new(cache);
    Ok((
        Qemu::found_or(|| debian.qemu())?,
        Kernel::within(&debian.kernel()?)?,
    ))
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
