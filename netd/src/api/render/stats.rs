//! What a container uses, as `docker stats` reads it.

use std::thread::available_parallelism;

use bollard_stubs::models::{
    ContainerBlkioStatEntry, ContainerBlkioStats, ContainerCpuStats, ContainerCpuUsage,
    ContainerMemoryStats, ContainerNetworkStats, ContainerPidsStats, ContainerStatsResponse,
    ContainerStorageStats, ContainerThrottlingData,
};
use rnet_runtime_glue::{DiskUsage, MemoryUsage};

use super::NEVER;
use crate::daemon::{Counters, Sample};

/// One sample, beside the one before it: clients tell from both how busy the container is.
pub(in crate::api) fn stats(now: &Sample, before: Option<&Sample>) -> ContainerStatsResponse {
    let moment = |sample: Option<&Sample>| {
        Some(sample.map_or_else(|| NEVER.to_owned(), |it| it.taken.to_string()))
    };
    let usage = &now.usage;
    let networks = now.interfaces.iter();
    let networks = networks.map(|(name, counters)| (name.clone(), network(counters)));
    ContainerStatsResponse {
        id: Some(now.container.id.to_string()),
        name: Some(format!("/{}", now.container.name)),
        os_type: Some("linux".to_owned()),
        read: moment(Some(now)),
        preread: moment(before),
        cpu_stats: Some(cpu(now)),
        precpu_stats: Some(before.map(cpu).unwrap_or_default()),
        memory_stats: Some(usage.memory.as_ref().map(memory).unwrap_or_default()),
        networks: (!now.interfaces.is_empty()).then(|| networks.collect()),
        pids_stats: Some(ContainerPidsStats {
            current: usage.pids,
            limit: usage.pids_limit,
        }),
        blkio_stats: Some(disks(&usage.disks)),
        num_procs: Some(0),
        storage_stats: Some(ContainerStorageStats::default()),
    }
}

fn cpu(sample: &Sample) -> ContainerCpuStats {
    let Some(cpu) = sample.usage.cpu else {
        return ContainerCpuStats::default();
    };
    ContainerCpuStats {
        cpu_usage: Some(ContainerCpuUsage {
            total_usage: Some(cpu.total),
            percpu_usage: None,
            usage_in_kernelmode: Some(cpu.system),
            usage_in_usermode: Some(cpu.user),
        }),
        system_cpu_usage: Some(sample.machine_cpu),
        online_cpus: available_parallelism()
            .ok()
            .and_then(|count| count.get().try_into().ok()),
        throttling_data: Some(ContainerThrottlingData {
            periods: Some(cpu.periods),
            throttled_periods: Some(cpu.throttled_periods),
            throttled_time: Some(cpu.throttled),
        }),
    }
}

fn memory(memory: &MemoryUsage) -> ContainerMemoryStats {
    ContainerMemoryStats {
        usage: Some(memory.now),
        max_usage: memory.most,
        stats: Some(memory.account.clone().into_iter().collect()),
        failcnt: memory.failures,
        limit: memory.limit.or_else(machine_memory),
        ..ContainerMemoryStats::default()
    }
}

/// All the machine has, in bytes: what clients show where there is no limit.
fn machine_memory() -> Option<u64> {
    let info = nix::sys::sysinfo::sysinfo().ok()?;
    Some(info.ram_total())
}

fn network(counters: &Counters) -> ContainerNetworkStats {
    let Counters { received, sent } = counters;
    ContainerNetworkStats {
        rx_bytes: Some(received.bytes),
        rx_packets: Some(received.packets),
        rx_errors: Some(received.errors),
        rx_dropped: Some(received.dropped),
        tx_bytes: Some(sent.bytes),
        tx_packets: Some(sent.packets),
        tx_errors: Some(sent.errors),
        tx_dropped: Some(sent.dropped),
        ..ContainerNetworkStats::default()
    }
}

fn disks(disks: &[DiskUsage]) -> ContainerBlkioStats {
    let entries = |count: fn(&DiskUsage) -> Option<u64>| {
        let of_disk = |disk: &DiskUsage| {
            Some(ContainerBlkioStatEntry {
                major: Some(disk.device.0.into()),
                minor: Some(disk.device.1.into()),
                op: Some(disk.operation.clone()),
                value: Some(count(disk)?),
            })
        };
        disks.iter().filter_map(of_disk).collect()
    };
    ContainerBlkioStats {
        io_service_bytes_recursive: Some(entries(|disk| disk.bytes)),
        io_serviced_recursive: Some(entries(|disk| disk.operations)),
        ..ContainerBlkioStats::default()
    }
}
