//! rnet on one of Debian's kernels with pure cgroup v2: what this machine's kernel lacks, and the whole story again.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use rnet_tests::vm::in_vm;
use rnet_tests::{Lab, demo, eventually};

/// What to prove with a `netd` that serves, and its name.
type Proof = (&'static str, fn(&Lab) -> Result<()>);

const PROOFS: [Proof; 6] = [
    (
        "the machine has nothing but cgroup v2",
        nothing_but_cgroup_v2,
    ),
    ("a container over its memory is killed and says so", memory),
    ("a fork bomb is held by the limit of processes", processes),
    ("half a CPU is half a CPU", cpu_time),
    (
        "a container sees its own control group and cannot change it",
        the_view_from_inside,
    ),
    ("a killed container takes its control group along", killed),
];

#[test]
fn a_stock_kernel_with_pure_cgroup_v2_serves_as_well() -> Result<()> {
    in_vm("a_stock_kernel_with_pure_cgroup_v2_serves_as_well", || {
        let lab = Lab::start()?;
        let idle = lab.contents()?;
        for (name, proof) in PROOFS {
            let begun = Instant::now();
            proof(&lab).with_context(|| format!("{name}; netd's log:\n{}", lab.log()))?;
            lab.clear()?;
            lab.assert_nothing_left(&idle).context(name)?;
            println!("proved in {} s: {name}", begun.elapsed().as_secs());
        }
        drop(lab);
        demo::tell()
    })
}

fn nothing_but_cgroup_v2(lab: &Lab) -> Result<()> {
    ensure!(lab.host("uname -r")?.ends_with("-cloud-amd64"));
    let mounted = lab.host("grep -c ' cgroup ' /proc/mounts || true")?;
    ensure!(mounted == "0", "{mounted} hierarchies of version 1");
    let controllers = lab.host("cat /sys/fs/cgroup/cgroup.controllers")?;
    ensure!(
        controllers.starts_with("cpuset cpu io memory"),
        "{controllers}"
    );
    Ok(())
}

fn memory(lab: &Lab) -> Result<()> {
    let hog = "dd if=/dev/zero of=/dev/null bs=64M count=1";
    lab.try_host(&format!("rnet run --name hog -m 32m busybox {hog}"))?
        .failure(137)?;
    let state = "rnet inspect -f '{{.State.ExitCode}} {{.State.OOMKilled}}'";
    ensure!(lab.host(&format!("{state} hog"))? == "137 true");
    lab.host(&format!("rnet run --name modest -m 96m busybox {hog}"))?;
    ensure!(lab.host(&format!("{state} modest"))? == "0 false");
    Ok(())
}

fn processes(lab: &Lab) -> Result<()> {
    lab.host("rnet run -d --name bomb --pids-limit 20 busybox sleep 1000")?;
    lab.host("rnet exec -d bomb sh -c 'boom() { boom | boom & }; while :; do boom; done'")?;
    let group = control_group(lab, "bomb")?;
    eventually(|| {
        let refused = lab.host(&format!("cat {group}/pids.events"))?;
        ensure!(refused != "max 0", "nothing was refused");
        Ok(())
    })?;
    let processes: u32 = lab.host(&format!("cat {group}/pids.current"))?.parse()?;
    ensure!(processes <= 20, "{processes} processes");
    lab.host("rnet rm -f bomb")
        .context("the bomb cannot be got rid of")?;
    Ok(())
}

fn cpu_time(lab: &Lab) -> Result<()> {
    lab.host("rnet run -d --name busy --cpus 0.5 busybox sh -c 'while :; do :; done'")?;
    let group = control_group(lab, "busy")?;
    ensure!(lab.host(&format!("cat {group}/cpu.max"))? == "50000 100000");
    let throttled = format!("! grep -qx 'nr_throttled 0' {group}/cpu.stat");
    eventually(|| lab.host(&throttled)).context("it may use what it likes")?;
    Ok(())
}

fn the_view_from_inside(lab: &Lab) -> Result<()> {
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
}

fn killed(lab: &Lab) -> Result<()> {
    lab.host("rnet run -d --name c1 busybox sh -c 'sleep 1000 & sleep 1000'")?;
    let group = control_group(lab, "c1")?;
    lab.host(&format!("test -e {group}"))?;
    lab.host("rnet kill c1")?;
    ensure!(lab.host("rnet wait c1")? == "137");
    eventually(|| lab.host(&format!("test ! -e {group}"))).context("its control group stays")?;
    Ok(())
}

/// The directory of a running container's control group.
fn control_group(lab: &Lab, container: &str) -> Result<String> {
    let id = lab.host(&format!("rnet inspect -f '{{{{.Id}}}}' {container}"))?;
    Ok(format!("/sys/fs/cgroup/{}/{id}", lab.control_group()))
}
