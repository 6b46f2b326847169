//! A private lab host: made in a moment, used like a machine, gone on drop.

mod contents;
mod daemon;
mod pages;
mod rootfs;
mod run;

use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

pub use contents::Contents;
pub use pages::WHOAMI;
pub use rootfs::busybox_archive;
pub use run::Ran;

use crate::world;

/// How many labs this process has made.
static LABS: AtomicU32 = AtomicU32::new(0);

/// A lab host and the machine outside.
///
/// **Contract:** labs do not disturb each other or this machine. When one is dropped, or its process dies, every
/// process in it ends, and nothing of it stays: namespaces, mounts, files, control groups.
#[derive(Debug)]
pub struct Lab {
    keeper: Child,
    /// Process 1 of the lab, by its id on this machine.
    host: u32,
    /// The process that holds the namespaces of the machine outside.
    outside: u32,
    programs: PathBuf,
    control_group: String,
    directory: TempDir,
    netd: Option<Child>,
}

impl Lab {
    /// A lab without `netd`.
    pub fn bare() -> Result<Self> {
        let programs = programs()?;
        check_built(&programs, &["rnet-lab"])?;
        let number = LABS.fetch_add(1, Ordering::Relaxed);
        let control_group = format!("rnet-lab-{}-{number}", std::process::id());
        let mut keeper = Command::new(programs.join("rnet-lab"))
            .args(["keeper", &control_group])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // an interrupt from the terminal must leave it to clear up
            .process_group(0)
            .spawn()
            .context("cannot start rnet-lab")?;
        let mut told = keeper.stdout.take().context("the lab tells nothing")?;
        let mut ready = vec![0; world::READY.len()];
        let started = told
            .read_exact(&mut ready)
            .context("the lab did not start: see above");
        let found = started.and_then(|()| {
            let host = only_child(keeper.id())?;
            Ok((host, only_child(host)?))
        });
        let (host, outside) = found.inspect_err(|_| {
            drop(keeper.stdin.take());
            let _ = keeper.wait();
        })?;
        let directory = tempfile::tempdir().context("cannot make a directory for the lab")?;
        // docker is content without a configuration, podman and buildah are not
        let configuration = directory.path().join("docker");
        fs::create_dir(&configuration)
            .and_then(|()| fs::write(configuration.join("config.json"), "{}"))
            .context("cannot write the configuration of docker's command")?;
        Ok(Self {
            keeper,
            host,
            outside,
            programs,
            control_group,
            directory,
            netd: None,
        })
    }

    /// A lab with a `netd` that is ready, and the image `busybox`.
    pub fn start() -> Result<Self> {
        Self::start_with("")
    }

    /// The same, with more flags of `netd`.
    pub fn start_with(flags: &str) -> Result<Self> {
        let mut lab = Self::bare()?;
        lab.start_netd_with(flags)?;
        let archive = lab.directory().join("busybox.tar");
        busybox_archive(&archive)?;
        lab.host(&format!("rnet image import busybox {}", archive.display()))?;
        fs::remove_file(&archive).context("cannot remove the image's archive")?;
        Ok(lab)
    }

    /// A directory that the lab shares with this machine, gone with the lab.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Where `make setup` puts stock clients of Docker's API.
    pub fn clients(&self) -> PathBuf {
        self.programs.with_file_name("clients")
    }

    /// The root directory of the lab host, as this machine can reach it.
    pub fn root(&self) -> PathBuf {
        format!("/proc/{}/root", self.host).into()
    }

    /// A program that `make setup` keeps with what is built, for it is not to be installed.
    pub fn tool(&self, name: &str) -> Result<PathBuf> {
        let path = self.programs.with_file_name("tools").join(name);
        ensure!(
            path.is_file(),
            "{} is missing: run `make setup`",
            path.display()
        );
        Ok(path)
    }

    /// The control group that containers' groups are made in.
    pub fn control_group(&self) -> &str {
        &self.control_group
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- netd's log ---\n{}", self.log());
        }
        // closing the pipe ends the lab; what happens to the keeper is told by the keeper
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
        if let Some(mut netd) = self.netd.take() {
            let _ = netd.wait();
        }
    }
}

/// Asks again until it is so, for ten seconds; the last answer's error then.
pub fn eventually<T>(mut ask: impl FnMut() -> Result<T>) -> Result<T> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match ask() {
            Err(_) if Instant::now() < deadline => sleep(Duration::from_millis(20)),
            answer => return answer,
        }
    }
}

/// The directory of the programs under test: that of this one, or above it for a test.
fn programs() -> Result<PathBuf> {
    let me = std::env::current_exe().context("cannot find out where this program is")?;
    let directory = me.parent().context("a program is in a directory")?;
    let directory = match directory.file_name() {
        Some(name) if name == "deps" => directory.parent().context("deps is in a directory")?,
        _ => directory,
    };
    Ok(directory.to_owned())
}

/// That programs were built.
fn check_built(directory: &Path, programs: &[&str]) -> Result<()> {
    programs
        .iter()
        .map(|program| directory.join(program))
        .try_for_each(|path| {
            ensure!(
                path.is_file(),
                "{} is missing: run `cargo build --workspace`",
                path.display()
            );
            Ok(())
        })
}

fn only_child(parent: u32) -> Result<u32> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let children = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let child = children.split_whitespace().next();
    child
        .and_then(|pid| pid.parse().ok())
        .with_context(|| format!("process {parent} has no child"))
}
