//! Parts a table from this machine: a process in namespaces of its own, which end with it, however it ends.
//!
//! ```text
//! rnet-bench ──> keeper: makes the namespaces ──> inside: process 1 in them; measures
//! ```
//! Each dies with the one before it. With process 1 the kernel ends every process inside, and with those the
//! namespaces with their links, rules and mounts.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;

use crate::scale::Scale;
use crate::tables::Named;

const NOTHING: Option<&str> = None;

/// What a process of the benchmark is there for.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    Keeper,
    Inside,
}

/// Measures a table in namespaces of its own.
pub(crate) fn run(table: Named, scale: Scale) -> Result<()> {
    start(Role::Keeper, table, scale)
}

/// Is the keeper.
pub(crate) fn keep(table: Named, scale: Scale) -> Result<()> {
    die_with_parent()?;
    let own = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWPID;
    unshare(own).context("cannot make namespaces: the benchmark needs root")?;
    start(Role::Inside, table, scale)
}

/// Is the process inside: has files of its own where programs keep what they know of the network.
pub(crate) fn settle() -> Result<()> {
    die_with_parent()?;
    attach(NOTHING, "/", MsFlags::MS_REC | MsFlags::MS_PRIVATE)?;
    for directory in ["/run", "/var/lib"] {
        attach(Some("tmpfs"), directory, MsFlags::empty())?;
    }
    attach(Some("proc"), "/proc", MsFlags::empty())
}

fn start(role: Role, table: Named, scale: Scale) -> Result<()> {
    let me = std::env::current_exe().context("cannot find out where this program is")?;
    let name = |value: Option<clap::builder::PossibleValue>| {
        value
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    };
    let status = Command::new(me)
        .args(["--role", &name(role.to_possible_value())])
        .args(["--scale", &name(scale.to_possible_value())])
        .arg(table.name())
        .stdin(Stdio::null())
        .status()
        .context("cannot run this program again")?;
    ensure!(status.success(), "see above");
    Ok(())
}

fn die_with_parent() -> Result<()> {
    set_pdeathsig(Signal::SIGKILL).context("cannot tie this process to its parent")
}

fn attach(kind: Option<&str>, target: &str, flags: MsFlags) -> Result<()> {
    mount(kind, target, kind, flags, NOTHING).with_context(|| format!("cannot mount {target}"))
}
