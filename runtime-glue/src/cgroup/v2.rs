//! The files of the version 2 hierarchy (Documentation/admin-guide/cgroup-v2.rst).

use std::fs;
use std::path::Path;

use super::limits::{Controller, Setting};
use super::{ceiling, text};
use crate::limits::{Ceiling, Limits, Measure};

pub(super) const KILL: &str = "cgroup.kill";

/// What to write where.
pub(super) fn settings(controller: Controller, limits: &Limits) -> Vec<Setting> {
    let mut settings = Vec::new();
    let mut set = |limit, files, value: Option<String>| {
        settings.extend(value.map(|value| Setting::asked(limit, files, value)));
    };
    match controller {
        Controller::Memory => {
            set("memory", &["memory.max"], text(limits.memory));
            let swap = limits.memory_swap.map(|both| swap(both, limits.memory));
            set("swap space", &["memory.swap.max"], swap);
            set(
                "reserved memory",
                &["memory.low"],
                text(limits.memory_reservation),
            );
        }
        Controller::Cpu => {
            let quota = limits.cpu.map(|cpu| {
                let quota = text(cpu.quota_us).unwrap_or_else(|| "max".to_owned());
                format!("{quota} {}", cpu.period_us)
            });
            set("cpus", &["cpu.max"], quota);
            let weight = limits.cpu_shares.map(|shares| weight(shares).to_string());
            set("shares of the cpu", &["cpu.weight"], weight);
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
                &["io.bfq.weight", "io.weight"],
                weight,
            );
            for throttle in &limits.throttles {
                let (major, minor) = throttle.device;
                let key = throttle_key(throttle.measure);
                let value = format!("{major}:{minor} {key}={}", throttle.rate);
                set("disk access", &["io.max"], Some(value));
            }
        }
        Controller::CpuAccounting | Controller::Freezer => {}
    }
    if let (Controller::Memory, Some(memory), None) =
        (controller, limits.memory, limits.memory_swap)
    {
        settings.push(Setting {
            asked: false,
            ..Setting::asked("swap space", &["memory.swap.max"], memory.to_string())
        });
    }
    settings
}

/// Version 2 counts swap alone.
fn swap(both: Ceiling, memory: Option<u64>) -> String {
    match both {
        Ceiling::Unlimited => "max".to_owned(),
        Ceiling::At(both) => both.saturating_sub(memory.unwrap_or(0)).to_string(),
    }
}

/// The shares of version 1 (2 to 262,144) as a weight (1 to 10,000), as runc converts them.
const fn weight(shares: u64) -> u64 {
    1 + (shares.saturating_sub(2) * 9_999) / 262_142
}

const fn throttle_key(measure: Measure) -> &'static str {
    match measure {
        Measure::ReadBytes => "rbps",
        Measure::WrittenBytes => "wbps",
        Measure::Reads => "riops",
        Measure::Writes => "wiops",
    }
}

/// Lets the children of a group have the controllers it has itself.
///
/// Those that cannot be handed down (a group with processes of its own keeps them) are missed where a limit needs
/// them, and only there.
pub(super) fn enable(directory: &Path, controllers: &[String]) {
    for controller in controllers {
        let _ = fs::write(
            directory.join("cgroup.subtree_control"),
            format!("+{controller}"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::CpuTime;

    #[test]
    fn swap_is_what_memory_leaves_of_both() {
        let limits = Limits {
            memory: Some(64),
            memory_swap: Some(Ceiling::At(96)),
            ..Limits::default()
        };
        let written = settings(Controller::Memory, &limits);
        let pairs: Vec<_> = written
            .iter()
            .map(|s| (s.files[0], s.value.as_str()))
            .collect();
        assert_eq!(pairs, [("memory.max", "64"), ("memory.swap.max", "32")]);
    }

    #[test]
    fn half_a_cpu_is_half_of_every_period() {
        let limits = Limits {
            cpu: Some(CpuTime::of_nano_cpus(500_000_000)),
            ..Limits::default()
        };
        assert_eq!(settings(Controller::Cpu, &limits)[0].value, "50000 100000");
    }
}
