//! What limits mean as values of files: one shape for both versions, in the words of each.

use super::controller::Controller;
use crate::limits::{Ceiling, CpuTime, Limits, Throttle};

/// A file; more than one where kernels name it differently.
pub(super) type Files = &'static [&'static str];

/// One value of one file of a group.
pub(super) struct Setting {
    pub(super) files: Files,
    pub(super) value: String,
    /// What it limits, for the user.
    pub(super) limit: &'static str,
    /// Whether it was asked for, or is our addition where the kernel has it.
    pub(super) asked: bool,
    /// For one device of the file's: its number, and what is behind that where nothing throttles it.
    pub(super) device: Option<(String, &'static str)>,
}

/// How one version names and counts what can be limited.
pub(super) struct Dialect {
    pub(super) memory: Files,
    pub(super) swap: Files,
    /// A ceiling of memory and swap together, beside the memory alone, as `swap` counts it.
    pub(super) swap_beside: fn(Ceiling, Option<u64>) -> String,
    pub(super) reservation: Files,
    pub(super) swappiness: Files,
    pub(super) oom_control: Files,
    pub(super) realtime_period: Files,
    pub(super) realtime: Files,
    pub(super) cpu: fn(CpuTime) -> Vec<Setting>,
    pub(super) shares: Files,
    /// Shares as `shares` counts them.
    pub(super) share: fn(u64) -> u64,
    pub(super) io_weight: Files,
    /// The same for one device.
    pub(super) io_weight_of: Files,
    /// What stands there for none.
    pub(super) no_io_weight: &'static str,
    pub(super) throttle: fn(&Throttle) -> Setting,
}

impl Setting {
    /// One that was asked for.
    pub(super) fn asked(limit: &'static str, files: Files, value: impl ToString) -> Self {
        Self {
            files,
            value: value.to_string(),
            limit,
            asked: true,
            device: None,
        }
    }

    /// A rate of one device, and what stands for none.
    pub(super) fn throttle(files: Files, of: &Throttle, rate: &str, none: &'static str) -> Self {
        Self::of_device("disk access", files, of.device, rate, none)
    }

    /// A value for one device, and what stands for none.
    fn of_device(
        limit: &'static str,
        files: Files,
        (major, minor): (u32, u32),
        value: impl ToString,
        none: &'static str,
    ) -> Self {
        let (device, value) = (format!("{major}:{minor}"), value.to_string());
        Self {
            device: Some((device.clone(), none)),
            ..Self::asked(limit, files, format!("{device} {value}"))
        }
    }
}

impl Dialect {
    /// What to write where.
    pub(super) fn settings(&self, controller: Controller, limits: &Limits) -> Vec<Setting> {
        let mut settings = match controller {
            Controller::Cpu => limits.cpu.map(self.cpu).unwrap_or_default(),
            Controller::Io => {
                let weights = limits.io_weights.iter().map(|(device, weight)| {
                    let limit = "the weight of disk access";
                    Setting::of_device(limit, self.io_weight_of, *device, weight, self.no_io_weight)
                });
                let throttles = limits.throttles.iter().map(self.throttle);
                throttles.chain(weights).collect()
            }
            _ => vec![],
        };
        let mut set = |limit, files, value: Option<String>| {
            settings.extend(value.map(|value| Setting::asked(limit, files, value)));
        };
        match controller {
            Controller::Memory => {
                set("memory", self.memory, text(limits.memory));
                let swap = limits.memory_swap;
                let swap = swap.map(|both| (self.swap_beside)(both, limits.memory));
                set("swap space", self.swap, swap);
                let reservation = text(limits.memory_reservation);
                set("reserved memory", self.reservation, reservation);
                set("swappiness", self.swappiness, text(limits.swappiness));
                let waits = limits.oom_kill_disable.then_some(1);
                set("waiting for memory", self.oom_control, text(waits));
                settings.extend(self.usual_swap(limits));
            }
            Controller::Cpu => {
                let shares = text(limits.cpu_shares.map(self.share));
                set("shares of the cpu", self.shares, shares);
                let limit = "real-time scheduling";
                set(limit, self.realtime_period, text(limits.realtime_period_us));
                set(limit, self.realtime, text(limits.realtime_us));
            }
            Controller::CpuSet => {
                set("the set of cpus", &["cpuset.cpus"], limits.cpus.clone());
                let nodes = limits.memory_nodes.clone();
                set("the set of memory nodes", &["cpuset.mems"], nodes);
            }
            Controller::Pids => {
                let most = limits.pids.map(|it| ceiling(it, "max"));
                set("pids", &["pids.max"], most);
            }
            Controller::Io => {
                let weight = text(limits.io_weight);
                set("the weight of disk access", self.io_weight, weight);
            }
            Controller::CpuAccounting | Controller::Freezer => {}
        }
        settings
    }

    /// Where memory alone is limited: as much swap space again, if the kernel counts it.
    fn usual_swap(&self, limits: &Limits) -> Option<Setting> {
        let memory = limits.memory.filter(|_| limits.memory_swap.is_none())?;
        let swap = (self.swap_beside)(Ceiling::At(2 * memory), Some(memory));
        Some(Setting {
            asked: false,
            ..Setting::asked("swap space", self.swap, swap)
        })
    }
}

/// A ceiling as the kernel reads it, which has a word of its own for none.
pub(super) fn ceiling(ceiling: Ceiling, none: &str) -> String {
    match ceiling {
        Ceiling::Unlimited => none.to_owned(),
        Ceiling::At(most) => most.to_string(),
    }
}

/// A number as the kernel reads it.
fn text<N: ToString>(number: Option<N>) -> Option<String> {
    number.map(|number| number.to_string())
}
