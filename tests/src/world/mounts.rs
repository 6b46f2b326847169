//! The lab's view of file systems: its own `/etc`, `/run`, `/var/lib`, `/var/tmp`, `/proc` and `/sys`; the rest is this machine's.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::OUTSIDE;

const NOTHING: Option<&str> = None;

/// Keeps what is mounted from now on from this machine.
pub(super) fn part_from_machine() -> Result<()> {
    attach(
        NOTHING,
        "/",
        None,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        NOTHING,
    )
}

/// Mounts what the lab has of its own; everything is in memory, and gone with the lab.
pub(super) fn make_private() -> Result<()> {
    for directory in ["/run", "/var/lib", "/var/tmp"] {
        attach(
            Some("tmpfs"),
            directory,
            Some("tmpfs"),
            MsFlags::empty(),
            Some("mode=755"),
        )?;
    }
    let own = [
        "/run/lab/etc",
        "/run/lab/work",
        "/run/lab/cgroup",
        "/run/netns",
        "/run/mount",
    ];
    own.into_iter().try_for_each(|path| {
        fs::create_dir_all(path).with_context(|| format!("cannot make directory {path}"))
    })?;
    let layers = "lowerdir=/etc,upperdir=/run/lab/etc,workdir=/run/lab/work";
    attach(
        Some("overlay"),
        "/etc",
        Some("overlay"),
        MsFlags::empty(),
        Some(layers),
    )?;
    write("/etc/resolv.conf", &format!("nameserver {OUTSIDE}\n"))?;
    write("/etc/hosts", "127.0.0.1 localhost lab\n::1 localhost\n")?;
    attach(
        Some("proc"),
        "/proc",
        Some("proc"),
        MsFlags::empty(),
        NOTHING,
    )?;
    show_own_devices()
}

/// Mounts a `/sys` that shows this network namespace's interfaces, under the control groups it had.
pub(super) fn show_own_devices() -> Result<()> {
    let (groups, kept) = ("/sys/fs/cgroup", "/run/lab/cgroup");
    let bind = MsFlags::MS_BIND | MsFlags::MS_REC;
    attach(Some(groups), kept, None, bind, NOTHING)?;
    attach(
        Some("sysfs"),
        "/sys",
        Some("sysfs"),
        MsFlags::empty(),
        NOTHING,
    )?;
    attach(Some(kept), groups, None, bind, NOTHING)?;
    umount2(kept, MntFlags::MNT_DETACH).with_context(|| format!("cannot unmount {kept}"))
}

fn attach(
    source: Option<&str>,
    target: &str,
    kind: Option<&str>,
    flags: MsFlags,
    data: Option<&str>,
) -> Result<()> {
    mount(source, target, kind, flags, data).with_context(|| format!("cannot mount {target}"))
}

/// Replaces a file, that may be a link to where the lab has nothing.
fn write(path: &str, text: &str) -> Result<()> {
    if Path::new(path).is_symlink() {
        fs::remove_file(path).with_context(|| format!("cannot remove {path}"))?;
    }
    fs::write(path, text).with_context(|| format!("cannot write {path}"))
}
