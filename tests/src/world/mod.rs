//! The processes that are a lab, from the inside.
//!
//! ```text
//! test process ──stdin──> keeper ──> host: process 1 of the lab  ──> outside: the machine outside
//!                         │          private mounts, eth0 192.0.2.1  eth0 192.0.2.2
//!                         └─ when it is over: removes the lab's control groups
//! ```
//!
//! Their standard input is a pipe from the test process. When that closes it, or dies however it may, process 1 of
//! the lab ends, and the kernel ends every process in the lab with it.

pub mod asker;
pub(crate) mod control_groups;
pub mod datagrams;
mod mounts;
pub mod name_server;

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::SignalFd;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::sethostname;

/// The address of the lab host, as the machine outside knows it.
pub const HOST: &str = "192.0.2.1";

/// The address of the machine outside.
pub const OUTSIDE: &str = "192.0.2.2";

/// The lab host's IPv6 address.
pub const HOST_V6: &str = "2001:db8::1";

/// The IPv6 address of the machine outside.
pub const OUTSIDE_V6: &str = "2001:db8::2";

/// What tells whoever started one of these processes that it is ready.
pub const READY: &[u8] = b"ready\n";

/// Parts the lab from this machine, and clears up what outlives its processes.
pub fn keeper(control_group: &str) -> Result<()> {
    let own = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWPID;
    unshare(own).context("cannot make namespaces: a lab needs root")?;
    mounts::part_from_machine()?;
    role("host", Stdio::inherit(), Stdio::inherit())?
        .wait()
        .context("cannot wait for the lab")?;
    control_groups::remove(control_group)
}

/// Is process 1 of the lab: makes its world, then adopts and buries its orphans.
pub fn host() -> Result<()> {
    sethostname("lab").context("cannot set the host name")?;
    mounts::make_private()?;
    let mut outside = role("outside", Stdio::piped(), Stdio::piped())?;
    let mut told = outside
        .stdout
        .take()
        .context("the machine outside tells nothing")?;
    let mut ready = vec![0; READY.len()];
    told.read_exact(&mut ready)
        .context("the machine outside did not start")?;
    ip(
        &[],
        &format!(
            "link add eth0 type veth peer name eth0 netns {}",
            outside.id()
        ),
    )?;
    plug_in(&[], [HOST, HOST_V6], [OUTSIDE, OUTSIDE_V6])?;
    // as on a host where nobody loaded br_netfilter
    let _ = std::fs::write("/proc/sys/net/bridge/bridge-nf-call-iptables", "0");
    let _ = std::fs::write("/proc/sys/net/bridge/bridge-nf-call-ip6tables", "0");
    // the way back leads to the lab host, so that packets that were not translated are answered as well
    let there = format!("--net=/proc/{}/ns/net", outside.id());
    plug_in(&["nsenter", &there], [OUTSIDE, OUTSIDE_V6], [HOST, HOST_V6])?;
    std::io::stdout()
        .write_all(READY)
        .context("nobody waits for the lab")?;
    bury_orphans()
}

/// Holds the namespaces of the machine outside for as long as the lab is there.
pub fn outside() -> Result<()> {
    let own = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS;
    unshare(own).context("cannot make namespaces")?;
    sethostname("outside").context("cannot set the host name")?;
    mounts::show_own_devices()?;
    std::io::stdout()
        .write_all(READY)
        .context("nobody waits for the machine outside")?;
    std::io::stdin()
        .read_to_end(&mut Vec::new())
        .context("cannot wait for the end")?;
    Ok(())
}

fn role(role: &str, stdin: Stdio, stdout: Stdio) -> Result<Child> {
    let me = std::env::current_exe().context("cannot find out where rnet-lab is")?;
    let mut command = Command::new(me);
    command.arg(role).stdin(stdin).stdout(stdout);
    command
        .spawn()
        .with_context(|| format!("cannot start the lab's {role}"))
}

/// Gives eth0 its addresses, and leads everything unknown to the other side.
fn plug_in(by: &[&str], own: [&str; 2], gateways: [&str; 2]) -> Result<()> {
    ip(by, "link set lo up")?;
    // an address the kernel makes up comes when it likes; a lab is to be the same every time
    ip(by, "link set eth0 addrgenmode none")?;
    ip(by, "link set eth0 up")?;
    ip(by, &format!("address add {}/24 dev eth0", own[0]))?;
    ip(by, &format!("address add {}/64 dev eth0 nodad", own[1]))?;
    ip(by, &format!("route add default via {}", gateways[0]))?;
    ip(by, &format!("-6 route add default via {}", gateways[1]))
}

/// Runs `ip`, itself run by another program if that is given.
fn ip(by: &[&str], arguments: &str) -> Result<()> {
    let mut words = by.iter().copied().chain(["ip"]).chain(arguments.split(' '));
    let program = words.next().context("there is always a program")?;
    let status = Command::new(program).args(words).status();
    let status = status.with_context(|| format!("cannot run {program}"))?;
    ensure!(status.success(), "ip {arguments}: {status}");
    Ok(())
}

/// Waits for the pipe from the test process to close.
fn bury_orphans() -> Result<()> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGCHLD);
    signals.thread_block().context("cannot block SIGCHLD")?;
    let deaths = SignalFd::new(&signals).context("cannot listen for SIGCHLD")?;
    let stdin = std::io::stdin();
    loop {
        // deaths before the signal was blocked included
        while !matches!(
            waitpid(None, Some(WaitPidFlag::WNOHANG)),
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD)
        ) {}
        let mut waiting = [
            PollFd::new(stdin.as_fd(), PollFlags::POLLIN),
            PollFd::new(deaths.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut waiting, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            polled => polled.context("cannot wait")?,
        };
        if waiting[0].any().unwrap_or(true) {
            return Ok(());
        }
        deaths.read_signal().context("cannot read a signal")?;
    }
}
