//! Control groups that hold what they are told to.

use std::fs;
use std::path::PathBuf;

use rnet_model::ContainerId;
use rnet_runtime_glue::spec::{Ceiling, CpuTime, Limits, Measure, Throttle};

use crate::lab::{Lab, chain, eventually, work};

/// Fills a shell variable until something gives.
const HOG: &str = "x=0123456789abcdef; while :; do x=$x$x; done";

/// The directory of a container's group that a controller is in; none if that is not mounted.
fn group(lab: &Lab, id: &ContainerId, controller: &str) -> Option<PathBuf> {
    let roots = [
        "/sys/fs/cgroup".to_owned(),
        format!("/sys/fs/cgroup/{controller}"),
    ];
    let path = |root| PathBuf::from(root).join(&lab.cgroup).join(id.to_string());
    roots.into_iter().map(path).find(|path| path.exists())
}

/// What the files of a container's group hold that limits are written to.
fn limits_in_force(lab: &Lab, id: &ContainerId) -> Vec<(PathBuf, String)> {
    let files = |controller: &str| match controller {
        "memory" => [
            "memory.limit_in_bytes memory.memsw.limit_in_bytes memory.soft_limit_in_bytes",
            "memory.max memory.swap.max memory.low",
        ],
        "cpu" => [
            "cpu.cfs_period_us cpu.cfs_quota_us cpu.shares",
            "cpu.max cpu.weight",
        ],
        "cpuset" => ["cpuset.cpus cpuset.mems", ""],
        _ => ["pids.max", ""],
    };
    let mut found = Vec::new();
    for controller in ["memory", "cpu", "cpuset", "pids"] {
        let group = group(lab, id, controller).expect("the controller");
        for file in files(controller)
            .iter()
            .flat_map(|it| it.split_whitespace())
        {
            let path = group.join(file);
            found.extend(fs::read_to_string(&path).ok().map(|held| (path, held)));
        }
    }
    found
}

#[test]
fn a_container_over_its_memory_is_killed_and_says_so() {
    let lab = Lab::new();
    let (exit, _) = lab.ran_with(HOG, |spec| spec.limits.memory = Some(32 << 20));
    assert_eq!((exit.code, exit.signal, exit.oom), (137, Some(9), true));
    let (exit, _) = lab.ran_with("kill -9 $$; sleep 0.1; exit 1", |spec| {
        spec.limits.memory = Some(32 << 20);
    });
    assert!(!exit.oom);
}

#[test]
fn a_container_has_no_more_processes_than_it_may() {
    let lab = Lab::new();
    let (exit, output) = lab.ran_with(
        "for i in $(seq 30); do sleep 5 & done 2>&1; echo never",
        |spec| spec.limits.pids = Some(Ceiling::At(8)),
    );
    assert!(
        output.contains("can't fork") && !output.contains("never"),
        "{output}"
    );
    assert_eq!(exit.code, 2);
}

#[test]
fn half_a_cpu_is_written_where_the_kernel_reads_it() {
    let lab = Lab::new();
    let id = lab.id();
    let mut spec = lab.spec(&id, "while :; do :; done");
    spec.limits = Limits {
        cpu: Some(CpuTime::of_nano_cpus(500_000_000)),
        memory: Some(64 << 20),
        ..Limits::default()
    };
    lab.runtime.create(&id, &spec).map_err(chain).unwrap();
    lab.runtime.start(&id).unwrap();
    let cpu = group(&lab, &id, "cpu").unwrap();
    let read = |file: &str| fs::read_to_string(cpu.join(file));
    let quota = read("cpu.max").unwrap_or_else(|_| {
        format!(
            "{} {}",
            read("cpu.cfs_quota_us").unwrap().trim(),
            read("cpu.cfs_period_us").unwrap()
        )
    });
    assert_eq!(quota, "50000 100000\n");
    eventually("it is throttled", || {
        let stat = read("cpu.stat").unwrap();
        let times = stat
            .lines()
            .find_map(|line| line.strip_prefix("nr_throttled "))
            .unwrap();
        (times != "0").then_some(())
    });
    let usage = lab.runtime.usage(&id).unwrap();
    assert_eq!(usage.pids, Some(1));
    assert!(
        (1 << 12..64 << 20).contains(&usage.memory.as_ref().unwrap().now),
        "{usage:?}"
    );
}

