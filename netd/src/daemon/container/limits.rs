//! What a container may use up, from Docker's fields; and changing it while the container runs.

use std::os::linux::fs::MetadataExt;
use std::sync::Arc;

use bollard_stubs::models::{
    ContainerUpdateBody, HostConfig, RestartPolicyNameEnum as Restart, ThrottleDevice,
};
use nix::sys::stat;
use rnet_runtime_glue::spec::{Ceiling, CpuTime, Limits, Measure, Throttle};

use super::create::{check_limits, refuse_host_settings};
use super::restart;
use crate::daemon::Daemon;
use crate::error::{Error, Result};

impl Daemon {
    /// Changes what a container may use up, at once where it runs.
    pub fn update_container(
        self: &Arc<Self>,
        reference: &str,
        update: ContainerUpdateBody,
    ) -> Result<()> {
        let id = self.find_container(reference)?.id;
        let asked = asked(update);
        refuse_host_settings(&asked)?;
        refuse_fixed(&asked)?;
        self.lives.hold(id, || {
            let mut container = self.find_container(&id.to_string())?;
            let mut host = container.host_config.unpack();
            merge(&mut host, asked);
            restart::check_update(&host)?;
            check_limits(&host)?;
            let limits = limits(&host)?;
            container.host_config = host.into();
            if container.run.is_running() {
                self.runtime.update(&id, &limits)?;
            }
            self.put_container(container.clone())?;
            self.tell_of_container("update", &container, []);
            Ok(())
        })
    }
}

/// The limits a host configuration means; zero is none, and less than zero as much as there is.
pub(super) fn limits(host: &HostConfig) -> Result<Limits> {
    let cpu = match (positive(host.nano_cpus), host.cpu_quota, host.cpu_period) {
        (Some(nano_cpus), ..) => Some(CpuTime::of_nano_cpus(nano_cpus)),
        (None, None | Some(0), None | Some(0)) => None,
        (None, quota, period) => Some(CpuTime::new(positive(quota), positive(period))),
    };
    let throttles = [
        (&host.blkio_device_read_bps, Measure::ReadBytes),
        (&host.blkio_device_write_bps, Measure::WrittenBytes),
        (&host.blkio_device_read_iops, Measure::Reads),
        (&host.blkio_device_write_iops, Measure::Writes),
    ];
    let throttles = throttles.into_iter().flat_map(|(devices, measure)| {
        let devices = devices.iter().flatten();
        devices.map(move |device| throttle(device, measure))
    });
    let weights = host.blkio_weight_device.iter().flatten().map(|it| {
        let weight = it.weight.and_then(|weight| u16::try_from(weight).ok());
        Ok((device_number(&it.path)?, weight.unwrap_or(0)))
    });
    Ok(Limits {
        memory: positive(host.memory),
        memory_swap: ceiling(host.memory_swap),
        memory_reservation: positive(host.memory_reservation),
        swappiness: host
            .memory_swappiness
            .and_then(|swappiness| u64::try_from(swappiness).ok()),
        oom_kill_disable: host.oom_kill_disable.unwrap_or(false),
        cpu,
        realtime_period_us: positive(host.cpu_realtime_period),
        realtime_us: positive(host.cpu_realtime_runtime),
        cpu_shares: positive(host.cpu_shares),
        cpus: named(&host.cpuset_cpus),
        memory_nodes: named(&host.cpuset_mems),
        pids: ceiling(host.pids_limit),
        io_weight: host.blkio_weight.filter(|weight| *weight > 0),
        io_weights: weights.collect::<Result<_>>()?,
        throttles: throttles.collect::<Result<_>>()?,
    })
}

fn positive(number: Option<i64>) -> Option<u64> {
    u64::try_from(number?).ok().filter(|number| *number > 0)
}

fn ceiling(number: Option<i64>) -> Option<Ceiling> {
    match number? {
        0 => None,
        number => Some(u64::try_from(number).map_or(Ceiling::Unlimited, Ceiling::At)),
    }
}

fn named(set: &Option<String>) -> Option<String> {
    set.clone().filter(|set| !set.is_empty())
}

fn throttle(device: &ThrottleDevice, measure: Measure) -> Result<Throttle> {
    Ok(Throttle {
        device: device_number(&device.path)?,
        measure,
        rate: positive(device.rate).unwrap_or(0),
    })
}

/// The major and minor number of a device of the host.
fn device_number(path: &Option<String>) -> Result<(u32, u32)> {
    let path = path.as_deref().unwrap_or_default();
    let found = std::fs::metadata(path);
    let found = found.map_err(|error| Error::Invalid(format!("no device {path:?}: {error}")))?;
    let number = found.st_rdev();
    let part = |part: u64| u32::try_from(part).unwrap_or(u32::MAX);
    Ok((part(stat::major(number)), part(stat::minor(number))))
}

