//! What a container may use up, as a value.

use serde::{Deserialize, Serialize};

use crate::RuntimeError;

/// The period over which CPU time is measured out where none is chosen, in microseconds: the kernel's default.
const PERIOD_US: u64 = 100_000;

/// What the kernel's shortest quota and period are, in microseconds (kernel/sched/core.c, min_cfs_quota_period).
const LEAST_CPU_US: u64 = 1_000;

/// What a container may use up; none is no limit, or in an update no change.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Bytes of memory and swap space together, at least `memory`; twice `memory` where only that is limited and the
    /// kernel counts swap.
    pub memory_swap: Option<Ceiling>,
    /// Bytes of memory the kernel tries to leave when memory is short.
    pub memory_reservation: Option<u64>,
    /// How readily its memory is swapped out, 0 to 100.
    pub swappiness: Option<u64>,
    /// Whether its processes wait for memory at the limit instead of being ended.
    pub oom_kill_disable: bool,
    /// CPU time.
    pub cpu: Option<CpuTime>,
    /// The period over which CPU time of real-time processes is measured out, in microseconds.
    pub realtime_period_us: Option<u64>,
    /// Their CPU time in each period, in microseconds.
    pub realtime_us: Option<u64>,
    /// Its weight among others that want the CPU, 2 to 262,144; others have 1,024.
    pub cpu_shares: Option<u64>,
    /// The CPUs it may run on, as in cpuset(7): `0-2,4`.
    pub cpus: Option<String>,
    /// The memory nodes it may use, likewise.
    pub memory_nodes: Option<String>,
    /// Processes and threads.
    pub pids: Option<Ceiling>,
    /// Its weight among others that want the disks, 10 to 1,000.
    pub io_weight: Option<u16>,
    /// The same for single disks, by device number, major and minor.
    pub io_weights: Vec<((u32, u32), u16)>,
    /// How fast it may read and write.
    pub throttles: Vec<Throttle>,
}

/// A number that may be reached, or that there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ceiling {
    /// As much as there is.
    Unlimited,
    /// At most this.
    At(u64),
}

/// CPU time in each period.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CpuTime {
    /// The microseconds of all CPUs together in a period; none is as much as there is.
    pub quota_us: Option<u64>,
    /// The length of a period in microseconds.
    pub period_us: u64,
}

/// How fast one disk may be read or written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Throttle {
    /// The disk's device number, major and minor.
    pub device: (u32, u32),
    /// What is counted.
    pub measure: Measure,
    /// How many of it a second.
    pub rate: u64,
}

/// What of a disk's work is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// Bytes read.
    ReadBytes,
    /// Bytes written.
    WrittenBytes,
    /// Reads.
    Reads,
    /// Writes.
    Writes,
}

impl Limits {
    /// Refuses what can be seen to be impossible without looking at the machine.
    pub(crate) fn validate(&self) -> Result<(), RuntimeError> {
        let reason = match (self.memory, self.memory_swap, self.cpu) {
            (None, Some(Ceiling::At(_)), _) => {
                "a limit of memory and swap needs one of memory".to_owned()
            }
            (Some(memory), Some(Ceiling::At(both)), _) if both < memory => {
                format!("{both} bytes of memory and swap are less than {memory} of memory alone")
            }
            (.., Some(cpu)) if cpu.quota_us.unwrap_or(LEAST_CPU_US) < LEAST_CPU_US => {
                format!(
                    "{} us of CPU in each {} us are less than the kernel measures out",
                    cpu.quota_us.unwrap_or(0),
                    cpu.period_us
                )
            }
            _ => return Ok(()),
        };
        Err(RuntimeError::InvalidSpec { reason })
    }
}

impl CpuTime {
    /// So many billionths of a CPU.
    pub const fn of_nano_cpus(nano_cpus: u64) -> Self {
        Self {
            quota_us: Some((nano_cpus as u128 * PERIOD_US as u128 / 1_000_000_000) as u64),
            period_us: PERIOD_US,
        }
    }

    /// So much in each period, the kernel's defaults where none is given.
    pub fn new(quota_us: Option<u64>, period_us: Option<u64>) -> Self {
        Self {
            quota_us,
            period_us: period_us.unwrap_or(PERIOD_US),
        }
    }
}