#[test]
fn programs_added_to_a_container_are_held_by_its_limits() {
    let lab = Lab::new();
    let id = lab.id();
    let mut spec = lab.spec(&id, "sleep 100");
    spec.limits.memory = Some(32 << 20);
    lab.runtime.create(&id, &spec).map_err(chain).unwrap();
    lab.runtime.start(&id).unwrap();
    assert_eq!(lab.exec(&id, &["sh", "-c", HOG]).0, 137);
    let (_, output) = lab.exec(&id, &["cat", "/proc/self/cgroup"]);
    assert!(output.lines().all(|line| line.ends_with(":/")), "{output}");
}

#[test]
fn swap_alone_is_refused() {
    let lab = Lab::new();
    let id = lab.id();
    let mut spec = lab.spec(&id, "true");
    spec.limits.memory_swap = Some(Ceiling::At(1 << 30));
    let error = lab.runtime.create(&id, &spec).map_err(chain).unwrap_err();
    assert!(error.contains("needs one of memory"), "{error}");
}

#[test]
fn limits_change_while_a_container_runs_in_whatever_order_the_kernel_needs() {
    let lab = Lab::new();
    let id = lab.id();
    let mut spec = lab.spec(&id, "sleep 100");
    spec.limits.memory = Some(32 << 20);
    lab.runtime.create(&id, &spec).map_err(chain).unwrap();
    lab.runtime.start(&id).unwrap();
    // up, past what memory with swap was, and down again
    for megabytes in [200, 16] {
        let limits = Limits {
            memory: Some(megabytes << 20),
            cpu: Some(CpuTime::of_nano_cpus(megabytes * 5_000_000)),
            pids: Some(Ceiling::At(megabytes)),
            ..Limits::default()
        };
        lab.runtime.update(&id, &limits).map_err(chain).unwrap();
        let usage = lab.runtime.usage(&id).unwrap();
        assert_eq!(usage.memory.unwrap().limit, Some(megabytes << 20));
        assert_eq!(usage.pids_limit, Some(megabytes));
    }
    let unlimited = Limits {
        pids: Some(Ceiling::Unlimited),
        ..Limits::default()
    };
    lab.runtime.update(&id, &unlimited).map_err(chain).unwrap();
    let usage = lab.runtime.usage(&id).unwrap();
    assert_eq!(usage.pids_limit, None);
    assert_eq!(usage.memory.unwrap().limit, Some(16 << 20), "not asked for");
}

#[test]
fn where_the_kernel_refuses_one_limit_all_stay_as_they_were() {
    let lab = Lab::new();
    let id = lab.id();
    let mut spec = lab.spec(&id, "sleep 100");
    spec.limits.memory = Some(32 << 20);
    spec.limits.cpu_shares = Some(512);
    lab.runtime.create(&id, &spec).map_err(chain).unwrap();
    lab.runtime.start(&id).unwrap();
    let before = limits_in_force(&lab, &id);
    assert!(before.len() >= 7, "{before:?}");
    let nowhere = Throttle {
        device: (4_000, 4_000),
        measure: Measure::Reads,
        rate: 1,
    };
    for (memory, cpus, throttle) in [
        (200, Some("4096"), None),
        (16, Some("4096"), None),
        (200, Some("0"), Some(nowhere)),
    ] {
        let limits = Limits {
            memory: Some(memory << 20),
            memory_reservation: Some(8 << 20),
            cpu: Some(CpuTime::of_nano_cpus(500_000_000)),
            cpu_shares: Some(2_048),
            cpus: cpus.map(str::to_owned),
            pids: Some(Ceiling::At(50)),
            throttles: throttle.into_iter().collect(),
            ..Limits::default()
        };
        let error = lab.runtime.update(&id, &limits).map_err(chain).unwrap_err();
        assert_eq!(limits_in_force(&lab, &id), before, "{error}");
    }
}

#[test]
fn a_paused_container_stands_still_until_it_is_resumed_and_can_be_removed_all_the_same() {
    let lab = Lab::new();
    let id = lab.id();
    let counting = "i=0; while :; do i=$((i+1)); echo $i > /count; done";
    lab.runtime
        .create(&id, &lab.spec(&id, counting))
        .map_err(chain)
        .unwrap();
    lab.runtime.start(&id).unwrap();
    let cpu = || lab.runtime.usage(&id).unwrap().cpu.unwrap().total;
    eventually("it counts", || (cpu() > 0).then_some(()));

    lab.runtime.pause(&id).map_err(chain).unwrap();
    let before = cpu();
    work();
    assert_eq!(cpu(), before);
    lab.runtime.resume(&id).map_err(chain).unwrap();
    eventually("it goes on", || (cpu() > before).then_some(()));

    lab.runtime.pause(&id).map_err(chain).unwrap();
    lab.runtime.remove(&id).map_err(chain).unwrap();
}