/// The update in the words a container is created with.
fn asked(update: ContainerUpdateBody) -> HostConfig {
    HostConfig {
        cpu_shares: update.cpu_shares,
        memory: update.memory,
        cgroup_parent: update.cgroup_parent,
        blkio_weight: update.blkio_weight,
        blkio_weight_device: update.blkio_weight_device,
        blkio_device_read_bps: update.blkio_device_read_bps,
        blkio_device_write_bps: update.blkio_device_write_bps,
        blkio_device_read_iops: update.blkio_device_read_iops,
        blkio_device_write_iops: update.blkio_device_write_iops,
        cpu_period: update.cpu_period,
        cpu_quota: update.cpu_quota,
        cpu_realtime_period: update.cpu_realtime_period,
        cpu_realtime_runtime: update.cpu_realtime_runtime,
        cpuset_cpus: update.cpuset_cpus,
        cpuset_mems: update.cpuset_mems,
        devices: update.devices,
        device_cgroup_rules: update.device_cgroup_rules,
        device_requests: update.device_requests,
        memory_reservation: update.memory_reservation,
        memory_swap: update.memory_swap,
        memory_swappiness: update.memory_swappiness,
        nano_cpus: update.nano_cpus,
        oom_kill_disable: update.oom_kill_disable,
        init: update.init,
        // here zero does ask for something: for no limit
        pids_limit: update
            .pids_limit
            .map(|limit| if limit == 0 { -1 } else { limit }),
        ulimits: update.ulimits,
        cpu_count: update.cpu_count,
        cpu_percent: update.cpu_percent,
        io_maximum_iops: update.io_maximum_iops,
        io_maximum_bandwidth: update.io_maximum_bandwidth,
        restart_policy: update.restart_policy,
        ..HostConfig::default()
    }
}

/// Refuses what a container has for its whole life.
fn refuse_fixed(asked: &HostConfig) -> Result<()> {
    let fixed = [
        ("Devices", asked.devices.iter().flatten().next().is_some()),
        (
            "DeviceCgroupRules",
            asked.device_cgroup_rules.iter().flatten().next().is_some(),
        ),
        ("Ulimits", asked.ulimits.iter().flatten().next().is_some()),
        ("Init", asked.init == Some(true)),
        ("CgroupParent", named(&asked.cgroup_parent).is_some()),
    ];
    match fixed.into_iter().find(|(_, asked)| *asked) {
        Some((field, _)) => Err(Error::Unsupported(format!(
            "{field} of a container cannot be changed: create another one"
        ))),
        None => Ok(()),
    }
}

/// Takes over what the update asks for: what is zero or empty stays as it was.
fn merge(host: &mut HostConfig, asked: HostConfig) {
    let number = |kept: &mut Option<i64>, asked: Option<i64>| {
        *kept = asked.filter(|number| *number != 0).or(*kept);
    };
    number(&mut host.memory, asked.memory);
    number(&mut host.memory_swap, asked.memory_swap);
    number(&mut host.memory_reservation, asked.memory_reservation);
    number(&mut host.nano_cpus, asked.nano_cpus);
    number(&mut host.cpu_period, asked.cpu_period);
    number(&mut host.cpu_quota, asked.cpu_quota);
    number(&mut host.cpu_shares, asked.cpu_shares);
    number(&mut host.pids_limit, asked.pids_limit);
    number(&mut host.cpu_realtime_period, asked.cpu_realtime_period);
    number(&mut host.cpu_realtime_runtime, asked.cpu_realtime_runtime);
    let swappiness = asked.memory_swappiness.filter(|it| *it != -1);
    host.memory_swappiness = swappiness.or(host.memory_swappiness);
    host.oom_kill_disable = asked.oom_kill_disable.or(host.oom_kill_disable);
    let weights = asked.blkio_weight_device.filter(|it| !it.is_empty());
    host.blkio_weight_device = weights.or(host.blkio_weight_device.take());
    let policy = asked.restart_policy;
    let named_policy = policy.filter(|it| !matches!(it.name, None | Some(Restart::EMPTY)));
    host.restart_policy = named_policy.or(host.restart_policy.take());
    let weight = asked.blkio_weight.filter(|weight| *weight > 0);
    host.blkio_weight = weight.or(host.blkio_weight);
    for (kept, asked) in [
        (&mut host.cpuset_cpus, asked.cpuset_cpus),
        (&mut host.cpuset_mems, asked.cpuset_mems),
    ] {
        *kept = named(&asked).or(kept.take());
    }
    for (kept, asked) in [
        (&mut host.blkio_device_read_bps, asked.blkio_device_read_bps),
        (
            &mut host.blkio_device_write_bps,
            asked.blkio_device_write_bps,
        ),
        (
            &mut host.blkio_device_read_iops,
            asked.blkio_device_read_iops,
        ),
        (
            &mut host.blkio_device_write_iops,
            asked.blkio_device_write_iops,
        ),
    ] {
        *kept = asked.filter(|devices| !devices.is_empty()).or(kept.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> HostConfig {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn zero_limits_nothing_and_less_than_zero_lifts_a_limit() {
        let none = limits(&host(
            r#"{"Memory":0,"MemorySwap":0,"PidsLimit":0,"CpusetCpus":""}"#,
        ));
        assert_eq!(none.unwrap(), Limits::default());
        let lifted = limits(&host(
            r#"{"Memory":8388608,"MemorySwap":-1,"PidsLimit":-1}"#,
        ))
        .unwrap();
        assert_eq!(lifted.memory_swap, Some(Ceiling::Unlimited));
        assert_eq!(lifted.pids, Some(Ceiling::Unlimited));
    }

    #[test]
    fn an_update_changes_what_it_names_and_nothing_else() {
        let mut kept = host(r#"{"Memory":8388608,"CpusetCpus":"0","PidsLimit":10}"#);
        let update = r#"{"Memory":16777216,"NanoCpus":0,"CpusetCpus":"","PidsLimit":0}"#;
        merge(&mut kept, asked(serde_json::from_str(update).unwrap()));
        assert_eq!(
            kept,
            host(r#"{"Memory":16777216,"CpusetCpus":"0","PidsLimit":-1}"#)
        );
    }

    #[test]
    fn a_throttled_device_that_is_not_there_is_named() {
        let wrong = limits(&host(
            r#"{"BlkioDeviceReadBps":[{"Path":"/dev/none","Rate":1}]}"#,
        ));
        assert!(wrong.unwrap_err().to_string().contains("/dev/none"));
    }
}
