//! Limits that contradict each other or that the kernel would refuse (moby, daemon/daemon_unix.go `verifyPlatform…`).

use bollard_stubs::models::HostConfig;

use crate::error::{Error, Result};

/// The least memory a container can be started with, in bytes.
const LEAST_MEMORY: i64 = 6 << 20;

/// Refuses limits that cannot be had, in Docker's words.
pub(in crate::daemon::container) fn check(host: &HostConfig) -> Result<()> {
    let set = |value: Option<i64>| value.unwrap_or(0);
    let (memory, swap) = (set(host.memory), set(host.memory_swap));
    let (cpus, period, quota) = (
        set(host.nano_cpus),
        set(host.cpu_period),
        set(host.cpu_quota),
    );
    let most = std::thread::available_parallelism().map_or(1, |count| count.get() as i64);
    let reservation = set(host.memory_reservation);
    let swappiness = host.memory_swappiness.unwrap_or(-1);
    let (rt_runtime, rt_period) = (
        set(host.cpu_realtime_runtime),
        set(host.cpu_realtime_period),
    );
    let weights = host.blkio_weight_device.iter().flatten();
    let weights = weights.map(|it| it.weight.unwrap_or(0));
    let mut weights = weights.chain(host.blkio_weight.map(usize::from).filter(|it| *it != 0));
    let refusals = [
        (
            !(-1..=100).contains(&swappiness),
            format!("Invalid value: {swappiness}, valid memory swappiness range is 0-100"),
        ),
        (
            reservation > 0 && reservation < LEAST_MEMORY,
            "Minimum memory reservation allowed is 6MB".to_owned(),
        ),
        (
            memory > 0 && reservation > memory,
            "Minimum memory limit can not be less than memory reservation limit, see usage"
                .to_owned(),
        ),
        (
            rt_period != 0 && rt_runtime > rt_period,
            "cpu real-time runtime cannot be higher than cpu real-time period".to_owned(),
        ),
        (
            set(host.cpu_shares) < 0,
            format!(
                "invalid CPU shares ({}): value must be a positive integer",
                set(host.cpu_shares)
            ),
        ),
        (
            weights.any(|weight| !(10..=1000).contains(&weight)),
            "Range of blkio weight is from 10 to 1000".to_owned(),
        ),
        (
            set(host.shm_size) < 0,
            "SHM size can not be less than 0".to_owned(),
        ),
        (
            memory != 0 && memory < LEAST_MEMORY,
            "Minimum memory limit allowed is 6MB".to_owned(),
        ),
        (
            memory > 0 && swap > 0 && swap < memory,
            "Minimum memoryswap limit should be larger than memory limit, see usage".to_owned(),
        ),
        (
            memory == 0 && swap > 0,
            "You should always set the Memory limit when using Memoryswap limit, see usage"
                .to_owned(),
        ),
        (cpus > 0 && period > 0, conflict("CPU Period")),
        (cpus > 0 && quota > 0, conflict("CPU Quota")),
        (
            cpus < 0
                || cpus > most.saturating_mul(1_000_000_000)
                || (1..10_000_000).contains(&cpus),
            format!(
                "range of CPUs is from 0.01 to {most}.00, as there are only {most} CPUs available"
            ),
        ),
        (
            period != 0 && !(1_000..=1_000_000).contains(&period),
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"
                .to_owned(),
        ),
        (
            quota > 0 && quota < 1_000,
            "CPU cfs quota can not be less than 1ms (i.e. 1000)".to_owned(),
        ),
    ];
    match refusals.into_iter().find(|(refused, _)| *refused) {
        Some((_, message)) => Err(Error::Invalid(message)),
        None => Ok(()),
    }
}

fn conflict(other: &str) -> String {
    format!("Conflicting options: Nano CPUs and {other} cannot both be set")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_cannot_be_had_are_refused() {
        let checked =
            |text: &str| check(&serde_json::from_str(text).unwrap()).map_err(|e| e.to_string());
        for fine in [
            "{}",
            r#"{"Memory":33554432,"MemorySwap":33554432}"#,
            r#"{"Memory":33554432,"MemorySwap":-1}"#,
            r#"{"NanoCpus":10000000}"#,
            r#"{"CpuPeriod":100000,"CpuQuota":50000}"#,
        ] {
            assert_eq!(checked(fine), Ok(()), "{fine}");
        }
        for wrong in [
            r#"{"Memory":4096}"#,
            r#"{"Memory":-1}"#,
            r#"{"Memory":33554432,"MemorySwap":1048576}"#,
            r#"{"MemorySwap":33554432}"#,
            r#"{"NanoCpus":1}"#,
            r#"{"NanoCpus":9000000000000000000}"#,
            r#"{"NanoCpus":500000000,"CpuQuota":50000}"#,
            r#"{"CpuPeriod":10}"#,
            r#"{"MemorySwappiness":101}"#,
            r#"{"MemoryReservation":1024}"#,
            r#"{"Memory":33554432,"MemoryReservation":67108864}"#,
            r#"{"CpuRealtimePeriod":10,"CpuRealtimeRuntime":11}"#,
            r#"{"BlkioWeight":9}"#,
            r#"{"BlkioWeightDevice":[{"Path":"/dev/null","Weight":1001}]}"#,
        ] {
            assert!(checked(wrong).is_err(), "{wrong}");
        }
    }
}
