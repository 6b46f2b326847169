//! Reading what a group uses, where each controller counts it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use super::Cgroup;
use super::controller::Controller;
use super::controller::Version;

/// What the processes of a container use and have used; none where no controller counts it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// Memory.
    pub memory: Option<MemoryUsage>,
    /// CPU time.
    pub cpu: Option<CpuUsage>,
    /// Processes and threads.
    pub pids: Option<u64>,
    /// How many there may be; none is no limit.
    pub pids_limit: Option<u64>,
    /// What was read and written, one entry a disk and operation.
    pub disks: Vec<DiskUsage>,
}

/// Memory, in bytes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MemoryUsage {
    /// In use, caches included.
    pub now: u64,
    /// The most that was ever in use, where the kernel remembers.
    pub most: Option<u64>,
    /// The limit; none is all the machine has.
    pub limit: Option<u64>,
    /// How often the limit was met.
    pub failures: Option<u64>,
    /// The kernel's own account, by its names (memory.stat).
    pub account: BTreeMap<String, u64>,
}

/// CPU time, in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CpuUsage {
    /// In all.
    pub total: u64,
    /// In programs.
    pub user: u64,
    /// In the kernel.
    pub system: u64,
    /// Periods a quota was measured out in.
    pub periods: u64,
    /// Those in which it was used up.
    pub throttled_periods: u64,
    /// How long processes waited for the next period.
    pub throttled: u64,
}

/// What was read from or written to one disk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DiskUsage {
    /// The disk's device number, major and minor.
    pub device: (u32, u32),
    /// `read`, `write`, …
    pub operation: String,
    /// Bytes; none where the entry counts operations.
    pub bytes: Option<u64>,
    /// Operations; none where the entry counts bytes.
    pub operations: Option<u64>,
}

impl Cgroup {
    /// What the group uses now.
    pub(crate) fn usage(&self) -> Usage {
        let pids = |file: &str| {
            let (_, directory) = self.place_of(Controller::Pids)?;
            number(&directory.join(file))
        };
        Usage {
            memory: self.memory(),
            cpu: self.cpu(),
            pids: pids("pids.current"),
            pids_limit: pids("pids.max"),
            disks: self.disks(),
        }
    }

    /// Whether the kernel killed one of its processes for want of memory.
    pub(crate) fn ran_out_of_memory(&self) -> bool {
        let count = || {
            let (version, directory) = self.place_of(Controller::Memory)?;
            let file = match version {
                Version::One => "memory.oom_control",
                Version::Two => "memory.events",
            };
            account(&directory.join(file)).remove("oom_kill")
        };
        count().is_some_and(|kills| kills > 0)
    }

    fn memory(&self) -> Option<MemoryUsage> {
        let (version, directory) = self.place_of(Controller::Memory)?;
        let [now, most, limit, failures] = match version {
            Version::One => [
                "memory.usage_in_bytes",
                "memory.max_usage_in_bytes",
                "memory.limit_in_bytes",
                "memory.failcnt",
            ],
            Version::Two => ["memory.current", "memory.peak", "memory.max", ""],
        };
        let read = |file: &str| number(&directory.join(file));
        Some(MemoryUsage {
            now: read(now)?,
            most: read(most),
            // version 1 says the greatest page-aligned number for none
            limit: read(limit).filter(|&bytes| bytes < i64::MAX as u64 >> 1),
            failures: read(failures),
            account: account(&directory.join("memory.stat")),
        })
    }

    fn cpu(&self) -> Option<CpuUsage> {
        let (version, counted) = self.place_of(Controller::CpuAccounting)?;
        let throttling = self
            .place_of(Controller::Cpu)
            .map(|(_, directory)| account(&directory.join("cpu.stat")))
            .unwrap_or_default();
        let of = |name: &str| throttling.get(name).copied().unwrap_or(0);
        let mut usage = CpuUsage {
            periods: of("nr_periods"),
            throttled_periods: of("nr_throttled"),
            ..CpuUsage::default()
        };
        match version {
            Version::One => {
                let read = |file: &str| number(&counted.join(file));
                usage.total = read("cpuacct.usage")?;
                usage.user = read("cpuacct.usage_user").unwrap_or(0);
                usage.system = read("cpuacct.usage_sys").unwrap_or(0);
                usage.throttled = of("throttled_time");
            }
            Version::Two => {
                let nanoseconds = |name: &str| of(name).saturating_mul(1_000);
                usage.total = nanoseconds("usage_usec");
                usage.user = nanoseconds("user_usec");
                usage.system = nanoseconds("system_usec");
                usage.throttled = nanoseconds("throttled_usec");
            }
        }
        Some(usage)
    }

    fn disks(&self) -> Vec<DiskUsage> {
        let Some((version, directory)) = self.place_of(Controller::Io) else {
            return Vec::new();
        };
        let read = |file: &str| fs::read_to_string(directory.join(file)).unwrap_or_default();
        match version {
            Version::One => {
                let bytes = lines_v1(&read("blkio.throttle.io_service_bytes_recursive"), true);
                let operations = lines_v1(&read("blkio.throttle.io_serviced_recursive"), false);
                bytes.into_iter().chain(operations).collect()
            }
            Version::Two => lines_v2(&read("io.stat")),
        }
    }
}

fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// Lines of a name and a number.
fn account(file: &Path) -> BTreeMap<String, u64> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let pair = |line: &str| {
        let (name, number) = line.split_once(' ')?;
        Some((name.to_owned(), number.trim().parse().ok()?))
    };
    text.lines().filter_map(pair).collect()
}

/// `8:0 Read 4096`.
fn lines_v1(text: &str, counts_bytes: bool) -> Vec<DiskUsage> {
    let entry = |line: &str| {
        let mut words = line.split(' ');
        let device = device(words.next()?)?;
        let operation = words.next()?.to_lowercase();
        let count = words.next()?.parse().ok()?;
        Some(DiskUsage {
            device,
            operation,
            bytes: counts_bytes.then_some(count),
            operations: (!counts_bytes).then_some(count),
        })
    };
    text.lines().filter_map(entry).collect()
}

/// `8:0 rbytes=4096 wbytes=0 rios=1 wios=0`.
fn lines_v2(text: &str) -> Vec<DiskUsage> {
    let mut found = Vec::new();
    for line in text.lines() {
        let mut words = line.split(' ');
        let Some(device) = words.next().and_then(device) else {
            continue;
        };
        for (key, count) in words.filter_map(|word| word.split_once('=')) {
            let Ok(count) = u64::from_str(count) else {
                continue;
            };
            let (operation, bytes) = match key {
                "rbytes" => ("read", true),
                "wbytes" => ("write", true),
                "rios" => ("read", false),
                "wios" => ("write", false),
                _ => continue,
            };
            found.push(DiskUsage {
                device,
                operation: operation.to_owned(),
                bytes: bytes.then_some(count),
                operations: (!bytes).then_some(count),
            });
        }
    }
    found
}

fn device(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_tell_of_disks_alike() {
        let v1 = lines_v1("8:0 Read 4096\n8:0 Write 0\nTotal 4096\n", true);
        let v2 = lines_v2("8:0 rbytes=4096 wbytes=0 rios=1 dbytes=0\n");
        assert_eq!(v1[0], v2[0]);
        assert_eq!(v1[1], v2[1]);
        assert_eq!((v2[2].operations, v2[2].bytes), (Some(1), None));
        assert_eq!((v1.len(), v2.len()), (2, 3));
    }
}
