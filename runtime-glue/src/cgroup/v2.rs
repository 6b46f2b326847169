//! The files of the version 2 hierarchy (Documentation/admin-guide/cgroup-v2.rst).

use std::fs;
use std::path::Path;

use super::settings::{Dialect, Setting};
use crate::limits::{Ceiling, CpuTime, Measure};

pub(super) const KILL: &str = "cgroup.kill";

const NO_THROTTLE: &str = "rbps=max wbps=max riops=max wiops=max";

/// What limits are called.
pub(super) const DIALECT: Dialect = Dialect {
    memory: &["memory.max"],
    swap: &["memory.swap.max"],
    swap_beside: swap,
    reservation: &["memory.low"],
    // version 2 has neither
    swappiness: &[],
    oom_control: &[],
    realtime_period: &[],
    realtime: &[],
    cpu,
    shares: &["cpu.weight"],
    share: weight,
    io_weight: &["io.bfq.weight", "io.weight"],
    io_weight_of: &["io.bfq.weight", "io.weight"],
    no_io_weight: "default",
    throttle: |it| {
        let rate = format!("{}={}", throttle_key(it.measure), it.rate);
        Setting::throttle(&["io.max"], it, &rate, NO_THROTTLE)
    },
};

/// Version 2 counts swap alone.
fn swap(both: Ceiling, memory: Option<u64>) -> String {
    match both {
        Ceiling::Unlimited => "max".to_owned(),
        Ceiling::At(both) => both.saturating_sub(memory.unwrap_or(0)).to_string(),
    }
}

fn cpu(time: CpuTime) -> Vec<Setting> {
    let quota = time.quota_us.map_or("max".to_owned(), |us| us.to_string());
    let value = format!("{quota} {}", time.period_us);
    vec![Setting::asked("cpus", &["cpu.max"], value)]
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
    use crate::cgroup::controller::Controller;
    use crate::limits::Limits;

    fn written(controller: Controller, limits: &Limits) -> Vec<(&'static str, String)> {
        let settings = DIALECT.settings(controller, limits);
        settings
            .into_iter()
            .map(|s| (s.files[0], s.value))
            .collect()
    }

    #[test]
    fn swap_is_what_memory_leaves_of_both() {
        let swap = |memory_swap| {
            let limits = Limits {
                memory: Some(64),
                memory_swap,
                ..Limits::default()
            };
            written(Controller::Memory, &limits)
        };
        let both = |swap: &str| {
            [
                ("memory.max", "64".to_owned()),
                ("memory.swap.max", swap.to_owned()),
            ]
        };
        assert_eq!(swap(Some(Ceiling::At(96))), both("32"));
        assert_eq!(swap(None), both("64"));
    }

    #[test]
    fn half_a_cpu_is_half_of_every_period() {
        let limits = Limits {
            cpu: Some(CpuTime::of_nano_cpus(500_000_000)),
            ..Limits::default()
        };
        let half = ("cpu.max", "50000 100000".to_owned());
        assert_eq!(written(Controller::Cpu, &limits), [half]);
    }
}
