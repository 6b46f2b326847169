//! Starting `netd` in a lab, and ending it in every way there is.

use std::fs::{self, File, OpenOptions};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Lab, check_built, only_child};

/// How long `netd` may take to start, and to stop.
const PATIENCE: Duration = Duration::from_secs(20);

impl Lab {
    /// Starts `netd` with its defaults, in a control group of the lab's own, and waits until it serves.
    pub fn start_netd(&mut self) -> Result<()> {
        self.start_netd_with("")
    }

    /// Starts `netd` with more flags, and waits until it serves.
    pub fn start_netd_with(&mut self, flags: &str) -> Result<()> {
        ensure!(self.netd.is_none(), "netd runs already");
        check_built(&self.programs, &["netd", "rnet", "rnet-shim"])?;
        let line = format!("exec netd --cgroup-parent {} {flags}", self.control_group);
        let mut netd = self.spawn_netd(&line)?;
        let deadline = Instant::now() + PATIENCE;
        while self.try_host("rnet version")?.code != 0 {
            if let Some(status) = netd.try_wait().context("cannot look at netd")? {
                bail!("netd did not start: {status}\n{}", self.log());
            }
            if Instant::now() > deadline {
                self.netd = Some(netd);
                bail!("netd does not answer\n{}", self.log());
            }
            sleep(Duration::from_millis(10));
        }
        self.netd = Some(netd);
        Ok(())
    }

    /// Kills `netd` as a crash would.
    pub fn kill_netd(&mut self) -> Result<()> {
        self.end_netd(Signal::SIGKILL)
    }

    /// Asks `netd` to end, and waits until it has; its exit code must be 0.
    pub fn stop_netd(&mut self) -> Result<()> {
        self.end_netd(Signal::SIGTERM)
    }

    /// Kills `netd` and starts it again.
    pub fn restart_netd(&mut self) -> Result<()> {
        self.kill_netd()?;
        self.start_netd()
    }

    /// The process id of `netd` on this machine.
    pub fn netd_process(&self) -> Result<u32> {
        let entering = self.netd.as_ref().context("netd does not run")?;
        only_child(entering.id())
    }

    /// What every `netd` of this lab has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory().join("netd.log")).unwrap_or_default()
    }

    fn spawn_netd(&self, line: &str) -> Result<Child> {
        let log = self.directory().join("netd.log");
        let log: File = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .with_context(|| format!("cannot open {}", log.display()))?;
        let mut command = self.enter(self.host);
        command
            .args(["sh", "-c", line])
            .stdout(Stdio::null())
            .stderr(log);
        command.spawn().context("cannot run nsenter")
    }

    fn end_netd(&mut self, signal: Signal) -> Result<()> {
        let mut entering = self.netd.take().context("netd does not run")?;
        let netd = only_child(entering.id())?;
        let netd = Pid::from_raw(i32::try_from(netd).context("process ids are small")?);
        kill(netd, signal).context("cannot signal netd")?;
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = entering.try_wait().context("cannot look at netd")? {
                break status;
            }
            ensure!(
                Instant::now() < deadline,
                "netd does not end\n{}",
                self.log()
            );
            sleep(Duration::from_millis(5));
        };
        let asked = signal == Signal::SIGTERM;
        ensure!(
            !asked || status.success(),
            "netd ended with {status}\n{}",
            self.log()
        );
        Ok(())
    }
}
