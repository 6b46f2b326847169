//! Network namespaces of the benchmark's own.

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::thread;

use anyhow::{Context, Result};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::net::if_::if_nameindex;
use nix::sched::{CloneFlags, setns, unshare};

use crate::peer::Program;

/// A network namespace that plays a machine; it lives as long as this value and what is in it.
pub(crate) struct World(OwnedFd);

impl World {
    /// A new one, that forwards packets and has nothing but its loopback.
    pub(crate) fn new() -> Result<Self> {
        let world = Self(
            in_new_namespace(|| {
                File::open("/proc/thread-self/ns/net").context("cannot open a network namespace")
            })?
            .into(),
        );
        world.ip("link set lo up")?;
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")
            .context("cannot switch forwarding on")?;
        Ok(world)
    }

    /// One that is pinned.
    pub(crate) fn open(pin: &Path) -> Result<Self> {
        let pin = File::open(pin).with_context(|| format!("cannot open {}", pin.display()))?;
        Ok(Self(pin.into()))
    }

    /// Takes the calling thread there; threads and processes it starts begin there as well.
    pub(crate) fn enter(&self) -> Result<()> {
        setns(&self.0, CloneFlags::CLONE_NEWNET).context("cannot enter a network namespace")
    }

    /// Goes there, and runs lines of `ip`.
    pub(crate) fn ip(&self, lines: &str) -> Result<()> {
        self.enter()?;
        Program::named("ip", "iproute2")?
            .run(&["-batch", "-"], lines)
            .map(drop)
    }

    /// Goes there, and counts its links.
    pub(crate) fn links(&self) -> Result<usize> {
        self.enter()?;
        Ok(if_nameindex().context("cannot list links")?.iter().count())
    }

    /// A path that leads to it from every process of the benchmark.
    pub(crate) fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }
}

/// Makes a network namespace and mounts it at `path`, as every container engine does.
pub(crate) fn pin(path: &Path) -> Result<()> {
    pin_and(path, || Ok(()))
}

/// The same, and does something in there before it is left.
pub(crate) fn pin_and(path: &Path, work: impl FnOnce() -> Result<()> + Send) -> Result<()> {
    in_new_namespace(|| {
        File::create_new(path)?;
        let own = Path::new("/proc/thread-self/ns/net");
        mount(
            Some(own),
            path,
            None::<&str>,
            MsFlags::MS_BIND,
            None::<&str>,
        )?;
        work()
    })
    .with_context(|| format!("cannot pin a network namespace at {}", path.display()))
}

/// Lets the kernel take back a namespace that was pinned.
pub(crate) fn unpin(path: &Path) -> Result<()> {
    umount2(path, MntFlags::MNT_DETACH)?;
    std::fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))
}

/// How many namespaces are pinned in a directory.
pub(crate) fn pinned(directory: &Path) -> Result<usize> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").context("cannot list mounts")?;
    let places = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    Ok(places
        .filter(|place| Path::new(place).parent() == Some(directory))
        .count())
}

fn in_new_namespace<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let there = || {
        unshare(CloneFlags::CLONE_NEWNET).context("cannot make a network namespace")?;
        work()
    };
    thread::scope(|scope| {
        scope
            .spawn(there)
            .join()
            .expect("making a namespace does not panic")
    })
}
