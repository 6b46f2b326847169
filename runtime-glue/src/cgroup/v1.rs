//! The files of version 1 hierarchies (Documentation/admin-guide/cgroup-v1).

use std::path::Path;
use std::{fs, io};

use super::settings::{Dialect, Files, Setting, ceiling};
use crate::limits::{CpuTime, Measure};

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

/// What limits are called.
pub(super) const DIALECT: Dialect = Dialect {
    memory: &["memory.limit_in_bytes"],
    swap: &["memory.memsw.limit_in_bytes"],
    swap_beside: |both, _| ceiling(both, "-1"),
    reservation: &["memory.soft_limit_in_bytes"],
    swappiness: &["memory.swappiness"],
    oom_control: &["memory.oom_control"],
    realtime_period: &["cpu.rt_period_us"],
    realtime: &["cpu.rt_runtime_us"],
    cpu,
    shares: &["cpu.shares"],
    share: |shares| shares,
    io_weight: &["blkio.weight", "blkio.bfq.weight"],
    io_weight_of: &["blkio.weight_device", "blkio.bfq.weight_device"],
    no_io_weight: "0",
    throttle: |it| Setting::throttle(throttle_file(it.measure), it, &it.rate.to_string(), "0"),
};

fn cpu(time: CpuTime) -> Vec<Setting> {
    let quota = time.quota_us.map_or("-1".to_owned(), |us| us.to_string());
    vec![
        Setting::asked("the period of cpus", &["cpu.cfs_period_us"], time.period_us),
        Setting::asked("cpus", &["cpu.cfs_quota_us"], quota),
    ]
}

const fn throttle_file(measure: Measure) -> Files {
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
    use crate::cgroup::controller::Controller;
    use crate::limits::Limits;

    #[test]
    fn half_a_cpu_is_half_of_every_period() {
        let limits = Limits {
            cpu: Some(CpuTime::of_nano_cpus(500_000_000)),
            ..Limits::default()
        };
        let written = DIALECT.settings(Controller::Cpu, &limits);
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
