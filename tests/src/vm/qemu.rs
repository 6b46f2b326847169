//! The emulator, and the machine it is asked to be.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Result;

use super::kernel::Kernel;

const PROGRAM: &str = "qemu-system-x86_64";

/// Emulated, because hypervisors that are virtual themselves do not run every stock kernel. Without cmpxchg16b, whose
/// emulation in QEMU 7.2 corrupts flags when an interrupt arrives.
const MACHINE: &str = "-accel tcg -M q35 -cpu max,-cx16 -m 1024 -smp 2 \
    -nodefaults -no-user-config -display none -no-reboot";

/// The kernel's command line (Documentation/admin-guide/kernel-parameters.txt). It ends by a reset, and is told how
/// fast its clocks run, which it cannot measure well enough on a busy machine; the rest makes it faster.
const PARAMETERS: &str = "console=ttyS0 quiet reboot=t panic=-1 \
    tsc_early_khz=2600000 lpj=5200000 no_timer_check \
    mitigations=off cryptomgr.notests audit=0 apparmor=0 selinux=0 random.trust_cpu=1 rcupdate.rcu_expedited=1";

/// Where QEMU is.
pub(super) enum Qemu {
    /// In the `PATH`.
    Installed,
    /// In a tree of its own, with the libraries that the machine lacks for it.
    Unpacked(PathBuf),
}

impl Qemu {
    /// That of the machine, or the one that `unpack` returns the tree of.
    pub(super) fn found_or(unpack: impl FnOnce() -> Result<PathBuf>) -> Result<Self> {
        let installed = Command::new(PROGRAM).arg("--version").output().is_ok();
        if installed {
            Ok(Self::Installed)
        } else {
            unpack().map(Self::Unpacked)
        }
    }

    /// A machine that boots the `image` on the desk, and writes its serial lines there: `console` and `report`.
    pub(super) fn command(&self, kernel: &Kernel, desk: &Path) -> Command {
        // ends with the thread that boots it, whatever becomes of that
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        match self {
            Self::Installed => command.arg(PROGRAM),
            Self::Unpacked(root) => from_tree(&mut command, root),
        };
        command
            .args(MACHINE.split_whitespace())
            .args(["-append", PARAMETERS]);
        command
            .arg("-kernel")
            .arg(&kernel.image)
            .arg("-initrd")
            .arg(desk.join("image"));
        for line in ["console", "report"] {
            let mut device = OsString::from("file:");
            device.push(desk.join(line));
            command.arg("-serial").arg(device);
        }
        command.stdin(Stdio::null());
        command
    }
}

fn from_tree<'a>(command: &'a mut Command, root: &Path) -> &'a mut Command {
    let libraries = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"];
    let path = env::join_paths(libraries.map(|it| root.join(it))).unwrap_or_default();
    command
        .env("LD_LIBRARY_PATH", path)
        .env("QEMU_MODULE_DIR", root.join(libraries[0]).join("qemu"));
    command.arg(root.join("usr/bin").join(PROGRAM));
    for data in ["usr/share/qemu", "usr/share/seabios"] {
        command.arg("-L").arg(root.join(data));
    }
    command
}
