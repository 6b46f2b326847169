//! rnet on one of Debian's kernels with pure cgroup v2: what this machine's kernel lacks, and the whole story again.

use anyhow::{Result, ensure};
use rnet_tests::vm::in_vm;
use rnet_tests::{Lab, demo, eventually};

#[test]
fn the_machine_has_nothing_but_cgroup_v2() -> Result<()> {
    in_vm(|| {
        let lab = Lab::bare()?;
        ensure!(lab.host("uname -r")?.ends_with("-cloud-amd64"));
        ensure!(lab.host("stat -f -c %t /sys/fs/cgroup")? == "63677270");
        let controllers = lab.host("cat /sys/fs/cgroup/cgroup.controllers")?;
        ensure!(
            controllers.starts_with("cpuset cpu io memory"),
            "{controllers}"
        );
        Ok(())
    })
}

#[test]
fn a_container_over_its_memory_is_killed_and_says_so() -> Result<()> {
    in_vm(|| {
        let lab = Lab::start()?;
        let hog = "dd if=/dev/zero of=/dev/null bs=64M count=1";
        lab.try_host(&format!("rnet run --name hog -m 32m busybox {hog}"))?
            .failure(137)?;
        let state = "{{.State.ExitCode}} {{.State.OOMKilled}}";
        ensure!(lab.host(&format!("rnet inspect -f '{state}' hog"))? == "137 true");
        lab.host(&format!("rnet run --name modest -m 96m busybox {hog}"))?;
        ensure!(lab.host(&format!("rnet inspect -f '{state}' modest"))? == "0 false");
        Ok(())
    })
}

#[test]
fn a_fork_bomb_is_held_by_the_limit_of_processes() -> Result<()> {
    in_vm(|| {
        let lab = Lab::start()?;
        lab.host("rnet run -d --name bomb --pids-limit 20 busybox sleep 1000")?;
        lab.host("rnet exec -d bomb sh -c 'boom() { boom | boom & }; while :; do boom; done'")?;
        let group = group(&lab, "bomb")?;
        eventually(|| {
            let refused = lab.host(&format!("cat {group}/pids.events"))?;
            ensure!(
                refused.starts_with("max ") && refused != "max 0",
                "{refused}"
            );
            Ok(())
        })?;
        let processes: u32 = lab.host(&format!("cat {group}/pids.current"))?.parse()?;
        ensure!(processes <= 20, "{processes} processes");
        // the host is not impressed, and the bomb can be got rid of
        lab.host("rnet rm -f bomb")?;
        lab.host(&format!("test ! -e {group}"))?;
        Ok(())
    })
}

#[test]
fn half_a_cpu_is_half_a_cpu() -> Result<()> {
    in_vm(|| {
        let lab = Lab::start()?;
        let busy = "sh -c 'while :; do :; done'";
        lab.host(&format!(
            "rnet run -d --name busy --cpus 0.5 busybox {busy}"
        ))?;
        let group = group(&lab, "busy")?;
        ensure!(lab.host(&format!("cat {group}/cpu.max"))? == "50000 100000");
        let used = || -> Result<u64> {
            let line = lab.host(&format!("grep usage_usec {group}/cpu.stat"))?;
            Ok(line.trim_start_matches("usage_usec ").parse()?)
        };
        let before = used()?;
        lab.host("sleep 4")?;
        let took = used()? - before;
        // reading it takes a while, too
        ensure!((500_000..3_000_000).contains(&took), "{took} us of 4 s");
        Ok(())
    })
}

#[test]
fn a_container_sees_its_own_control_group_and_cannot_change_it() -> Result<()> {
    in_vm(|| {
        let lab = Lab::start()?;
        lab.host("rnet run -d --name c1 -m 64m busybox sleep 1000")?;
        let seen = lab.host("rnet exec c1 cat /proc/self/cgroup /sys/fs/cgroup/memory.max")?;
        ensure!(seen == "0::/\n67108864", "{seen}");
        let mount = lab.host("rnet exec c1 grep ' /sys/fs/cgroup ' /proc/mounts")?;
        ensure!(
            mount.starts_with("cgroup") && mount.contains(" ro,"),
            "{mount}"
        );
        for change in [
            "echo max >/sys/fs/cgroup/memory.max",
            "mkdir /sys/fs/cgroup/own",
        ] {
            let refused = lab
                .try_host(&format!("rnet exec c1 sh -c '{change}'"))?
                .failure(1)?;
            ensure!(refused.contains("Read-only file system"), "{refused}");
        }
        Ok(())
    })
}

#[test]
fn a_killed_container_takes_its_control_group_along() -> Result<()> {
    in_vm(|| {
        let lab = Lab::start()?;
        let before = lab.contents()?;
        lab.host("rnet run -d --name c1 busybox sh -c 'sleep 1000 & sleep 1000'")?;
        let group = group(&lab, "c1")?;
        lab.host(&format!("test -e {group}"))?;
        lab.host("rnet kill c1")?;
        ensure!(lab.host("rnet wait c1")? == "137");
        eventually(|| lab.host(&format!("test ! -e {group}")))?;
        lab.host("rnet rm c1")?;
        lab.assert_nothing_left(&before)
    })
}

#[test]
fn the_story_of_networks_names_and_ports_is_the_same() -> Result<()> {
    in_vm(|| {
        demo::tell()?;
        Ok(())
    })
}

/// The directory of a running container's control group.
fn group(lab: &Lab, container: &str) -> Result<String> {
    let id = lab.host(&format!("rnet inspect -f '{{{{.Id}}}}' {container}"))?;
    Ok(format!("/sys/fs/cgroup/{}/{id}", lab.control_group()))
}
