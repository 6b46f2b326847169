//! The files of the version 2 hierarchy (Documentation/admin-guide/cgroup-v2.rst).

use std::fs;
use std::path::Path;

use super::limits::{Controller, Setting};
use super::v1::{PERIOD_US, quota_us};
use crate::spec::Limits;

pub(super) const MEMORY_USAGE: &str = "memory.current";
pub(super) const OOM_EVENTS: &str = "memory.events";
pub(super) const KILL: &str = "cgroup.kill";

/// What to write where.
pub(super) fn settings(controller: Controller, limits: &Limits) -> Vec<Setting> {
    let setting =
        |limit, file, value: Option<String>| value.map(|value| Setting { file, value, limit });
    let swap = limits
        .memory_swap
        .map(|both| both.saturating_sub(limits.memory.unwrap_or(0)));
    let all = match controller {
        Controller::Memory => vec![
            setting("memory", "memory.max", limits.memory.map(|n| n.to_string())),
            setting("swap space", "memory.swap.max", swap.map(|n| n.to_string())),
        ],
        Controller::Cpu => {
            let quota = limits
                .nano_cpus
                .map(|nano| format!("{} {PERIOD_US}", quota_us(nano)));
            vec![setting("cpus", "cpu.max", quota)]
        }
        Controller::Pids => vec![setting(
            "pids",
            "pids.max",
            limits.pids.map(|n| n.to_string()),
        )],
    };
    all.into_iter().flatten().collect()
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

    #[test]
    fn swap_is_what_memory_leaves_of_both() {
        let limits = Limits {
            memory: Some(64),
            memory_swap: Some(96),
            ..Limits::default()
        };
        let written = settings(Controller::Memory, &limits);
        let pairs: Vec<_> = written.iter().map(|s| (s.file, s.value.as_str())).collect();
        assert_eq!(pairs, [("memory.max", "64"), ("memory.swap.max", "32")]);
    }

    #[test]
    fn half_a_cpu_is_half_of_every_period() {
        let limits = Limits {
            nano_cpus: Some(500_000_000),
            ..Limits::default()
        };
        assert_eq!(settings(Controller::Cpu, &limits)[0].value, "50000 100000");
    }
}
