//! What a configuration says about resources, in the words of the control groups.

use super::check::{invalid, unsupported};
use super::config::{BlockIo, DeviceRule, Resources};
use crate::RuntimeError;
use crate::cgroup::{Cgroup, Further, Verdict};
use crate::device::{Access, DeviceKind, DeviceRule as Rule};
use crate::limits::{Ceiling, CpuTime, Limits, Measure, Throttle};

/// What every container may use, whatever its configuration says (config-linux.md, Default Devices; runc has the same).
const USUAL: [(u32, Option<u32>); 8] = [
    (1, Some(3)),
    (1, Some(5)),
    (1, Some(7)),
    (1, Some(8)),
    (1, Some(9)),
    (5, Some(0)),
    (5, Some(2)),
    (136, None),
];

/// Sets what `resources` asks for; all but the devices can be changed later, too.
pub(super) fn apply(cgroup: &Cgroup, resources: &Resources) -> Result<(), RuntimeError> {
    let limits = limits(resources)?;
    limits.validate()?;
    cgroup.limit(&limits)?;
    further(resources)?
        .iter()
        .try_for_each(|it| cgroup.set(it))?;
    for page in &resources.hugepage_limits {
        cgroup.limit_hugepages(&page.page_size, page.limit)?;
    }
    let mut unified = resources.unified.iter();
    unified.try_for_each(|(file, value)| cgroup.set_unified(file, value))
}

/// Lets the group use the devices that the rules leave it.
pub(super) fn allow_devices(cgroup: &Cgroup, rules: &[DeviceRule]) -> Result<(), RuntimeError> {
    let mut verdicts = rules.iter().map(verdict).collect::<Result<Vec<_>, _>>()?;
    let allowed = |kind, major, minor, access| Verdict {
        allow: true,
        rule: Rule {
            kind: Some(kind),
            major,
            minor,
            access,
        },
    };
    for kind in [DeviceKind::Char, DeviceKind::Block] {
        verdicts.push(allowed(kind, None, None, Access::MKNOD));
    }
    for (major, minor) in USUAL {
        verdicts.push(allowed(DeviceKind::Char, Some(major), minor, Access::ALL));
    }
    cgroup.judge_devices(&verdicts)
}

fn verdict(rule: &DeviceRule) -> Result<Verdict, RuntimeError> {
    let number = |it: Option<i64>| match it {
        None | Some(-1) => Ok(None),
        Some(number) => u32::try_from(number)
            .map(Some)
            .map_err(|_| invalid(format!("a rule for the device number {number}"))),
    };
    let kind = match rule.kind.as_deref() {
        None | Some("" | "a") => None,
        Some("c" | "u") => Some(DeviceKind::Char),
        Some("b") => Some(DeviceKind::Block),
        Some(other) => return Err(invalid(format!("a rule for devices of type {other:?}"))),
    };
    Ok(Verdict {
        allow: rule.allow,
        rule: Rule {
            kind,
            major: number(rule.major)?,
            minor: number(rule.minor)?,
            access: rule.access.unwrap_or(Access::ALL),
        },
    })
}

fn limits(resources: &Resources) -> Result<Limits, RuntimeError> {
    let (memory, cpu) = (&resources.memory, &resources.cpu);
    // 0 was "not set" where fields could not be left out, and still comes
    let bytes = |it: Option<i64>| it.filter(|bytes| *bytes > 0).map(|bytes| bytes as u64);
    let ceiling = |it: Option<i64>| match it {
        None | Some(0) => None,
        Some(most) if most < 0 => Some(Ceiling::Unlimited),
        Some(most) => Some(Ceiling::At(most as u64)),
    };
    let cpu_time = match (cpu.quota, cpu.period) {
        (None | Some(0), None | Some(0)) => None,
        (quota, period) => Some(CpuTime::new(
            quota.filter(|quota| *quota > 0).map(|quota| quota as u64),
            period.filter(|period| *period > 0),
        )),
    };
    let set = |it: &Option<String>| it.clone().filter(|set| !set.is_empty());
    Ok(Limits {
        memory: bytes(memory.limit),
        memory_swap: ceiling(memory.swap),
        memory_reservation: bytes(memory.reservation),
        cpu: cpu_time,
        cpu_shares: cpu.shares.filter(|shares| *shares > 0),
        cpus: set(&cpu.cpus),
        memory_nodes: set(&cpu.mems),
        pids: match resources.pids.limit {
            // what the specification says of -1, runc of 0, too
            Some(most) if most <= 0 => Some(Ceiling::Unlimited),
            most => ceiling(most),
        },
        io_weight: resources.block_io.weight.filter(|weight| *weight > 0),
        throttles: throttles(&resources.block_io),
        ..Limits::default()
    })
}

