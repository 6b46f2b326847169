//! The files of version 1 hierarchies (Documentation/admin-guide/cgroup-v1).

use std::path::Path;
use std::{fs, io};

use super::limits::{Controller, Setting};
use crate::spec::Limits;

/// Words among a hierarchy's mount options that are not controllers.
pub(super) const MOUNT_OPTIONS: &[&str] = &[
    "rw",
    "ro",
    "xattr",
    "noprefix",
    "clone_children",
    "cpuset_v2_mode",
    "favordynmods",
];

pub(super) const MEMORY_USAGE: &str = "memory.usage_in_bytes";
pub(super) const OOM_EVENTS: &str = "memory.oom_control";

/// The period over which CPU time is measured out, in microseconds: the kernel's default.
pub(super) const PERIOD_US: u64 = 100_000;

/// What to write where; memory before memory with swap, which may not be less.
pub(super) fn settings(controller: Controller, limits: &Limits) -> Vec<Setting> {
    let setting = |limit, file, value: Option<u64>| {
        value.map(|value| Setting {
            file,
            value: value.to_string(),
            limit,
        })
    };
    let all = match controller {
        Controller::Memory => vec![
            setting("memory", "memory.limit_in_bytes", limits.memory),
            setting(
                "swap space",
                "memory.memsw.limit_in_bytes",
                limits.memory_swap,
            ),
        ],
        Controller::Cpu => vec![
            setting(
                "cpus",
                "cpu.cfs_period_us",
                limits.nano_cpus.map(|_| PERIOD_US),
            ),
            setting("cpus", "cpu.cfs_quota_us", limits.nano_cpus.map(quota_us)),
        ],
        Controller::Pids => vec![setting("pids", "pids.max", limits.pids)],
    };
    all.into_iter().flatten().collect()
}

/// The microseconds of each period that so many billionths of a CPU are.
pub(super) const fn quota_us(nano_cpus: u64) -> u64 {
    (nano_cpus as u128 * PERIOD_US as u128 / 1_000_000_000) as u64
}

/// Gives a new group the CPUs and memory nodes of its parent: without any, nothing can join it.
pub(super) fn inherit_cpuset(directory: &Path) -> io::Result<()> {
    let Some(parent) = directory.parent() else {
        return Ok(());
    };
    for file in ["cpuset.cpus", "cpuset.mems"] {
        if fs::read_to_string(directory.join(file))?.trim().is_empty() {
            fs::write(directory.join(file), fs::read_to_string(parent.join(file))?)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_cpu_is_half_of_every_period() {
        let limits = Limits {
            nano_cpus: Some(500_000_000),
            ..Limits::default()
        };
        let written = settings(Controller::Cpu, &limits);
        let pairs: Vec<_> = written.iter().map(|s| (s.file, s.value.as_str())).collect();
        assert_eq!(
            pairs,
            [
                ("cpu.cfs_period_us", "100000"),
                ("cpu.cfs_quota_us", "50000")
            ]
        );
    }
}
