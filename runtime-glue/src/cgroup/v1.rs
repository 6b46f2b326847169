//! The files of version 1 hierarchies (Documentation/admin-guide/cgroup-v1).

use std::path::Path;
use std::{fs, io};

use super::limits::{Controller, Setting};
use super::{ceiling, text};
use crate::limits::{Limits, Measure};

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

/// What to write where.
pub(super) fn settings(controller: Controller, limits: &Limits) -> Vec<Setting> {
    let mut settings = Vec::new();
    let mut set = |limit, files, value: Option<String>| {
        settings.extend(value.map(|value| Setting::asked(limit, files, value)));
    };
    match controller {
        Controller::Memory => {
            set("memory", &["memory.limit_in_bytes"], text(limits.memory));
            let swap = limits.memory_swap.map(|it| ceiling(it, "-1"));
            set("swap space", &["memory.memsw.limit_in_bytes"], swap);
            let reservation = text(limits.memory_reservation);
            set(
                "reserved memory",
                &["memory.soft_limit_in_bytes"],
                reservation,
            );
        }
        Controller::Cpu => {
            let period = limits.cpu.map(|cpu| cpu.period_us.to_string());
            let quota = limits
                .cpu
                .map(|cpu| text(cpu.quota_us).unwrap_or_else(|| "-1".to_owned()));
            set("the period of cpus", &["cpu.cfs_period_us"], period);
            set("cpus", &["cpu.cfs_quota_us"], quota);
            set(
                "shares of the cpu",
                &["cpu.shares"],
                text(limits.cpu_shares),
            );
        }
        Controller::CpuSet => {
            set("the set of cpus", &["cpuset.cpus"], limits.cpus.clone());
            let nodes = limits.memory_nodes.clone();
            set("the set of memory nodes", &["cpuset.mems"], nodes);
        }
        Controller::Pids => {
            let pids = limits.pids.map(|it| ceiling(it, "max"));
            set("pids", &["pids.max"], pids);
        }
        Controller::Io => {
            let weight = text(limits.io_weight);
            set(
                "the weight of disk access",
                &["blkio.weight", "blkio.bfq.weight"],
                weight,
            );
            for throttle in &limits.throttles {
                let (major, minor) = throttle.device;
                let value = format!("{major}:{minor} {}", throttle.rate);
                set("disk access", throttle_file(throttle.measure), Some(value));
            }
        }
        Controller::CpuAccounting | Controller::Freezer => {}
    }
    if let (Controller::Memory, Some(memory), None) =
        (controller, limits.memory, limits.memory_swap)
    {
        settings.push(Setting {
            asked: false,
            ..Setting::asked(
                "swap space",
                &["memory.memsw.limit_in_bytes"],
                (2 * memory).to_string(),
            )
        });
    }
    settings
}

const fn throttle_file(measure: Measure) -> &'static [&'static str] {
    match measure {
        Measure::ReadBytes => &["blkio.throttle.read_bps_device"],
        Measure::WrittenBytes => &["blkio.throttle.write_bps_device"],
        Measure::Reads => &["blkio.throttle.read_iops_device"],
        Measure::Writes => &["blkio.throttle.write_iops_device"],
    }
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
    use crate::limits::CpuTime;

    #[test]
    fn half_a_cpu_is_half_of_every_period() {
        let limits = Limits {
            cpu: Some(CpuTime::of_nano_cpus(500_000_000)),
            ..Limits::default()
        };
        let written = settings(Controller::Cpu, &limits);
        let pairs: Vec<_> = written
            .iter()
            .map(|s| (s.files[0], s.value.as_str()))
            .collect();
        assert_eq!(
            pairs,
            [
                ("cpu.cfs_period_us", "100000"),
                ("cpu.cfs_quota_us", "50000")
            ]
        );
    }
}