fn throttles(io: &BlockIo) -> Vec<Throttle> {
    let all = [
        (&io.throttle_read_bps_device, Measure::ReadBytes),
        (&io.throttle_write_bps_device, Measure::WrittenBytes),
        (&io.throttle_read_iops_device, Measure::Reads),
        (&io.throttle_write_iops_device, Measure::Writes),
    ];
    let of = |(list, measure): (&Vec<_>, Measure)| {
        let one = |it: &super::config::ThrottleDevice| Throttle {
            device: (it.major, it.minor),
            measure,
            rate: it.rate,
        };
        list.iter().map(one).collect::<Vec<_>>()
    };
    all.into_iter().flat_map(of).collect()
}

/// What only this command can ask for.
fn further(resources: &Resources) -> Result<Vec<Further>, RuntimeError> {
    let mut all = Vec::new();
    let mut set = |limit, controller, one, two, value: Option<String>| {
        all.extend(value.map(|value| Further {
            limit,
            controller,
            one,
            two,
            value,
        }));
    };
    let text = |it: Option<i64>| it.map(|it| it.to_string());
    let flag = |it: Option<bool>| it.map(|it| i32::from(it).to_string());
    let memory = &resources.memory;
    if memory.kernel.is_some_and(|it| it > 0) {
        // since Linux 5.11 it would be taken and mean nothing
        return Err(unsupported("linux.resources.memory.kernel"));
    }
    let tcp = text(memory.kernel_tcp.filter(|it| *it > 0));
    set(
        "TCP buffers",
        "memory",
        Some("memory.kmem.tcp.limit_in_bytes"),
        None,
        tcp,
    );
    let swappiness = memory.swappiness.map(|it| it.to_string());
    set(
        "swappiness",
        "memory",
        Some("memory.swappiness"),
        None,
        swappiness,
    );
    let no_killer = flag(memory.disable_oom_killer.filter(|it| *it));
    set(
        "the OOM killer",
        "memory",
        Some("memory.oom_control"),
        None,
        no_killer,
    );
    if memory.use_hierarchy == Some(false) {
        return Err(unsupported("linux.resources.memory.useHierarchy false"));
    }
    let cpu = &resources.cpu;
    let period = cpu
        .realtime_period
        .filter(|it| *it > 0)
        .map(|it| it.to_string());
    set(
        "realtime cpu",
        "cpu",
        Some("cpu.rt_period_us"),
        None,
        period,
    );
    let runtime = text(cpu.realtime_runtime.filter(|it| *it != 0));
    set(
        "realtime cpu",
        "cpu",
        Some("cpu.rt_runtime_us"),
        None,
        runtime,
    );
    let burst = cpu.burst.map(|it| it.to_string());
    set(
        "bursts of cpu",
        "cpu",
        Some("cpu.cfs_burst_us"),
        Some("cpu.max.burst"),
        burst,
    );
    set(
        "idle cpu",
        "cpu",
        Some("cpu.idle"),
        Some("cpu.idle"),
        text(cpu.idle),
    );
    let io = &resources.block_io;
    let leaf = io.leaf_weight.filter(|it| *it > 0).map(|it| it.to_string());
    set(
        "the weight of disk access",
        "blkio",
        Some("blkio.leaf_weight"),
        None,
        leaf,
    );
    for device in &io.weight_device {
        let of = |weight: Option<u16>| {
            let weight = weight.filter(|it| *it > 0)?;
            Some(format!("{}:{} {weight}", device.major, device.minor))
        };
        let limit = "the weight of disk access";
        let files = (Some("blkio.weight_device"), Some("io.bfq.weight"));
        set(limit, "blkio", files.0, files.1, of(device.weight));
        set(
            limit,
            "blkio",
            Some("blkio.leaf_weight_device"),
            None,
            of(device.leaf_weight),
        );
    }
    let network = &resources.network;
    let class = network
        .class_id
        .filter(|it| *it > 0)
        .map(|it| it.to_string());
    set(
        "network class",
        "net_cls",
        Some("net_cls.classid"),
        None,
        class,
    );
    for it in &network.priorities {
        let value = Some(format!("{} {}", it.name, it.priority));
        set(
            "network priority",
            "net_prio",
            Some("net_prio.ifpriomap"),
            None,
            value,
        );
    }
    if !resources.rdma.is_empty() {
        return Err(unsupported("linux.resources.rdma"));
    }
    Ok(all)
}
