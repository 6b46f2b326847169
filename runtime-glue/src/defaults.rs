//! What Docker gives a container that asks for nothing special (moby: daemon/pkg/oci/defaults.go and caps/defaults.go).

use rustix::thread::CapabilitySet;

use crate::Capabilities;
use crate::spec::{Mount, MountSource};

/// The capabilities of a container that is given or denied none.
pub const CAPABILITIES: Capabilities = Capabilities::of(
    CapabilitySet::CHOWN
        .union(CapabilitySet::DAC_OVERRIDE)
        .union(CapabilitySet::FSETID)
        .union(CapabilitySet::FOWNER)
        .union(CapabilitySet::MKNOD)
        .union(CapabilitySet::NET_RAW)
        .union(CapabilitySet::SETGID)
        .union(CapabilitySet::SETUID)
        .union(CapabilitySet::SETFCAP)
        .union(CapabilitySet::SETPCAP)
        .union(CapabilitySet::NET_BIND_SERVICE)
        .union(CapabilitySet::SYS_CHROOT)
        .union(CapabilitySet::KILL)
        .union(CapabilitySet::AUDIT_WRITE),
);

/// Parts of /proc and /sys that tell about the host, or reach into it.
pub const MASKED_PATHS: &[&str] = &[
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

/// Parts of /proc that configure the host.
pub const READONLY_PATHS: &[&str] = &[
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

/// Where a command is looked up when the environment does not say.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The size of /dev/shm, in bytes.
pub const SHM_SIZE: u64 = 64 << 20;

/// SIGTERM.
pub const STOP_SIGNAL: i32 = 15;

/// The capabilities of [`CAPABILITIES`] that this machine lets us hand on.
pub fn capabilities() -> Capabilities {
    CAPABILITIES.intersection(Capabilities::available())
}

/// The mounts every container has, in order.
pub fn mounts() -> Vec<Mount> {
    let shm = MountSource::Tmpfs {
        size: Some(SHM_SIZE),
        mode: 0o1777,
        exec: false,
    };
    [
        ("/proc", MountSource::Processes, false),
        ("/dev", MountSource::Devices, false),
        ("/dev/pts", MountSource::Pseudoterminals, false),
        ("/dev/shm", shm, false),
        ("/dev/mqueue", MountSource::MessageQueues, false),
        ("/sys", MountSource::Kernel, true),
        ("/sys/fs/cgroup", MountSource::Cgroups, true),
    ]
    .map(|(target, source, readonly)| Mount {
        target: target.to_owned(),
        source,
        readonly,
    })
    .into()
}
