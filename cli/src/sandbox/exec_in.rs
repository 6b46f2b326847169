//! `exec-in`: an ordinary program on a network, in a network namespace of its own.
//!
//! ```text
//! rnet ── into a new network and mount namespace ──▶ asks netd for the network ──▶ runs the program ──▶ off the network
//! ```
//! Its files, users and processes are the host's. Should this process be killed, `netd` notices.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use clap::Args;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use super::delete;
use super::request::Wishes;
use crate::api::Api;
use crate::error::{Error, Result};
use crate::parse::attachment::Attachment;

const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Run a program of this host on a network, in a network namespace of its own
#[derive(Args)]
pub(crate) struct ExecIn {
    /// The name it answers to [default: exec-in-PID]
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    wishes: Wishes,
    /// The network: NAME, or name=NAME,ip=…,alias=…
    network: Attachment,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl ExecIn {
    /// Its exit code is the program's.
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let Self {
            name,
            mut wishes,
            network,
            command,
        } = self;
        let pid = std::process::id();
        let name = name.unwrap_or_else(|| format!("exec-in-{pid}"));
        wishes.networks.insert(0, network);
        let mut request = wishes.request(&name);
        request["ContainerID"] = format!("exec-in-{pid}").into();
        request["Runtime"] = "exec-in".into();
        request["Pid"] = pid.into();
        leave().map_err(|source| Error::OwnNamespace { source })?;
        let sandbox = api.post("/sandboxes/create", &request).await?;
        let id = sandbox["Id"].as_str().unwrap_or_default();
        let ended = run(&command, &sandbox).await;
        let deleted = delete(api, id).await;
        let code = ended?;
        deleted.map(|()| code)
    }
}

/// Goes into a new network namespace, and into a mount namespace where /etc/resolv.conf can be another one.
///
/// This is the thread that the program is started from.
fn leave() -> io::Result<()> {
    let none = None::<&str>;
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS)?;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SLAVE, none)?;
    Ok(())
}

/// Lets names resolve as they do in the sandbox.
fn cover_resolv_conf(sandbox: &Value) -> io::Result<()> {
    let none = None::<&str>;
    let path = std::env::temp_dir().join(format!("rnet-resolv-{}", std::process::id()));
    fs::write(&path, sandbox["ResolvConf"].as_str().unwrap_or_default())?;
    let covered = mount(Some(&path), RESOLV_CONF, none, MsFlags::MS_BIND, none);
    // what is mounted stays
    fs::remove_file(&path)?;
    match covered {
        // a host without the file does without the names
        Err(nix::Error::ENOENT) => Ok(()),
        covered => Ok(covered?),
    }
}

async fn run(words: &[String], sandbox: &Value) -> Result<u8> {
    cover_resolv_conf(sandbox).map_err(|source| Error::OwnNamespace { source })?;
    let (program, arguments) = words.split_first().expect("the command line has one");
    let child = Command::new(program).args(arguments).spawn();
    let child = child.map_err(|source| Error::NotStarted {
        code: if source.kind() == ErrorKind::NotFound {
            127
        } else {
            126
        },
        message: format!("cannot run {program}: {source}"),
    })?;
    wait(child).await.map(code).map_err(Error::Runtime)
}

/// Waits for the program, which is told what this process is told; the terminal tells it by itself.
async fn wait(mut child: Child) -> io::Result<ExitStatus> {
    let mut end = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let (mut interrupt, mut quit) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::quit())?,
    );
    loop {
        let told = tokio::select! {
            ended = child.wait() => return ended,
            _ = end.recv() => Some(Signal::SIGTERM),
            _ = hangup.recv() => Some(Signal::SIGHUP),
            _ = interrupt.recv() => None,
            _ = quit.recv() => None,
        };
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
        if let (Some(told), Some(pid)) = (told, pid) {
            // it may have ended just now
            let _ = kill(Pid::from_raw(pid), told);
        }
    }
}

/// As a shell has it: 128 and the number of the signal that ended it.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or(status.signal().map(|it| 128 + it));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
